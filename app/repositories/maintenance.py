"""Deleting what is kept for a time only, in bounded batches."""

from datetime import datetime
from enum import StrEnum

import asyncpg


def _batch(table: str, key: str, moment: str) -> str:
    # A batch begins where the last one ended: what went stands in the index until a vacuum, and is not walked again.
    return f"""
        WITH gone AS (
            DELETE FROM {table} WHERE ({key}) IN (
                SELECT {key} FROM {table} WHERE {moment} >= $1 AND {moment} < $2 ORDER BY {moment} LIMIT $3
                FOR UPDATE SKIP LOCKED
            )
            RETURNING {moment} AS moment
        )
        SELECT count(*), max(moment) FROM gone
    """


class Passing(StrEnum):
    """What is kept for a time only."""

    KEYS = _batch("idempotency_key", "scope, key", "created_at")
    AUDIT = _batch("audit_entry", "id", "at")
    TOMBSTONES = _batch("message_tombstone", "bot_id, digest", "at")
    SIGNATURES = _batch("seen_signature", "app_id, stamp, random", "at")


async def forget(
    connection: asyncpg.Connection, what: Passing, *, since: datetime, before: datetime, limit: int
) -> tuple[int, datetime]:
    """Delete up to ``limit`` rows of this span, oldest first; returns how many went and where the next batch begins.

    Rows that another process is deleting are left to it.
    """
    number, newest = await connection.fetchrow(what.value, since, before, limit)
    return number, newest or since
