"""Bots as the chatbot family knows them: client id, secret, texts, thresholds."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

_COLUMNS = """
    id, client_id, name, is_default, api_secret, description, fallback, welcome, primary_language, best_threshold,
    suggest_threshold, faq_version, created_at
"""
_FIND = f"SELECT {_COLUMNS} FROM bot WHERE client_id = $1 AND deleted_at IS NULL"
_FIND_MANY = f"""
    SELECT {_COLUMNS} FROM bot WHERE client_id = ANY($1::text[]) AND deleted_at IS NULL
    UNION
    SELECT {_COLUMNS} FROM bot WHERE $2 AND is_default AND deleted_at IS NULL
"""
_PAGE = f"SELECT {_COLUMNS} FROM bot WHERE deleted_at IS NULL ORDER BY id DESC LIMIT $1 OFFSET $2"
_CREATE = f"""
    INSERT INTO bot (client_id, name, description, fallback, welcome, primary_language, created_at, updated_at)
    VALUES ($1, $2, $3, coalesce($4, (SELECT fallback FROM bot WHERE is_default)),
            coalesce($5, (SELECT welcome FROM bot WHERE is_default)), $6, $7, $7)
    RETURNING {_COLUMNS}
"""
_EDITABLE = frozenset(
    {"name", "description", "fallback", "welcome", "primary_language", "best_threshold", "suggest_threshold"}
)


async def find(connection: asyncpg.Connection, client_id: str) -> asyncpg.Record | None:
    """Return a bot by its client id, or None."""
    return await connection.fetchrow(_FIND, client_id)


async def find_many(
    connection: asyncpg.Connection, client_ids: Sequence[str], *, or_default: bool
) -> Sequence[asyncpg.Record]:
    """Return the bots of these client ids, and the default one where it is asked for."""
    rows: Sequence[asyncpg.Record] = await connection.fetch(_FIND_MANY, client_ids, or_default)
    return rows


async def page(connection: asyncpg.Connection, limit: int, offset: int) -> tuple[int, Sequence[asyncpg.Record]]:
    """Return how many bots there are, and a page of them, newest first."""
    total: int = await connection.fetchval("SELECT count(*) FROM bot WHERE deleted_at IS NULL")
    return total, await connection.fetch(_PAGE, limit, offset)


async def create(
    connection: asyncpg.Connection, client_id: str, texts: dict[str, Any], now: datetime
) -> asyncpg.Record:
    """Make a bot; texts that are not given come from the default bot."""
    row = await connection.fetchrow(
        _CREATE,
        client_id,
        texts["name"],
        texts.get("description") or "",
        texts.get("fallback"),
        texts.get("welcome"),
        texts.get("primary_language") or "zh_CN",
        now,
    )
    assert row is not None  # noqa: S101 - RETURNING gives the row that was made
    return row


async def update(connection: asyncpg.Connection, bot_id: int, changes: dict[str, Any], now: datetime) -> None:
    """Change fields of a bot."""
    given = {name: value for name, value in changes.items() if name in _EDITABLE}
    places = ", ".join(f"{name} = ${index}" for index, name in enumerate(given, start=3))
    separator = ", " if places else ""
    await connection.execute(
        f"UPDATE bot SET updated_at = $2{separator}{places} WHERE id = $1", bot_id, now, *given.values()
    )


async def soft_delete(connection: asyncpg.Connection, bot_id: int, now: datetime) -> None:
    """Take a bot away: its door closes, its people's sequences end; their histories stay until they are erased."""
    await connection.execute("UPDATE bot SET deleted_at = $2 WHERE id = $1", bot_id, now)
    await connection.execute(
        """
        UPDATE follow_up_enrollment
        SET state = 'stopped', reason = 'bot_deleted', due_at = NULL, claim_token = NULL, ended_at = $2
        WHERE bot_id = $1 AND state IN ('waiting', 'active', 'paused')
        """,
        bot_id,
        now,
    )
