"""Locks of PostgreSQL in tests."""

import asyncio
from typing import Any

import asyncpg

# Not `pg_stat_activity`, which stands still within a transaction; nor whoever waits for anything: the tests of other
# workers are on the same server.
_WAITERS = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"


async def until_it_waits(task: asyncio.Future[Any], connection: asyncpg.Connection) -> None:
    """Wait until ``task`` waits for what this connection has locked; fails if it comes to its end instead."""
    async with asyncio.timeout(60):
        while not await connection.fetchval(_WAITERS):
            assert not task.done(), "it did not wait"
            await asyncio.sleep(0.01)
