"""Placing calls with a provider that does as it is told: what is certain, what is not, what changed meanwhile."""

import asyncio
from datetime import timedelta

import pytest

from app.gateways.dialer import DialerError, PlacementUnknown
from app.repositories.database import Database
from tests.calls import (
    REACHED,
    ScriptedDialer,
)
from tests.cases import make_case, party
from tests.integration.call_engine.helpers import (
    E164,
    LEASE,
    OTHER,
    OTHER_E164,
    PHONE,
    Engine,
    one_party,
)
from tests.locks import until_it_waits
from tests.people import rows, value


@pytest.mark.parametrize("answer", [PlacementUnknown("cut"), RuntimeError("nobody foresaw this")])
async def test_an_uncertain_call_is_looked_up_and_found(
    answer: PlacementUnknown | RuntimeError, engine: Engine, dialer: ScriptedDialer
) -> None:
    dialer.placements.append(answer)
    dialer.on_place = lambda dial: dialer.known.__setitem__(dial.job_id, dial)
    case = await one_party(engine.client)
    (item,) = await engine.call(case)
    assert (item["errorCode"], item["callStatus"]) == (1001, "Scheduling")
    assert (await engine.the_call())["placement"] == "unknown"
    dialer.fates[E164] = REACHED
    await engine.pass_time(20)
    row = await engine.the_call()
    assert (row["placement"], row["result"], row["provider_job_id"]) == ("placed", "已接通", f"job-{item['jobId']}")
    assert len(dialer.dials) == 1


