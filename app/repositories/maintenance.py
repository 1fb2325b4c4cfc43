"""Deleting what is kept for a time only, in bounded batches."""

from datetime import datetime

import asyncpg

_AUDIT = """
    DELETE FROM audit_entry WHERE id IN (
        SELECT id FROM audit_entry WHERE at < $1 ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED
    )
"""


async def forget_audit(connection: asyncpg.Connection, *, before: datetime, limit: int) -> int:
    """Delete up to ``limit`` audit rows older than ``before``; returns how many there were."""
    answer: str = await connection.execute(_AUDIT, before, limit)
    return int(answer.rpartition(" ")[2])
