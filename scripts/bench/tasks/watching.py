"""How many slots are in use while a side works, and when it is done; on connections of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg

SAMPLE_SECONDS = 0.05
# By the index, though the statistics, which are those of an empty table, say otherwise: who watches must cost little.
BY_INDEX = {"enable_seqscan": "off", "enable_bitmapscan": "off"}
_IN_USE = "SELECT count(*)::int FROM outbound_call WHERE line_id = 'bench' AND ended_at IS NULL"
_IS_DONE = """
    SELECT NOT EXISTS (SELECT FROM task_number WHERE due_at IS NOT NULL)
       AND NOT EXISTS (SELECT FROM task_number WHERE state = 'calling')
"""


@dataclass(slots=True)
class Watched:
    """Slots in use, sample by sample."""

    slots: list[int] = field(default_factory=list)


@asynccontextmanager
async def watch(url: str) -> AsyncIterator[Watched]:
    """Count slots in use during the block."""
    watched = Watched()
    connection = await asyncpg.connect(url, server_settings=BY_INDEX)

    async def sample() -> None:
        while True:
            watched.slots.append(await connection.fetchval(_IN_USE))
            await asyncio.sleep(SAMPLE_SECONDS)

    task = asyncio.create_task(sample())
    try:
        yield watched
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await connection.close()


async def all_done(url: str) -> None:
    """Wait until no number waits or is called."""
    connection = await asyncpg.connect(url, server_settings=BY_INDEX)
    try:
        while not await connection.fetchval(_IS_DONE):  # noqa: ASYNC110 - another connection sets no event
            await asyncio.sleep(SAMPLE_SECONDS)
    finally:
        await connection.close()
