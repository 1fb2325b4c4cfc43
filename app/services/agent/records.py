"""Records of a task, as readers ask for them."""

from collections.abc import AsyncIterator, Sequence

import asyncpg

from app.errors import NotFoundError
from app.repositories import task_records as store
from app.repositories.task_records import RecordFilter
from app.services.agent.owners import Owner
from app.services.agent.task_lookups import task_of
from app.services.calls.recordings import Links, links
from app.services.context import Context

_LINKED = frozenset({"pending", "stored"})


async def page(
    context: Context, owner: Owner, wanted: RecordFilter, *, offset: int, limit: int
) -> tuple[int, Sequence[asyncpg.Record]]:
    """Return how many records fit and a page of them; 404 where the account has no such task."""
    await task_of(context, owner, wanted.task_id)
    async with context.database.connection() as connection:
        return await store.page(connection, wanted, offset=offset, limit=limit)


async def one(context: Context, owner: Owner, task_id: int, record_id: int) -> asyncpg.Record:
    """Return a record with its talk; 404 where the account's task has no such one."""
    await task_of(context, owner, task_id)
    async with context.database.connection() as connection:
        found = await store.one(connection, task_id, record_id)
    if found is None:
        raise NotFoundError(f"任务 {task_id} 没有 id 为 {record_id} 的通话记录 (the task has no such record)")
    return found


async def recording_link(context: Context, record: asyncpg.Record, base: str) -> str:
    """Return a link to the recording of a call, "" where there is none; one that is still copied is answered 404."""
    if record["recording_state"] not in _LINKED:
        return ""
    async with context.database.connection() as connection:
        found: Links = await links(context, connection, base)
    return found.link_for(record["job_id"])


async def batches(context: Context, owner: Owner, wanted: RecordFilter) -> AsyncIterator[Sequence[asyncpg.Record]]:
    """Return what gives all records that fit, in batches; 404, before the first one, where there is no such task."""
    await task_of(context, owner, wanted.task_id)
    return store.batches(context.database, wanted)
