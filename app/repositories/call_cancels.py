"""Calls that a person wants given up."""

from datetime import datetime

import asyncpg

_LOCK = """
    SELECT id, job_id, phone, provider, instance_id, script_id, provider_job_id, job_group_id, provider_task_id,
           placement, status, created_at, placed_at, cancel_requested_at, ended_at, contact_id, record_id
    FROM outbound_call WHERE job_id = $1 FOR NO KEY UPDATE
"""
_ASK = "UPDATE outbound_call SET cancel_requested_at = $2 WHERE id = $1 AND ended_at IS NULL"
_TAKE_BACK = "UPDATE outbound_call SET cancel_requested_at = NULL WHERE id = $1 AND ended_at IS NULL"


async def lock(connection: asyncpg.Connection, job_id: str) -> asyncpg.Record | None:
    """Lock a call until the end of the transaction; None where there is none."""
    return await connection.fetchrow(_LOCK, job_id)


async def ask(connection: asyncpg.Connection, call_id: int, now: datetime) -> None:
    """Write that a locked call is to be given up; one that is not placed yet never will be."""
    await connection.execute(_ASK, call_id, now)


async def take_back(connection: asyncpg.Connection, call_id: int) -> None:
    """Write that a locked call goes on: it could not be given up any more."""
    await connection.execute(_TAKE_BACK, call_id)