@pytest.mark.parametrize("auto", [0, 1])
async def test_an_uncertain_call_that_is_not_there_ends_and_is_never_dialled_by_itself(
    auto: int, engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    """Its line is free after two leases (until then it may still be on its way); only a person calls again."""
    dialer.placements.append(PlacementUnknown("cut"))
    case = await one_party(engine.client)
    await engine.call(case, auto=auto, person="K-1-a")
    await engine.pass_time(2 * LEASE.total_seconds() - 5)
    assert (await engine.the_call())["ended_at"] is None
    await engine.pass_time(15)
    row = await engine.the_call()
    assert (row["placement"], row["status"], row["is_counted"]) == ("unknown", "Failed", True)
    assert "查无此通话" in row["remark"]
    record = await engine.the_round()
    assert (record["state"], record["reason"], record["due_at"]) == ("done", "call_unknown", None)
    await engine.pass_time(24 * 3600, step=600)
    assert len(dialer.dials) == 1
    assert await value(database, "SELECT count(*) FROM call_poll") == 0
    (item,) = await engine.call(case, auto=1, person="K-1-a")
    assert item["errorCode"] == 0, "a person may decide to call again"


async def test_what_stays_unknown_is_given_up_and_never_dialled_by_itself(
    engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    dialer.placements.append(PlacementUnknown("cut"))
    dialer.find_errors.extend([DialerError("away")] * 1000)
    case = await one_party(engine.client)
    (item,) = await engine.call(case)
    await engine.pass_time(1795, step=30)
    assert (await engine.the_call())["ended_at"] is None
    await engine.pass_time(60, step=30)
    row = await engine.the_call()
    assert (row["status"], row["placement"], row["result"], row["is_counted"]) == (
        "Failed",
        "unknown",
        "结果未知",
        True,
    )
    assert "没有确认" in row["remark"]
    assert dialer.cancelled == [item["jobId"]], "what may still wait at the provider must not ring any more"
    record = await engine.the_round()
    assert (record["state"], record["reason"], record["due_at"]) == ("done", "call_unknown", None)
    await engine.pass_time(7200, step=300)
    assert len(dialer.dials) == 1
    assert await value(database, "SELECT count(*) FROM call_poll") == 0
    (item,) = await engine.call(case)
    assert item["errorCode"] == 0, "a person may decide to call again"


async def test_a_call_whose_process_died_is_looked_up_at_the_end_of_its_lease(
    engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    """One whose request left and one whose request did not: no call is placed twice, none stays reserved."""

    async def die() -> None:
        raise asyncio.CancelledError

    dialer.before_place = die
    case = await make_case(engine.client, parties=[party("a", phone=PHONE), party("b", phone=OTHER)])
    assert [item["errorCode"] for item in await engine.call(case)] == [1001, 1001]
    assert await value(database, "SELECT count(*) FROM outbound_call WHERE placement = 'reserved'") == 2
    left = await value(database, "SELECT job_id FROM outbound_call ORDER BY id LIMIT 1")
    dialer.before_place = None
    dialer.known[left] = None  # type: ignore[assignment]
    await engine.pass_time(LEASE.total_seconds() - 5)
    assert await value(database, "SELECT count(*) FROM outbound_call WHERE placement = 'reserved'") == 2
    await engine.pass_time(10)
    assert await rows(database, "SELECT phone, placement FROM outbound_call ORDER BY id") == [
        {"phone": E164, "placement": "placed"},
        {"phone": OTHER_E164, "placement": "unknown"},
    ]
    await engine.pass_time(4 * 3600, step=60)
    assert dialer.dials == [], "its request may have left: only a person places it again"
    dead = (await rows(database, "SELECT status, placement FROM outbound_call ORDER BY id"))[1]
    assert dead == {"status": "Failed", "placement": "unknown"}


async def test_a_call_that_never_left_is_given_back_at_the_end_of_its_lease(
    engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    """Even if the process is only slow: whose row went back is not placed by it any more."""
    async with engine.waiting_for_its_turn(await one_party(engine.client)) as task:
        engine.clock.advance(LEASE + timedelta(seconds=5))
        await engine.caller.polls()
        await engine.caller.idle()
        row = await engine.the_call()
        assert (row["placement"], row["is_counted"], row["left_at"]) == ("not_placed", False, None)
        planned = await engine.the_round()
        assert (planned["state"], planned["due_at"]) == ("planned", engine.clock.now())
    (item,) = await task
    assert (item["errorCode"], dialer.dials) == (1001, [])
    await engine.pass_time(5)
    assert len(dialer.dials) == 1
    assert await value(database, "SELECT count(*) FROM audit_entry WHERE action = 'call_unknown'") == 0


@pytest.mark.parametrize("change", ["refuses", "listed", "erased", "closed", "moved", "late"])
async def test_what_changed_after_the_reservation_still_counts(
    change: str, engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    case = await one_party(engine.client)
    contact = await value(database, "SELECT contact_id FROM mediation_party")
    async with engine.waiting_for_its_turn(case) as task:
        match change:
            case "refuses":
                answer = await engine.client.post(f"/api/contacts/{contact}/do-not-contact")
            case "listed":
                answer = await engine.client.post(
                    "/api/do-not-contact", json={"identifiers": [{"kind": "phone", "value": PHONE}]}
                )
            case "erased":
                answer = await engine.client.delete(f"/api/contacts/{contact}")
            case "closed":
                answer = await engine.client.patch("/api/v1/mediation/cases/K-1", json={"closed": True})
            case "moved":
                answer = await engine.client.patch("/api/v1/mediation/cases/K-1", json={"nodeId": 4})
            case _:
                engine.clock.advance(LEASE / 2)
                answer = await engine.client.get("/healthz")
        assert answer.status_code < 300, answer.text
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
    await engine.pass_time(60)
    assert len(dialer.dials) == (1 if change == "late" else 0)
    record = await engine.the_round()
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
    auto: int, engine: Engine, dialer: ScriptedDialer
) -> None:
    """Reserved at 18:30:00; the hours end ten seconds later, while it waits behind other requests to the provider."""
    case = await one_party(engine.client)
    await engine.set_hours("10:30", "18:31")
    engine.clock.advance(timedelta(seconds=50))
    async with engine.waiting_for_its_turn(case, auto=auto, person="K-1-a") as task:
        engine.clock.advance(timedelta(seconds=10))
    (item,) = await task
    assert (item["errorCode"], item["message"]) == (1001, "不在可拨打时段内,须等待")
    assert item["startTime"] == "2026-03-06 10:30:00"
    assert dialer.dials == []
    record = await engine.the_round()
    opening = engine.clock.now() + timedelta(hours=15, minutes=59)
    assert (record["state"], record["reason"], record["due_at"]) == (
        "planned",
        "outside_window",
        None if auto else opening,
    )
    await engine.pass_time(timedelta(hours=15, minutes=58).total_seconds(), step=3600)
    assert dialer.dials == []
    await engine.pass_time(120, step=60)
    assert [dial.latest for dial in dialer.dials] == ([] if auto else [opening + timedelta(hours=8, minutes=1)])


async def test_the_hours_are_asked_after_the_locks(engine: Engine, dialer: ScriptedDialer, database: Database) -> None:
    case = await one_party(engine.client)
    await engine.set_hours("10:30", "18:31")
    async with database.transaction() as connection:
        await connection.execute("SELECT 1 FROM caller_line FOR UPDATE")
        task = asyncio.create_task(engine.call(case))
        await until_it_waits(task, connection)
        engine.clock.advance(timedelta(minutes=1))
    (item,) = await task
    assert (item["errorCode"], item["message"]) == (1001, "不在可拨打时段内,须等待")
    assert dialer.dials == []


async def test_repeated_requests_during_a_call_write_one_line_of_the_trail(engine: Engine, database: Database) -> None:
    case = await one_party(engine.client)
    await engine.call(case)
    for _ in range(5):
        assert (await engine.call(case))[0]["errorCode"] == 1001
    trail = await rows(database, "SELECT reason FROM audit_entry WHERE action = 'no_call'")
    assert trail == [{"reason": "active_call"}]


async def test_a_call_that_nobody_ever_looked_up_is_listed_as_unknown(engine: Engine, dialer: ScriptedDialer) -> None:
    async def die() -> None:
        raise asyncio.CancelledError

    dialer.before_place = die
    await engine.call(await one_party(engine.client))
    engine.clock.advance(engine.app.state.desk.gives_up_after)
    await engine.caller.watchdog()
    row = await engine.the_call()
    assert (row["placement"], row["status"]) == ("unknown", "Failed")
    assert (await engine.the_round())["reason"] == "call_unknown"


async def test_an_index_has_the_last_word(engine: Engine, database: Database) -> None:
    """A call to the number that nobody could see when the gate looked: 1001, not a failure."""
    case = await one_party(engine.client)
    async with database.transaction() as connection:
        await connection.execute(
            "INSERT INTO outbound_call (job_id, provider, instance_id, script_id, call_type, phone, is_automatic,"
            " created_at, gives_up_at) VALUES ('x', 'simulator', 'i', 's', 't', $1, true, now(), now())",
            E164,
        )
        task = asyncio.create_task(engine.call(case))
        await until_it_waits(task, connection)
    (item,) = await task
    assert (item["errorCode"], item["message"], item["jobId"]) == (1001, "该号码正在呼叫中,须等待", "")
    assert await engine.count() == 1
