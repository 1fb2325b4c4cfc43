"""The two doors of the chatbot, before any handler: which bot is meant, and whether the caller may speak for it.

Both doors decide before the body is read. The decision belongs to the class of the routes and not to the handlers,
so that no handler can forget it; a test walks all routes.
"""

from typing import Annotated

import asyncpg
from fastapi import Depends, Path, Request, Response

from app.domain.chat import SignatureError
from app.errors import UnauthorizedError
from app.routers.access import is_account_call
from app.routers.chatbot.quick import Handler, short_way
from app.routers.deps import get_context
from app.routers.grants import PROVING, grant_of
from app.routers.guard import GuardedRoute
from app.services.chatbot import accounts
from app.services.chatbot.conversation import Conversations
from app.services.chatbot.doors import Doors
from app.services.chatbot.knowledge import Knowledge
from app.services.chatbot.users import ACTOR


def wire_target(request: Request) -> bytes:
    """Return path and query as they came on the wire: what a caller's signature covers."""
    path: bytes = request.scope.get("raw_path") or request.url.path.encode()
    query: bytes = request.scope["query_string"]
    return path + b"?" + query if query else path


class SignedRoute(GuardedRoute):
    """A route of ``/api/v1/chatbot/{clientId}``: answered to whoever signed the request with the bot's secret."""

    def get_route_handler(self) -> Handler:
        """Put the check of the signature before the handler."""
        handler = short_way(self, super().get_route_handler())

        async def signed(request: Request) -> Response:
            request.state.bot = await _signed_bot(request)
            return await handler(request)

        return signed


class DefaultRoute(GuardedRoute):
    """A route of ``/api/chatbot``, the default bot's; who may call is decided as for the rest of the API."""

    def get_route_handler(self) -> Handler:
        """Find the bot before the handler."""
        handler = short_way(self, super().get_route_handler())

        async def found(request: Request) -> Response:
            request.state.bot = await doors_of(request).default_bot()
            return await handler(request)

        return found


def doors_of(request: Request) -> Doors:
    """Return the doors that ``create_app`` made."""
    doors: Doors = request.app.state.doors
    return doors


async def _signed_bot(request: Request) -> asyncpg.Record:
    client_id: str = request.path_params["clientId"]
    if is_account_call(request.scope):
        return await accounts.find(await get_context(request), client_id)
    try:
        return await doors_of(request).signed_bot(
            client_id, request.headers.get("authorization"), request.method, wire_target(request)
        )
    except SignatureError as error:
        raise UnauthorizedError(str(error)) from error


async def named_bot(
    _client_id: Annotated[
        str, Path(alias="clientId", description="机器人标识 (the bot's clientId)", examples=["bot-5Yk0cX2vQm8TzR1n"])
    ],
) -> None:
    """Document whose door it is; `SignedRoute` has looked at it."""


async def get_bot(request: Request) -> asyncpg.Record:
    """Return the bot that the door found."""
    bot: asyncpg.Record = request.state.bot
    return bot


async def get_actor(request: Request) -> str:
    """Return who is written into the audit trail: the key; who signed as the bot, which many may, is the chatbot."""
    grant = grant_of(request.scope)
    return ACTOR if grant is None or grant is PROVING else grant.caller


async def get_knowledge(request: Request) -> Knowledge:
    """Return what this process knows of the FAQ bases."""
    knowledge: Knowledge = request.app.state.knowledge
    return knowledge


async def get_conversations(request: Request) -> Conversations:
    """Return what takes turns in this process."""
    conversations: Conversations = request.app.state.conversations
    return conversations


ActorDep = Annotated[str, Depends(get_actor)]
BotDep = Annotated[asyncpg.Record, Depends(get_bot)]
ConversationsDep = Annotated[Conversations, Depends(get_conversations)]
KnowledgeDep = Annotated[Knowledge, Depends(get_knowledge)]
