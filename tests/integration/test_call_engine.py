"""Rounds, look-ups, the watchdog and polls against a provider that does as it is told; the clock is moved by hand."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from app.clock import ManualClock
from app.config import Settings
from app.domain.calls import Action, JobStatus, Speaker, TaskStatus
from app.gateways.dialer import DialerError, NotPlaced, Placed, PlacementUnknown, TalkLine, ThrottledError
from app.main import create_app
from app.repositories.database import Database
from app.services.calls.caller import Caller
from tests.calls import (
    CALL,
    LINE_FAULT,
    NO_ANSWER,
    REACHED,
    ScriptedDialer,
    body,
    call,
    ended,
    headers,
    pass_time,
)
from tests.cases import make_case, party
from tests.people import rows, value

PHONE, OTHER = "13912340001", "13912340002"
E164, OTHER_E164 = f"+86{PHONE}", f"+86{OTHER}"
LEASE = timedelta(seconds=90)


@pytest.fixture
def dialer() -> ScriptedDialer:
    return ScriptedDialer()


@pytest.fixture
async def app(settings: Settings, clock: ManualClock, dialer: ScriptedDialer) -> AsyncIterator[FastAPI]:
    service = create_app(settings.model_copy(update={"call_concurrency": 2}), clock=clock, dialer=dialer)
    async with service.router.lifespan_context(service):
        yield service


@pytest.fixture
def caller(app: FastAPI) -> Caller:
    return Caller(app.state.desk)


async def one_party(client: httpx2.AsyncClient, case_id: str = "K-1", phone: str = PHONE) -> dict[str, Any]:
    return await make_case(client, case_id, parties=[party(f"{case_id}-a", phone=phone)])


async def the_call(database: Database) -> dict[str, Any]:
    return (await rows(database, "SELECT * FROM outbound_call ORDER BY id DESC LIMIT 1"))[0]


async def the_round(database: Database) -> dict[str, Any]:
    return (await rows(database, "SELECT * FROM mediation_record ORDER BY id DESC LIMIT 1"))[0]


async def count(database: Database) -> int:
    found: int = await value(database, "SELECT count(*) FROM outbound_call")
    return found


# Placing


async def test_a_provider_that_is_down_is_left_alone_and_tried_again(
    client: httpx2.AsyncClient, dialer: ScriptedDialer, caller: Caller, clock: ManualClock, database: Database
) -> None:
    dialer.placements.extend([NotPlaced("connection refused")] * 8)
    for number in range(5):
        case = await one_party(client, f"K-{number}", f"1391234{number:04}")
        (item,) = await call(client, case)
        assert (item["errorCode"], item["message"]) == (1001, "外呼服务商暂时不可用,须等待")
        assert item["jobId"] == ""
    (again,) = await call(client, case)
    assert len(dialer.dials) == 5, "five failures opened the circuit: nothing is even tried"
    assert again["startTime"] == "2026-03-05 18:30:05"
    assert (again["errorCode"], again["callInterval"]) == (1001, 30)
    await pass_time(caller, clock, 600, step=5)
    assert len(dialer.dials) == 8 + 5
    placed = await rows(database, "SELECT phone FROM outbound_call WHERE placement = 'placed'")
    assert len(placed) == len({row["phone"] for row in placed}) == 5, "all of them once it was back"
    reasons = await rows(database, "SELECT reason FROM audit_entry WHERE action = 'no_call'")
    assert {row["reason"] for row in reasons} == {"provider_away"}
    assert len(reasons) == 8, "one for each try, none for the looks while the circuit was open"


async def test_tries_that_were_not_taken_are_no_calls(
    client: httpx2.AsyncClient, dialer: ScriptedDialer, caller: Caller, clock: ManualClock, database: Database
) -> None:
    dialer.placements.extend([NotPlaced("busy", retry_after=20)] * 6)
    case = await one_party(client)
    (item,) = await call(client, case)
    assert item["startTime"] == "2026-03-05 18:30:20"
    await pass_time(caller, clock, 300, step=10)
    assert [row["placement"] for row in await rows(database, "SELECT placement FROM outbound_call ORDER BY id")] == [
        *["not_placed"] * 6,
        "placed",
    ]
    assert await value(database, "SELECT count(*) FROM outbound_call WHERE is_counted") == 1
    assert await value(database, "SELECT count(*) FROM call_poll") == 1
    assert (await the_round(database))["failures"] == 0


@pytest.mark.parametrize("answer", [PlacementUnknown("cut"), RuntimeError("nobody foresaw this")])
async def test_an_uncertain_call_is_looked_up_and_found(
    answer: PlacementUnknown | RuntimeError,
    client: httpx2.AsyncClient,
    dialer: ScriptedDialer,
    caller: Caller,
    clock: ManualClock,
    database: Database,
) -> None:
    dialer.placements.append(answer)
    dialer.on_place = lambda dial: dialer.known.__setitem__(dial.job_id, dial)
    case = await one_party(client)
    (item,) = await call(client, case)
    assert (item["errorCode"], item["callStatus"]) == (1001, "Scheduling")
    assert (await the_call(database))["placement"] == "unknown"
    dialer.fates[E164] = REACHED
    await pass_time(caller, clock, 20)
    row = await the_call(database)
    assert (row["placement"], row["result"], row["provider_job_id"]) == ("placed", "已接通", f"job-{item['jobId']}")
    assert len(dialer.dials) == 1


@pytest.mark.parametrize("auto", [0, 1])
async def test_an_uncertain_call_that_is_not_there_ends_and_is_never_dialled_by_itself(
    auto: int,
    client: httpx2.AsyncClient,
    dialer: ScriptedDialer,
    caller: Caller,
    clock: ManualClock,
    database: Database,
) -> None:
    """Its line is free after two leases (until then it may still be on its way); only a person calls again."""
    dialer.placements.append(PlacementUnknown("cut"))
    case = await one_party(client)
    await call(client, case, auto=auto, person="K-1-a")
    await pass_time(caller, clock, 2 * LEASE.total_seconds() - 5)
    assert (await the_call(database))["ended_at"] is None
    await pass_time(caller, clock, 15)
    row = await the_call(database)
    assert (row["placement"], row["status"], row["is_counted"]) == ("unknown", "Failed", True)
    assert "查无此通话" in row["remark"]
    record = await the_round(database)
    assert (record["state"], record["reason"], record["due_at"]) == ("done", "call_unknown", None)
    await pass_time(caller, clock, 24 * 3600, step=600)
    assert len(dialer.dials) == 1
    assert await value(database, "SELECT count(*) FROM call_poll") == 0
    (item,) = await call(client, case, auto=1, person="K-1-a")
    assert item["errorCode"] == 0, "a person may decide to call again"


async def test_what_stays_unknown_is_given_up_and_never_dialled_by_itself(
    client: httpx2.AsyncClient, dialer: ScriptedDialer, caller: Caller, clock: ManualClock, database: Database
) -> None:
    dialer.placements.append(PlacementUnknown("cut"))
    dialer.find_errors.extend([DialerError("away")] * 1000)
    case = await one_party(client)
    (item,) = await call(client, case)
    await pass_time(caller, clock, 1795, step=30)
    assert (await the_call(database))["ended_at"] is None
    await pass_time(caller, clock, 60, step=30)
    row = await the_call(database)
    assert (row["status"], row["placement"], row["result"], row["is_counted"]) == (
        "Failed",
        "unknown",
        "结果未知",
        True,
    )
    assert "没有确认" in row["remark"]
    assert dialer.cancelled == [item["jobId"]], "what may still wait at the provider must not ring any more"
    record = await the_round(database)
    assert (record["state"], record["reason"], record["due_at"]) == ("done", "call_unknown", None)
    await pass_time(caller, clock, 7200, step=300)
    assert len(dialer.dials) == 1
    assert await value(database, "SELECT count(*) FROM call_poll") == 0
    (item,) = await call(client, case)
    assert item["errorCode"] == 0, "a person may decide to call again"


async def test_a_call_whose_process_died_is_looked_up_at_the_end_of_its_lease(
    client: httpx2.AsyncClient, dialer: ScriptedDialer, caller: Caller, clock: ManualClock, database: Database
) -> None:
    """One whose request left and one whose request did not: no call is placed twice, none stays reserved."""

    async def die() -> None:
        raise asyncio.CancelledError

    dialer.before_place = die
    case = await make_case(client, parties=[party("a", phone=PHONE), party("b", phone=OTHER)])
    assert [item["errorCode"] for item in await call(client, case)] == [1001, 1001]
    assert await value(database, "SELECT count(*) FROM outbound_call WHERE placement = 'reserved'") == 2
    left = await value(database, "SELECT job_id FROM outbound_call ORDER BY id LIMIT 1")
    dialer.before_place = None
    dialer.known[left] = None  # type: ignore[assignment]
    await pass_time(caller, clock, LEASE.total_seconds() - 5)
    assert await value(database, "SELECT count(*) FROM outbound_call WHERE placement = 'reserved'") == 2
    await pass_time(caller, clock, 10)
    assert await rows(database, "SELECT phone, placement FROM outbound_call ORDER BY id") == [
        {"phone": E164, "placement": "placed"},
        {"phone": OTHER_E164, "placement": "unknown"},
    ]
    await pass_time(caller, clock, 4 * 3600, step=60)
    assert dialer.dials == [], "its request may have left: only a person places it again"
    dead = (await rows(database, "SELECT status, placement FROM outbound_call ORDER BY id"))[1]
    assert dead == {"status": "Failed", "placement": "unknown"}


async def waiting_for_its_turn(
    app: FastAPI, client: httpx2.AsyncClient, case: dict[str, Any]
) -> tuple[asyncio.Task[list[dict[str, Any]]], list[Any]]:
    """Begin a call that is reserved and waits behind other requests to the provider."""
    desk = app.state.desk
    held = [desk.request() for _ in range(2)]
    for one in held:
        await one.__aenter__()
    task = asyncio.create_task(call(client, case))
    async with asyncio.timeout(20):
        while not await value(app.state.context.database, "SELECT count(*) FROM outbound_call"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return task, held


async def test_a_call_that_never_left_is_given_back_at_the_end_of_its_lease(
    app: FastAPI,
    client: httpx2.AsyncClient,
    dialer: ScriptedDialer,
    caller: Caller,
    clock: ManualClock,
    database: Database,
) -> None:
    """Even if the process is only slow: whose row went back is not placed by it any more."""
    task, held = await waiting_for_its_turn(app, client, await one_party(client))
    clock.advance(LEASE + timedelta(seconds=5))
    await caller.polls()
    await caller.idle()
    row = await the_call(database)
    assert (row["placement"], row["is_counted"], row["left_at"]) == ("not_placed", False, None)
    planned = await the_round(database)
    assert (planned["state"], planned["due_at"]) == ("planned", clock.now())
    for one in held:
        await one.__aexit__(None, None, None)
    (item,) = await task
    assert (item["errorCode"], dialer.dials) == (1001, [])
    await pass_time(caller, clock, 5)
    assert len(dialer.dials) == 1
    assert await value(database, "SELECT count(*) FROM audit_entry WHERE action = 'call_unknown'") == 0


@pytest.mark.parametrize("change", ["refuses", "listed", "erased", "closed", "moved", "late"])
async def test_what_changed_after_the_reservation_still_counts(
    change: str,
    app: FastAPI,
    client: httpx2.AsyncClient,
    dialer: ScriptedDialer,
    caller: Caller,
    clock: ManualClock,
    database: Database,
) -> None:
    case = await one_party(client)
    contact = await value(database, "SELECT contact_id FROM mediation_party")
    task, held = await waiting_for_its_turn(app, client, case)
    match change:
        case "refuses":
            answer = await client.post(f"/api/contacts/{contact}/do-not-contact")
        case "listed":
            answer = await client.post("/api/do-not-contact", json={"identifiers": [{"kind": "phone", "value": PHONE}]})
        case "erased":
            answer = await client.delete(f"/api/contacts/{contact}")
        case "closed":
            answer = await client.patch("/api/v1/mediation/cases/K-1", json={"closed": True})
        case "moved":
            answer = await client.patch("/api/v1/mediation/cases/K-1", json={"nodeId": 4})
        case _:
            clock.advance(LEASE / 2)
            answer = await client.get("/healthz")
    assert answer.status_code < 300, answer.text
    for one in held:
        await one.__aexit__(None, None, None)
    (item,) = await task
    told = {
        "refuses": (1002, "该当事人已设为免打扰,不能呼叫"),
        "listed": (1002, "该当事人已设为免打扰,不能呼叫"),
        "erased": (1002, "呼叫已取消"),
        "closed": (1002, "案件已结案,不再呼叫"),
        "moved": (1002, "调解已离开此节点,不再呼叫"),
        "late": (1001, "情况有变,外呼未发出,须等待"),
    }
    assert (item["errorCode"], item["message"], item["jobId"]) == (*told[change], "")
    assert (item["startTime"] is None) == (item["callInterval"] is None) == (change != "late")
    assert dialer.dials == []
    assert await value(database, "SELECT count(*) FROM outbound_call WHERE ended_at IS NULL") == 0
    await pass_time(caller, clock, 60)
    assert len(dialer.dials) == (1 if change == "late" else 0)
    record = await the_round(database)
    expected = {
        "refuses": ("refused", "do_not_contact"),
        "listed": ("refused", "do_not_contact"),
        "erased": ("cancelled", "cancelled"),
        "closed": ("cancelled", "case_closed"),
        "moved": ("cancelled", "node_left"),
        "late": ("calling", None),
    }
    assert (record["state"], record["reason"]) == expected[change]
    assert record["due_at"] is None


@pytest.mark.parametrize("auto", [0, 1])
async def test_a_call_that_waited_until_the_hours_ended_waits_for_the_next_ones(
    auto: int,
    app: FastAPI,
    client: httpx2.AsyncClient,
    dialer: ScriptedDialer,
    caller: Caller,
    clock: ManualClock,
    database: Database,
) -> None:
    """Reserved at 18:30:00; the hours end ten seconds later, while it waits behind other requests to the provider."""
    case = await one_party(client)
    begin, end = "10:30", "18:31"
    hours = [{"week": day, "times": [{"begin_time": begin, "end_time": end}]} for day in range(7)]
    answer = await client.put("/api/v1/outbound-bot/nodes/5", json={"dialWindow": hours})
    assert answer.status_code == 200, answer.text
    clock.advance(timedelta(seconds=50))
    desk = app.state.desk
    async with contextlib.AsyncExitStack() as held:
        for _ in range(2):
            await held.enter_async_context(desk.request())
        task = asyncio.create_task(call(client, case, auto=auto, person="K-1-a"))
        async with asyncio.timeout(20):
            while not await value(database, "SELECT count(*) FROM outbound_call"):  # noqa: ASYNC110 - a row
                await asyncio.sleep(0.01)
        clock.advance(timedelta(seconds=10))
    (item,) = await task
    assert (item["errorCode"], item["message"]) == (1001, "不在可拨打时段内,须等待")
    assert item["startTime"] == "2026-03-06 10:30:00"
    assert dialer.dials == []
    record = await the_round(database)
    opening = clock.now() + timedelta(hours=15, minutes=59)
    assert (record["state"], record["reason"], record["due_at"]) == (
        "planned",
        "outside_window",
        None if auto else opening,
    )
    await pass_time(caller, clock, timedelta(hours=15, minutes=58).total_seconds(), step=3600)
    assert dialer.dials == []
    await pass_time(caller, clock, 120, step=60)
    assert [dial.latest for dial in dialer.dials] == ([] if auto else [opening + timedelta(hours=8, minutes=1)])


async def test_the_hours_are_asked_after_the_locks(
    client: httpx2.AsyncClient, dialer: ScriptedDialer, clock: ManualClock, database: Database
) -> None:
    case = await one_party(client)
    hours = [{"week": day, "times": [{"begin_time": "10:30", "end_time": "18:31"}]} for day in range(7)]
    await client.put("/api/v1/outbound-bot/nodes/5", json={"dialWindow": hours})
    async with database.transaction() as connection:
        await connection.execute("SELECT 1 FROM caller_line FOR UPDATE")
        task = asyncio.create_task(call(client, case))
        async with asyncio.timeout(20):
            while not await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        clock.advance(timedelta(minutes=1))
    (item,) = await task
    assert (item["errorCode"], item["message"]) == (1001, "不在可拨打时段内,须等待")
    assert dialer.dials == []


async def test_repeated_requests_during_a_call_write_one_line_of_the_trail(
    client: httpx2.AsyncClient, database: Database
) -> None:
    case = await one_party(client)
    await call(client, case)
    for _ in range(5):
        assert (await call(client, case))[0]["errorCode"] == 1001
    trail = await rows(database, "SELECT reason FROM audit_entry WHERE action = 'no_call'")
    assert trail == [{"reason": "active_call"}]


async def test_a_call_that_nobody_ever_looked_up_is_listed_as_unknown(
    app: FastAPI,
    client: httpx2.AsyncClient,
    dialer: ScriptedDialer,
    caller: Caller,
    clock: ManualClock,
    database: Database,
) -> None:
    async def die() -> None:
        raise asyncio.CancelledError

    dialer.before_place = die
    await call(client, await one_party(client))
    clock.advance(app.state.desk.gives_up_after)
    await caller.watchdog()
    row = await the_call(database)
    assert (row["placement"], row["status"]) == ("unknown", "Failed")
    assert (await the_round(database))["reason"] == "call_unknown"


async def test_an_index_has_the_last_word(client: httpx2.AsyncClient, database: Database) -> None:
    """A call to the number that nobody could see when the gate looked: 1001, not a failure."""
    case = await one_party(client)
    async with database.transaction() as connection:
        await connection.execute(
            "INSERT INTO outbound_call (job_id, provider, instance_id, script_id, call_type, phone, is_automatic,"
            " created_at, gives_up_at) VALUES ('x', 'simulator', 'i', 's', 't', $1, true, now(), now())",
            E164,
        )
        task = asyncio.create_task(call(client, case))
        async with asyncio.timeout(20):
            while not await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    (item,) = await task
    assert (item["errorCode"], item["message"], item["jobId"]) == (1001, "该号码正在呼叫中,须等待", "")
    assert await count(database) == 1


# Rounds


async def test_faults_of_the_line_are_no_rounds_and_are_bounded(
    client: httpx2.AsyncClient, dialer: ScriptedDialer, caller: Caller, clock: ManualClock, database: Database
) -> None:
    dialer.fates[E164] = LINE_FAULT
    case = await one_party(client)
    await call(client, case)
    await pass_time(caller, clock, 24 * 3600, step=30)
    made = [row["created_at"] for row in await rows(database, "SELECT created_at FROM outbound_call ORDER BY id")]
    assert len(made) == 4, "the round and three more tries of it"
    gaps = [(after - before).total_seconds() for before, after in pairwise(made)]
    assert gaps == sorted(gaps)
    assert gaps[0] >= 60
    assert gaps[-1] >= 1500
    record = await the_round(database)
    assert (record["round"], record["state"], record["reason"], record["result"]) == (
        1,
        "refused",
        "line_fault",
        "运营商拦截",
    )
    dialer.fates[E164] = NO_ANSWER
    (item,) = await call(client, case)
    assert (item["errorCode"], item["id"]) == (0, record["id"]), "a person may have it tried again, as the same round"


async def test_a_cancelled_call_is_not_placed_again(
    client: httpx2.AsyncClient, dialer: ScriptedDialer, caller: Caller, clock: ManualClock, database: Database
) -> None:
    await call(client, await one_party(client))
    async with database.transaction() as connection:
        await connection.execute("UPDATE outbound_call SET cancel_requested_at = $1", clock.now())
    dialer.fates[E164] = ended(TaskStatus.CANCELLED, status=JobStatus.CANCELLED, rang=False)
    await pass_time(caller, clock, 7200, step=60)
    assert len(dialer.dials) == 1
    record = await the_round(database)
    assert (record["state"], record["reason"]) == ("cancelled", "cancelled")
    assert (await the_call(database))["status"] == "Cancelled"


@pytest.mark.parametrize("status", [TaskStatus.CANCELLED, TaskStatus.TERMINATED, TaskStatus.FAILED])
async def test_a_call_that_was_given_up_unasked_and_never_rang_is_placed_again(
    status: TaskStatus,
    client: httpx2.AsyncClient,
    dialer: ScriptedDialer,
    caller: Caller,
    clock: ManualClock,
    database: Database,
) -> None:
    await call(client, await one_party(client))
    dialer.fates[E164] = replace(ended(status, rang=False), provider_task_id=None)
    await pass_time(caller, clock, 30)
    first = await the_call(database)
    assert (first["is_counted"], first["task_status"]) == (False, status)
    dialer.fates[E164] = REACHED
    await pass_time(caller, clock, 600, step=10)
    assert len(dialer.dials) == 2
    record = await the_round(database)
    assert (record["state"], record["round"], record["result"]) == ("done", 1, "已接通")


@pytest.mark.parametrize("status", [TaskStatus.CANCELLED, TaskStatus.TERMINATED])
@pytest.mark.parametrize("has_rung", [True, False])
async def test_a_call_that_was_given_up_unasked_and_may_have_reached_somebody_is_not_placed_again(
    status: TaskStatus,
    has_rung: bool,
    client: httpx2.AsyncClient,
    dialer: ScriptedDialer,
    caller: Caller,
    clock: ManualClock,
    database: Database,
) -> None:
    await call(client, await one_party(client))
    if not has_rung:
        dialer.talking.add(E164)
        await pass_time(caller, clock, 30)
    dialer.fates[E164] = replace(ended(status, rang=has_rung), provider_task_id=None)
    await pass_time(caller, clock, 7200, step=60)
    assert len(dialer.dials) == 1
    record = await the_round(database)
    assert (record["state"], record["reason"], record["result"]) == ("done", "call_unknown", "结果未知")


@pytest.mark.parametrize("change", [{"closed": True}, {"nodeId": 4}])
async def test_a_case_that_moved_on_during_the_call_gets_no_further_round(
    change: dict[str, Any],
    client: httpx2.AsyncClient,
    dialer: ScriptedDialer,
    caller: Caller,
    clock: ManualClock,
    database: Database,
) -> None:
    await call(client, await one_party(client))
    assert (await client.patch("/api/v1/mediation/cases/K-1", json=change)).status_code == 200
    dialer.fates[E164] = NO_ANSWER
    await pass_time(caller, clock, 7200, step=60)
    assert len(dialer.dials) == 1
    record = await the_round(database)
    assert (record["state"], record["round"], record["result"]) == ("done", 1, "无应答")


async def test_a_manual_call_within_a_series_counts_and_the_series_goes_on(
    client: httpx2.AsyncClient, dialer: ScriptedDialer, caller: Caller, clock: ManualClock, database: Database
) -> None:
    dialer.fates[E164] = NO_ANSWER
    case = await one_party(client)
    await call(client, case)
    await pass_time(caller, clock, 10)
    clock.advance(timedelta(minutes=30))
    (item,) = await call(client, case, auto=1, person="K-1-a")
    assert item["errorCode"] == 0
    await pass_time(caller, clock, 3 * 3600, step=60)
    found = await rows(database, "SELECT is_automatic FROM outbound_call ORDER BY id")
    assert [row["is_automatic"] for row in found] == [True, False, True]


async def test_the_cap_delays_a_series_and_refuses_a_request(
    client: httpx2.AsyncClient, dialer: ScriptedDialer, caller: Caller, clock: ManualClock, database: Database
) -> None:
    """Two cases with one number: the sixth call of the day waits until the first is a day old."""
    dialer.fates[E164] = NO_ANSWER
    cases = [await one_party(client, f"K-{number}") for number in range(3)]
    for case in cases[:2]:
        await call(client, case)
        await pass_time(caller, clock, 10)
    await pass_time(caller, clock, 3 * 3600, step=60)
    assert await count(database) == 5
    record = (await rows(database, "SELECT * FROM mediation_record WHERE state = 'planned'"))[0]
    first = await value(database, "SELECT min(created_at) FROM outbound_call")
    assert (record["reason"], record["due_at"]) == ("daily_cap", first + timedelta(hours=24))
    (item,) = await call(client, cases[2])
    assert (item["errorCode"], item["startTime"]) == (1002, None)
    clock.set(first + timedelta(hours=24))
    await caller.drain()
    assert await count(database) == 6
    await pass_time(caller, clock, 24 * 3600, step=600)
    assert await count(database) == 6, "what was refused on request never comes by itself"


async def test_blocked_numbers_are_left_alone(
    client: httpx2.AsyncClient, dialer: ScriptedDialer, caller: Caller, clock: ManualClock, database: Database
) -> None:
    dialer.fates[E164] = ended(TaskStatus.CONTACT_BLOCK_LIST, rang=False)
    await call(client, await one_party(client))
    await pass_time(caller, clock, 7200, step=60)
    assert await count(database) == 1
    (item,) = await call(client, await one_party(client, "K-2"))
    assert (item["errorCode"], item["message"]) == (1002, "电话号码在外呼服务商的黑名单中,不能呼叫")


async def test_the_providers_own_cap_waits_for_the_next_day(
    client: httpx2.AsyncClient, dialer: ScriptedDialer, caller: Caller, clock: ManualClock, database: Database
) -> None:
    dialer.fates[E164] = ended(TaskStatus.PER_DAY_CALL_COUNT_LIMIT, rang=False)
    await call(client, await one_party(client))
    await pass_time(caller, clock, 10)
    record = await the_round(database)
    assert record["due_at"].isoformat() == "2026-03-05T16:00:00+00:00", "midnight in Shanghai"


async def test_a_poisoned_round_does_not_hold_up_the_others(
    client: httpx2.AsyncClient, dialer: ScriptedDialer, caller: Caller, clock: ManualClock, database: Database
) -> None:
    """A node whose hours make no sense: no call from there, and the reason is written down."""
    bad = await make_case(client, "K-1", nodeId=4, parties=[party("a", phone=PHONE)])
    good = await one_party(client, "K-2", OTHER)
    async with database.transaction() as connection:
        await connection.execute("UPDATE mediation_node SET dial_window = '[{\"week\": 99}]'::jsonb WHERE id = 4")
    (item,) = await call(client, bad)
    assert (item["errorCode"], item["message"]) == (1001, "可拨打时段的设置无法读取,暂不呼叫")
    await call(client, good)
    await pass_time(caller, clock, 3 * 24 * 3600, step=3600)
    assert {dial.phone for dial in dialer.dials} == {OTHER_E164}


# Polls


async def test_progress_is_written_down(
    client: httpx2.AsyncClient, dialer: ScriptedDialer, caller: Caller, clock: ManualClock, database: Database
) -> None:
    (item,) = await call(client, await one_party(client))
    await pass_time(caller, clock, 3, step=3)
    row = await the_call(database)
    assert (row["status"], row["answered_at"], row["polled_at"]) == ("Executing", None, None)
    poll = (await rows(database, "SELECT * FROM call_poll"))[0]
    assert (poll["polled_at"], poll["polls"]) == (clock.now(), 1)
    assert timedelta(seconds=1.8) <= poll["next_poll_at"] - clock.now() <= timedelta(seconds=2.2)
    dialer.talking.add(E164)
    picked_up = clock.advance(timedelta(seconds=3))
    await caller.drain()
    assert (await the_call(database))["answered_at"] == picked_up
    poll = (await rows(database, "SELECT * FROM call_poll"))[0]
    assert timedelta(seconds=4.5) <= poll["next_poll_at"] - clock.now() <= timedelta(seconds=5.5)
    dialer.fates[E164] = REACHED
    over = clock.advance(timedelta(seconds=6))
    await caller.drain()
    row = await the_call(database)
    assert (row["status"], row["ended_at"], row["polled_at"], row["answered_at"]) == (
        "Succeeded",
        over,
        over,
        picked_up,
    )
    assert row["conversations"][1] == {"timestamp": 2, "speaker": "Contact", "script": "是的", "action": "Dialogue"}
    assert (row["recording_state"], row["recording_due_at"]) == ("pending", over)
    assert await value(database, "SELECT count(*) FROM call_poll") == 0
    events = await rows(database, "SELECT status FROM call_event ORDER BY id")
    assert [event["status"] for event in events] == ["Scheduling", "Executing", "Succeeded"]
    assert dialer.transcripts == {item["jobId"]: 1}


async def many(client: httpx2.AsyncClient, number: int, instances: int = 1) -> list[dict[str, Any]]:
    """Call many people; those of one instance make one question."""
    scripts = [{"personType": n, "instanceId": f"i-{n}", "scriptId": "s"} for n in range(instances)]
    assert (await client.put("/api/v1/outbound-bot/nodes/5", json={"scripts": scripts})).status_code == 200
    assert (await client.put("/api/v1/outbound-bot/lines/default", json={"callLine": 1000})).status_code == 200
    parties = [party(f"p-{n}", phone=f"139{n:08}", personType=n % instances) for n in range(number)]
    items = await call(client, await make_case(client, parties=parties))
    assert {item["errorCode"] for item in items} == {0}
    return items


async def test_a_throttled_provider_slows_the_poller_down_and_nothing_is_lost(
    client: httpx2.AsyncClient, dialer: ScriptedDialer, caller: Caller, clock: ManualClock, database: Database
) -> None:
    await many(client, 30, instances=3)
    dialer.report_errors.extend([ThrottledError("too many", 20)] * 3)
    await pass_time(caller, clock, 3, step=3)
    assert len(dialer.questions) == 3
    await pass_time(caller, clock, 18, step=3)
    assert len(dialer.questions) == 3, "not before the pause is over"
    await pass_time(caller, clock, 15, step=3)
    assert sum(dialer.asked.values()) >= 30
    await pass_time(caller, clock, 120, step=1)
    for row in await rows(database, "SELECT phone FROM outbound_call"):
        dialer.fates[row["phone"]] = NO_ANSWER
    await pass_time(caller, clock, 30, step=3)
    assert await value(database, "SELECT count(*) FROM outbound_call WHERE result = '无应答'") == 30


async def test_answers_that_cannot_be_used_are_asked_for_again(
    client: httpx2.AsyncClient, dialer: ScriptedDialer, caller: Caller, clock: ManualClock, database: Database
) -> None:
    await call(client, await one_party(client))
    dialer.report_errors.extend([DialerError("rubbish")] * 4)
    dialer.fates[E164] = REACHED
    await pass_time(caller, clock, 60, step=1)
    assert (await the_call(database))["is_reached"] is True
    assert 4 < len(dialer.questions) < 12


@pytest.mark.parametrize(("poison", "kept"), [("是\x00的", "是的"), ("是\ud800的", "是?的")])
async def test_a_talk_with_what_no_table_takes_is_kept_without_it(
    poison: str,
    kept: str,
    client: httpx2.AsyncClient,
    dialer: ScriptedDialer,
    caller: Caller,
    clock: ManualClock,
    database: Database,
) -> None:
    await many(client, 3)
    for number in range(3):
        dialer.fates[f"+86139{number:08}"] = REACHED
    dialer.fates["+8613900000001"] = replace(REACHED, lines=[TalkLine(2, Speaker.CONTACT, poison, Action.DIALOGUE)])
    await pass_time(caller, clock, 30)
    told = await rows(database, "SELECT phone, is_reached, conversations FROM outbound_call ORDER BY id")
    assert [(row["phone"][-1], row["is_reached"]) for row in told] == [("0", True), ("1", True), ("2", True)]
    assert [line["script"] for line in told[1]["conversations"] if line["action"] == "Dialogue"] == [kept]


async def test_a_call_that_the_provider_forgot_is_ended_by_the_watchdog(
    client: httpx2.AsyncClient, dialer: ScriptedDialer, caller: Caller, clock: ManualClock, database: Database
) -> None:
    await call(client, await one_party(client))
    dialer.known.clear()
    await pass_time(caller, clock, 1790, step=10)
    assert (await the_call(database))["ended_at"] is None
    await pass_time(caller, clock, 30, step=10)
    row = await the_call(database)
    assert (row["status"], row["result"], row["is_counted"], row["conversations"]) == ("Failed", "结果未知", True, [])
    assert "没有给出结果" in row["remark"]
    await pass_time(caller, clock, 7200, step=60)
    assert len(dialer.dials) == 1, "the person may have answered"


async def test_a_call_that_is_known_to_go_on_is_not_given_up_before_four_times_the_time(
    client: httpx2.AsyncClient, dialer: ScriptedDialer, caller: Caller, clock: ManualClock, database: Database
) -> None:
    await call(client, await one_party(client))
    dialer.talking.add(E164)
    await pass_time(caller, clock, 4 * 1800 - 60, step=60)
    assert (await the_call(database))["ended_at"] is None
    await pass_time(caller, clock, 180, step=60)
    row = await the_call(database)
    assert (row["status"], row["result"], row["is_counted"]) == ("Failed", "结果未知", True)


async def test_a_long_talk_that_the_provider_forgets_is_given_up_after_the_time(
    client: httpx2.AsyncClient, dialer: ScriptedDialer, caller: Caller, clock: ManualClock, database: Database
) -> None:
    await call(client, await one_party(client))
    await pass_time(caller, clock, 2400, step=60)
    assert (await the_call(database))["ended_at"] is None
    dialer.known.clear()
    await pass_time(caller, clock, 1860, step=60)
    assert (await the_call(database))["status"] == "Failed"


async def test_calls_of_another_provider_are_not_asked_about(
    client: httpx2.AsyncClient, dialer: ScriptedDialer, caller: Caller, clock: ManualClock, database: Database
) -> None:
    await call(client, await one_party(client))
    dialer.name = "aliyun"
    dialer.fates[E164] = REACHED
    await pass_time(caller, clock, 1000, step=10)
    assert dialer.questions == []
    await pass_time(caller, clock, 900, step=10)
    assert (await the_call(database))["status"] == "Failed"
    assert dialer.cancelled == []


async def test_a_slow_question_holds_up_no_other(
    client: httpx2.AsyncClient, dialer: ScriptedDialer, caller: Caller, clock: ManualClock, database: Database
) -> None:
    await many(client, 2, instances=2)
    answers = asyncio.Event()
    slow = asyncio.Event()
    reports = dialer.reports

    async def one_is_slow(calls: Any) -> Any:
        if calls[0].instance_id == "i-0":
            slow.set()
            await answers.wait()
        return await reports(calls)

    dialer.reports = one_is_slow  # type: ignore[method-assign]
    for number in range(2):
        dialer.fates[f"+86139{number:08}"] = REACHED
    clock.advance(timedelta(seconds=3))
    await caller.polls()
    async with asyncio.timeout(20):
        await slow.wait()
        while await value(database, "SELECT count(*) FROM outbound_call WHERE ended_at IS NULL") != 1:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    answers.set()
    await caller.idle()
    assert await value(database, "SELECT count(*) FROM outbound_call WHERE ended_at IS NULL") == 0


async def test_what_an_erased_person_said_is_not_written_down(
    client: httpx2.AsyncClient, dialer: ScriptedDialer, caller: Caller, clock: ManualClock, database: Database
) -> None:
    await call(client, await one_party(client))
    contact = await value(database, "SELECT contact_id FROM mediation_party")
    assert (await client.delete(f"/api/contacts/{contact}")).status_code == 204
    dialer.fates[(await the_call(database))["phone"]] = REACHED
    await pass_time(caller, clock, 30)
    row = await the_call(database)
    assert (row["conversations"], row["recording_state"]) == (None, "none")
    assert row["ended_at"] is not None


async def test_rubbish_of_one_call_does_not_harm_the_others(
    client: httpx2.AsyncClient, dialer: ScriptedDialer, caller: Caller, clock: ManualClock, database: Database
) -> None:
    """NUL, half a character, an id of a thousand letters; and a round whose node cannot be read at all."""
    await many(client, 4)
    phones = [f"+86139{n:08}" for n in range(4)]
    bad_line = TalkLine(3, Speaker.CONTACT, "好\x00的\ud800", Action.DIALOGUE)
    dialer.fates = dict.fromkeys(phones, NO_ANSWER) | {
        phones[0]: replace(REACHED, lines=[*REACHED.lines, bad_line], provider_task_id="x" * 1000, failure="\x00")
    }
    await pass_time(caller, clock, 10)
    assert await value(database, "SELECT count(*) FROM outbound_call WHERE ended_at IS NULL") == 0
    row = (await rows(database, "SELECT * FROM outbound_call WHERE is_reached"))[0]
    assert (row["conversations"][-1]["script"], row["provider_task_id"], row["remark"]) == ("好的?", None, "")
    async with database.transaction() as connection:
        await connection.execute(
            "UPDATE mediation_node SET scripts = '[7]' WHERE id = 4;"
            " INSERT INTO mediation_case VALUES ('bad', 'bad');"
            " INSERT INTO mediation (case_id, node_id) VALUES ('bad', 4);"
            " INSERT INTO mediation_party (mediation_id, contact_id, person_id, person_type, name, phone, position)"
            " SELECT max(m.id), (SELECT min(id) FROM contact), 'bad', 0, '', '+8613912349999', 0 FROM mediation m;"
            " INSERT INTO mediation_record (mediation_id, node_id, party_id, round, is_series, due_at)"
            " SELECT mediation_id, 4, id, 1, true, '2026-01-01' FROM mediation_party WHERE person_id = 'bad'"
        )
    clock.advance(timedelta(minutes=30))
    await caller.drain()
    assert len(dialer.dials) == 4 + 3, "the second round of those who did not answer"


async def test_an_id_that_cannot_be_kept_is_looked_up(
    client: httpx2.AsyncClient, dialer: ScriptedDialer, caller: Caller, clock: ManualClock, database: Database
) -> None:
    dialer.placements.append(Placed("x" * 1000, "group"))
    await call(client, await one_party(client))
    assert (await the_call(database))["placement"] == "unknown"
    await pass_time(caller, clock, 10)
    assert (await the_call(database))["placement"] == "placed"
    assert len(dialer.dials) == 1


# Several processes


async def test_twenty_requests_at_once_on_two_processes(
    settings: Settings, clock: ManualClock, database: Database
) -> None:
    """One active call for each party, whatever is posted; every other answer says wait."""
    dialer = ScriptedDialer()
    apps = [create_app(settings, clock=clock, dialer=dialer) for _ in range(2)]
    clients = [
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app, client=("127.0.0.1", 50000)), base_url="http://localhost"
        )
        for app in apps
    ]
    async with apps[0].router.lifespan_context(apps[0]), apps[1].router.lifespan_context(apps[1]):
        case = await make_case(clients[0], parties=[party("a", phone=PHONE), party("b", phone=OTHER)])
        answers = await asyncio.gather(*(call(clients[number % 2], case) for number in range(20)))
        for place in range(2):
            codes = sorted(items[place]["errorCode"] for items in answers)
            assert codes == [0, *[1001] * 19]
            assert len({items[place]["id"] for items in answers}) == 1
        assert sorted(dial.phone for dial in dialer.dials) == [E164, OTHER_E164]
        assert await count(database) == 2
        for client in clients:
            await client.aclose()


async def test_the_same_key_at_once_on_two_processes(settings: Settings, clock: ManualClock) -> None:
    dialer = ScriptedDialer()
    apps = [create_app(settings, clock=clock, dialer=dialer) for _ in range(2)]
    async with apps[0].router.lifespan_context(apps[0]), apps[1].router.lifespan_context(apps[1]):
        clients = [
            httpx2.AsyncClient(
                transport=httpx2.ASGITransport(app=app, client=("127.0.0.1", 50000)), base_url="http://localhost"
            )
            for app in apps
        ]
        case = await one_party(clients[0])
        answers = await asyncio.gather(
            *(clients[number % 2].post(CALL, json=body(case), headers=headers("k")) for number in range(10))
        )
        assert {answer.status_code for answer in answers} <= {201, 409}
        good = [answer.json()["data"] for answer in answers if answer.status_code == 201]
        assert good
        assert all(items == good[0] for items in good)
        assert all(answer.headers["Retry-After"] == "1" for answer in answers if answer.status_code == 409)
        assert await call(clients[1], case, key="k") == good[0]
        assert len(dialer.dials) == 1
        for client in clients:
            await client.aclose()


async def test_two_processes_share_rounds_and_polls(settings: Settings, clock: ManualClock, database: Database) -> None:
    """Every party once, every transcript once, and never more calls than the line has room for."""
    dialer = ScriptedDialer()
    most = 0

    def note(_dial: Any) -> None:
        nonlocal most
        most += 1

    dialer.on_place = note
    apps = [create_app(settings, clock=clock, dialer=dialer) for _ in range(2)]
    async with apps[0].router.lifespan_context(apps[0]), apps[1].router.lifespan_context(apps[1]):
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=apps[0], client=("127.0.0.1", 50000)), base_url="http://localhost"
        ) as client:
            assert (await client.put("/api/v1/outbound-bot/lines/default", json={"callLine": 7})).status_code == 200
            parties = [party(f"p-{n}", phone=f"139{n:08}") for n in range(60)]
            items = await call(client, await make_case(client, parties=parties))
        assert sorted({item["errorCode"] for item in items}) == [0, 1001]
        for number in range(60):
            dialer.fates[f"+86139{number:08}"] = REACHED
        callers = [Caller(app.state.desk) for app in apps]
        for _ in range(40):
            clock.advance(timedelta(seconds=30))
            await asyncio.gather(*(caller.drain() for caller in callers))
            active = await value(database, "SELECT count(*) FROM outbound_call WHERE ended_at IS NULL")
            assert active <= 7
        assert sorted(dial.phone for dial in dialer.dials) == [f"+86139{n:08}" for n in range(60)]
        assert set(dialer.transcripts.values()) == {1}
        assert await value(database, "SELECT count(*) FROM outbound_call WHERE is_reached") == 60


async def test_a_line_is_never_overbooked(settings: Settings, clock: ManualClock, database: Database) -> None:
    """Twenty cases at once on two processes, and room for three calls."""
    dialer = ScriptedDialer()
    apps = [create_app(settings, clock=clock, dialer=dialer) for _ in range(2)]
    async with apps[0].router.lifespan_context(apps[0]), apps[1].router.lifespan_context(apps[1]):
        clients = [
            httpx2.AsyncClient(
                transport=httpx2.ASGITransport(app=app, client=("127.0.0.1", 50000)), base_url="http://localhost"
            )
            for app in apps
        ]
        assert (await clients[0].put("/api/v1/outbound-bot/lines/default", json={"callLine": 3})).status_code == 200
        cases = [await one_party(clients[0], f"K-{number}", f"139{number:08}") for number in range(20)]
        answers = await asyncio.gather(*(call(clients[place % 2], case) for place, case in enumerate(cases)))
        codes = sorted(items[0]["errorCode"] for items in answers)
        assert codes == [0] * 3 + [1001] * 17
        assert {items[0]["message"] for items in answers} == {"外呼发起成功", "没有空闲线路,须等待"}
        assert await value(database, "SELECT count(*) FROM outbound_call WHERE ended_at IS NULL") == 3
        for client in clients:
            await client.aclose()
