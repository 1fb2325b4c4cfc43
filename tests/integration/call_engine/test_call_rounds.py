"""Rounds of calls: what counts as one, what delays one, and what ends a series."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from app.domain.calls import JobStatus, TaskStatus
from app.repositories.database import Database
from tests.calls import (
    LINE_FAULT,
    NO_ANSWER,
    REACHED,
    ScriptedDialer,
    ended,
)
from tests.cases import make_case, party
from tests.integration.call_engine.helpers import (
    E164,
    OTHER,
    OTHER_E164,
    PHONE,
    Engine,
    one_party,
)
from tests.people import rows, value


async def test_faults_of_the_line_are_no_rounds_and_are_bounded(
    engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    dialer.fates[E164] = LINE_FAULT
    case = await one_party(engine.client)
    await engine.call(case)
    await engine.pass_time(24 * 3600, step=30)
    made = [row["created_at"] for row in await rows(database, "SELECT created_at FROM outbound_call ORDER BY id")]
    assert len(made) == 4, "the round and three more tries of it"
    gaps = [(after - before).total_seconds() for before, after in pairwise(made)]
    assert gaps == sorted(gaps)
    assert gaps[0] >= 60
    assert gaps[-1] >= 1500
    record = await engine.the_round()
    assert (record["round"], record["state"], record["reason"], record["result"]) == (
        1,
        "refused",
        "line_fault",
        "运营商拦截",
    )
    dialer.fates[E164] = NO_ANSWER
    (item,) = await engine.call(case)
    assert (item["errorCode"], item["id"]) == (0, record["id"]), "a person may have it tried again, as the same round"


async def test_a_cancelled_call_is_not_placed_again(engine: Engine, dialer: ScriptedDialer, database: Database) -> None:
    await engine.call(await one_party(engine.client))
    async with database.transaction() as connection:
        await connection.execute("UPDATE outbound_call SET cancel_requested_at = $1", engine.clock.now())
    dialer.fates[E164] = ended(TaskStatus.CANCELLED, status=JobStatus.CANCELLED, rang=False)
    await engine.pass_time(7200, step=60)
    assert len(dialer.dials) == 1
    record = await engine.the_round()
    assert (record["state"], record["reason"]) == ("cancelled", "cancelled")
    assert (await engine.the_call())["status"] == "Cancelled"


@pytest.mark.parametrize("status", [TaskStatus.CANCELLED, TaskStatus.TERMINATED, TaskStatus.FAILED])
async def test_a_call_that_was_given_up_unasked_and_never_rang_is_placed_again(
    status: TaskStatus, engine: Engine, dialer: ScriptedDialer
) -> None:
    await engine.call(await one_party(engine.client))
    dialer.fates[E164] = replace(ended(status, rang=False), provider_task_id=None)
    await engine.pass_time(30)
    first = await engine.the_call()
    assert (first["is_counted"], first["task_status"]) == (False, status)
    dialer.fates[E164] = REACHED
    await engine.pass_time(600, step=10)
    assert len(dialer.dials) == 2
    record = await engine.the_round()
    assert (record["state"], record["round"], record["result"]) == ("done", 1, "已接通")


@pytest.mark.parametrize("status", [TaskStatus.CANCELLED, TaskStatus.TERMINATED])
@pytest.mark.parametrize("has_rung", [True, False])
async def test_a_call_that_was_given_up_unasked_and_may_have_reached_somebody_is_not_placed_again(
    status: TaskStatus, has_rung: bool, engine: Engine, dialer: ScriptedDialer
) -> None:
    await engine.call(await one_party(engine.client))
    if not has_rung:
        dialer.talking.add(E164)
        await engine.pass_time(30)
    dialer.fates[E164] = replace(ended(status, rang=has_rung), provider_task_id=None)
    await engine.pass_time(7200, step=60)
    assert len(dialer.dials) == 1
    record = await engine.the_round()
    assert (record["state"], record["reason"], record["result"]) == ("done", "call_unknown", "结果未知")


@pytest.mark.parametrize("change", [{"closed": True}, {"nodeId": 4}])
async def test_a_case_that_moved_on_during_the_call_gets_no_further_round(
    change: dict[str, Any], engine: Engine, dialer: ScriptedDialer
) -> None:
    await engine.call(await one_party(engine.client))
    assert (await engine.client.patch("/api/v1/mediation/cases/K-1", json=change)).status_code == 200
    dialer.fates[E164] = NO_ANSWER
    await engine.pass_time(7200, step=60)
    assert len(dialer.dials) == 1
    record = await engine.the_round()
    assert (record["state"], record["round"], record["result"]) == ("done", 1, "无应答")


async def test_a_manual_call_within_a_series_counts_and_the_series_goes_on(
    engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    dialer.fates[E164] = NO_ANSWER
    case = await one_party(engine.client)
    await engine.call(case)
    await engine.pass_time(10)
    engine.clock.advance(timedelta(minutes=30))
    (item,) = await engine.call(case, auto=1, person="K-1-a")
    assert item["errorCode"] == 0
    await engine.pass_time(3 * 3600, step=60)
    found = await rows(database, "SELECT is_automatic FROM outbound_call ORDER BY id")
    assert [row["is_automatic"] for row in found] == [True, False, True]


async def test_the_cap_delays_a_series_and_refuses_a_request(
    engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    """Two cases with one number: the sixth call of the day waits until the first is a day old."""
    dialer.fates[E164] = NO_ANSWER
    cases = [await one_party(engine.client, f"K-{number}") for number in range(3)]
    for case in cases[:2]:
        await engine.call(case)
        await engine.pass_time(10)
    await engine.pass_time(3 * 3600, step=60)
    assert await engine.count() == 5
    record = (await rows(database, "SELECT * FROM mediation_record WHERE state = 'planned'"))[0]
    first = await value(database, "SELECT min(created_at) FROM outbound_call")
    assert (record["reason"], record["due_at"]) == ("daily_cap", first + timedelta(hours=24))
    (item,) = await engine.call(cases[2])
    assert (item["errorCode"], item["startTime"]) == (1002, None)
    engine.clock.set(first + timedelta(hours=24))
    await engine.caller.drain()
    assert await engine.count() == 6
    await engine.pass_time(24 * 3600, step=600)
    assert await engine.count() == 6, "what was refused on request never comes by itself"


async def test_blocked_numbers_are_left_alone(engine: Engine, dialer: ScriptedDialer) -> None:
    dialer.fates[E164] = ended(TaskStatus.CONTACT_BLOCK_LIST, rang=False)
    await engine.call(await one_party(engine.client))
    await engine.pass_time(7200, step=60)
    assert await engine.count() == 1
    (item,) = await engine.call(await one_party(engine.client, "K-2"))
    assert (item["errorCode"], item["message"]) == (1002, "电话号码在外呼服务商的黑名单中,不能呼叫")


async def test_the_providers_own_cap_waits_for_the_next_day(engine: Engine, dialer: ScriptedDialer) -> None:
    dialer.fates[E164] = ended(TaskStatus.PER_DAY_CALL_COUNT_LIMIT, rang=False)
    await engine.call(await one_party(engine.client))
    await engine.pass_time(10)
    record = await engine.the_round()
    assert record["due_at"].isoformat() == "2026-03-05T16:00:00+00:00", "midnight in Shanghai"


async def test_a_poisoned_round_does_not_hold_up_the_others(
    engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    """A node whose hours make no sense: no call from there, and the reason is written down."""
    bad = await make_case(engine.client, "K-1", nodeId=4, parties=[party("a", phone=PHONE)])
    good = await one_party(engine.client, "K-2", OTHER)
    async with database.transaction() as connection:
        await connection.execute("UPDATE mediation_node SET dial_window = '[{\"week\": 99}]'::jsonb WHERE id = 4")
    (item,) = await engine.call(bad)
    assert (item["errorCode"], item["message"]) == (1001, "可拨打时段的设置无法读取,暂不呼叫")
    await engine.call(good)
    await engine.pass_time(3 * 24 * 3600, step=3600)
    assert {dial.phone for dial in dialer.dials} == {OTHER_E164}
