"""Placing calls with a provider that does as it is told: what is certain, what is not, what changed meanwhile."""

import asyncio
import contextlib
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from app.clock import ManualClock
from app.gateways.dialer import DialerError, NotPlaced, PlacementUnknown
from app.repositories.database import Database
from app.services.calls.caller import Caller
from tests.calls import (
    REACHED,
    ScriptedDialer,
    call,
    pass_time,
)
from tests.cases import make_case, party
from tests.integration.call_engine.helpers import (
    E164,
    LEASE,
    OTHER,
    OTHER_E164,
    PHONE,
    count,
    one_party,
    the_call,
    the_round,
)
from tests.people import rows, value


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
    async with asyncio.timeout(60):
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
        async with asyncio.timeout(60):
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
        async with asyncio.timeout(60):
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
        async with asyncio.timeout(60):
            while not await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    (item,) = await task
    assert (item["errorCode"], item["message"], item["jobId"]) == (1001, "该号码正在呼叫中,须等待", "")
    assert await count(database) == 1
