"""Reading the one history: the transparent list of messages, and a person's web chat."""

from collections.abc import Sequence

import asyncpg

_COLUMNS = """
    id, contact_id, direction, text, service, record_id, external_id, verdict, filter_reason, sent_at, created_at
"""
_LINES = """
    SELECT ordinal AS number, direction, text, created_at FROM chat_message
    WHERE contact_id = $1 AND ordinal > $2 AND ordinal <= $2 + $3 ORDER BY ordinal
"""


async def page(
    connection: asyncpg.Connection, *, contact_id: int | None, filtered: bool | None, limit: int, offset: int
) -> tuple[int, list[asyncpg.Record]]:
    """Return the total and one page of messages, newest first."""
    conditions, values = [], []
    if contact_id is not None:
        values.append(contact_id)
        conditions.append(f"contact_id = ${len(values)}")
    if filtered is not None:
        conditions.append(f"filter_reason IS {'NOT ' if filtered else ''}NULL")
    where = " AND ".join(conditions) or "true"
    total = await connection.fetchval(f"SELECT count(*) FROM chat_message WHERE {where}", *values)
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM chat_message WHERE {where} ORDER BY id DESC"
        f" LIMIT (SELECT ${len(values) + 1}::bigint) OFFSET (SELECT ${len(values) + 2}::bigint)",
        *values,
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


async def message_counts(connection: asyncpg.Connection, contact_ids: Sequence[int]) -> dict[int, int]:
    """Return how many messages each person's history has; people who are gone are missing."""
    rows = await connection.fetch("SELECT id, message_count FROM contact WHERE id = ANY($1::bigint[])", contact_ids)
    return {row["id"]: row["message_count"] for row in rows}
