"""When started tasks run, rest, stop and end; what is left of a task when a person is erased."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from app.clock import ManualClock
from app.config import Settings
from app.repositories import task_states
from app.repositories.database import Database
from app.services.tasks.ends import end_those_that_are_over
from tests.agent import add_group, add_line
from tests.calls import NO_ANSWER, REACHED, ScriptedDialer
from tests.integration.call_engine.helpers import Engine, running_process
from tests.people import everything, rows, value
from tests.tasks import (
    World,
    add_hours,
    add_numbers,
    add_task,
    add_world,
    every_day,
    numbers,
    phones,
    stop,
    the_task,
)

HOUR = timedelta(hours=1)
NINE = datetime(2026, 3, 6, 1, 0, tzinfo=UTC)
"""The next morning in Shanghai; tests begin at 18:30."""


async def task_with(engine: Engine, world: World, count: int = 3, **fields: Any) -> int:
    """Start a task whose people all answer."""
    for phone in phones(count):
        engine.dialer.fates.setdefault(phone, REACHED)
    return await engine.start_task(world, phones(count), **fields)


async def state(database: Database, task: int) -> tuple[int, datetime | None, str | None]:
    row = await the_task(database, task)
    return row["status"], row["due_at"], row["stopped_by"]


async def until(engine: Engine, moment: datetime, step: float = 600) -> None:
    await engine.pass_time((moment - engine.clock.now()).total_seconds(), step)


@pytest.mark.parametrize("kind", ["own", "default", "service"])
async def test_a_task_waits_for_its_hours(
    kind: str, engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    world = await add_world(engine.client)
    fields: dict[str, Any] = {}
    if kind == "service":
        dialer.reaches_people = True
        engine.clock.advance(3 * HOUR)
    else:
        hours = await add_hours(engine.client, world, ("9:00", "12:00"), is_default=kind == "default")
        if kind == "own":
            await add_hours(engine.client, world, ("0:00", "24:00"), is_default=True)
            fields["dial_time_id"] = hours
    task = await task_with(engine, world, **fields)
    await engine.caller.drain()
    assert await state(database, task) == (3, NINE, None)
    await until(engine, NINE - timedelta(minutes=1))
    assert dialer.dials == []
    assert {row["due_at"].year for row in await numbers(database, task)} == {1970}, "nobody was even looked at"
    await engine.pass_time(60, step=20)
    assert (await state(database, task))[0] == 2
    assert len(dialer.dials) == 3


async def test_a_task_that_is_not_done_rests_at_the_end_of_its_hours(
    engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    world = await add_world(engine.client)
    hours = await add_hours(engine.client, world, ("9:00", "18:31"))
    task = await task_with(engine, world, 40, maximumcall=1, dial_time_id=hours)
    await engine.pass_time(120)
    dialled = len(dialer.dials)
    assert 5 < dialled < 14
    assert await state(database, task) == (3, NINE, None)
    await until(engine, NINE - timedelta(minutes=5))
    assert len(dialer.dials) == dialled
    await engine.pass_time(600)
    assert len(dialer.dials) == 40
    assert [dial.phone for dial in dialer.dials] == phones(40)


async def test_hours_that_are_changed_hold_at_once_for_who_runs_and_soon_for_who_waits(
    engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    world = await add_world(engine.client)
    hours = await add_hours(engine.client, world, ("9:00", "12:00"))
    task = await task_with(engine, world, 40, maximumcall=1, dial_time_id=hours)
    await engine.caller.drain()
    assert (await state(database, task))[0] == 3
    path = f"/agent-api/user/u-1/dial-time-group/{hours}"
    assert (await engine.client.put(path, json={"content": every_day(("9:00", "19:00"))})).status_code == 200
    await engine.pass_time(70, step=10)
    assert (await state(database, task))[0] == 2
    dialled = len(dialer.dials)
    assert dialled > 0
    assert (await engine.client.put(path, json={"content": every_day(("9:00", "12:00"))})).status_code == 200
    await stop(database, task)
    async with database.connection() as connection:
        await connection.execute("UPDATE call_task SET maximumcall = 9")
    await engine.start(task)
    await engine.caller.drain()
    assert {row["reason"] for row in await numbers(database, task)} == {None}, "nobody was even looked at"
    await engine.pass_time(70, step=10)
    assert len(dialer.dials) == dialled
    assert await state(database, task) == (3, NINE, None)


async def test_hours_that_are_gone_mean_no_call(engine: Engine, dialer: ScriptedDialer, database: Database) -> None:
    world = await add_world(engine.client)
    task = await task_with(engine, world, dial_time_id=4711)
    broken = await task_with(engine, world, holidays=["soon"])
    hours = await add_hours(engine.client, world, ("0:00", "24:00"))
    empty = await task_with(engine, world, dial_time_id=hours)
    async with database.connection() as connection:
        await connection.execute("UPDATE dial_time_group SET content = '[]' WHERE id = $1", hours)
    begin = engine.clock.now()
    await engine.pass_time(3600, step=60)
    assert dialer.dials == []
    for each in (task, broken, empty):
        status, due_at, _ = await state(database, each)
        assert status == 3
        assert due_at is not None
        assert begin < due_at <= begin + 25 * HOUR


async def test_start_and_stop_times(engine: Engine, dialer: ScriptedDialer, database: Database) -> None:
    world = await add_world(engine.client)
    begin, end = engine.clock.now() + HOUR, engine.clock.now() + HOUR + timedelta(seconds=50)
    task = await task_with(engine, world, 40, maximumcall=1, start_time=begin, stop_time=end, end_action=2)
    await engine.caller.drain()
    assert await state(database, task) == (3, begin, None)
    await until(engine, begin - timedelta(seconds=10), step=30)
    assert dialer.dials == []
    await engine.pass_time(20)
    assert len(dialer.dials) > 0
    assert {dial.latest for dial in dialer.dials} == {end}
    await engine.pass_time(120)
    assert len(dialer.dials) < 14
    assert await state(database, task) == (1, None, "stop_time")
    row = await the_task(database, task)
    assert row["ended_at"] is None
    assert await value(database, "SELECT count(*) FROM line_hold") == 0
    assert await rows(database, "SELECT actor, reason FROM audit_entry WHERE action = 'task_end'") == [
        {"actor": "scheduler", "reason": "stop_time"}
    ]


async def test_a_task_whose_time_is_over_before_it_opens_again_stops(
    engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    world = await add_world(engine.client)
    hours = await add_hours(engine.client, world, ("9:00", "12:00"))
    end = engine.clock.now() + 2 * HOUR
    task = await task_with(engine, world, dial_time_id=hours, stop_time=end)
    await engine.caller.drain()
    assert await state(database, task) == (3, end, None)
    await engine.pass_time(7300, step=100)
    assert await state(database, task) == (1, None, "stop_time")
    assert dialer.dials == []


@pytest.mark.parametrize(("skips", "own", "opens"), [(False, [], 1), (True, [], 8), (True, ["2026-10-08"], 9)])
async def test_holidays(
    skips: bool, own: list[str], opens: int, settings: Settings, database: Database, dialer: ScriptedDialer
) -> None:
    """From the evening of 30 September on; the first days of October are statutory holidays."""
    clock = ManualClock(datetime(2026, 9, 30, 14, 0, tzinfo=UTC))
    async with running_process(settings, clock, dialer, database) as engine:
        world = await add_world(engine.client)
        hours = await add_hours(engine.client, world, ("9:00", "18:00"), skip_holiday=skips)
        task = await task_with(engine, world, dial_time_id=hours, holidays=own)
        await engine.caller.drain()
        opening = datetime(2026, 10, opens, 1, 0, tzinfo=UTC)
        assert await state(database, task) == (3, opening, None)
        await until(engine, opening - timedelta(minutes=1), step=6 * 3600)
        assert dialer.dials == []
        await engine.pass_time(120, step=30)
        assert len(dialer.dials) == 3
        assert date(2026, 10, opens) == clock.now().astimezone(UTC).date()


@pytest.mark.parametrize("action", [0, 1, 2])
async def test_the_end_of_a_task(action: int, engine: Engine, dialer: ScriptedDialer, database: Database) -> None:
    world = await add_world(engine.client, call_line=13)
    dialer.fates[phones(2)[1]] = NO_ANSWER
    fields: dict[str, Any] = {"redial_interval": 5, "redial_max_times": 1, "redial_statuses": [4]}
    task = await task_with(engine, world, end_action=action, maximumcall=9, **fields)
    await engine.pass_time(240, step=10)
    assert (await the_task(database, task))["ended_at"] is None, "one is to be dialled again"
    await engine.pass_time(240, step=10)
    row = await the_task(database, task)
    assert row["ended_at"] is not None
    if action == 0:
        assert (row["status"], row["stopped_by"]) == (2, None)
    else:
        assert (row["status"], row["due_at"], row["stopped_by"]) == (1, None, "end_action")
    held = await rows(database, "SELECT line_id, slots FROM line_hold")
    assert held == ([{"line_id": world.line, "slots": 9}] if action == 2 else [])
    await add_numbers(database, task, phones(1, 50))
    dialer.fates[phones(1, 50)[0]] = REACHED
    await engine.pass_time(60, step=10)
    assert len(dialer.dials) == (5 if action == 0 else 4)
    if action == 0:
        assert (await the_task(database, task))["ended_at"] > row["ended_at"], "over once more"
    else:
        await engine.start(task)
        assert await value(database, "SELECT count(*) FROM line_hold") == 0
        await engine.pass_time(60, step=10)
        assert len(dialer.dials) == 5
    assert await value(database, "SELECT count(*) FROM audit_entry WHERE reason = 'end_action'") == 2


async def test_a_task_without_numbers_does_not_end(engine: Engine, database: Database) -> None:
    task = await task_with(engine, await add_world(engine.client), 0, end_action=1)
    await engine.pass_time(60, step=10)
    assert await state(database, task) == (2, (await the_task(database, task))["started_at"], None)


async def test_what_is_held_is_what_nobody_holds_of_the_lines_in_their_order(
    engine: Engine, database: Database
) -> None:
    world = await add_world(engine.client, call_line=5)
    second, third = await add_line(engine.client, call_line=4), await add_line(engine.client, call_line=9)
    holder = await add_task(database, world)
    async with database.connection() as connection:
        await connection.execute("INSERT INTO line_hold VALUES ($1, $2, 3)", holder, world.line)
    group = await add_group(engine.client, caller_lines=[second])
    own = await task_with(engine, world, lines=[second, world.line, third], end_action=2, maximumcall=7)
    await engine.pass_time(60, step=10)
    held = await rows(database, "SELECT line_id, slots FROM line_hold WHERE task_id = $1", own)
    assert {row["line_id"]: row["slots"] for row in held} == {second: 4, world.line: 2, third: 1}
    await engine.start(own)
    await stop(database, own)
    await engine.app.state.reader.read_new()
    by_script = await task_with(engine, World("u-1", world.line, group["id"]), lines=(), end_action=2)
    await engine.pass_time(60, step=10)
    held = await rows(database, "SELECT line_id, slots FROM line_hold WHERE task_id = $1", by_script)
    assert [(row["line_id"], row["slots"]) for row in held] == [(second, 4)]


async def test_a_task_that_somebody_keeps_ends_at_the_next_look(engine: Engine, database: Database) -> None:
    """Numbers that are just being added count, although nobody sees them yet."""
    task = await task_with(engine, await add_world(engine.client), end_action=1)
    await engine.caller.drain()
    async with database.connection() as connection:
        await connection.execute("UPDATE task_number SET state = 'done', due_at = NULL")
        await connection.execute("UPDATE outbound_call SET ended_at = created_at, placement = 'placed'")
    async with database.transaction() as connection:
        await connection.execute("SELECT FROM call_task WHERE id = $1 FOR SHARE", task)
        await connection.execute("INSERT INTO task_number (task_id, phone) VALUES ($1, '+8613900000099')", task)
        await end_those_that_are_over(engine.app.state.desk)
    assert (await state(database, task))[0] == 2
    await end_those_that_are_over(engine.app.state.desk)
    assert (await state(database, task))[0] == 2
    async with database.transaction() as connection:
        assert await task_states.lock_over(connection, task) is None, "seen once more behind the lock"


@pytest.mark.parametrize("end_action", [0, 1, 2])
async def test_a_task_does_not_end_while_it_calls_somebody(
    end_action: int, engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    """An erasure takes the number at once, but the provider may take its time to end the call."""
    world = await add_world(engine.client)
    phone = phones(1)[0]
    contact = await engine.client.post("/api/contacts", json={"name": "林小满", "phone": phone})
    task = await engine.start_task(world, [phone], end_action=end_action)
    await engine.pass_time(10)
    assert (await engine.client.delete(f"/api/contacts/{contact.json()['id']}")).status_code < 300
    assert [row["state"] for row in await numbers(database, task)] == ["refused"]
    await engine.pass_time(60)
    assert await value(database, "SELECT count(*) FROM outbound_call WHERE ended_at IS NULL") == 1
    assert ((await the_task(database, task))["ended_at"], (await state(database, task))[0]) == (None, 2)
    assert await value(database, "SELECT count(*) FROM line_hold") == 0
    dialer.fates[await value(database, "SELECT phone FROM outbound_call")] = REACHED
    await engine.pass_time(60)
    assert await value(database, "SELECT count(*) FROM outbound_call WHERE ended_at IS NULL") == 0
    assert (await the_task(database, task))["ended_at"] is not None
    assert (await state(database, task))[0] == (1 if end_action else 2)
    assert await value(database, "SELECT count(*) FROM line_hold") == (1 if end_action == 2 else 0)


async def test_an_erased_person_is_in_no_task_any_more(
    engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    world = await add_world(engine.client, call_line=1)
    phone, secret = phones(1)[0], "陶然亭"
    contact = await engine.client.post("/api/contacts", json={"name": secret, "phone": phone})
    dialer.fates[phone] = REACHED
    done = await add_task(database, world)
    await add_numbers(database, done, [phone], name=secret)
    await engine.start(done)
    await engine.pass_time(10)
    waiting = await add_task(database, world)
    await add_numbers(database, waiting, [*phones(1, 7), phone], name=secret)
    async with database.connection() as connection:
        await connection.execute("""UPDATE task_number SET words = '{"address": "城南旧巷"}' WHERE phone = $1""", phone)
        await connection.execute("UPDATE task_number SET name = NULL WHERE phone <> $1", phone)
        await connection.execute(
            "INSERT INTO call_intention (call_id, config_id, state, due_at, level, evidence)"
            """ SELECT id, 1, 'done', now(), 1, '["城南旧巷"]' FROM outbound_call"""
            " ON CONFLICT (call_id) DO UPDATE SET evidence = excluded.evidence"
        )
    await engine.start(waiting)
    assert (await engine.client.delete(f"/api/contacts/{contact.json()['id']}")).status_code < 300
    text = await everything(database)
    for trace in (phone, phone[3:], secret, "城南旧巷"):
        assert trace not in text
    for task in (done, waiting):
        row = (await numbers(database, task))[-1]
        assert (row["state"], row["reason"], row["phone"]) == ("refused", "erased", f"erased-{row['id']}")
    await engine.pass_time(60)
    assert [dial.phone for dial in dialer.dials] == [phone, phones(1, 7)[0]]
    await add_numbers(database, waiting, [phone])
    await engine.pass_time(60)
    assert (await numbers(database, waiting))[-1]["reason"] != "erased"
    assert len(dialer.dials) == 2, "the list knows the number although nobody can read it there"
