"""Whom tasks dial and in which order, over which lines, how many at a time."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from app.clock import ManualClock
from app.config import Settings
from app.main import create_app
from app.repositories.database import Database
from app.services.calls.caller import Caller
from tests.agent import add_group, add_line
from tests.calls import NO_ANSWER, REACHED, ScriptedDialer, call, pass_time
from tests.cases import make_case, party
from tests.integration.call_engine.helpers import LEASE
from tests.people import rows, value
from tests.tasks import add_numbers, add_task, add_world, numbers, phones, residue, start, the_task


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


async def test_who_reserves_for_a_task_holds_all_its_lines(
    app: FastAPI, client: httpx2.AsyncClient, clock: ManualClock, database: Database
) -> None:
    """Two reservations at the same moment, each for numbers that go over another line."""
    world = await add_world(client)
    other_line = await add_line(client)
    other = await add_group(client, caller_lines=[other_line])
    task = await add_task(database, world, lines=(), scripts={world.group: 1, other["id"]: 1}, maximumcall=3)
    await add_numbers(database, task, phones(6))
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE task_number SET group_id = CASE WHEN id % 2 = 0 THEN $1::bigint ELSE $2::bigint END",
            world.group,
            other["id"],
        )
    await start(database, task, clock.now())
    lease_end = clock.now() + LEASE
    async with database.connection() as connection:
        await connection.execute("UPDATE task_number SET due_at = $1", lease_end)
    own = [[row["id"] for row in await numbers(database, task) if row["id"] % 2 == rest] for rest in range(2)]
    desk = app.state.desk
    source = desk.sources[1]
    async with database.transaction() as second:
        async with database.transaction() as first:
            assert len(await source.reserve(first, desk, own[0], lease_end, clock.now())) == 3
            reserving = asyncio.create_task(source.reserve(second, desk, own[1], lease_end, clock.now()))
            async with asyncio.timeout(60):
                while not await first.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        assert await reserving == []
    assert {row["reason"] for row in await numbers(database, task)} == {None, "no_line"}


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
