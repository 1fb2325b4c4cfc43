"""``…/users/{userId}/chats``: one history, read page by page, searched, exported, followed live."""

from collections.abc import AsyncIterable, AsyncIterator
from typing import Annotated, Any

import asyncpg
from fastapi import Depends, Header, Request
from fastapi.responses import StreamingResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic_core import to_json

from app.repositories import chat as store
from app.repositories import history
from app.routers.chatbot import paging
from app.routers.chatbot.door import BotDep
from app.routers.chatbot.part import Part
from app.routers.chatbot.users import USER, UserPath
from app.routers.deps import MAX_ID, ContextDep
from app.routers.queries import Query
from app.schemas.chatbot.base import Paged, wire_moment
from app.schemas.chatbot.users import ChatOut, ChatsQuery, ExportQuery
from app.schemas.spreadsheets import csv_head, csv_lines
from app.services.chatbot import users
from app.services.chatbot.users import Span
from app.services.context import Context
from app.services.live import LiveHistory

part = Part()
_chats = Query(ChatsQuery)
_export = Query(ExportQuery)

LINES = 200
COLUMNS = ("userId", "created", "direction", "service", "textMessage", "confidence", "docId")
_LINE = (
    '{"userId":"postman9","textMessage":"方法","direction":"inbound","service":null,"confidence":null,"docId":null,'
    '"created":"2020-07-19T14:12:13.690Z"}\n'
)


@part.operation(
    f"GET {USER}/chats",
    Paged[ChatOut],
    "获取聊天历史 Read a history",
    "该用户与机器人、复聊、人工客服的全部消息,最新的在前;q 搜索,cursor 逐段读取。"
    "Everything said with this user, newest first; q searches, cursor walks.",
    openapi_extra=_chats.documentation,
)
async def list_chats(user_id: UserPath, request: Request, context: ContextDep, bot: BotDep) -> dict[str, Any]:
    """Read a user's history."""
    wanted = _chats.read(request)
    newest_first = wanted.sortby == "-created"
    if wanted.cursor is not None:
        span = Span(paging.read_ordinal(wanted.cursor), wanted.limit, newest_first)
        walk = await users.walk_history(context, bot["id"], user_id, span, containing=wanted.q)
        place = [walk.rows[-1]["ordinal"]] if walk.rows else []
        return paging.walked(walk, (_chat(user_id, row) for row in walk.rows), place)
    if wanted.q is not None:
        listing = await users.search_history(
            context, bot["id"], user_id, wanted.q, limit=wanted.limit, page=wanted.page, newest_first=newest_first
        )
    else:
        listing = await users.history(
            context, bot["id"], user_id, limit=wanted.limit, page=wanted.page, newest_first=newest_first
        )
    return paging.paged(listing, (_chat(user_id, row) for row in listing.rows))


async def _user(user_id: UserPath, context: ContextDep, bot: BotDep) -> asyncpg.Record:
    """Find the user before an answer begins to flow: afterwards there is no way to say rc 3."""
    return await users.find(context, bot["id"], user_id)


UserDep = Annotated[asyncpg.Record, Depends(_user)]


@part.operation(
    f"GET {USER}/chats/export",
    None,
    "导出聊天历史 Export a history",
    "旧的在前,format=jsonl 或 csv (UTF-8,带 BOM)。Oldest first, streamed as JSON lines or CSV.",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "JSON Lines, CSV; 出错时 {rc, error}",
            "content": {
                "application/x-ndjson": {"schema": {"type": "string"}, "example": _LINE},
                "text/csv": {"schema": {"type": "string"}, "example": ",".join(COLUMNS) + "\r\n"},
                "application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}},
            },
        }
    },
    openapi_extra=_export.documentation,
)
async def export_chats(request: Request, context: ContextDep, user: UserDep) -> StreamingResponse:
    """Export a user's history."""
    is_csv = _export.read(request).format == "csv"
    return StreamingResponse(
        _csv(context, user) if is_csv else _json_lines(context, user),
        media_type="text/csv; charset=utf-8" if is_csv else "application/x-ndjson",
        headers={"Content-Disposition": f'attachment; filename="chats.{"csv" if is_csv else "jsonl"}"'},
    )


@part.operation(
    f"GET {USER}/chats/stream",
    None,
    "实时聊天 Follow a history",
    "新消息的服务器推送 (text/event-stream),id 为消息序号,用 Last-Event-ID 续传;不带时从新消息开始。"
    "New messages as server-sent events, resumable with Last-Event-ID; without it, from now on.",
    response_class=EventSourceResponse,
    responses={
        200: {
            "description": "text/event-stream; 出错时 {rc, error}",
            "content": {"text/event-stream": {"example": f"event: message\ndata: {_LINE}id: 1\n\n"}},
        }
    },
)
async def stream_chats(
    request: Request,
    context: ContextDep,
    user: UserDep,
    last_event_id: Annotated[
        int | None,
        Header(
            alias="Last-Event-ID",
            ge=0,
            le=MAX_ID - LINES,
            description="最后收到的消息序号 (number of the last message that was seen)",
        ),
    ] = None,
) -> AsyncIterable[ServerSentEvent]:
    """Send messages after the last one that the reader saw, then new ones as they come."""
    live: LiveHistory = request.app.state.live
    seen = newest = int(user["message_count"])
    if last_event_id is not None:
        # A number beyond the newest is of a history that was erased: what was said since is all new.
        seen = max(last_event_id if last_event_id <= newest else 0, user["forgotten"])
    async with live.watch(user["id"]) as watch:
        while not context.stopping.is_set():
            watch.changed.clear()
            async with context.database.connection() as connection:
                rows = await store.chats(connection, user["id"], seen + 1, seen + LINES, newest_first=False)
                if not rows and user["id"] not in await history.message_counts(connection, [user["id"]]):
                    return  # erased: who comes back under this id has another history
            for row in rows:
                seen = row["ordinal"]
                line = ChatOut.model_validate(_chat(user["user_id"], row)).model_dump(mode="json", by_alias=True)
                yield ServerSentEvent(data=line, id=str(seen), event="message")
            if not rows:
                await watch.wait(context.stopping)


async def _json_lines(context: Context, user: asyncpg.Record) -> AsyncIterator[bytes]:
    async for rows in users.export(context, user):
        yield b"".join(to_json(_line(user["user_id"], row)) + b"\n" for row in rows)


async def _csv(context: Context, user: asyncpg.Record) -> AsyncIterator[bytes]:
    yield csv_head(COLUMNS)
    async for rows in users.export(context, user):
        lines = (_line(user["user_id"], row) for row in rows)
        yield csv_lines([line[column] for column in COLUMNS] for line in lines)


def _chat(user_id: str, row: asyncpg.Record) -> dict[str, Any]:
    return {
        "userId": user_id,
        "textMessage": row["text"],
        "direction": row["direction"],
        "service": row["service"],
        "confidence": row["confidence"],
        "docId": row["doc_id"],
        "created": row["created_at"],
    }


def _line(user_id: str, row: asyncpg.Record) -> dict[str, Any]:
    return _chat(user_id, row) | {"created": wire_moment(row["created_at"])}
