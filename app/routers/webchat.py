"""``/api/webchat/{token}``: a person's own chat; the unguessable token is the proof."""

from collections.abc import AsyncIterable
from http import HTTPStatus
from typing import Annotated, Any

import asyncpg
from fastapi import Depends, Header, Path, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.errors import NotFoundError, TooManyRequestsError
from app.repositories import history, people
from app.routers.deps import MAX_ID, ContextDep
from app.routers.families import FamilyRouter
from app.routers.rate_limiter import RateLimiter
from app.routers.responses import problems
from app.routers.tags import Tag
from app.schemas.messages import ChatIn, ChatLineOut, ChatLines, ChatOut
from app.services import inbound
from app.services.context import Context
from app.services.live import LiveHistory

router = FamilyRouter(prefix="/api/webchat", tags=[Tag.WEBCHAT])

LINES = 200
LINES_PER_MINUTE = 120
"""What one person may write: twenty at once, then two a second."""
_EVENTS = (
    "event: message\n"
    'data: {"number":2,"direction":"inbound","text":"好的,晚点联系","created_at":"2026-03-05T10:35:00Z"}\n'
    "id: 2\n\n"
)

Token = Annotated[
    str,
    Path(
        min_length=16,
        max_length=64,
        pattern=r"^[A-Za-z0-9_-]+$",
        description="聊天令牌,见联系人的 chat_url (the chat token, the end of the contact's chat_url)",
        examples=["Jw3vXxk1cN5Gd0yq8RzT2hLbPfAa6MUe"],
    ),
]


async def find_person(token: Token, context: ContextDep) -> asyncpg.Record:
    """Return whose chat a token opens; before the answer begins, so that a stream can still be refused."""
    async with context.database.connection() as connection:
        person = await people.find_by_chat_token(connection, token)
    if person is None:
        raise _no_such_chat()
    return person


def _no_such_chat() -> NotFoundError:
    return NotFoundError("聊天链接无效或已失效 (this chat link is not valid)")


PersonDep = Annotated[Any, Depends(find_person)]
"""An ``asyncpg.Record``; FastAPI cannot make a field of that class."""


@router.get(
    "/{token}",
    summary="聊天对象 Who speaks in the chat",
    description="网页聊天的标题。The title of the web chat.",
    response_model=ChatOut,
    responses=problems(HTTPStatus.NOT_FOUND),
)
async def read_chat(token: Token, context: ContextDep) -> dict[str, Any]:
    """Say who speaks."""
    async with context.database.connection() as connection:
        chat = await people.find_chat(connection, token)
    if chat is None:
        raise _no_such_chat()
    return dict(chat)


@router.get(
    "/{token}/messages",
    summary="读取聊天 Read the chat",
    description="编号 after 之后的消息,旧的在前;给出 before 时为该编号之前最新的一页。"
    "Messages after a number, oldest first; with before, the newest page of those below that number.",
    response_model=ChatLines,
    responses=problems(HTTPStatus.NOT_FOUND),
)
async def read_lines(
    person: PersonDep,
    context: ContextDep,
    after: Annotated[
        int, Query(ge=0, le=MAX_ID - LINES, description="已读到的编号 (the last number that was read)")
    ] = 0,
    before: Annotated[
        int | None, Query(ge=1, le=MAX_ID, description="只要此编号之前的 (only messages below this number)")
    ] = None,
) -> dict[str, Any]:
    """Read a page of a chat."""
    if before is None:
        return {"results": [dict(row) for row in await _lines(context, person["id"], after)]}
    async with context.database.connection() as connection:
        rows = await history.lines_before(connection, person["id"], after, before, LINES)
    return {"results": [dict(row) for row in rows]}


@router.post(
    "/{token}/messages",
    status_code=HTTPStatus.CREATED,
    summary="在聊天中发言 Write into the chat",
    description="与其他渠道的回复一样处理。Treated like a reply on any other channel.",
    response_model=ChatLines,
    responses=problems(HTTPStatus.NOT_FOUND),
)
async def write_line(person: PersonDep, body: ChatIn, context: ContextDep, request: Request) -> dict[str, Any]:
    """Write as the person."""
    # A link is known to whoever it was passed on to.
    limiter: RateLimiter = request.app.state.chat_writers
    if seconds := limiter.wait(str(person["id"])):
        raise TooManyRequestsError(
            f"发言过快,请在 {seconds} 秒后重试 (too many messages, try again in {seconds} s)", retry_after=seconds
        )
    name = body.client_id or context.ids.token()
    item = inbound.InboundItem(
        f"webchat-{person['id']}-{name}", None, person["id"], person["bot_id"], 0, body.content, None
    )
    await inbound.receive(context, [item])
    return {"results": [dict(row) for row in await _lines(context, person["id"], person["message_count"])]}


@router.get(
    "/{token}/stream",
    summary="实时消息 Live messages",
    description="服务器推送 (text/event-stream),从编号 after 之后开始;用 Last-Event-ID 续传;链接失效时结束。"
    "Server-sent events after the number after, resumable with Last-Event-ID; it ends when the link does.",
    response_class=EventSourceResponse,
    responses=problems(HTTPStatus.NOT_FOUND)
    | {HTTPStatus.OK: {"description": "text/event-stream", "content": {"text/event-stream": {"example": _EVENTS}}}},
)
async def stream(
    token: Token,
    person: PersonDep,
    request: Request,
    context: ContextDep,
    last_event_id: Annotated[
        int,
        Header(
            alias="Last-Event-ID",
            ge=0,
            le=MAX_ID - LINES,
            description="已收到的最后编号,浏览器自动携带 (the last number received; browsers send it by themselves)",
        ),
    ] = 0,
    after: Annotated[
        int, Query(ge=0, le=MAX_ID - LINES, description="已读到的编号 (the last number that was read)")
    ] = 0,
) -> AsyncIterable[ServerSentEvent]:
    """Send the chat's messages after the last one that the reader saw, then new ones as they come."""
    live: LiveHistory = request.app.state.live
    seen = max(last_event_id, after)
    async with live.watch(person["id"]) as watch:
        while not context.stopping.is_set():
            watch.changed.clear()
            async with context.database.connection() as connection:
                if await people.find_by_chat_token(connection, token) is None:
                    return  # the person has another link now, or is gone
                lines = await history.lines_after(connection, person["id"], seen, LINES)
            for line in lines:
                seen = line["number"]
                yield ServerSentEvent(data=ChatLineOut.model_validate(dict(line)), id=str(seen), event="message")
            if not lines:
                await watch.wait(context.stopping)


async def _lines(context: Context, contact_id: int, after: int) -> list[asyncpg.Record]:
    async with context.database.connection() as connection:
        return await history.lines_after(connection, contact_id, after, LINES)
