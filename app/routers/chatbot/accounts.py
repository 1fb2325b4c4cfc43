"""``/api/v1/chatbot`` and ``/api/v1/secret``: how a bot and its secret come to be. The API key is the proof."""

from typing import Annotated, Any

import asyncpg
from fastapi import Path, Request

from app.errors import InvalidInputError
from app.routers.chatbot import paging
from app.routers.chatbot.part import Part
from app.routers.deps import ContextDep
from app.routers.families import FamilyRouter
from app.routers.queries import Query
from app.routers.tags import Tag
from app.schemas.chatbot.base import DONE, Answer, Done, Paged, ok
from app.schemas.chatbot.bots import BotIn, BotOut, BotsQuery, DeleteQuery, SecretOut
from app.schemas.common import Storable
from app.services.chatbot import accounts

part = Part()
_bots = Query(BotsQuery)
_delete = Query(DeleteQuery)


@part.operation(
    "POST /chatbot",
    Answer[BotOut],
    "创建聊天机器人 Make a bot",
    "返回 clientId 与 secret,用于初始化 SDK 的 Chatbot。Answers what an SDK's Chatbot is made with.",
)
async def create(body: BotIn, context: ContextDep) -> dict[str, Any]:
    """Make a bot."""
    card = {name: value for name, value in body.model_dump().items() if value not in {None, ""}}
    return ok(_bot(await accounts.create(context, card)))


@part.operation(
    "GET /chatbot",
    Paged[BotOut],
    "获得聊天机器人列表 List bots",
    "最新的在前。Newest first.",
    openapi_extra=_bots.documentation,
)
async def list_bots(request: Request, context: ContextDep) -> dict[str, Any]:
    """List bots."""
    wanted = _bots.read(request)
    listing = await accounts.list_bots(context, limit=wanted.limit, page=wanted.page)
    return paging.paged(listing, map(_bot, listing.rows))


@part.operation(
    "DELETE /chatbot",
    Done,
    "删除聊天机器人 Delete a bot",
    "用 clientId 参数指明;也可以 DELETE /api/v1/chatbot/{clientId} 并携带密钥。"
    "Named by clientId; DELETE /api/v1/chatbot/{clientId} with an API key does the same.",
    openapi_extra=_delete.documentation,
)
async def delete(request: Request, context: ContextDep) -> dict[str, Any]:
    """Delete a bot."""
    client_id = _delete.read(request).client_id
    if client_id is None:
        raise InvalidInputError("缺少 clientId (which bot? give clientId)", field=("query", "clientId"))
    await accounts.delete(context, await accounts.find(context, client_id))
    return DONE


@part.operation(
    "GET /secret/{clientId}",
    Answer[SecretOut],
    "获得聊天机器人密钥 Read a bot's secret",
    "不存在时 rc 3。rc 3 where there is no such bot.",
)
async def read_secret(
    client_id: Annotated[
        Storable, Path(alias="clientId", max_length=64, description="机器人标识 (the bot's clientId)")
    ],
    context: ContextDep,
) -> dict[str, Any]:
    """Read the secret of a bot."""
    bot = await accounts.find(context, client_id)
    return ok(
        {
            "secret": bot["api_secret"],
            "name": bot["name"],
            "createdAt": bot["created_at"],
            "isDeleted": False,
            "logo": "",
            "descriptions": bot["description"],
        }
    )


def _bot(bot: asyncpg.Record) -> dict[str, Any]:
    return {
        "clientId": bot["client_id"],
        "secret": bot["api_secret"],
        "name": bot["name"],
        "description": bot["description"],
        "primaryLanguage": bot["primary_language"],
        "createdAt": bot["created_at"],
    }


router = FamilyRouter(prefix="/api/v1", tags=[Tag.CHATBOT], redirect_slashes=False)
part.onto(router)
