"""Reading the one history: the transparent list of messages, and a person's web chat."""

from collections.abc import Sequence

import asyncpg

from app.repositories import totals
from app.repositories.totals import Subject

_COLUMNS = """
    id, contact_id, direction, text, service, record_id, external_id, verdict, filter_reason, sent_at, created_at
"""
_LINES = """
    SELECT ordinal AS number, direction, text, created_at FROM chat_message
    WHERE contact_id = $1 AND ordinal > $2 ORDER BY ordinal LIMIT $3
"""
_LINES_BEFORE = """
    SELECT ordinal AS number, direction, text, created_at FROM chat_message
    WHERE contact_id = $1 AND ordinal > $2 AND ordinal < $3 ORDER BY ordinal DESC LIMIT $4
"""


_SUBJECTS: dict[bool | None, tuple[Subject, ...]] = {
    None: ("message", "filtered"),
    False: ("message",),
    True: ("filtered",),
}
# A person's messages are numbered without gaps: the first and the last number say how many there are.
_ORDINALS = """
    SELECT coalesce(max(ordinal), 0) AS last, coalesce(max(ordinal) - min(ordinal) + 1, 0) AS total
    FROM chat_message WHERE contact_id = $1
"""
_OF_PERSON = f"""
    SELECT {_COLUMNS} FROM chat_message WHERE contact_id = $1 AND ordinal > $2 AND ordinal <= $3 ORDER BY ordinal DESC
"""


async def page(
    connection: asyncpg.Connection, *, contact_id: int | None, filtered: bool | None, limit: int, offset: int
) -> tuple[int, list[asyncpg.Record]]:
    """Return the total and one page of messages, newest first.

    Only what is filtered, or not, in one person's history is counted; other totals are known.
    """
    if contact_id is None:
        total = await totals.total(connection, _SUBJECTS[filtered])
        condition = "true" if filtered is None else f"filter_reason IS {'NOT ' if filtered else ''}NULL"
        return total, await _from_nearer_end(connection, condition, total, limit, offset)
    if filtered is None:
        last, total = await connection.fetchrow(_ORDINALS, contact_id)
        return total, await connection.fetch(_OF_PERSON, contact_id, last - offset - limit, last - offset)
    return await _counted(connection, contact_id, filtered, limit, offset)


async def _from_nearer_end(
    connection: asyncpg.Connection, condition: str, total: int, limit: int, offset: int
) -> list[asyncpg.Record]:
    """Read a page of all messages from its nearer end."""
    statement = f"SELECT {_COLUMNS} FROM chat_message WHERE {condition} ORDER BY id"
    behind = total - offset - limit
    if offset <= behind:
        newest: list[asyncpg.Record] = await connection.fetch(
            f"{statement} DESC LIMIT (SELECT $1::bigint) OFFSET (SELECT $2::bigint)", limit, offset
        )
        return newest
    oldest: list[asyncpg.Record] = await connection.fetch(
        f"{statement} LIMIT (SELECT $1::bigint) OFFSET (SELECT $2::bigint)",
        max(min(limit, total - offset), 0),
        max(behind, 0),
    )
    return oldest[::-1]


async def _counted(
    connection: asyncpg.Connection, contact_id: int, filtered: bool, limit: int, offset: int
) -> tuple[int, list[asyncpg.Record]]:
    where = f"contact_id = $1 AND filter_reason IS {'NOT ' if filtered else ''}NULL"
    total = await connection.fetchval(f"SELECT count(*) FROM chat_message WHERE {where}", contact_id)
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM chat_message WHERE {where} ORDER BY ordinal DESC"
        f" LIMIT (SELECT $2::bigint) OFFSET (SELECT $3::bigint)",
        contact_id,
        limit,
        offset,
    )
    return total, rows


async def find(connection: asyncpg.Connection, message_id: int) -> asyncpg.Record | None:
    """Return one message, or None."""
    return await connection.fetchrow(f"SELECT {_COLUMNS} FROM chat_message WHERE id = $1", message_id)


async def lines_after(connection: asyncpg.Connection, contact_id: int, after: int, limit: int) -> list[asyncpg.Record]:
    """Return up to ``limit`` messages of a person after a number, oldest first."""
    rows: list[asyncpg.Record] = await connection.fetch(_LINES, contact_id, after, limit)
    return rows


async def lines_before(
    connection: asyncpg.Connection, contact_id: int, after: int, before: int, limit: int
) -> list[asyncpg.Record]:
    """Return the newest ``limit`` messages of a person between two numbers, oldest first."""
    rows: list[asyncpg.Record] = await connection.fetch(_LINES_BEFORE, contact_id, after, before, limit)
    return rows[::-1]


async def message_counts(connection: asyncpg.Connection, contact_ids: Sequence[int]) -> dict[int, int]:
    """Return how many messages each person ever had, of whatever age; people who are gone are missing."""
    rows = await connection.fetch("SELECT id, message_count FROM contact WHERE id = ANY($1::bigint[])", contact_ids)
    return {row["id"]: row["message_count"] for row in rows}
