"""Whom tasks do not dial, or not yet: stops, the list, caps, a provider that is away, calls that nobody knows of."""

from datetime import timedelta
from typing import Any

import pytest

from app.gateways.dialer import NotPlaced, PlacementUnknown
from app.repositories.database import Database
from tests.agent import add_group
from tests.calls import NO_ANSWER, REACHED, ScriptedDialer
from tests.cases import make_case, party
from tests.integration.call_engine.helpers import LEASE, Engine
from tests.people import rows, value
from tests.tasks import add_hours, add_numbers, add_task, add_world, every_day, numbers, phones, stop


async def test_a_stop_withdraws_what_has_not_left_and_lets_calls_go_on(
    engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    world = await add_world(engine.client, call_line=2)
    task = await engine.start_task(world, phones(4))
    await engine.caller.drain()
    assert len(dialer.dials) == 2
    dialer.fates[phones(1)[0]] = REACHED
    engine.clock.advance(timedelta(seconds=5))
    async with engine.waiting_behind_requests(1):
        await stop(database, task)
    await engine.caller.idle()
    assert len(dialer.dials) == 2, "the third was reserved and never left"
    third = (await numbers(database, task))[2]
    assert (third["state"], third["reason"]) == ("waiting", "task_paused")
    dialer.fates[phones(2)[1]] = REACHED
    await engine.pass_time(60)
    assert [row["state"] for row in await numbers(database, task)] == ["done", "done", "waiting", "waiting"]
    assert len(dialer.dials) == 2
    assert await value(database, "SELECT count(*) FROM outbound_call WHERE ended_at IS NULL") == 0
    await engine.start(task)
    await engine.pass_time(10)
    assert [dial.phone for dial in dialer.dials] == phones(4)


@pytest.mark.parametrize("change", ["listed", "erased", "deleted", "restarted", "late"])
async def test_what_changed_after_the_reservation_still_counts(
    change: str, engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    phone = phones(1)[0]
    contact = (await engine.client.post("/api/contacts", json={"name": "林小满", "phone": phone})).json()["id"]
    world = await add_world(engine.client)
    task = await engine.start_task(world, [phone])
    async with engine.waiting_behind_requests(1):
        match change:
            case "listed":
                body = {"identifiers": [{"kind": "phone", "value": phone}]}
                assert (await engine.client.post("/api/do-not-contact", json=body)).status_code < 300
            case "erased":
                assert (await engine.client.delete(f"/api/contacts/{contact}")).status_code < 300
            case "deleted":
                await stop(database, task)
                async with database.connection() as connection:
                    await connection.execute("UPDATE call_task SET deleted_at = now() WHERE id = $1", task)
            case "restarted":
                engine.clock.advance(timedelta(seconds=1))
                await stop(database, task)
                other = await add_group(engine.client, "u-1", script_id="another")
                async with database.connection() as connection:
                    statement = "UPDATE call_task SET destination_extension = $2 WHERE id = $1"
                    await connection.execute(statement, task, other["id"])
                await engine.start(task)
            case _:
                engine.clock.advance(LEASE / 2)
    await engine.caller.idle()
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
    await engine.pass_time(60)
    scripts = {"late": ["follow_up"], "restarted": ["another"]}
    assert [dial.script_id for dial in dialer.dials] == scripts.get(change, [])


@pytest.mark.parametrize("change", ["hours", "holidays"])
async def test_hours_that_are_changed_after_the_reservation_count(
    change: str, engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    world = await add_world(engine.client)
    hours = await add_hours(engine.client, world, ("9:00", "21:00"), skip_holiday=True)
    task = await engine.start_task(world, phones(1), dial_time_id=hours)
    async with engine.waiting_behind_requests(1):
        engine.clock.advance(timedelta(seconds=1))
        if change == "hours":
            body = {"content": every_day(("9:00", "12:00"))}
            answer = await engine.client.put(f"/agent-api/user/u-1/dial-time-group/{hours}", json=body)
        else:
            answer = await engine.client.put("/api/calendar/2026", json={"holidays": ["2026-03-05"]})
        assert answer.status_code == 200, answer.text
    await engine.caller.idle()
    await engine.pass_time(60)
    assert dialer.dials == []
    (number,) = await numbers(database, task)
    assert (number["state"], number["calls"]) == ("waiting", 0)


async def test_nobody_on_the_list_is_dialled_and_the_rest_is_not_held_up(
    engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    world = await add_world(engine.client, call_line=2)
    contact = await engine.client.post("/api/contacts", json={"name": "何雨晴", "phone": phones(1)[0]})
    await engine.client.post(f"/api/contacts/{contact.json()['id']}/do-not-contact")
    listed = [{"kind": "phone", "value": phone} for phone in phones(40)[1:]]
    assert (await engine.client.post("/api/do-not-contact", json={"identifiers": listed})).status_code < 300
    task = await engine.start_task(world, [*phones(40), "+86110", *phones(1, 77)])
    await engine.caller.drain()
    assert [dial.phone for dial in dialer.dials] == phones(1, 77), "all in one pass"
    states = [(row["state"], row["reason"]) for row in await numbers(database, task)]
    assert states == [*[("refused", "do_not_contact")] * 40, ("refused", "undialable_number"), ("calling", None)]
    trail = await rows(database, "SELECT reason FROM audit_entry WHERE action = 'no_call'")
    assert len(trail) == 41


async def test_the_cap_of_a_number_is_shared_with_mediation_calls_and_only_delays(
    engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    world = await add_world(engine.client)
    phone = "+8613812340001"
    dialer.fates[phone] = NO_ANSWER
    case = await make_case(engine.client, parties=[party("a", phone=phone)])
    first = engine.clock.now()
    await engine.call(case, auto=1, person="a")
    await engine.pass_time(600, step=60)
    fields: dict[str, Any] = {"redial_interval": 10, "redial_max_times": 9, "redial_statuses": [4]}
    task = await engine.start_task(world, [phone], **fields)
    await engine.pass_time(3 * 3600, step=60)
    assert len(dialer.dials) == 5, "one for the mediation, four for the task"
    (number,) = await numbers(database, task)
    assert (number["state"], number["reason"]) == ("waiting", "daily_cap")
    assert number["due_at"] == number["reason_until"] == first + timedelta(hours=24)
    await engine.pass_time((first + timedelta(hours=24) - engine.clock.now()).total_seconds() - 60, step=1800)
    assert len(dialer.dials) == 5
    await engine.pass_time(120, step=30)
    assert len(dialer.dials) == 6


async def test_a_number_that_is_called_elsewhere_waits(
    engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    world = await add_world(engine.client)
    phone = "+8613812340001"
    await engine.call(await make_case(engine.client, parties=[party("a", phone=phone)]), auto=1, person="a")
    task = await add_task(database, world)
    await add_numbers(database, task, [phone])
    await add_numbers(database, task, [phone], is_repeat=True)
    await engine.start(task)
    await engine.caller.drain()
    assert [(row["state"], row["reason"]) for row in await numbers(database, task)] == [
        ("waiting", "active_number")
    ] * 2
    assert len(dialer.dials) == 1
    dialer.fates[phone] = REACHED
    for _ in range(15):
        await engine.pass_time(10, step=10)
        await engine.app.state.reader.read_new()
    assert [row["state"] for row in await numbers(database, task)] == ["done", "done"]
    assert len(dialer.dials) == 3


async def test_a_provider_that_is_away_is_tried_again_without_counting(
    engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    world = await add_world(engine.client)
    dialer.placements.extend([NotPlaced("connection refused")] * 8)
    for phone in phones(6):
        dialer.fates[phone] = REACHED
    task = await engine.start_task(world, phones(6))
    await engine.pass_time(5)
    told = await numbers(database, task)
    assert {(row["state"], row["reason"]) for row in told} <= {("waiting", "provider_away"), ("calling", None)}
    await engine.pass_time(600, step=5)
    told = await numbers(database, task)
    assert {(row["state"], row["calls"], row["failures"], row["number_status"]) for row in told} == {("done", 1, 0, 1)}
    assert await value(database, "SELECT count(*) FROM outbound_call WHERE placement = 'placed'") == 6
    assert await value(database, "SELECT count(*) FROM outbound_call WHERE placement <> 'placed' AND is_counted") == 0


async def test_what_the_provider_refuses_for_good_is_refused(
    engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    world = await add_world(engine.client)
    dialer.placements.append(NotPlaced("no such script", is_final=True))
    task = await engine.start_task(world, phones(1))
    await engine.pass_time(60)
    (number,) = await numbers(database, task)
    assert (number["state"], number["reason"], len(dialer.dials)) == ("refused", "provider_refused", 1)


async def test_a_call_of_which_nobody_knows_is_never_dialled_again_by_itself(
    engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    world = await add_world(engine.client)
    dialer.placements.extend([PlacementUnknown("cut"), PlacementUnknown("cut")])
    dialer.on_place = lambda dial: (
        dialer.known.__setitem__(dial.job_id, dial) if dial.phone == phones(1)[0] and not dialer.known else None
    )
    dialer.fates[phones(1)[0]] = REACHED
    fields: dict[str, Any] = {"redial_max_times": 9, "redial_statuses": [0, 4], "redial_interval": 1}
    task = await engine.start_task(world, phones(2), **fields)
    await engine.pass_time(3600, step=20)
    assert len(dialer.dials) == 2
    found, lost = await numbers(database, task)
    assert (found["state"], found["number_status"], found["reason"]) == ("done", 1, None)
    assert (lost["state"], lost["number_status"], lost["reason"], lost["calls"]) == ("done", 0, "call_unknown", 1)


async def test_after_an_uncertain_end_no_other_task_and_no_case_dials_the_number_by_itself(
    engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    """The person may have answered; whoever asks for one call decides as after an uncertain call of the same case."""
    world = await add_world(engine.client)
    first, second = await add_task(database, world), await add_task(database, world)
    phone, free = phones(2)
    await add_numbers(database, first, [phone])
    dialer.placements.append(PlacementUnknown("cut"))
    await engine.start(first)
    await engine.pass_time(600, step=10)
    (ended,) = await rows(database, "SELECT result, ended_at FROM outbound_call")
    assert ended["result"] == "结果未知"
    await add_numbers(database, second, [phone, free])
    await engine.start(second)
    case = await make_case(engine.client, parties=[party("a", phone=phone)])
    (refused,) = await engine.call(case)
    assert (refused["errorCode"], refused["callInterval"]) == (1001, 30)
    await engine.pass_time(1200, step=60)
    assert [dial.phone for dial in dialer.dials] == [phone, free]
    waiting = (await numbers(database, second))[0]
    held_until = ended["ended_at"] + timedelta(hours=24)
    assert (waiting["state"], waiting["reason"], waiting["due_at"]) == ("waiting", "call_unknown", held_until)
    engine.clock.advance(timedelta(minutes=30))
    (asked,) = await engine.call(case, auto=1, person="a")
    assert asked["errorCode"] == 0, "a person may decide to call again"


async def test_after_a_day_another_task_dials_a_number_with_an_uncertain_end(
    engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    world = await add_world(engine.client)
    first, second = await add_task(database, world), await add_task(database, world)
    (phone,) = phones(1)
    dialer.placements.append(PlacementUnknown("cut"))
    for task in (first, second):
        await add_numbers(database, task, [phone])
        await engine.start(task)
        await engine.pass_time(600, step=10)
    assert len(dialer.dials) == 1
    await engine.pass_time(24 * 3600, step=600)
    assert len(dialer.dials) == 2


async def test_a_claim_of_a_process_that_died_comes_back(
    engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    world = await add_world(engine.client)
    await engine.start_task(world, phones(3))
    desk, now = engine.app.state.desk, engine.clock.now()
    source = desk.sources[1]
    async with database.connection() as connection:
        assert len(await source.claim(connection, desk, now, 9, now + LEASE)) == 3
        assert await source.claim(connection, desk, now, 9, now + LEASE) == []
    await engine.pass_time(LEASE.total_seconds() - 10)
    assert dialer.dials == []
    await engine.pass_time(20)
    assert len(dialer.dials) == 3


async def test_answers_that_cannot_be_written_together_are_written_one_request_at_a_time(
    engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    """The database takes no more than one request's answers in one statement."""
    world = await add_world(engine.client, call_line=200)
    task = await add_task(database, world, maximumcall=200)
    await add_numbers(database, task, phones(120))
    async with database.connection() as connection:
        await connection.execute(
            "CREATE FUNCTION few() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF (SELECT count(*) FROM written"
            " WHERE placement = 'placed') > 25 THEN RAISE 'too many'; END IF; RETURN NULL; END $$"
        )
        await connection.execute(
            "CREATE TRIGGER few AFTER UPDATE ON outbound_call REFERENCING NEW TABLE AS written"
            " FOR EACH STATEMENT EXECUTE FUNCTION few()"
        )
    await engine.start(task)
    for _ in range(6):
        await engine.caller.rounds()
        await engine.caller.idle()
    assert sorted(dial.phone for dial in dialer.dials) == phones(120)
    placements = await rows(database, "SELECT placement, count(*) AS calls FROM outbound_call GROUP BY 1")
    assert placements == [{"placement": "placed", "calls": 120}]
