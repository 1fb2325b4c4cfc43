"""Rounds of calls of cases, for processes whose provider is the stub, and what must stand of them at the end."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from tests.cases import CASES, party
from tests.faults.service import eventually_equal, running_api
from tests.outboundbot import KEY_ID, KEY_SECRET, OutboundBot
from tests.tasks import ALL_DAY

ACTIVE = "SELECT count(*) FROM outbound_call WHERE ended_at IS NULL"
LEFT = "SELECT count(*) FROM mediation_record WHERE state IN ('planned', 'calling') AND round = 1"


def variables(bot: OutboundBot, **more: str) -> dict[str, str]:
    """Return the settings of a service whose provider is the stub."""
    return {
        "DIAL_PROVIDER": "aliyun",
        "ALIYUN_ACCESS_KEY_ID": KEY_ID,
        "ALIYUN_ACCESS_KEY_SECRET": KEY_SECRET,
        "ALIYUN_ENDPOINT": bot.endpoint,
        "ALIYUN_PROTOCOL": "http",
        "DIAL_WINDOW": json.dumps(ALL_DAY),
        "CALL_WATCHDOG_MINUTES": "1",
        "TICK_SECONDS": "0.2",
        **more,
    }


async def plan(database_url: str, connection: asyncpg.Connection, number: int) -> None:
    """Make a case with so many parties, each with a round that the scheduler is to place; due in an hour."""
    async with running_api(database_url) as client:
        for part in range(0, number, 50):
            parties = [party(f"p-{n}", phone=f"139{n:08}") for n in range(part, min(part + 50, number))]
            body = {"caseId": f"K-{part}", "title": "工资支付纠纷", "nodeId": 5, "parties": parties}
            answer = await client.post(CASES, json=body)
            assert answer.status_code == 201, answer.text
    await connection.execute("UPDATE caller_line SET call_line = 1000")
    await connection.execute(
        "INSERT INTO mediation_record (mediation_id, node_id, party_id, round, is_series, due_at)"
        " SELECT mediation_id, 5, id, 1, true, now() + interval '1 hour' FROM mediation_party"
    )
    await connection.execute("ANALYZE")


async def make_due(connection: asyncpg.Connection) -> None:
    await connection.execute("UPDATE mediation_record SET due_at = now() WHERE due_at IS NOT NULL")


@asynccontextmanager
async def nobody_answers(bot: OutboundBot) -> AsyncIterator[None]:
    """Let every call ring out a moment after it was placed."""

    async def ring_out() -> None:
        while True:
            for job in [job for job in bot.jobs.values() if job.status == "Scheduling"]:
                bot.end(job, "NoAnswer", RealRingingDuration=20)
            await asyncio.sleep(0.2)

    task = asyncio.create_task(ring_out())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def placements(connection: asyncpg.Connection) -> dict[str, int]:
    rows = await connection.fetch("SELECT placement, count(*) AS calls FROM outbound_call GROUP BY placement")
    return {row["placement"]: row["calls"] for row in rows}


async def assert_nothing_is_left(connection: asyncpg.Connection, expected: int) -> None:
    """Every call is over, no line is taken, nobody is polled, every round says what became of it."""
    await eventually_equal(connection, ACTIVE, 0)
    await eventually_equal(connection, LEFT, 0)
    assert await connection.fetchval("SELECT count(*) FROM call_poll") == 0
    assert (
        await connection.fetchval("SELECT count(*) FROM outbound_call WHERE status IN ('Scheduling', 'Executing')") == 0
    )
    assert (
        await connection.fetchval("SELECT count(*) FROM mediation_record WHERE round = 1 AND state = 'done'")
        == expected
    )
