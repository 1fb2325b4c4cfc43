"""Notices of finished calls on their way to ``call_notify_url``."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias

import asyncpg

Rows: TypeAlias = Sequence[asyncpg.Record]

_ADD = """
    INSERT INTO call_notice (call_id, task_id, due_at, created_at)
    SELECT i.call_id, i.task_id, $1::timestamptz, $1::timestamptz
    FROM unnest($2::bigint[], $3::bigint[]) AS i(call_id, task_id)
    ON CONFLICT (call_id) DO NOTHING
"""
_ADD_AFTER_TALKS = """
    INSERT INTO call_notice (call_id, task_id, due_at, created_at)
    SELECT c.id, c.task_id, $1::timestamptz, $1::timestamptz
    FROM outbound_call c JOIN call_task t ON t.id = c.task_id
    WHERE c.id = ANY($2::bigint[]) AND t.call_notify_url IS NOT NULL
    ON CONFLICT (call_id) DO NOTHING
"""


async def add(connection: asyncpg.Connection, now: datetime, calls: Sequence[tuple[int, int]]) -> None:
    """Have finished calls told: (call, task) each; each call once."""
    await connection.execute(_ADD, now, *zip(*calls, strict=True))


async def add_after_talks(connection: asyncpg.Connection, now: datetime, call_ids: Sequence[int]) -> None:
    """Have calls told whose talks are read, where their task wants to be told."""
    if call_ids:
        await connection.execute(_ADD_AFTER_TALKS, now, list(call_ids))
