"""When numbers of tasks are dialled again, how often, and when never."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.domain.calls import Action, JobStatus, Speaker, TaskStatus
from app.gateways.dialer import TalkLine, Transcript
from app.repositories.database import Database
from app.services.calls.ending import Over, end_calls
from tests.agent import add_seat, post
from tests.calls import LINE_FAULT, NO_ANSWER, REACHED, ScriptedDialer, ended
from tests.integration.call_engine.helpers import Engine
from tests.locks import until_it_waits
from tests.people import rows, value
from tests.tasks import add_hours, add_rule, add_world, numbers, phones

BUSY = ended(TaskStatus.BUSY, rang=False)
PHONE = phones(1)[0]
MINUTE = timedelta(minutes=1)


async def made_at(database: Database) -> list[datetime]:
    return [row["created_at"] for row in await rows(database, "SELECT created_at FROM outbound_call ORDER BY id")]


async def run(engine: Engine, fate: Transcript, rule: dict[str, Any] | None = None, **fields: Any) -> int:
    """Start a task with one number; ``rule``: its rule."""
    world = await add_world(engine.client)
    if rule is not None:
        fields["auto_recycle_rule_id"] = await add_rule(engine.client, world, rule.pop("details"), **rule)
    engine.dialer.fates[PHONE] = fate
    return await engine.start_task(world, [PHONE], **fields)


async def test_the_tasks_own_redials(engine: Engine, dialer: ScriptedDialer, database: Database) -> None:
    fields: dict[str, Any] = {"redial_interval": 10, "redial_max_times": 2, "redial_statuses": [4, 8]}
    task = await run(engine, NO_ANSWER, **fields)
    await engine.pass_time(300, step=5)
    dialer.fates[PHONE] = BUSY
    await engine.pass_time(3600, step=5)
    moments = await made_at(database)
    assert len(moments) == 3
    ends = await rows(database, "SELECT ended_at FROM outbound_call ORDER BY id")
    for end, moment in zip(ends, moments[1:], strict=False):
        assert timedelta(0) <= moment - end["ended_at"] - 10 * MINUTE <= timedelta(seconds=5)
    (number,) = await numbers(database, task)
    assert (number["state"], number["number_status"], number["calls"], number["redials"]) == (
        "done",
        8,
        3,
        {"4": 1, "8": 1},
    )


@pytest.mark.parametrize("is_used", [True, False])
async def test_a_rule_in_use_replaces_the_tasks_own_redials(
    is_used: bool, engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    rule = {"details": {4: 3, 8: 0}, "status": is_used}
    fields: dict[str, Any] = {"redial_interval": 5, "redial_max_times": 1, "redial_statuses": [8]}
    task = await run(engine, NO_ANSWER, rule, **fields)
    await engine.pass_time(4000, step=20)
    assert len(dialer.dials) == (4 if is_used else 1)
    assert (await numbers(database, task))[0]["state"] == "done"


async def test_a_rule_that_names_times(engine: Engine, database: Database) -> None:
    """From Thursday 18:30 on: 20:00 today, 9:00 and 20:00 on Sunday, and no more times than the status allows."""
    configs = [{"week": 4, "times": ["20:00", "8:00"]}, {"week": 0, "times": ["9:00", "20:00"]}]
    rule = {"details": {4: 4}, "type": 2, "configs": configs}
    task = await run(engine, NO_ANSWER, rule)
    await engine.pass_time(9 * 24 * 3600, step=600)
    expected = [
        datetime(2026, 3, 5, 12, 0, tzinfo=UTC),
        datetime(2026, 3, 8, 1, 0, tzinfo=UTC),
        datetime(2026, 3, 8, 12, 0, tzinfo=UTC),
        datetime(2026, 3, 12, 0, 0, tzinfo=UTC),
    ]
    moments = await made_at(database)
    assert len(moments) == 5
    assert all(abs(moment - wanted) <= 10 * MINUTE for moment, wanted in zip(moments[1:], expected, strict=True))
    assert all(moment >= wanted for moment, wanted in zip(moments[1:], expected, strict=True))
    assert (await numbers(database, task))[0]["state"] == "done"


async def test_never_more_than_fifty_redials(engine: Engine, dialer: ScriptedDialer, database: Database) -> None:
    rule = {"details": {4: 50}}
    task = await run(engine, NO_ANSWER, rule, redial_interval=1)
    async with database.connection() as connection:
        await connection.execute("""UPDATE task_number SET redials = '{"4": 30, "8": 18}'""")
    await engine.pass_time(24 * 3600, step=60)
    assert len(dialer.dials) == 3
    (number,) = await numbers(database, task)
    assert (number["state"], number["redials"]) == ("done", {"4": 32, "8": 18})


@pytest.mark.parametrize(
    ("fate", "state", "reason", "status", "dials"),
    [
        (REACHED, "done", None, 1, 1),
        (ended(TaskStatus.SUCCEEDED_CHATBOT_HANG_UP_AFTER_SILENCE), "done", None, 1, 1),
        (ended(TaskStatus.CONTACT_BLOCK_LIST, rang=False), "done", "blocked_number", 11, 1),
        (ended(TaskStatus.EMPTY_NUMBER, rang=False), "done", None, 5, 1),
        (ended(None), "done", "call_unknown", 0, 1),
        (LINE_FAULT, "refused", "line_fault", 2, 4),
        (ended(TaskStatus.FAILED, rang=False), "refused", "line_fault", 0, 4),
        (ended(TaskStatus.FAILED, rang=True), "waiting", None, 4, 5),
    ],
)
async def test_who_is_called_again(
    fate: Transcript,
    state: str,
    reason: str | None,
    status: int,
    dials: int,
    engine: Engine,
    dialer: ScriptedDialer,
    database: Database,
) -> None:
    """Faults are tried again after 1, 5 and 25 minutes; nobody is called again who was reached or does not want to."""
    fields: dict[str, Any] = {"redial_interval": 20, "redial_max_times": 50, "redial_statuses": [4]}
    task = await run(engine, fate, **fields)
    await engine.pass_time(7200, step=10)
    (number,) = await numbers(database, task)
    assert (number["state"], number["number_status"], len(dialer.dials)) == (state, status, dials)
    if state != "waiting":
        assert number["reason"] == reason
    else:
        assert number["reason"] == "daily_cap", "asked for fifty times, and still"
    await engine.pass_time(12 * 3600, step=600)
    assert len(dialer.dials) == dials


async def test_faults_do_not_use_up_the_redials_of_a_person(
    engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    fields: dict[str, Any] = {"redial_interval": 30, "redial_max_times": 1, "redial_statuses": [4]}
    task = await run(engine, LINE_FAULT, **fields)
    await engine.pass_time(100, step=5)
    assert len(dialer.dials) == 2
    (number,) = await numbers(database, task)
    assert (number["calls"], number["faults"], number["redials"], number["reason"]) == (
        0,
        2,
        {"fault": 2},
        "line_fault",
    )
    dialer.fates[PHONE] = NO_ANSWER
    await engine.pass_time(3600, step=10)
    (number,) = await numbers(database, task)
    assert (number["state"], number["calls"], number["faults"]) == ("done", 2, 0)
    assert number["redials"] == {"fault": 2, "4": 1}


@pytest.mark.parametrize("rang", [False, True])
async def test_a_call_that_a_person_gave_up_is_not_placed_again(
    rang: bool, engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    """Where the phone rang before, the call counts: the person was called, and the cap of the number is about that."""
    world = await add_world(engine.client)
    task = await engine.start_task(world, [PHONE], redial_interval=1, redial_max_times=9, redial_statuses=[0, 4])
    await engine.caller.drain()
    job = dialer.dials[0].job_id
    assert (await engine.client.post(f"/api/v1/outbound-bot/calls/{job}/cancel")).status_code < 300
    dialer.fates[PHONE] = ended(TaskStatus.CANCELLED, rang=rang, status=JobStatus.CANCELLED)
    await engine.pass_time(600, step=10)
    (number,) = await numbers(database, task)
    state = "done" if rang else "refused"
    assert (number["state"], number["reason"], number["calls"], len(dialer.dials)) == (state, "cancelled", rang, 1)
    assert await value(database, "SELECT is_counted FROM outbound_call") is rang


async def test_a_redial_that_falls_outside_the_hours_waits_for_them(
    engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    world = await add_world(engine.client)
    hours = await add_hours(engine.client, world, ("9:00", "18:45"))
    fields: dict[str, Any] = {"redial_interval": 30, "redial_max_times": 1, "redial_statuses": [4]}
    dialer.fates[PHONE] = NO_ANSWER
    await engine.start_task(world, [PHONE], dial_time_id=hours, **fields)
    await engine.pass_time(20 * 3600, step=60)
    first, second = await made_at(database)
    opening = datetime(2026, 3, 6, 1, 0, tzinfo=UTC)
    assert first <= datetime(2026, 3, 5, 10, 31, tzinfo=UTC)
    assert opening <= second <= opening + MINUTE


def asks_for_a_person(task_status: TaskStatus, *, transfers: bool) -> Transcript:
    lines = [
        TalkLine(1, Speaker.CONTACT, "", Action.BEGIN_DIALOGUE),
        TalkLine(2, Speaker.CONTACT, "我要找人工", Action.DIALOGUE),
    ]
    if transfers:
        lines.append(TalkLine(3, Speaker.ROBOT, None, Action.TRANSFER_TO_AGENT))
    return Transcript(JobStatus.SUCCEEDED, task_status, lines, True, None, None, "task-1", False)


@pytest.mark.parametrize(
    ("fate", "is_passed_on"),
    [
        (asks_for_a_person(TaskStatus.SUCCEEDED_TRANSFER_BY_INTENT, transfers=True), True),
        (asks_for_a_person(TaskStatus.SUCCEEDED_TRANSFER_AFTER_NO_ANSWER, transfers=False), True),
        (asks_for_a_person(TaskStatus.SUCCEEDED_FINISH, transfers=True), True),
        (asks_for_a_person(TaskStatus.SUCCEEDED_FINISH, transfers=False), False),
        (NO_ANSWER, False),
    ],
)
async def test_who_is_passed_on(
    fate: Transcript, is_passed_on: bool, engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    world = await add_world(engine.client)
    seat = await add_seat(engine.client)
    group = await post(engine.client, "/u-1/bridge-group", name="转", customer_service=[seat])
    for bridge, phone in zip((group["id"], None), phones(2), strict=True):
        dialer.fates[phone] = fate
        await engine.start_task(world, [phone], bridge_group_id=bridge)
        await engine.pass_time(10)
    seats = [row["seat_id"] for row in await rows(database, "SELECT seat_id FROM outbound_call ORDER BY id")]
    assert seats == [seat if is_passed_on else None, None]
    assert await value(database, "SELECT talks FROM bridge_group_seat") == int(is_passed_on)


@pytest.mark.parametrize("strategy", [1, 2, 3])
async def test_seats_take_their_share(
    strategy: int, engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    world = await add_world(engine.client, call_line=4)
    seats = [await add_seat(engine.client) for _ in range(3)]
    group = await post(engine.client, "/u-1/bridge-group", name="转", strategy=strategy, customer_service=seats[::-1])
    for phone in phones(30):
        dialer.fates[phone] = asks_for_a_person(TaskStatus.SUCCEEDED_TRANSFER_BY_INTENT, transfers=True)
    await engine.start_task(world, phones(30), bridge_group_id=group["id"])
    await engine.pass_time(120)
    told = await rows(database, "SELECT seat_id, count(*) AS calls FROM outbound_call GROUP BY 1 ORDER BY 1")
    counted = await rows(database, "SELECT seat_id, talks AS calls FROM bridge_group_seat WHERE talks > 0 ORDER BY 1")
    assert told == counted
    assert sum(row["calls"] for row in told) == 30
    if strategy != 3:
        assert [row["calls"] for row in told] == [10, 10, 10]
    if strategy == 2:
        order = await rows(database, "SELECT seat_id FROM outbound_call ORDER BY ended_at, id")
        assert [row["seat_id"] for row in order] == seats[::-1] * 10


async def test_seats_are_counted_evenly_by_two_processes_at_once(
    engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    world = await add_world(engine.client, call_line=60)
    seats = [await add_seat(engine.client) for _ in range(3)]
    group = await post(engine.client, "/u-1/bridge-group", name="转", strategy=1, customer_service=seats)
    await engine.start_task(world, phones(60), bridge_group_id=group["id"])
    for _ in range(6):
        await engine.caller.rounds()
        await engine.caller.idle()
    assert len(dialer.dials) == 60
    for phone in phones(60):
        dialer.fates[phone] = asks_for_a_person(TaskStatus.SUCCEEDED_TRANSFER_BY_INTENT, transfers=True)
    call_ids = [row["id"] for row in await rows(database, "SELECT id FROM outbound_call ORDER BY id")]
    over = [Over(call_id, dialer.fates[PHONE]) for call_id in call_ids]
    await asyncio.gather(*(end_calls(engine.app.state.desk, over[place::4]) for place in range(4)))
    talks = [row["talks"] for row in await rows(database, "SELECT talks FROM bridge_group_seat")]
    assert talks == [20, 20, 20]


async def test_a_seat_is_chosen_behind_the_rows_of_the_seats(
    engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    """Whoever chooses waits for whoever is choosing, and counts what they gave."""
    world = await add_world(engine.client)
    seats = [await add_seat(engine.client) for _ in range(2)]
    group = await post(engine.client, "/u-1/bridge-group", name="转", strategy=1, customer_service=seats)
    await engine.start_task(world, [PHONE], bridge_group_id=group["id"])
    await engine.caller.drain()
    call_id = await value(database, "SELECT id FROM outbound_call")
    dialer.fates[PHONE] = asks_for_a_person(TaskStatus.SUCCEEDED_TRANSFER_BY_INTENT, transfers=True)
    async with database.transaction() as connection:
        await connection.execute("UPDATE bridge_group_seat SET talks = talks + 1 WHERE seat_id = $1", seats[0])
        ending = asyncio.create_task(end_calls(engine.app.state.desk, [Over(call_id, dialer.fates[PHONE])]))
        await until_it_waits(ending, connection)
    await ending
    assert await value(database, "SELECT seat_id FROM outbound_call") == seats[1]
    talks = await rows(database, "SELECT talks FROM bridge_group_seat ORDER BY seat_id")
    assert [row["talks"] for row in talks] == [1, 1]


async def test_what_follows_is_told_on(engine: Engine, dialer: ScriptedDialer, database: Database) -> None:
    """A talk is to be read, whoever needs no reading gets the notice; nothing of calls that never took place."""
    world = await add_world(engine.client)
    config = await post(engine.client, "/u-1/llm-intention-config", name="意")
    fields: dict[str, Any] = {"llm_intention_id": config["id"], "call_notify_url": "https://example.com/hook"}
    fates = [REACHED, NO_ANSWER, ended(TaskStatus.VERIFICATION_CANCELLED, rang=False)]
    dialer.fates |= dict(zip(phones(3), fates, strict=True))
    await engine.start_task(world, phones(3), **fields)
    await engine.pass_time(10)
    read = await rows(
        database, "SELECT c.phone, i.state FROM call_intention i JOIN outbound_call c ON c.id = i.call_id"
    )
    assert read == [{"phone": PHONE, "state": "pending"}]
    told = await rows(database, "SELECT c.phone FROM call_notice n JOIN outbound_call c ON c.id = n.call_id")
    assert told == [{"phone": phones(3)[1]}]
