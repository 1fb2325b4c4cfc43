"""Channels and how they deliver."""

from http import HTTPStatus
from typing import Any

from app.models import Bot
from app.repositories import bots as repository
from app.routers.deps import ContextDep, PageDep, PathId, SessionDep
from app.routers.families import FamilyRouter
from app.routers.responses import problems
from app.routers.tags import Tag
from app.schemas.bots import BotCreate, BotCreated, BotPage, DeliveryChanged, DeliveryOut, DeliveryUpdate
from app.services import bots as service

router = FamilyRouter(prefix="/api/bots", tags=[Tag.BOTS])


@router.get("", summary="渠道列表 List bots", responses=problems())
async def list_bots(session: SessionDep, page: PageDep) -> BotPage:
    """所有渠道;安装后即有一个默认渠道。All channels; a default one exists from the beginning."""
    total, rows = await repository.page(session, offset=page.offset, limit=page.size)
    return BotPage.model_validate(
        {"total": total, "page": page.number, "page_size": page.size, "results": rows}, from_attributes=True
    )


@router.post("", status_code=HTTPStatus.CREATED, summary="新建渠道 Create a bot", responses=problems())
async def create_bot(body: BotCreate, context: ContextDep, session: SessionDep) -> BotCreated:
    """新建渠道,先用网页聊天投递;密钥仅此一次显示。Makes a channel.

    It delivers into the web chat. Client id and secret are generated; the secret is shown once.
    """
    return BotCreated.model_validate(await service.create(context, session, body.name), from_attributes=True)


@router.get("/{bot_id}/delivery", summary="投递方式 Read the delivery", responses=problems(HTTPStatus.NOT_FOUND))
async def get_delivery(bot_id: PathId, session: SessionDep) -> DeliveryOut:
    """该渠道如何投递;密钥从不显示。How the channel delivers; the secret is never shown."""
    return DeliveryOut.model_validate(_delivery(await service.get(session, bot_id)))


@router.put("/{bot_id}/delivery", summary="修改投递方式 Change the delivery", responses=problems(HTTPStatus.NOT_FOUND))
async def set_delivery(
    bot_id: PathId, body: DeliveryUpdate, context: ContextDep, session: SessionDep
) -> DeliveryChanged:
    """未给出的字段保持不变;webhook 需要 url;未给密钥而需要时自动生成。Changes the delivery.

    A missing field stays. `webhook` needs a `url`. Calls are signed (Standard Webhooks): a channel that calls somebody
    and has no secret gets one, shown in this answer only.
    """
    bot, made = await service.set_delivery(context, session, bot_id, body.model_dump(exclude_unset=True))
    return DeliveryChanged.model_validate({**_delivery(bot), "secret": made})


def _delivery(bot: Bot) -> dict[str, Any]:
    return {
        "kind": bot.delivery_kind,
        "url": bot.url,
        "has_secret": bot.secret is not None,
        "idempotent": bot.idempotent,
        "rate_per_second": bot.rate_per_second,
        "inbox_url": bot.inbox_url,
        "event_url": bot.event_url,
    }
