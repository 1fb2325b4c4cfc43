"""The chatbot's users and their histories, on raw asyncpg; pages of a history are ranges of ordinals."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import asyncpg

from app.repositories.protection import announce_people

UserOrder = Literal["-lasttime", "lasttime", "-created", "created"]
UserPlace = tuple[datetime, int]
"""Where a walk stands: the moment that it is ordered by, and the contact's id."""

# How many messages are gone for their age: a person's first one that is left says it, by its number.
_USER = """
    SELECT c.id, c.bot_id, c.user_id, c.name, c.profile, c.muted, c.seen_at, c.message_count,
           coalesce(c.last_message_at, c.seen_at) AS lasttime,
           coalesce((
               SELECT m.ordinal - 1 FROM chat_message m WHERE m.contact_id = c.id ORDER BY m.ordinal LIMIT 1
           ), c.message_count) AS forgotten
    FROM contact c WHERE c.bot_id = $1 AND c.user_id = $2 AND c.seen_at IS NOT NULL
"""
# No index serves the order `created`: each message updates its person's row, and with it an entry in every index of the
# table. One more costs 2.6 µs a message (the update 14), for an order that is rarely asked for.
_ORDERS: dict[UserOrder, str] = {
    "-lasttime": "coalesce(c.last_message_at, c.seen_at) DESC, c.id DESC",
    "lasttime": "coalesce(c.last_message_at, c.seen_at), c.id",
    "-created": "c.seen_at DESC, c.id DESC",
    "created": "c.seen_at, c.id",
}
_KEYS: dict[UserOrder, str] = {
    "-lasttime": "coalesce(c.last_message_at, c.seen_at)",
    "lasttime": "coalesce(c.last_message_at, c.seen_at)",
    "-created": "c.seen_at",
    "created": "c.seen_at",
}
_USER_TOTAL = "SELECT coalesce(sum(delta), 0)::bigint FROM bot_user_tally WHERE bot_id = $1"
_CHATS = """
    SELECT m.ordinal, m.direction, m.text, m.service, m.confidence, m.doc_id, m.created_at
    FROM chat_message m WHERE m.contact_id = $1 AND m.ordinal BETWEEN $2 AND $3
"""
_SEARCH = """
    SELECT m.ordinal, m.direction, m.text, m.service, m.confidence, m.doc_id, m.created_at, count(*) OVER () AS total
    FROM chat_message m WHERE m.contact_id = $1 AND m.text ILIKE $2
"""
_MUTE = """
    INSERT INTO contact (bot_id, user_id, muted, chat_token, created_at, updated_at)
    VALUES ($1, $2, true, $3, $4, $4)
    ON CONFLICT (bot_id, user_id) DO UPDATE SET muted = true, updated_at = $4 WHERE NOT contact.muted
    RETURNING id
"""


async def find_user(connection: asyncpg.Connection, bot_id: int, user_id: str) -> asyncpg.Record | None:
    """Return a user of a bot, or None for somebody who never wrote and was never muted."""
    return await connection.fetchrow(_USER, bot_id, user_id)


async def count_users(connection: asyncpg.Connection, bot_id: int) -> int:
    """Return how many users a bot has, exactly."""
    total: int = await connection.fetchval(_USER_TOTAL, bot_id)
    return total


async def users_page(
    connection: asyncpg.Connection, bot_id: int, order: UserOrder, limit: int, offset: int
) -> Sequence[asyncpg.Record]:
    """Return a page of a bot's users: ``user_id, lasttime, seen_at``."""
    rows: Sequence[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT c.user_id, coalesce(c.last_message_at, c.seen_at) AS lasttime, c.seen_at
        FROM contact c WHERE c.bot_id = $1 AND c.seen_at IS NOT NULL
        ORDER BY {_ORDERS[order]} LIMIT $2 OFFSET $3
        """,
        bot_id,
        limit,
        offset,
    )
    return rows


async def users_after(
    connection: asyncpg.Connection, bot_id: int, order: UserOrder, after: UserPlace | None, limit: int
) -> Sequence[asyncpg.Record]:
    """Return users behind a place in an order: ``id, user_id, lasttime, seen_at``."""
    key = _KEYS[order]
    sign = "<" if order.startswith("-") else ">"
    place = f"AND ({key}, c.id) {sign} ($3, $4)" if after is not None else ""
    rows: Sequence[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT c.id, c.user_id, coalesce(c.last_message_at, c.seen_at) AS lasttime, c.seen_at
        FROM contact c WHERE c.bot_id = $1 AND c.seen_at IS NOT NULL {place}
        ORDER BY {_ORDERS[order]} LIMIT $2
        """,
        bot_id,
        limit,
        *(after or ()),
    )
    return rows


