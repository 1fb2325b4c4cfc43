"""Call tasks by real processes over real HTTP: kill -9 in the middle, two replicas, a restart of the task.

The other side is a server that speaks OutboundBot's answers and counts how often each number was assigned: that is how
often a phone would have rung.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg

from app.repositories.database import Database
from tests.faults.calls import ACTIVE, variables
from tests.faults.service import connected, eventually, eventually_equal, running_api, running_service
from tests.outboundbot import OutboundBot
from tests.tasks import add_numbers, add_task, add_world, phones, start

LEFT = "SELECT count(*) FROM task_number WHERE state IN ('waiting', 'calling')"
SLOTS = 50


@dataclass(slots=True)
class Busiest:
    """How many calls were under way at once at the most."""

    calls: int = 0


async def plan(database_url: str, count: int, slots: int = SLOTS) -> int:
    """Make a task with so many numbers, each dialled again once if nobody answers, and start it; returns its id."""
    database = Database(database_url, pool_size=2)
    async with running_api(database_url) as client:
        world = await add_world(client, call_line=slots)
    task = await add_task(
        database, world, redial_interval=1, redial_max_times=1, redial_statuses=[4], maximumcall=1000, end_action=2
    )
    await add_numbers(database, task, phones(count))
    await start(database, task, datetime.now(UTC))
    async with database.connection() as connection:
        await connection.execute("ANALYZE")
    await database.close()
    return task


@asynccontextmanager
async def nobody_answers(bot: OutboundBot, connection: asyncpg.Connection) -> AsyncIterator[Busiest]:
    """Let every call ring out a moment after it was placed, and the minute before the redial pass at once."""
    busiest = Busiest()

    async def ring_out() -> None:
        while True:
            busiest.calls = max(busiest.calls, await connection.fetchval(ACTIVE))
            for job in [job for job in bot.jobs.values() if job.status == "Scheduling"]:
                bot.end(job, "NoAnswer", RealRingingDuration=20)
            # Leases are shorter than that.
            await connection.execute(
                "UPDATE task_number SET due_at = now() WHERE due_at > now() + interval '20 seconds'"
            )
            await asyncio.sleep(0.1)

    task = asyncio.create_task(ring_out())
    try:
        yield busiest
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def planned(database_url: str, count: int) -> AsyncIterator[tuple[OutboundBot, asyncpg.Connection]]:
    """Plan a task whose people never answer; lends the provider and a connection. No slot is ever used twice."""
    async with (
        OutboundBot(latency=0.05) as bot,
        connected(database_url) as connection,
        connected(database_url) as hurrying,
        nobody_answers(bot, hurrying) as busiest,
    ):
        await plan(database_url, count)
        yield bot, connection
        assert 0 < busiest.calls <= SLOTS


async def assert_all_is_told(connection: asyncpg.Connection, bot: OutboundBot, count: int) -> None:
    """Every number is done and says why; every ring has its row; no slot leaks; the end action was taken once."""
    await eventually_equal(connection, LEFT, 0)
    await eventually_equal(connection, ACTIVE, 0)
    await eventually_equal(connection, "SELECT status FROM call_task", 1)
    assert await connection.fetchval("SELECT count(*) FROM call_poll") == 0
    rows = await connection.fetch(
        "SELECT n.phone, n.state, n.reason, n.calls, n.redials,"
        " count(*) FILTER (WHERE c.placement = 'placed') AS placed,"
        " count(*) FILTER (WHERE c.placement = 'unknown') AS unknown"
        " FROM task_number n JOIN outbound_call c ON c.number_id = n.id GROUP BY n.id"
    )
    assert len(rows) == count
    for row in rows:
        rung = bot.rung[row["phone"].removeprefix("+86")]
        assert rung <= 2, f"{row['phone']} rang {rung} times"
        assert rung == row["placed"], "a ring without a row that says so"
        assert row["state"] == "done"
        if row["unknown"]:
            assert row["reason"] == "call_unknown", "what nobody knows is not called again by itself"
        else:
            assert (rung, row["calls"], row["redials"]) == (2, 2, '{"4": 1}')
    assert set(bot.assigned.values()) == {1}
    held = await connection.fetch("SELECT slots FROM line_hold")
    assert [row["slots"] for row in held] == [SLOTS]
    assert await connection.fetchval("SELECT count(*) FROM audit_entry WHERE reason = 'end_action'") == 1


async def test_one_of_two_replicas_is_killed_in_the_middle(database_url: str) -> None:
    """No number rings more often than its redials allow, no slot is used twice, the other one brings it to its end."""
    count = 120
    moment = random.randrange(40, 100)  # noqa: S311 - no secret
    async with (
        planned(database_url, count) as (bot, connection),
        running_service(database_url, **variables(bot, CALL_CONCURRENCY="4")) as first,
        running_service(database_url, **variables(bot, CALL_CONCURRENCY="4")),
    ):
        await eventually(lambda: len(bot.assigned) >= moment and bot.at_once > 0)
        await first.kill()
        assert len(bot.assigned) < 2 * count, "killed too late"
        await assert_all_is_told(connection, bot, count)


async def test_every_replica_is_killed_once(database_url: str) -> None:
    """One after the other, so that nobody takes over at once: what was reserved is looked up, claims come back."""
    count = 80
    moments = [random.randrange(low, low + 20) for low in (20, 80)]  # noqa: S311 - no secret
    async with planned(database_url, count) as (bot, connection):
        for moment in moments:
            async with running_service(database_url, **variables(bot, CALL_CONCURRENCY="1")) as service:
                await eventually(lambda moment=moment: len(bot.assigned) >= moment and bot.at_once > 0)  # type: ignore[misc]
                await service.kill()
        async with running_service(database_url, **variables(bot)):
            await assert_all_is_told(connection, bot, count)
