"""``POST /api/v1/outbound-bot/call-v2``: place calls."""

from http import HTTPStatus
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import Depends, Header, Request

from app.repositories.calls import Row
from app.routers.actors import ActorDep
from app.routers.families import FamilyRouter
from app.routers.outbound.responses import refusals
from app.routers.tags import Tag
from app.schemas.outbound import answered
from app.schemas.outbound.calling import CallIn, CallsAnswer, example, local_time
from app.services.calls import calling
from app.services.calls.calling import Item
from app.services.calls.desk import Desk

router = FamilyRouter(prefix="/api/v1/outbound-bot", tags=[Tag.OUTBOUND])

DONE = "外呼请求处理完成"
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        # Not apart for each API key: a caller whose key was changed between two tries must not call twice.
        description="相同的键与内容只呼叫一次,并得到同样的回答;"
        "所有 API 密钥共用,请用不会重复的值(如 UUID);内容不同则 409 "
        "(the same key and body call once, with the same answer; shared by all API keys, so take a value that nobody "
        "else takes, such as a UUID; 409 with another body)",
    ),
]


async def get_desk(request: Request) -> Desk:
    """Return the desk through which this process places calls."""
    desk: Desk = request.app.state.desk
    return desk


DeskDep = Annotated[Desk, Depends(get_desk)]


@router.post(
    "/call-v2",
    status_code=HTTPStatus.CREATED,
    summary="智能外呼拨打电话 Place calls",
    description="callAuto 0:呼叫调解在当前节点的全部当事人,之后的轮次到期自动呼叫,直到接通或达到上限;"
    "1:只呼叫 callPersonId,仅此一次。每位当事人一项,一位不能呼叫不影响其他人。"
    "With callAuto 0 every party at the node is called, and again by itself until reached or the limit; with 1 only "
    "callPersonId, this once. One item per party: one who cannot be called holds up no other.",
    response_model=CallsAnswer,
    responses={
        **refusals(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
        201: {
            "description": "每位当事人一项 (an item per party)",
            "content": {"application/json": {"example": {"code": 201, "message": DONE, "data": [example()]}}},
        },
    },
)
async def call_v2(
    body: CallIn, desk: DeskDep, actor: ActorDep, idempotency_key: IdempotencyKey = None
) -> dict[str, Any]:
    """Place calls."""
    request = calling.Request(body.case_id, body.mediation_id, body.call_auto, body.call_person_id)
    results = await calling.call_parties(desk, request, idempotency_key=idempotency_key, actor=actor)
    zone = desk.context.settings.zone
    return answered([_shape(*result, zone) for result in results], status=HTTPStatus.CREATED, message=DONE)


def _shape(item: Item, record: Row, call: Row | None, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "errorCode": item.code,
        "message": item.message,
        "id": item.record_id,
        "mediationId": record["mediation_id"],
        "nodeId": record["node_id"],
        "taskName": record["task_name"],
        "personType": record["person_type"],
        "mediationType": record["mediation_type"],
        "personId": record["person_id"],
        "jobId": call["job_id"] if call else "",
        "instanceId": call["instance_id"] if call else "",
        "jobGroupId": item.group_id,
        "scriptId": call["script_id"] if call else "",
        "callStatus": item.call_status,
        "creator": record["creator"],
        "createTime": record["created_at"].astimezone(zone).date().isoformat(),
        "startTime": item.start and local_time(item.start, zone),
        "callInterval": item.interval,
    }