async def chats(
    connection: asyncpg.Connection, contact_id: int, first: int, last: int, *, newest_first: bool
) -> Sequence[asyncpg.Record]:
    """Return messages ``first`` to ``last`` of a person."""
    direction = "DESC" if newest_first else "ASC"
    rows: Sequence[asyncpg.Record] = await connection.fetch(
        f"{_CHATS} ORDER BY m.ordinal {direction}", contact_id, first, last
    )
    return rows


async def search(
    connection: asyncpg.Connection, contact_id: int, pattern: str, limit: int, offset: int, *, newest_first: bool
) -> tuple[int, Sequence[asyncpg.Record]]:
    """Return how many messages of a person match a LIKE pattern, and a page of them."""
    direction = "DESC" if newest_first else "ASC"
    rows = await connection.fetch(
        f"{_SEARCH} ORDER BY m.ordinal {direction} LIMIT $3 OFFSET $4", contact_id, pattern, limit, offset
    )
    if rows or not offset:
        return (rows[0]["total"] if rows else 0), rows
    return await _count_found(connection, contact_id, pattern), rows


async def search_after(
    connection: asyncpg.Connection, contact_id: int, pattern: str, after: int | None, limit: int, *, newest_first: bool
) -> tuple[int, Sequence[asyncpg.Record]]:
    """Return how many messages of a person match a LIKE pattern, and those behind an ordinal."""
    sign, direction = ("<", "DESC") if newest_first else (">", "ASC")
    rows: Sequence[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT * FROM ({_SEARCH}) found WHERE $3::bigint IS NULL OR found.ordinal {sign} $3
        ORDER BY found.ordinal {direction} LIMIT $4
        """,
        contact_id,
        pattern,
        after,
        limit,
    )
    return (rows[0]["total"] if rows else await _count_found(connection, contact_id, pattern)), rows


async def _count_found(connection: asyncpg.Connection, contact_id: int, pattern: str) -> int:
    total: int = await connection.fetchval(
        "SELECT count(*) FROM chat_message WHERE contact_id = $1 AND text ILIKE $2", contact_id, pattern
    )
    return total


async def moment_of_record(connection: asyncpg.Connection, contact_id: int, record_id: int) -> datetime | None:
    """Return when a record of what was sent became a message of the history; None where it did not."""
    moment: datetime | None = await connection.fetchval(
        "SELECT created_at FROM chat_message WHERE contact_id = $1 AND record_id = $2 ORDER BY ordinal DESC LIMIT 1",
        contact_id,
        record_id,
    )
    return moment


async def mute(connection: asyncpg.Connection, bot_id: int, user_id: str, token: str, now: datetime) -> int | None:
    """Mute a user, who may be new; returns the contact's id, None where the user was muted already."""
    await announce_people(connection)
    contact_id: int | None = await connection.fetchval(_MUTE, bot_id, user_id, token, now)
    return contact_id


async def merge_profile(
    connection: asyncpg.Connection, contact_id: int, profile: dict[str, object], now: datetime
) -> None:
    """Merge fields into a user's profile; a null value removes its field."""
    given = {name: value for name, value in profile.items() if value is not None}
    await connection.execute(
        "UPDATE contact SET profile = (profile || $2) - $3::text[], updated_at = $4 WHERE id = $1",
        contact_id,
        given,
        [name for name in profile if name not in given],
        now,
    )


async def take_over(connection: asyncpg.Connection, contact_id: int, until: datetime) -> None:
    """Let automation rest until then, because an operator writes; people who must not be contacted are left out."""
    await connection.execute(
        "UPDATE contact SET takeover_until = greatest(takeover_until, $2) WHERE id = $1 AND NOT do_not_contact",
        contact_id,
        until,
    )


async def use_signature(connection: asyncpg.Connection, app_id: str, stamp: str, random: str, now: datetime) -> bool:
    """Remember a signature; returns whether it is new.

    The table is unlogged, so the commit waits for no disk: nothing of value is lost if a crash forgets it.
    """
    fresh = await connection.fetchval(
        """
        INSERT INTO seen_signature (app_id, stamp, random, at) VALUES ($1, $2, $3, $4)
        ON CONFLICT DO NOTHING RETURNING true
        """,
        app_id,
        stamp,
        random,
        now,
    )
    return bool(fresh)


async def fold_users(connection: asyncpg.Connection) -> None:
    """Fold the changes of user totals together; one folder at a time, nobody waits, sums stay the same."""
    if await connection.fetchval("SELECT pg_try_advisory_xact_lock(hashtext('bot_user_tally'))"):
        await connection.execute(
            """
            WITH gone AS (
                DELETE FROM bot_user_tally WHERE (SELECT count(*) FROM bot_user_tally) > 64 RETURNING bot_id, delta
            )
            INSERT INTO bot_user_tally (bot_id, delta)
            SELECT bot_id, sum(delta) FROM gone GROUP BY 1 HAVING sum(delta) <> 0
            """
        )
