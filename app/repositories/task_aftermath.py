"""Talks of tasks that are to be read, and notices that are to leave."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

_TALKS = """
    INSERT INTO call_intention (call_id, config_id, due_at)
    SELECT i.call_id, i.config_id, $1 FROM unnest($2::bigint[], $3::bigint[]) AS i(call_id, config_id)
    ON CONFLICT DO NOTHING
"""
_NOTICES = """
    INSERT INTO call_notice (call_id, task_id, due_at)
    SELECT i.call_id, i.task_id, $1 FROM unnest($2::bigint[], $3::bigint[]) AS i(call_id, task_id)
    ON CONFLICT DO NOTHING
"""


async def add_talks(connection: asyncpg.Connection, now: datetime, talks: Sequence[tuple[int, int]]) -> None:
    """Let talks be read: (call, intention config) each."""
    if talks:
        await connection.execute(_TALKS, now, *zip(*talks, strict=True))


async def add_notices(connection: asyncpg.Connection, now: datetime, calls: Sequence[tuple[int, int]]) -> None:
    """Let notices of calls leave: (call, task) each."""
    if calls:
        await connection.execute(_NOTICES, now, *zip(*calls, strict=True))
