"""``/api/messages``: what came in, what it was judged to be, and the judgement of a person."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Query

from app.repositories import history
from app.routers.deps import ContextDep, PageDep, PathId, QueryId
from app.routers.families import FamilyRouter
from app.routers.responses import problems
from app.routers.tags import Tag
from app.schemas.messages import InboundIn, MessageOut, MessagePage, ReceiptOut
from app.services import inbound

router = FamilyRouter(prefix="/api/messages", tags=[Tag.MESSAGES])


@router.post(
    "/inbound",
    summary="接收消息 Take in messages",
    description="按顺序判定每条消息;message_id 在每个机器人内唯一,重复的只计数。"
    "Judges each message in order; a repeated message_id is counted and not stored twice.",
    response_model=ReceiptOut,
    responses=problems(),
)
async def take_in(body: InboundIn, context: ContextDep) -> dict[str, Any]:
    """Take in a batch of messages."""
    receipt = await inbound.receive(context, [inbound.parse_item(item) for item in body.messages])
    return {
        "accepted": receipt.accepted,
        "duplicates": receipt.duplicates,
        "filtered": receipt.filtered,
        "replies": receipt.replies,
        "refused": [_refused(refusal) for refusal in receipt.refused],
    }


@router.get(
    "",
    summary="消息列表 List messages",
    description="最新的在前;filtered=true 只列被过滤的。Newest first; filtered=true lists what was filtered.",
    response_model=MessagePage,
    responses=problems(),
)
async def list_messages(
    context: ContextDep,
    page: PageDep,
    contact_id: QueryId = None,
    filtered: Annotated[bool | None, Query(description="是否被过滤 (whether it was filtered)")] = None,
) -> dict[str, Any]:
    """List messages."""
    async with context.database.connection() as connection:
        total, rows = await history.page(
            connection, contact_id=contact_id, filtered=filtered, limit=page.size, offset=page.offset
        )
    return {"total": total, "page": page.number, "page_size": page.size, "results": [dict(row) for row in rows]}


@router.post(
    "/{message_id}/accept",
    summary="判定为回复 Judge a filtered message to be a reply",
    description="等同于收到回复:停止序列,保存联系方式。"
    "Does all that a reply does: the sequence stops, details are saved.",
    response_model=MessageOut,
    responses=problems(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def accept(message_id: PathId, context: ContextDep) -> dict[str, Any]:
    """Accept a filtered message as a reply."""
    await inbound.accept_message(context, message_id)
    async with context.database.connection() as connection:
        row = await history.find(connection, message_id)
    return dict(row or {})


def _refused(refusal: inbound.Refusal) -> dict[str, Any]:
    place = ["body", "messages", refusal.index, *([refusal.problem.field] if refusal.problem.field else [])]
    detail = {"type": "value_error", "loc": place, "msg": refusal.problem.message}
    return {"index": refusal.index, "status": int(HTTPStatus.UNPROCESSABLE_ENTITY), "detail": [detail]}
