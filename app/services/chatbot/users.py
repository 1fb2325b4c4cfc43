"""Users of a bot: who they are, whether they are muted, their history page by page."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg

from app.domain.chat import page_count, page_slice
from app.domain.followup import Reason
from app.errors import ConflictError, InvalidInputError, NotFoundError
from app.repositories import audit
from app.repositories import chat as store
from app.repositories.chat import UserOrder, UserPlace
from app.services import contacts, erasure, protection, sending
from app.services.context import Context
from app.services.transactions import in_transaction

ACTOR = "chatbot"
EXPORT_BATCH: Final = 1000
MAX_PROFILE: Final = 65_536
REVERSED: Final[dict[UserOrder, UserOrder]] = {
    "-lasttime": "lasttime",
    "lasttime": "-lasttime",
    "-created": "created",
    "created": "-created",
}


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of a list, with exact totals."""

    total: int
    current_page: int
    total_page: int
    rows: Sequence[asyncpg.Record]


@dataclass(frozen=True, slots=True)
class Walk:
    """A stretch of a list that is walked by cursor."""

    total: int
    rows: Sequence[asyncpg.Record]
    has_more: bool


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a history: behind which ordinal (None: from its beginning), how many messages, which way."""

    after: int | None
    limit: int
    newest_first: bool


def listing(total: int, page: int, limit: int, rows: Sequence[asyncpg.Record]) -> Listing:
    """Put a page together."""
    return Listing(total, page, page_count(total, limit), rows)


async def list_users(context: Context, bot_id: int, *, limit: int, page: int, order: UserOrder) -> Listing:
    """Return a page of a bot's users; a page in the second half is read from the end."""
    async with (
        context.database.connection() as connection,
        # One snapshot: the total says where the end is.
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        total = await store.count_users(connection, bot_id)
        offset = (page - 1) * limit
        wanted = min(limit, total - offset)
        from_end = total - offset - wanted
        if wanted <= 0:
            rows: Sequence[asyncpg.Record] = []
        elif from_end < offset:
            rows = (await store.users_page(connection, bot_id, REVERSED[order], wanted, from_end))[::-1]
        else:
            rows = await store.users_page(connection, bot_id, order, wanted, offset)
    return listing(total, page, limit, rows)


async def walk_users(context: Context, bot_id: int, order: UserOrder, after: UserPlace | None, limit: int) -> Walk:
    """Return the users behind a place in an order, and whether more follow."""
    async with context.database.connection() as connection:
        total = await store.count_users(connection, bot_id)
        rows = await store.users_after(connection, bot_id, order, after, limit + 1)
    return Walk(total, rows[:limit], len(rows) > limit)


async def find(context: Context, bot_id: int, user_id: str) -> asyncpg.Record:
    """Return a user; raises ``NotFoundError`` for somebody who never wrote and was never muted."""
    async with context.database.connection() as connection:
        return await _known(connection, bot_id, user_id)


async def mute(context: Context, bot_id: int, user_id: str, *, actor: str) -> None:
    """Stop bot and follow-ups for a user at once, also what is queued; the user may be new."""
    now = context.clock.now()
    token = context.ids.token()

    async def work(connection: asyncpg.Connection) -> None:
        contact_id = await store.mute(connection, bot_id, user_id, token, now)
        if contact_id is not None:
            entry = audit.Entry(contact_id, reason=Reason.MUTED)
            await audit.write(connection, now, actor=actor, action="mute", entries=[entry])
            await protection.apply_list(connection, contact_ids=[contact_id], actor=actor, now=now)

    await in_transaction(context, work)


async def unmute(context: Context, bot_id: int, user_id: str, *, actor: str) -> None:
    """Let bot and follow-ups speak to a user again."""
    user = await find(context, bot_id, user_id)
    await contacts.set_muted(context, user["id"], False, actor=actor)


async def history(context: Context, bot_id: int, user_id: str, *, limit: int, page: int, newest_first: bool) -> Listing:
    """Return a page of a user's history; any page costs the same."""
    async with context.database.connection() as connection:
        user = await _known(connection, bot_id, user_id)
        gone: int = user["forgotten"]
        total: int = user["message_count"] - gone
        wanted = page_slice(total, page, limit, newest_first=newest_first)
        rows = (
            await store.chats(
                connection, user["id"], gone + wanted.first, gone + wanted.last, newest_first=newest_first
            )
            if wanted.first <= wanted.last
            else []
        )
    return listing(total, page, limit, rows)


async def walk_history(context: Context, bot_id: int, user_id: str, span: Span, *, containing: str | None) -> Walk:
    """Return the messages behind a place, all or those with a text; a walk is not disturbed by new messages."""
    async with context.database.connection() as connection:
        user = await _known(connection, bot_id, user_id)
        if containing is None:
            return await _walk(connection, user, span)
        total, rows = await store.search_after(
            connection, user["id"], _containing(containing), span.after, span.limit + 1, newest_first=span.newest_first
        )
    return Walk(total, rows[: span.limit], len(rows) > span.limit)


async def _walk(connection: asyncpg.Connection, user: asyncpg.Record, span: Span) -> Walk:
    gone: int = user["forgotten"]
    newest: int = user["message_count"]
    if span.newest_first:
        last = newest if span.after is None else min(newest, span.after - 1)
        first, more = max(gone + 1, last - span.limit + 1), last - span.limit > gone
    else:
        first = max(gone, span.after or 0) + 1
        last, more = min(newest, first + span.limit - 1), first + span.limit - 1 < newest
    if first > last:
        return Walk(newest - gone, [], more)
    rows = await store.chats(connection, user["id"], first, last, newest_first=span.newest_first)
    return Walk(newest - gone, rows, more)


async def search_history(
    context: Context, bot_id: int, user_id: str, text: str, *, limit: int, page: int, newest_first: bool
) -> Listing:
    """Return a page of the messages of a user that contain a text."""
    async with context.database.connection() as connection:
        user = await _known(connection, bot_id, user_id)
        total, rows = await store.search(
            connection, user["id"], _containing(text), limit, (page - 1) * limit, newest_first=newest_first
        )
    return listing(total, page, limit, rows)


def _containing(text: str) -> str:
    """Return the LIKE pattern of texts that contain this one."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


async def export(context: Context, user: asyncpg.Record) -> AsyncIterator[Sequence[asyncpg.Record]]:
    """Give a user's messages up to now, oldest first, in batches; no connection is held between them."""
    newest: int = user["message_count"]
    for first in range(user["forgotten"] + 1, newest + 1, EXPORT_BATCH):
        async with context.database.connection() as connection:
            last = min(newest, first + EXPORT_BATCH - 1)
            rows = await store.chats(connection, user["id"], first, last, newest_first=False)
        yield rows


async def merge_profile(
    context: Context, bot_id: int, user_id: str, profile: dict[str, Any], card: dict[str, str | None], *, actor: str
) -> asyncpg.Record:
    """Merge fields into a user's profile (null removes one), change the card, and return the user: all or nothing."""
    now: datetime = context.clock.now()

    async def work(connection: asyncpg.Connection) -> asyncpg.Record:
        user = await _known(connection, bot_id, user_id)
        if card:
            await contacts.change_card(connection, user["id"], card, actor=actor, now=now)
        await store.merge_profile(connection, user["id"], profile, now)
        merged = await _known(connection, bot_id, user_id)
        if len(json.dumps(merged["profile"])) > MAX_PROFILE:
            raise InvalidInputError(
                f"画像过大,上限 {MAX_PROFILE} 字符 (a profile has {MAX_PROFILE} characters at most)",
                field=("body", "profile"),
            )
        return merged

    merged = await in_transaction(context, work)
    context.wake.set()
    return merged


async def erase(context: Context, bot_id: int, user_id: str, *, actor: str) -> None:
    """Erase a user's data everywhere."""
    user = await find(context, bot_id, user_id)
    await erasure.erase(context, user["id"], actor=actor)


async def write_by_hand(
    context: Context, bot_id: int, user_id: str, text: str, *, actor: str
) -> tuple[asyncpg.Record, datetime]:
    """Write to a user as an operator: automation rests for a while, muted people can be written to.

    Returns the record, and when the message was written into the history, or tried where nobody knows the outcome.

    Raises:
        ConflictError: the person must not be contacted, or the gateway did not take the message.
    """
    user = await find(context, bot_id, user_id)
    until = context.clock.now() + timedelta(hours=context.settings.takeover_hours)
    async with context.database.transaction() as connection:
        # Before the message leaves, so that nothing automatic comes between.
        await store.take_over(connection, user["id"], until)
    record = await sending.send_manual(context, context.messenger, user["id"], text, None, actor=actor)
    if record["status"] not in {"sent", "unknown"}:
        raise ConflictError(f"消息未送达 (the message was not delivered): {record['error']}")
    if record["status"] == "unknown":
        return record, record["reserved_at"]
    async with context.database.connection() as connection:
        written = await store.moment_of_record(connection, user["id"], record["id"])
    return record, written or record["reserved_at"]


async def _known(connection: asyncpg.Connection, bot_id: int, user_id: str) -> asyncpg.Record:
    user = await store.find_user(connection, bot_id, user_id)
    if user is None:
        raise NotFoundError("user not found: 没有这个用户")
    return user
