"""Whom tasks dial and in which order, over which lines, how many at a time."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from app.clock import ManualClock
from app.repositories.database import Database
from tests.agent import AGENT, add_group, add_line
from tests.calls import NO_ANSWER, REACHED, ScriptedDialer
from tests.cases import make_case, party
from tests.integration.call_engine.helpers import LEASE, Engine
from tests.locks import until_it_waits
from tests.people import rows, value
from tests.tasks import add_numbers, add_task, add_world, numbers, phones, residue, stop, the_task


async def test_a_number_is_dialled_with_its_script_and_words(
    engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    world = await add_world(engine.client, call_number="0571-00001111")
    task = await add_task(database, world)
    (number,) = await add_numbers(database, task, phones(1))
    await database_words(database, number)
    await engine.caller.drain()
    assert dialer.dials == [], "not before it is started"
    await engine.start(task)
    dialer.fates[phones(1)[0]] = REACHED
    await engine.caller.drain()
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
    await engine.pass_time(10)
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
async def test_the_order_of_numbers(pop_mode: int, engine: Engine, dialer: ScriptedDialer, database: Database) -> None:
    world = await add_world(engine.client)
    given = phones(12)
    for phone in given:
        dialer.fates[phone] = REACHED
    task = await engine.start_task(world, given, pop_mode=pop_mode, maximumcall=1)
    await engine.pass_time(80)
    dialled = [dial.phone for dial in dialer.dials]
    drawn = [row["phone"] for row in sorted(await numbers(database, task), key=lambda row: row["draw"])]
    assert dialled == {0: drawn, 1: given, 2: given[::-1]}[pop_mode]
    assert drawn != given


async def test_one_batch_keeps_the_order(engine: Engine, dialer: ScriptedDialer) -> None:
    world = await add_world(engine.client)
    await engine.start_task(world, phones(9), pop_mode=2)
    await engine.caller.drain()
    assert [dial.phone for dial in dialer.dials] == phones(9)[::-1]


async def test_redials_that_are_due_go_before_numbers_that_were_never_dialled(
    engine: Engine, dialer: ScriptedDialer
) -> None:
    world = await add_world(engine.client)
    fields: dict[str, Any] = {"maximumcall": 1, "redial_interval": 1, "redial_max_times": 1, "redial_statuses": [4]}
    given = phones(20)
    for phone in given:
        dialer.fates[phone] = NO_ANSWER
    await engine.start_task(world, given, **fields)
    await engine.pass_time(90)
    dialled = [dial.phone for dial in dialer.dials]
    again = dialled.index(given[0], 1)
    assert dialled[: again + 3] == [*given[:again], given[0], given[1], given[2]]


async def test_the_task_and_the_line_bound_the_calls_at_a_time(
    engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    world = await add_world(engine.client, call_line=7)
    small = await engine.start_task(world, phones(50), maximumcall=2)
    await engine.caller.drain()
    assert len(dialer.dials) == 2
    assert await residue(engine.client, world) == 5
    big = await engine.start_task(world, phones(50, 100))
    await engine.caller.drain()
    counts = await rows(database, "SELECT task_id, count(*) AS calls FROM outbound_call GROUP BY task_id ORDER BY 1")
    assert [tuple(row.values()) for row in counts] == [(small, 2), (big, 5)]
    assert await residue(engine.client, world) == 0
    await engine.pass_time(30)
    assert len(dialer.dials) == 7, "a call that goes on keeps its slot"
    assert await value(database, "SELECT count(*) FROM task_number WHERE reason IS NOT NULL") == 0


async def test_a_small_task_is_not_starved_by_a_huge_one(
    engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    world = await add_world(engine.client, call_line=4)
    huge, small = await add_task(database, world), await add_task(database, world)
    await add_numbers(database, huge, phones(300))
    for phone in phones(1000):
        dialer.fates[phone] = REACHED
    await engine.start(huge)
    await engine.pass_time(20)
    await add_numbers(database, small, phones(6, 500))
    await engine.start(small)
    await engine.pass_time(20)
    assert {row["state"] for row in await numbers(database, small)} == {"done"}
    assert len(dialer.dials) > 24, "the huge one had the other half"


async def test_tasks_with_one_slot_take_turns(engine: Engine, dialer: ScriptedDialer, database: Database) -> None:
    world = await add_world(engine.client, call_line=1)
    tasks = [await add_task(database, world) for _ in range(3)]
    for place, task in enumerate(tasks):
        await add_numbers(database, task, phones(40, 100 * place))
        await engine.start(task)
    for phone in phones(300):
        dialer.fates[phone] = REACHED
    await engine.pass_time(200)
    dialled = [int(dial.phone[-4:]) // 100 for dial in dialer.dials]
    assert len(dialled) >= 30
    assert all(dialled.count(place) >= 8 for place in range(3)), dialled


async def test_two_processes_and_two_tasks_share_a_line(
    processes: list[Engine], dialer: ScriptedDialer, clock: ManualClock, database: Database
) -> None:
    """Each number once; never more calls than the line has slots, nor than a task may have."""
    process = processes[0]
    world = await add_world(process.client, call_line=7)
    other = await add_line(process.client, call_line=3)
    first = await process.start_task(world, phones(60), maximumcall=4)
    await process.start_task(world, phones(60, 100), lines=[world.line, other])
    for phone in phones(200):
        dialer.fates[phone] = REACHED
    most = 0
    for _ in range(60):
        clock.advance(timedelta(seconds=3))
        await asyncio.gather(*(process.caller.drain() for process in processes))
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
    processes: list[Engine], dialer: ScriptedDialer, clock: ManualClock, database: Database
) -> None:
    """Two processes reserve at the same moment, each over another line of the task."""
    client = processes[0].client
    world = await add_world(client, call_line=50)
    other_line = await add_line(client, call_line=50)
    other = await add_group(client, caller_lines=[other_line], script_id="agreement")
    weights = {world.group: 1, other["id"]: 1}
    await processes[0].start_task(world, phones(60), lines=(), scripts=weights, maximumcall=5)
    await asyncio.gather(*(process.caller.drain() for process in processes))
    assert await value(database, "SELECT count(*) FROM outbound_call") == 5
    for phone in phones(60):
        dialer.fates[phone] = REACHED
    for _ in range(40):
        clock.advance(timedelta(seconds=3))
        await asyncio.gather(*(process.caller.drain() for process in processes))
        assert await value(database, "SELECT count(*) FROM outbound_call WHERE ended_at IS NULL") <= 5
    used = await rows(database, "SELECT DISTINCT c.group_id, line_id, n.group_id AS kept FROM outbound_call c"
                      " JOIN task_number n ON n.id = c.number_id")  # fmt: skip
    assert {(row["group_id"], row["line_id"], row["kept"]) for row in used} == {
        (world.group, world.line, world.group),
        (other["id"], other_line, other["id"]),
    }


async def test_who_reserves_for_a_task_holds_all_its_lines(engine: Engine, database: Database) -> None:
    """Two reservations at the same moment, each for numbers that go over another line."""
    world = await add_world(engine.client)
    other_line = await add_line(engine.client)
    other = await add_group(engine.client, caller_lines=[other_line])
    task = await add_task(database, world, lines=(), scripts={world.group: 1, other["id"]: 1}, maximumcall=3)
    await add_numbers(database, task, phones(6))
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE task_number SET group_id = CASE WHEN id % 2 = 0 THEN $1::bigint ELSE $2::bigint END",
            world.group,
            other["id"],
        )
    await engine.start(task)
    lease_end = engine.clock.now() + LEASE
    async with database.connection() as connection:
        await connection.execute("UPDATE task_number SET due_at = $1", lease_end)
    own = [[row["id"] for row in await numbers(database, task) if row["id"] % 2 == rest] for rest in range(2)]
    desk = engine.app.state.desk
    source = desk.sources[1]
    async with database.transaction() as second:
        async with database.transaction() as first:
            assert len(await source.reserve(first, desk, own[0], lease_end, engine.clock.now())) == 3
            reserving = asyncio.create_task(source.reserve(second, desk, own[1], lease_end, engine.clock.now()))
            await until_it_waits(reserving, first)
        assert await reserving == []
    assert {row["reason"] for row in await numbers(database, task)} == {None, "no_line"}


async def test_scripts_by_weight_stay_with_their_number(
    engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    world = await add_world(engine.client, call_line=200)
    other = await add_group(engine.client, caller_lines=[world.line], script_id="agreement")
    fields: dict[str, Any] = {"redial_interval": 1, "redial_max_times": 2, "redial_statuses": [4]}
    for phone in phones(100):
        dialer.fates[phone] = NO_ANSWER
    task = await engine.start_task(world, phones(100), scripts={world.group: 1, other["id"]: 3}, **fields)
    await engine.pass_time(300, step=15)
    assert len(dialer.dials) == 300
    scripts = {phone: {dial.script_id for dial in dialer.dials if dial.phone == phone} for phone in phones(100)}
    assert all(len(own) == 1 for own in scripts.values())
    assert 10 < sum(own == {"follow_up"} for own in scripts.values()) < 40
    kept = {row["phone"]: row["group_id"] for row in await numbers(database, task)}
    assert all((kept[phone] == world.group) == (own == {"follow_up"}) for phone, own in scripts.items())


async def test_redials_go_by_the_script_that_the_task_has_now(
    engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    """A group that no task names may be deleted; its lines go with it, and its numbers would never be dialled again."""
    world = await add_world(engine.client)
    fields: dict[str, Any] = {"redial_interval": 1, "redial_max_times": 1, "redial_statuses": [4]}
    dialer.fates[phones(1)[0]] = NO_ANSWER
    task = await engine.start_task(world, phones(1), lines=(), **fields)
    await engine.pass_time(10)
    await stop(database, task)
    other = await add_group(engine.client, caller_lines=[world.line], script_id="agreement")
    body = {"destination_extension": other["id"]}
    assert (await engine.client.put(f"{AGENT}/u-1/task/{task}", json=body)).status_code == 200
    assert (await engine.client.delete(f"{AGENT}/u-1/outbound-group/{world.group}")).status_code == 200
    await engine.start(task)
    await engine.pass_time(120)
    assert [dial.script_id for dial in dialer.dials] == ["follow_up", "agreement"]
    assert (await the_task(database, task))["ended_at"] is not None


@pytest.mark.parametrize(
    ("begin", "deadline", "dialled"), [("+1", None, 0), ("-1", "+2", 1), ("-2", "0", 0), (None, "+1", 1)]
)
async def test_lines_outside_their_time_are_not_used(
    begin: str | None, deadline: str | None, dialled: int, engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    world = await add_world(engine.client)
    task = await add_task(database, world)
    await add_numbers(database, task, phones(1))
    moments = [None if days is None else engine.clock.now() + timedelta(days=int(days)) for days in (begin, deadline)]
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE caller_line SET begin_at = $2, deadline_at = $3 WHERE id = $1", world.line, *moments
        )
    await engine.start(task)
    await engine.pass_time(20)
    assert len(dialer.dials) == dialled
    assert (await the_task(database, task))["status"] == 2


async def test_tasks_never_use_the_lines_of_the_house_and_mediations_never_theirs(
    engine: Engine, database: Database
) -> None:
    world = await add_world(engine.client, call_line=3)
    task = await engine.start_task(world, phones(50))
    await engine.caller.drain()
    items = await engine.call(await make_case(engine.client, parties=[party("a", phone="13812340001")]))
    assert [item["errorCode"] for item in items] == [0]
    await engine.caller.drain()
    used = await rows(database, "SELECT line_id, task_id, count(*) AS calls FROM outbound_call GROUP BY 1, 2")
    assert sorted((row["line_id"], row["task_id"], row["calls"]) for row in used) == sorted(
        [(world.line, task, 3), ("default", None, 1)]
    )


async def test_held_slots_are_nobodys(engine: Engine, dialer: ScriptedDialer, database: Database) -> None:
    world = await add_world(engine.client, call_line=5)
    holder, task = await add_task(database, world), await add_task(database, world)
    async with database.connection() as connection:
        await connection.execute("INSERT INTO line_hold VALUES ($1, $2, 3)", holder, world.line)
    await add_numbers(database, task, phones(50))
    await engine.start(task)
    await engine.caller.drain()
    assert len(dialer.dials) == 2
