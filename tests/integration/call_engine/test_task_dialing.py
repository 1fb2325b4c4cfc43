"""Whom tasks dial and in which order, over which lines, how many at a time."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from app.clock import ManualClock
from app.config import Settings
from app.gateways.dialer import NotPlaced, PlacementUnknown
from app.main import create_app
from app.repositories.database import Database
from app.services.calls.caller import Caller
from tests.agent import AGENT, add_group, add_line
from tests.calls import NO_ANSWER, REACHED, ScriptedDialer, call, pass_time
from tests.cases import make_case, party
from tests.integration.call_engine.helpers import LEASE, waiting_behind_requests
from tests.people import rows, value
from tests.tasks import add_numbers, add_task, add_world, numbers, phones, residue, start, stop, the_task

SECOND = timedelta(seconds=1)


async def test_a_number_is_dialled_with_its_script_and_words(
    client: httpx2.AsyncClient, dialer: ScriptedDialer, caller: Caller, clock: ManualClock, database: Database
) -> None:
    world = await add_world(client, call_number="0571-00001111")
    task = await add_task(database, world)
    (number,) = await add_numbers(database, task, phones(1))
    await database_words(database, number)
    await caller.drain()
    assert dialer.dials == [], "not before it is started"
    await start(database, task, clock.now())
    dialer.fates[phones(1)[0]] = REACHED
    await caller.drain()
    (dial,) = dialer.dials
    assert (dial.phone, dial.script_id, dial.calling_number) == (phones(1)[0], "follow_up", "0571-00001111")
    assert (dial.name, dial.honorific, dial.variables["amount"]) == ("林小满", "女士", "3742")
    (row,) = await rows(database, "SELECT * FROM outbound_call")
    assert (row["task_id"], row["number_id"], row["group_id"], row["line_id"]) == (
        task,
        number,
        world.group,
        world.line,
    )
    assert (row["call_type"], row["contact_id"], row["is_automatic"]) == ("task", None, True)
    assert (await numbers(database, task))[0]["state"] == "calling"
    await pass_time(caller, clock, 10)
    (row,) = await rows(database, "SELECT * FROM outbound_call")
    assert (row["number_status"], row["is_reached"]) == (1, True)
    (told,) = await numbers(database, task)
    assert (told["state"], told["number_status"], told["calls"], told["reason"]) == ("done", 1, 1, None)
    assert told["last_call_at"] == row["ended_at"]
    trail = await rows(database, "SELECT action, detail FROM audit_entry WHERE action = 'call'")
    assert [entry["detail"]["number_id"] for entry in trail] == [number]


async def database_words(database: Database, number: int) -> None:
    async with database.connection() as connection:
        words = {"amount": 3742, "honorific": "女士", "nothing": None}
        await connection.execute("UPDATE task_number SET words = $2 WHERE id = $1", number, words)


@pytest.mark.parametrize("pop_mode", [0, 1, 2])
async def test_the_order_of_numbers(
    pop_mode: int,
    client: httpx2.AsyncClient,
    dialer: ScriptedDialer,
    caller: Caller,
    clock: ManualClock,
    database: Database,
) -> None:
    world = await add_world(client)
    task = await add_task(database, world, pop_mode=pop_mode, maximumcall=1)
    given = phones(12)
    await add_numbers(database, task, given)
    for phone in given:
        dialer.fates[phone] = REACHED
    await start(database, task, clock.now())
    await pass_time(caller, clock, 80)
    dialled = [dial.phone for dial in dialer.dials]
    drawn = [row["phone"] for row in sorted(await numbers(database, task), key=lambda row: row["draw"])]
    assert dialled == {0: drawn, 1: given, 2: given[::-1]}[pop_mode]
    assert drawn != given


async def test_one_batch_keeps_the_order(
    client: httpx2.AsyncClient, dialer: ScriptedDialer, caller: Caller, clock: ManualClock, database: Database
) -> None:
    world = await add_world(client)
    task = await add_task(database, world, pop_mode=2)
    await add_numbers(database, task, phones(9))
    await start(database, task, clock.now())
    await caller.drain()
    assert [dial.phone for dial in dialer.dials] == phones(9)[::-1]


async def test_redials_that_are_due_go_before_numbers_that_were_never_dialled(
    client: httpx2.AsyncClient, dialer: ScriptedDialer, caller: Caller, clock: ManualClock, database: Database
) -> None:
    world = await add_world(client)
    fields: dict[str, Any] = {"maximumcall": 1, "redial_interval": 1, "redial_max_times": 1, "redial_statuses": [4]}
    task = await add_task(database, world, **fields)
    given = phones(20)
    await add_numbers(database, task, given)
    for phone in given:
        dialer.fates[phone] = NO_ANSWER
    await start(database, task, clock.now())
    await pass_time(caller, clock, 90)
    dialled = [dial.phone for dial in dialer.dials]
    again = dialled.index(given[0], 1)
    assert dialled[: again + 3] == [*given[:again], given[0], given[1], given[2]]


async def test_the_task_and_the_line_bound_the_calls_at_a_time(
    client: httpx2.AsyncClient, dialer: ScriptedDialer, caller: Caller, clock: ManualClock, database: Database
) -> None:
    world = await add_world(client, call_line=7)
    small = await add_task(database, world, maximumcall=2)
    await add_numbers(database, small, phones(50))
    await start(database, small, clock.now())
    await caller.drain()
    assert len(dialer.dials) == 2
    assert await residue(client, world) == 5
    big = await add_task(database, world)
    await add_numbers(database, big, phones(50, 100))
    await start(database, big, clock.now())
    await caller.drain()
    counts = await rows(database, "SELECT task_id, count(*) AS calls FROM outbound_call GROUP BY task_id ORDER BY 1")
    assert [tuple(row.values()) for row in counts] == [(small, 2), (big, 5)]
    assert await residue(client, world) == 0
    await pass_time(caller, clock, 30)
    assert len(dialer.dials) == 7, "a call that goes on keeps its slot"
    assert await value(database, "SELECT count(*) FROM task_number WHERE reason IS NOT NULL") == 0


async def test_a_small_task_is_not_starved_by_a_huge_one(
    client: httpx2.AsyncClient, dialer: ScriptedDialer, caller: Caller, clock: ManualClock, database: Database
) -> None:
    world = await add_world(client, call_line=4)
    huge, small = await add_task(database, world), await add_task(database, world)
    await add_numbers(database, huge, phones(300))
    for phone in phones(1000):
        dialer.fates[phone] = REACHED
    await start(database, huge, clock.now())
    await pass_time(caller, clock, 20)
    await add_numbers(database, small, phones(6, 500))
    await start(database, small, clock.now())
    await pass_time(caller, clock, 20)
    assert {row["state"] for row in await numbers(database, small)} == {"done"}
    assert len(dialer.dials) > 24, "the huge one had the other half"


async def test_tasks_with_one_slot_take_turns(
    client: httpx2.AsyncClient, dialer: ScriptedDialer, caller: Caller, clock: ManualClock, database: Database
) -> None:
    world = await add_world(client, call_line=1)
    tasks = [await add_task(database, world) for _ in range(3)]
    for place, task in enumerate(tasks):
        await add_numbers(database, task, phones(40, 100 * place))
        await start(database, task, clock.now())
    for phone in phones(300):
        dialer.fates[phone] = REACHED
    await pass_time(caller, clock, 200)
    dialled = [int(dial.phone[-4:]) // 100 for dial in dialer.dials]
    assert len(dialled) >= 30
    assert all(dialled.count(place) >= 8 for place in range(3)), dialled


async def test_two_processes_and_two_tasks_share_a_line(
    settings: Settings, clock: ManualClock, database: Database
) -> None:
    """Each number once; never more calls than the line has slots, nor than a task may have."""
    dialer = ScriptedDialer()
    apps = [create_app(settings, clock=clock, dialer=dialer) for _ in range(2)]
    async with apps[0].router.lifespan_context(apps[0]), apps[1].router.lifespan_context(apps[1]):
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=apps[0], client=("127.0.0.1", 50000)), base_url="http://localhost"
        ) as client:
            world = await add_world(client, call_line=7)
            other = await add_line(client, call_line=3)
        first = await add_task(database, world, maximumcall=4)
        second = await add_task(database, world, lines=[world.line, other])
        for place, task in enumerate((first, second)):
            await add_numbers(database, task, phones(60, 100 * place))
            await start(database, task, clock.now())
        for phone in phones(200):
            dialer.fates[phone] = REACHED
        callers = [Caller(app.state.desk) for app in apps]
        most = 0
        for _ in range(60):
            clock.advance(timedelta(seconds=3))
            await asyncio.gather(*(caller.drain() for caller in callers))
            active = await rows(
                database,
                "SELECT line_id, task_id, count(*) AS calls FROM outbound_call WHERE ended_at IS NULL"
                " GROUP BY GROUPING SETS ((line_id), (task_id))",
            )
            by_line = {row["line_id"]: row["calls"] for row in active if row["line_id"]}
            by_task = {row["task_id"]: row["calls"] for row in active if row["task_id"]}
            assert by_line.get(world.line, 0) <= 7
            assert by_line.get(other, 0) <= 3
            assert by_task.get(first, 0) <= 4
            most = max(most, sum(by_line.values()))
        assert most == 10
        assert sorted(dial.phone for dial in dialer.dials) == sorted([*phones(60), *phones(60, 100)])
        assert set(dialer.transcripts.values()) == {1}
        assert await value(database, "SELECT count(*) FROM task_number WHERE state = 'done'") == 120


async def test_maximumcall_holds_over_scripts_with_lines_of_their_own(
    settings: Settings, clock: ManualClock, database: Database
) -> None:
    """Two processes reserve at the same moment, each over another line of the task."""
    dialer = ScriptedDialer()
    apps = [create_app(settings, clock=clock, dialer=dialer) for _ in range(2)]
    async with apps[0].router.lifespan_context(apps[0]), apps[1].router.lifespan_context(apps[1]):
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=apps[0], client=("127.0.0.1", 50000)), base_url="http://localhost"
        ) as client:
            world = await add_world(client, call_line=50)
            other_line = await add_line(client, call_line=50)
            other = await add_group(client, caller_lines=[other_line], script_id="agreement")
        weights = {world.group: 1, other["id"]: 1}
        task = await add_task(database, world, lines=(), scripts=weights, maximumcall=5)
        await add_numbers(database, task, phones(60))
        await start(database, task, clock.now())
        callers = [Caller(app.state.desk) for app in apps]
        await asyncio.gather(*(caller.drain() for caller in callers))
        assert await value(database, "SELECT count(*) FROM outbound_call") == 5
        for phone in phones(60):
            dialer.fates[phone] = REACHED
        for _ in range(40):
            clock.advance(timedelta(seconds=3))
            await asyncio.gather(*(caller.drain() for caller in callers))
            assert await value(database, "SELECT count(*) FROM outbound_call WHERE ended_at IS NULL") <= 5
        used = await rows(database, "SELECT DISTINCT c.group_id, line_id, n.group_id AS kept FROM outbound_call c"
                          " JOIN task_number n ON n.id = c.number_id")  # fmt: skip
        assert {(row["group_id"], row["line_id"], row["kept"]) for row in used} == {
            (world.group, world.line, world.group),
            (other["id"], other_line, other["id"]),
        }


async def test_scripts_by_weight_stay_with_their_number(
    client: httpx2.AsyncClient, dialer: ScriptedDialer, caller: Caller, clock: ManualClock, database: Database
) -> None:
    world = await add_world(client, call_line=200)
    other = await add_group(client, caller_lines=[world.line], script_id="agreement")
    fields: dict[str, Any] = {"redial_interval": 1, "redial_max_times": 2, "redial_statuses": [4]}
    task = await add_task(database, world, scripts={world.group: 1, other["id"]: 3}, **fields)
    await add_numbers(database, task, phones(100))
    for phone in phones(100):
        dialer.fates[phone] = NO_ANSWER
    await start(database, task, clock.now())
    await pass_time(caller, clock, 300, step=15)
    assert len(dialer.dials) == 300
    scripts = {phone: {dial.script_id for dial in dialer.dials if dial.phone == phone} for phone in phones(100)}
    assert all(len(own) == 1 for own in scripts.values())
    assert 10 < sum(own == {"follow_up"} for own in scripts.values()) < 40
    kept = {row["phone"]: row["group_id"] for row in await numbers(database, task)}
    assert all((kept[phone] == world.group) == (own == {"follow_up"}) for phone, own in scripts.items())


async def test_redials_go_by_the_script_that_the_task_has_now(
    client: httpx2.AsyncClient, dialer: ScriptedDialer, caller: Caller, clock: ManualClock, database: Database
) -> None:
    """A group that no task names may be deleted; its lines go with it, and its numbers would never be dialled again."""
    world = await add_world(client)
    fields: dict[str, Any] = {"redial_interval": 1, "redial_max_times": 1, "redial_statuses": [4]}
    task = await add_task(database, world, lines=(), **fields)
    await add_numbers(database, task, phones(1))
    dialer.fates[phones(1)[0]] = NO_ANSWER
    await start(database, task, clock.now())
    await pass_time(caller, clock, 10)
    await stop(database, task)
    other = await add_group(client, caller_lines=[world.line], script_id="agreement")
    body = {"destination_extension": other["id"]}
    assert (await client.put(f"{AGENT}/u-1/task/{task}", json=body)).status_code == 200
    assert (await client.delete(f"{AGENT}/u-1/outbound-group/{world.group}")).status_code == 200
    await start(database, task, clock.now())
    await pass_time(caller, clock, 120)
    assert [dial.script_id for dial in dialer.dials] == ["follow_up", "agreement"]
    assert (await the_task(database, task))["ended_at"] is not None


@pytest.mark.parametrize(
    ("begin", "deadline", "dialled"), [("+1", None, 0), ("-1", "+2", 1), ("-2", "0", 0), (None, "+1", 1)]
)
async def test_lines_outside_their_time_are_not_used(
    begin: str | None,
    deadline: str | None,
    dialled: int,
    client: httpx2.AsyncClient,
    dialer: ScriptedDialer,
    caller: Caller,
    clock: ManualClock,
    database: Database,
) -> None:
    world = await add_world(client)
    task = await add_task(database, world)
    await add_numbers(database, task, phones(1))
    moments = [None if days is None else clock.now() + timedelta(days=int(days)) for days in (begin, deadline)]
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE caller_line SET begin_at = $2, deadline_at = $3 WHERE id = $1", world.line, *moments
        )
    await start(database, task, clock.now())
    await pass_time(caller, clock, 20)
    assert len(dialer.dials) == dialled
    assert (await the_task(database, task))["status"] == 2


async def test_tasks_never_use_the_lines_of_the_house_and_mediations_never_theirs(
    client: httpx2.AsyncClient, caller: Caller, clock: ManualClock, database: Database
) -> None:
    world = await add_world(client, call_line=3)
    task = await add_task(database, world)
    await add_numbers(database, task, phones(50))
    await start(database, task, clock.now())
    await caller.drain()
    items = await call(client, await make_case(client, parties=[party("a", phone="13812340001")]))
    assert [item["errorCode"] for item in items] == [0]
    await caller.drain()
    used = await rows(database, "SELECT line_id, task_id, count(*) AS calls FROM outbound_call GROUP BY 1, 2")
    assert sorted((row["line_id"], row["task_id"], row["calls"]) for row in used) == sorted(
        [(world.line, task, 3), ("default", None, 1)]
    )


async def test_held_slots_are_nobodys(
    client: httpx2.AsyncClient, dialer: ScriptedDialer, caller: Caller, clock: ManualClock, database: Database
) -> None:
    world = await add_world(client, call_line=5)
    holder, task = await add_task(database, world), await add_task(database, world)
    async with database.connection() as connection:
        await connection.execute("INSERT INTO line_hold VALUES ($1, $2, 3)", holder, world.line)
    await add_numbers(database, task, phones(50))
    await start(database, task, clock.now())
    await caller.drain()
    assert len(dialer.dials) == 2


async def test_a_stop_withdraws_what_has_not_left_and_lets_calls_go_on(
    app: FastAPI,
    client: httpx2.AsyncClient,
    dialer: ScriptedDialer,
    caller: Caller,
    clock: ManualClock,
    database: Database,
) -> None:
    world = await add_world(client, call_line=2)
    task = await add_task(database, world)
    await add_numbers(database, task, phones(4))
    await start(database, task, clock.now())
    await caller.drain()
    assert len(dialer.dials) == 2
    dialer.fates[phones(1)[0]] = REACHED
    clock.advance(timedelta(seconds=5))
    async with waiting_behind_requests(app, database, 1, caller):
        await stop(database, task)
    await caller.idle()
    assert len(dialer.dials) == 2, "the third was reserved and never left"
    third = (await numbers(database, task))[2]
    assert (third["state"], third["reason"]) == ("waiting", "task_paused")
    dialer.fates[phones(2)[1]] = REACHED
    await pass_time(caller, clock, 60)
    assert [row["state"] for row in await numbers(database, task)] == ["done", "done", "waiting", "waiting"]
    assert len(dialer.dials) == 2
    assert await value(database, "SELECT count(*) FROM outbound_call WHERE ended_at IS NULL") == 0
    await start(database, task, clock.now())
    await pass_time(caller, clock, 10)
    assert [dial.phone for dial in dialer.dials] == phones(4)


@pytest.mark.parametrize("change", ["listed", "erased", "deleted", "restarted", "late"])
async def test_what_changed_after_the_reservation_still_counts(
    change: str,
    app: FastAPI,
    client: httpx2.AsyncClient,
    dialer: ScriptedDialer,
    caller: Caller,
    clock: ManualClock,
    database: Database,
) -> None:
    phone = phones(1)[0]
    contact = (await client.post("/api/contacts", json={"name": "林小满", "phone": phone})).json()["id"]
    world = await add_world(client)
    task = await add_task(database, world)
    await add_numbers(database, task, [phone])
    await start(database, task, clock.now())
    async with waiting_behind_requests(app, database, 1, caller):
        match change:
            case "listed":
                body = {"identifiers": [{"kind": "phone", "value": phone}]}
                assert (await client.post("/api/do-not-contact", json=body)).status_code < 300
            case "erased":
                assert (await client.delete(f"/api/contacts/{contact}")).status_code < 300
            case "deleted":
                await stop(database, task)
                async with database.connection() as connection:
                    await connection.execute("UPDATE call_task SET deleted_at = now() WHERE id = $1", task)
            case "restarted":
                clock.advance(SECOND)
                await stop(database, task)
                other = await add_group(client, "u-1", script_id="another")
                async with database.connection() as connection:
                    statement = "UPDATE call_task SET destination_extension = $2 WHERE id = $1"
                    await connection.execute(statement, task, other["id"])
                await start(database, task, clock.now())
            case _:
                clock.advance(LEASE / 2)
    await caller.idle()
    assert dialer.dials == []
    expected = {
        "listed": ("refused", "do_not_contact"),
        "erased": ("refused", "erased"),
        "deleted": ("refused", "task_deleted"),
        "restarted": ("waiting", "task_paused"),
        "late": ("waiting", None),
    }
    (number,) = await numbers(database, task)
    assert (number["state"], number["reason"]) == expected[change]
    await pass_time(caller, clock, 60)
    scripts = {"late": ["follow_up"], "restarted": ["another"]}
    assert [dial.script_id for dial in dialer.dials] == scripts.get(change, [])


async def test_nobody_on_the_list_is_dialled_and_the_rest_is_not_held_up(
    client: httpx2.AsyncClient, dialer: ScriptedDialer, caller: Caller, clock: ManualClock, database: Database
) -> None:
    world = await add_world(client, call_line=2)
    contact = await client.post("/api/contacts", json={"name": "何雨晴", "phone": phones(1)[0]})
    await client.post(f"/api/contacts/{contact.json()['id']}/do-not-contact")
    listed = [{"kind": "phone", "value": phone} for phone in phones(40)[1:]]
    assert (await client.post("/api/do-not-contact", json={"identifiers": listed})).status_code < 300
    task = await add_task(database, world)
    await add_numbers(database, task, [*phones(40), "+86110", *phones(1, 77)])
    await start(database, task, clock.now())
    await caller.drain()
    assert [dial.phone for dial in dialer.dials] == phones(1, 77), "all in one pass"
    states = [(row["state"], row["reason"]) for row in await numbers(database, task)]
    assert states == [*[("refused", "do_not_contact")] * 40, ("refused", "undialable_number"), ("calling", None)]
    trail = await rows(database, "SELECT reason FROM audit_entry WHERE action = 'no_call'")
    assert len(trail) == 41


async def test_the_cap_of_a_number_is_shared_with_mediation_calls_and_only_delays(
    client: httpx2.AsyncClient, dialer: ScriptedDialer, caller: Caller, clock: ManualClock, database: Database
) -> None:
    world = await add_world(client)
    phone = "+8613812340001"
    dialer.fates[phone] = NO_ANSWER
    case = await make_case(client, parties=[party("a", phone=phone)])
    first = clock.now()
    await call(client, case, auto=1, person="a")
    await pass_time(caller, clock, 600, step=60)
    fields: dict[str, Any] = {"redial_interval": 10, "redial_max_times": 9, "redial_statuses": [4]}
    task = await add_task(database, world, **fields)
    await add_numbers(database, task, [phone])
    await start(database, task, clock.now())
    await pass_time(caller, clock, 3 * 3600, step=60)
    assert len(dialer.dials) == 5, "one for the mediation, four for the task"
    (number,) = await numbers(database, task)
    assert (number["state"], number["reason"]) == ("waiting", "daily_cap")
    assert number["due_at"] == number["reason_until"] == first + timedelta(hours=24)
    await pass_time(caller, clock, (first + timedelta(hours=24) - clock.now()).total_seconds() - 60, step=1800)
    assert len(dialer.dials) == 5
    await pass_time(caller, clock, 120, step=30)
    assert len(dialer.dials) == 6


async def test_a_number_that_is_called_elsewhere_waits(
    app: FastAPI,
    client: httpx2.AsyncClient,
    dialer: ScriptedDialer,
    caller: Caller,
    clock: ManualClock,
    database: Database,
) -> None:
    world = await add_world(client)
    phone = "+8613812340001"
    await call(client, await make_case(client, parties=[party("a", phone=phone)]), auto=1, person="a")
    task = await add_task(database, world)
    await add_numbers(database, task, [phone])
    await add_numbers(database, task, [phone], is_repeat=True)
    await start(database, task, clock.now())
    await caller.drain()
    assert [(row["state"], row["reason"]) for row in await numbers(database, task)] == [
        ("waiting", "active_number")
    ] * 2
    assert len(dialer.dials) == 1
    dialer.fates[phone] = REACHED
    for _ in range(15):
        await pass_time(caller, clock, 10, step=10)
        await app.state.reader.read_new()
    assert [row["state"] for row in await numbers(database, task)] == ["done", "done"]
    assert len(dialer.dials) == 3


async def test_a_provider_that_is_away_is_tried_again_without_counting(
    client: httpx2.AsyncClient, dialer: ScriptedDialer, caller: Caller, clock: ManualClock, database: Database
) -> None:
    world = await add_world(client)
    task = await add_task(database, world)
    await add_numbers(database, task, phones(6))
    dialer.placements.extend([NotPlaced("connection refused")] * 8)
    for phone in phones(6):
        dialer.fates[phone] = REACHED
    await start(database, task, clock.now())
    await pass_time(caller, clock, 5)
    told = await numbers(database, task)
    assert {(row["state"], row["reason"]) for row in told} <= {("waiting", "provider_away"), ("calling", None)}
    await pass_time(caller, clock, 600, step=5)
    told = await numbers(database, task)
    assert {(row["state"], row["calls"], row["failures"], row["number_status"]) for row in told} == {("done", 1, 0, 1)}
    assert await value(database, "SELECT count(*) FROM outbound_call WHERE placement = 'placed'") == 6
    assert await value(database, "SELECT count(*) FROM outbound_call WHERE placement <> 'placed' AND is_counted") == 0


async def test_what_the_provider_refuses_for_good_is_refused(
    client: httpx2.AsyncClient, dialer: ScriptedDialer, caller: Caller, clock: ManualClock, database: Database
) -> None:
    world = await add_world(client)
    task = await add_task(database, world)
    await add_numbers(database, task, phones(1))
    dialer.placements.append(NotPlaced("no such script", is_final=True))
    await start(database, task, clock.now())
    await pass_time(caller, clock, 60)
    (number,) = await numbers(database, task)
    assert (number["state"], number["reason"], len(dialer.dials)) == ("refused", "provider_refused", 1)


async def test_a_call_of_which_nobody_knows_is_never_dialled_again_by_itself(
    client: httpx2.AsyncClient, dialer: ScriptedDialer, caller: Caller, clock: ManualClock, database: Database
) -> None:
    world = await add_world(client)
    task = await add_task(database, world, redial_max_times=9, redial_statuses=[0, 4], redial_interval=1)
    await add_numbers(database, task, phones(2))
    dialer.placements.extend([PlacementUnknown("cut"), PlacementUnknown("cut")])
    dialer.on_place = lambda dial: (
        dialer.known.__setitem__(dial.job_id, dial) if dial.phone == phones(1)[0] and not dialer.known else None
    )
    dialer.fates[phones(1)[0]] = REACHED
    await start(database, task, clock.now())
    await pass_time(caller, clock, 3600, step=20)
    assert len(dialer.dials) == 2
    found, lost = await numbers(database, task)
    assert (found["state"], found["number_status"], found["reason"]) == ("done", 1, None)
    assert (lost["state"], lost["number_status"], lost["reason"], lost["calls"]) == ("done", 0, "call_unknown", 1)


async def test_a_claim_of_a_process_that_died_comes_back(
    app: FastAPI,
    client: httpx2.AsyncClient,
    dialer: ScriptedDialer,
    caller: Caller,
    clock: ManualClock,
    database: Database,
) -> None:
    world = await add_world(client)
    task = await add_task(database, world)
    await add_numbers(database, task, phones(3))
    await start(database, task, clock.now())
    source = app.state.desk.sources[1]
    async with database.connection() as connection:
        claimed = await source.claim(connection, app.state.desk, clock.now(), 9, clock.now() + LEASE)
        assert len(claimed) == 3
        assert await source.claim(connection, app.state.desk, clock.now(), 9, clock.now() + LEASE) == []
    await pass_time(caller, clock, LEASE.total_seconds() - 10)
    assert dialer.dials == []
    await pass_time(caller, clock, 20)
    assert len(dialer.dials) == 3
