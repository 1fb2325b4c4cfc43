"""Calls by real processes over real HTTP: kill -9, lost answers, a stop in the middle, two replicas.

The other side is a server that speaks OutboundBot's answers and counts how often each number was assigned: that is how
often a phone would have rung.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx2
from pydantic import SecretStr

from app.config import Settings
from app.main import create_app
from app.services.calls.placing import CHUNK
from tests.cases import CASES, party
from tests.faults.service import connected, eventually, eventually_equal, running_service
from tests.outboundbot import KEY_ID, KEY_SECRET, Fault, OutboundBot
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
    app = create_app(Settings(database_url=SecretStr(database_url), jobs=False, demo=False, pool_size=2))
    transport = httpx2.ASGITransport(app=app, client=("127.0.0.1", 50000))
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
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


async def test_killed_while_calls_are_placed(database_url: str) -> None:
    """Three services are killed one after another, the fourth brings it to its end: no phone rings twice."""
    calls = 200
    moments = [random.randrange(low, low + 20) for low in (10, 50, 100)]  # noqa: S311 - no secret
    async with OutboundBot(latency=0.1) as bot, connected(database_url) as connection, nobody_answers(bot):
        await plan(database_url, connection, calls)
        await make_due(connection)
        reserved_at_kill = 0
        for moment in moments:
            # One request at a time, so that the kill finds most of them still to come.
            async with running_service(database_url, **variables(bot, CALL_CONCURRENCY="1")) as service:
                await eventually(lambda moment=moment: len(bot.assigned) >= moment and bot.at_once > 0)  # type: ignore[misc]
                await service.kill()
            found = await placements(connection)
            assert len(bot.assigned) < calls, "killed too late"
            reserved_at_kill += found.get("reserved", 0)
        assert reserved_at_kill, f"never killed in the middle of a batch, at {moments}"
        async with running_service(database_url, **variables(bot)):
            await assert_nothing_is_left(connection, calls)
        assert set(bot.rung.values()) == {1}, f"a phone rang twice, killed at {moments}"
        assert set(bot.assigned.values()) == {1}
        found = await placements(connection)
        assert set(found) <= {"placed", "unknown", "not_placed"}, found
        rang = {f"+86{number}" for number in bot.rung}
        known = {
            row["phone"] for row in await connection.fetch("SELECT phone FROM outbound_call WHERE placement = 'placed'")
        }
        listed = await connection.fetch(
            "SELECT phone FROM outbound_call WHERE placement = 'unknown' AND status = 'Failed' AND remark IS NOT NULL"
        )
        unknown = {row["phone"] for row in listed}
        assert known <= rang
        assert rang <= known, "a call that took place is listed as unknown"
        everybody = {f"+86139{number:08}" for number in range(calls)}
        assert everybody - rang <= unknown, "lost without a row that says unknown"
        assert len(unknown) <= len(moments) * CHUNK, "more are in doubt than were in the air"
        by_itself = await connection.fetchval(
            "SELECT count(*) FROM mediation_record WHERE round = 2 AND party_id IN ("
            " SELECT party_id FROM outbound_call WHERE placement = 'unknown')"
        )
        assert by_itself == 0, "what nobody knows is not called again by itself"


async def test_lost_answers_are_looked_up_and_never_dialled_again(database_url: str) -> None:
    calls = 60
    async with OutboundBot(latency=0.01) as bot, connected(database_url) as connection, nobody_answers(bot):
        await plan(database_url, connection, calls)
        bot.fail("AssignJobs", Fault(is_cut=True, is_late=True), times=3)
        async with running_service(database_url, **variables(bot)):
            await make_due(connection)
            await assert_nothing_is_left(connection, calls)
        assert set(bot.rung.values()) == {1}
        assert len(bot.rung) == calls
        assert await placements(connection) == {"placed": calls}
        unknown = await connection.fetchval("SELECT count(*) FROM audit_entry WHERE action = 'call_unknown'")
        assert unknown >= 3, "no answer was lost"


async def test_stopped_while_calls_are_placed(database_url: str) -> None:
    """SIGTERM: what is reserved is placed and written down; nothing waits for a look-up afterwards."""
    calls = 200
    async with OutboundBot(latency=0.1) as bot, connected(database_url) as connection:
        await plan(database_url, connection, calls)
        async with running_service(database_url, **variables(bot, GRACE_SECONDS="60")) as service:
            await make_due(connection)
            await eventually(lambda: len(bot.assigned) >= 20 and bot.at_once > 0)
            assert await service.terminate() == 0, service.log
        found = await placements(connection)
        assert set(found) == {"placed"}, found
        assert found["placed"] == len(bot.assigned) < calls
        assert set(bot.rung.values()) == {1}


async def test_two_processes_dial_and_poll_five_hundred_calls(database_url: str) -> None:
    calls = 500
    async with OutboundBot(latency=0.01) as bot, connected(database_url) as connection, nobody_answers(bot):
        await plan(database_url, connection, calls)
        await connection.execute("CREATE TABLE worker (pid int)")
        await connection.execute(
            "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN INSERT INTO worker VALUES (pg_backend_pid()); RETURN NULL; END $$"
        )
        await connection.execute(
            "CREATE TRIGGER note AFTER INSERT OR UPDATE ON outbound_call FOR EACH STATEMENT EXECUTE FUNCTION note()"
        )
        pool = "2"
        async with (
            running_service(database_url, **variables(bot, POOL_SIZE=pool)),
            running_service(database_url, **variables(bot, POOL_SIZE=pool)),
        ):
            await make_due(connection)
            await assert_nothing_is_left(connection, calls)
        assert set(bot.rung.values()) == {1}
        assert len(bot.rung) == calls
        assert await placements(connection) == {"placed": calls}
        assert bot.actions["DescribeJob"] == calls, "each transcript once"
        results = await connection.fetch("SELECT DISTINCT result, is_counted FROM outbound_call")
        assert [tuple(row) for row in results] == [("无应答", True)]
        assert await connection.fetchval("SELECT count(DISTINCT pid) FROM worker") > int(pool), "only one worked"


async def test_manual_calls_of_a_killed_process_are_answered_for(database_url: str) -> None:
    """The same key after the crash: the call that was placed is told as placed, and nobody is called again."""
    async with OutboundBot() as bot, connected(database_url) as connection:
        await plan(database_url, connection, 1)
        await connection.execute("DELETE FROM mediation_record")
        bot.fail("AssignJobs", Fault(seconds=5, is_late=True))
        mediation_id = await connection.fetchval("SELECT id FROM mediation")
        body = {"caseId": "K-0", "mediationId": mediation_id, "callAuto": 1, "callPersonId": "p-0"}
        headers = {"Idempotency-Key": "one"}
        path = "/api/v1/outbound-bot/call-v2"
        async with (
            running_service(database_url, **variables(bot)) as service,
            httpx2.AsyncClient(base_url=service.url) as client,
        ):
            asked = asyncio.create_task(client.post(path, json=body, headers=headers))
            await eventually(lambda: len(bot.assigned) == 1)
            await service.kill()
            assert isinstance((await asyncio.gather(asked, return_exceptions=True))[0], httpx2.HTTPError)
        async with (
            running_service(database_url, **variables(bot, JOBS="false", LEASE_SECONDS="600")) as service,
            httpx2.AsyncClient(base_url=service.url) as client,
        ):
            answer = await client.post(path, json=body, headers=headers)
            assert answer.status_code == 409, "nobody knows yet"
        async with (
            running_service(database_url, **variables(bot)) as service,
            httpx2.AsyncClient(base_url=service.url) as client,
        ):
            await eventually_equal(connection, "SELECT placement FROM outbound_call", "placed")
            told: list[dict[str, Any]] = (await client.post(path, json=body, headers=headers)).json()["data"]
        assert [item["errorCode"] for item in told] == [0]
        assert told[0]["jobId"] == next(iter(bot.assigned))
        assert set(bot.rung.values()) == {1}
