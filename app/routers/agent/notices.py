"""``…/task/{id}/notice`` and ``…/notify-secret``: finished calls on their way to their task's receiver."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Path, Query

from app.routers.agent import record_shapes
from app.routers.agent.owners import PREFIX, USER, ItemPath, OwnerDep
from app.routers.agent.paging import PageDep, paged
from app.routers.agent.responses import refusals
from app.routers.deps import MAX_ID, ContextDep
from app.routers.families import FamilyRouter
from app.routers.tags import Tag
from app.schemas.agent import Envelope, answered
from app.schemas.agent.notices import NoticeOut, NoticePage, NoticeStatus, SecretOut
from app.services.agent import notices as service

router = FamilyRouter(prefix=f"{PREFIX}{USER}/task/{{item_id}}/notice", tags=[Tag.CALL_TASKS])
secrets = FamilyRouter(prefix=f"{PREFIX}{USER}/notify-secret", tags=[Tag.CALL_TASKS])

NoticePath = Annotated[int, Path(ge=1, le=MAX_ID, description="回调id (the notice)", examples=[1])]
Status = Annotated[
    NoticeStatus | None,
    Query(description="pending 发送中,delivered 已送达,dead 已放弃 (how far they are)"),
]


@router.get(
    "",
    summary="回调列表 List notices",
    description="每个结束的呼叫一条,最新的在前。失败后按递增的间隔重试约三天,仍失败则放弃。"
    "One for each finished call, the newest first; failed ones are tried again with growing pauses for about three "
    "days, then given up.",
    response_model=Envelope[NoticePage],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def list_notices(
    owner: OwnerDep, item_id: ItemPath, context: ContextDep, page: PageDep, status: Status = None
) -> dict[str, Any]:
    """List notices."""
    total, rows = await service.page(context, owner, item_id, status=status, offset=page.offset, limit=page.size)
    zone = context.settings.zone
    return answered(paged(total, page, [record_shapes.notice(row, zone) for row in rows]))


@router.post(
    "/{notice_id}/resend",
    summary="重发回调 Send a notice again",
    description="已送达或已放弃的重新发送,webhook-id 不变;发送中的为 409。"
    "A delivered or dead one leaves once more under the same webhook-id; 409 for one that is being sent.",
    response_model=Envelope[NoticeOut],
    responses=refusals(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def resend_notice(
    owner: OwnerDep, item_id: ItemPath, notice_id: NoticePath, context: ContextDep
) -> dict[str, Any]:
    """Send a notice again."""
    row = await service.resend(context, owner, item_id, notice_id)
    return answered(record_shapes.notice(row, context.settings.zone), message="已安排重发")


@secrets.get(
    "",
    summary="读取回调签名密钥 Read the secret of notices",
    description="回调按 Standard Webhooks 签名(webhook-id、webhook-timestamp、webhook-signature);首次读取时生成。"
    "Notices are signed as Standard Webhooks describe; the secret is made when it is first needed.",
    response_model=Envelope[SecretOut],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def read_secret(owner: OwnerDep, context: ContextDep) -> dict[str, Any]:
    """Read the secret."""
    return answered({"secret": await service.secret(context, owner)})


@secrets.post(
    "",
    summary="更换回调签名密钥 Renew the secret of notices",
    description="立即生效,旧密钥作废。It is valid at once, the old one no more.",
    response_model=Envelope[SecretOut],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def renew_secret(owner: OwnerDep, context: ContextDep) -> dict[str, Any]:
    """Renew the secret."""
    return answered({"secret": await service.renew_secret(context, owner)}, message="更新成功")
