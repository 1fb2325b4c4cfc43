"""Keys of requests that must not be done twice, and what each of them made."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

_CLAIM = """
    INSERT INTO idempotency_key (scope, key, body_hash, created_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (scope, key) DO NOTHING
    RETURNING scope
"""
_READ = "SELECT body_hash, record_id, answer FROM idempotency_key WHERE scope = $1 AND key = $2"
_COMPLETE = "UPDATE idempotency_key SET record_id = $3 WHERE scope = $1 AND key = $2"
_ANSWER = "UPDATE idempotency_key SET answer = $3 WHERE scope = $1 AND key = $2"


@dataclass(frozen=True, slots=True)
class Earlier:
    """What an earlier request with the same key sent and made; ``record_id`` is null if it made nothing yet."""

    body_hash: str
    record_id: int | None
    answer: list[dict[str, Any]] | None = None
    """What became of each thing that it made, where it made several."""


async def claim(
    connection: asyncpg.Connection, *, scope: str, key: str, body_hash: str, now: datetime
) -> Earlier | None:
    """Take a key, or return what the request that took it first did.

    Waits while that request is still in its transaction; if it is rolled back the key is taken by this one.

    Returns:
        None where the key is new: go on and call ``complete`` in the same transaction.
    """
    while True:
        if await connection.fetchval(_CLAIM, scope, key, body_hash, now) is not None:
            return None
        row = await connection.fetchrow(_READ, scope, key)
        if row is not None:
            return Earlier(row["body_hash"], row["record_id"], row["answer"])


async def complete(connection: asyncpg.Connection, *, scope: str, key: str, record_id: int) -> None:
    """Remember which record a key made."""
    await connection.execute(_COMPLETE, scope, key, record_id)


async def answer(connection: asyncpg.Connection, *, scope: str, key: str, answer: Sequence[dict[str, Any]]) -> None:
    """Remember what became of each thing that a request made; ids and codes, nothing that names anybody."""
    await connection.execute(_ANSWER, scope, key, list(answer))
