"""Calls by real processes over real HTTP: kill -9, lost answers, a stop in the middle, two replicas.

The other side is a server that speaks OutboundBot's answers and counts how often each number was assigned: that is how
often a phone would have rung.
"""

import asyncio
import random
from typing import Any

import httpx2

from app.services.calls.placing import CHUNK
from tests.faults.calls import assert_nothing_is_left, make_due, nobody_answers, placements, plan, variables
from tests.faults.service import connected, eventually, eventually_equal, running_service
from tests.outboundbot import Fault, OutboundBot


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
