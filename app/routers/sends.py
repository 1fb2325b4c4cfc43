"""Messages sent by hand, and uncertain ones settled."""

from http import HTTPStatus
from typing import Annotated, Any

import asyncpg
from fastapi import Header

from app.errors import NotFoundError
from app.repositories import records
from app.routers.actors import ActorDep
from app.routers.deps import ContextDep, PathId
from app.routers.families import FamilyRouter
from app.routers.responses import problems
from app.routers.tags import Tag
from app.schemas.enrollments import ResolveIn, SendIn, TestSendIn
from app.schemas.followup import RecordOut
from app.services import sending, uncertain

router = FamilyRouter(prefix="/api")

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="相同的键与内容只发送一次 (the same key and body send once)",
    ),
]


@router.post(
    "/followup-records/send",
    tags=[Tag.FOLLOWUP_RECORDS],
    status_code=HTTPStatus.CREATED,
    summary="手动发送复聊消息 Send a message by hand",
    description="立即发送,重新计算间隔,不移动天数;免打扰的联系人返回 409。"
    "Sent at once; restarts the interval clock, moves no counter; 409 for people who must not be contacted.",
    response_model=RecordOut,
    responses=problems(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def send(
    body: SendIn, context: ContextDep, actor: ActorDep, idempotency_key: IdempotencyKey = None
) -> dict[str, Any]:
    """Send one text to one person."""
    record = await sending.send_manual(
        context, context.messenger, body.contact_id, body.content, idempotency_key, actor=actor
    )
    return dict(record)


@router.post(
    "/followup-records/{record_id}/resolve",
    tags=[Tag.FOLLOWUP_RECORDS],
    summary="处理结果未知的发送 Settle an uncertain send",
    description="sent:视为已发送;not_sent:同一步立即重新到期。"
    "sent: it counts as sent; not_sent: the same step is due again at once.",
    response_model=RecordOut,
    responses=problems(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def resolve(record_id: PathId, body: ResolveIn, context: ContextDep, actor: ActorDep) -> dict[str, Any]:
    """Settle an uncertain record."""
    await uncertain.resolve(context, record_id, was_sent=body.outcome == "sent", actor=actor)
    async with context.database.connection() as connection:
        return _shape(await records.find_record(connection, record_id))


@router.post(
    "/followup-configs/{config_id}/test-send",
    tags=[Tag.FOLLOWUP_CONFIGS],
    status_code=HTTPStatus.CREATED,
    summary="试发全部话术 Send all texts to one person",
    description="把开场白与全部启用的话术一次发给指定联系人,不影响其序列的进度。"
    "The opening and every active text at once to one named contact; its sequence does not move.",
    response_model=list[RecordOut],
    responses=problems(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def test_send(config_id: PathId, body: TestSendIn, context: ContextDep, actor: ActorDep) -> list[dict[str, Any]]:
    """Send every text of a config to one person."""
    sent = await sending.send_test(context, context.messenger, config_id, body.contact_id, actor=actor)
    return [dict(record) for record in sent]


def _shape(record: asyncpg.Record | None) -> dict[str, Any]:
    if record is None:
        raise NotFoundError("没有这条复聊记录 (no such record)")
    return dict(record)
