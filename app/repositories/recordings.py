"""The state of recordings: claimed, kept, given up, removed; and the key that links to them are signed with."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

LINK_KEY = "recording_links"

# What waits to be fetched, and what was removed and must still be deleted from the store.
_CLAIM = """
    WITH due AS (
        SELECT id FROM outbound_call WHERE recording_due_at <= $1
        ORDER BY recording_due_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE outbound_call c
    SET recording_due_at = $3, recording_attempts = least(c.recording_attempts + 1, 1000)
    FROM due WHERE c.id = due.id
    RETURNING c.id, c.job_id, c.provider, c.phone, c.instance_id, c.script_id, c.provider_job_id, c.provider_task_id,
              c.job_group_id, c.created_at, c.placed_at, c.ended_at, c.cancel_requested_at, c.recording_state,
              c.recording_attempts
"""
_STORED = """
    UPDATE outbound_call SET recording_state = 'stored', recording_bytes = $2, recording_due_at = NULL
    WHERE id = $1 AND recording_state IN ('pending', 'stored', 'lost') RETURNING id
"""
_LATER = "UPDATE outbound_call SET recording_due_at = $2 WHERE id = $1 AND recording_due_at IS NOT NULL"
_LOST = """
    UPDATE outbound_call SET recording_state = 'lost', recording_due_at = NULL
    WHERE id = $1 AND recording_state = 'pending'
"""
_DELETED = """
    UPDATE outbound_call SET recording_bytes = NULL, recording_due_at = NULL
    WHERE id = $1 AND recording_state = 'removed'
"""
# One that is being fetched is deleted when its lease ends: by then whoever fetches it is done, or dead.
_REMOVE = """
    UPDATE outbound_call SET recording_state = 'removed', recording_due_at = greatest(recording_due_at, $2)
    WHERE id = ANY($1::bigint[]) AND recording_state <> 'none'
"""
_FIND = "SELECT job_id, created_at, recording_state FROM outbound_call WHERE job_id = $1"


async def claim(
    connection: asyncpg.Connection, now: datetime, limit: int, lease_end: datetime
) -> Sequence[asyncpg.Record]:
    """Claim up to ``limit`` recordings that are to be fetched or deleted, until ``lease_end``."""
    rows: Sequence[asyncpg.Record] = await connection.fetch(_CLAIM, now, limit, lease_end)
    return rows


async def mark_stored(connection: asyncpg.Connection, call_id: int, size: int) -> bool:
    """Write that a recording is kept; False: it was removed meanwhile and must not be."""
    return await connection.fetchval(_STORED, call_id, size) is not None


async def postpone(connection: asyncpg.Connection, call_id: int, until: datetime) -> None:
    """Try again later."""
    await connection.execute(_LATER, call_id, until)


async def mark_lost(connection: asyncpg.Connection, call_id: int) -> None:
    """Give a recording up."""
    await connection.execute(_LOST, call_id)


async def mark_deleted(connection: asyncpg.Connection, call_id: int) -> None:
    """Write that a removed recording is out of the store too."""
    await connection.execute(_DELETED, call_id)


async def remove(connection: asyncpg.Connection, now: datetime, call_ids: Sequence[int]) -> None:
    """Make recordings unreachable, and due for deletion from the store, also those that are being fetched."""
    await connection.execute(_REMOVE, list(call_ids), now)


async def find(connection: asyncpg.Connection, job_id: str) -> asyncpg.Record | None:
    """Return ``job_id``, ``created_at`` and ``recording_state`` of a call."""
    return await connection.fetchrow(_FIND, job_id)


async def link_key(connection: asyncpg.Connection) -> str | None:
    """Return the key of links; None before the first link was made."""
    key: str | None = await connection.fetchval("SELECT value FROM secret WHERE name = $1", LINK_KEY)
    return key


async def ensure_link_key(connection: asyncpg.Connection, fresh: str) -> str:
    """Return the key of links, made from ``fresh`` where there is none."""
    key = await link_key(connection)
    if key is not None:
        return key
    await connection.execute(
        "INSERT INTO secret (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING", LINK_KEY, fresh
    )
    made = await link_key(connection)
    assert made is not None  # noqa: S101 - written above, never deleted
    return made
