"""A config that changed: its people are looked at again at once, and once more when nobody can have missed it."""

from datetime import datetime, timedelta

import httpx2
import pytest

from app.clock import ManualClock
from app.repositories.database import Database
from app.services import rearm as service
from app.services.context import Context
from app.services.dispatch.dispatcher import Dispatcher
from app.services.rearm import rearm
from tests.helpers import add_contact, add_script, make_config, rearm_at
from tests.people import rows, value

Client = httpx2.AsyncClient
HOUR = timedelta(hours=1)
MOMENT = timedelta(microseconds=1)


@pytest.fixture
def lease(context: Context) -> timedelta:
    return timedelta(seconds=context.settings.lease_seconds)


@pytest.fixture
async def config(client: Client, context: Context, clock: ManualClock, lease: timedelta) -> int:
    """A config of one text, whose making is history."""
    made = await make_config(client)
    await add_script(client, made, day=1, content="第一天", hours=24)
    clock.advance(lease)
    await rearm(context)
    return made


async def enroll(client: Client, *contact_ids: int) -> None:
    body = {"contact_ids": list(contact_ids), "opening": False}
    assert (await client.post("/api/followup-enrollments", json=body)).status_code == 201


async def standing(database: Database, contact_id: int) -> tuple[str, str | None, datetime | None]:
    (row,) = await rows(
        database, "SELECT state, reason, due_at FROM follow_up_enrollment WHERE contact_id = $1", contact_id
    )
    return row["state"], row["reason"], row["due_at"]


async def switch(client: Client, config_id: int, *, is_active: bool) -> None:
    answer = await client.put(f"/api/followup-configs/{config_id}", json={"is_active": is_active})
    assert answer.status_code == 200, answer.text


async def test_two_rounds_and_then_no_more(
    client: Client,
    context: Context,
    dispatcher: Dispatcher,
    database: Database,
    clock: ManualClock,
    config: int,
    lease: timedelta,
) -> None:
    early, late = await add_contact(client), await add_contact(client)
    await enroll(client, early, late)
    clock.advance(24 * HOUR + MOMENT)
    await switch(client, config, is_active=False)
    await dispatcher.drain()
    assert await standing(database, early) == ("active", "config_inactive", None)
    # One whose look read the old config commits only after the first round.
    await value(
        database, "UPDATE follow_up_enrollment SET reason = NULL, due_at = $2 WHERE contact_id = $1", late, clock.now()
    )
    await switch(client, config, is_active=True)
    changed_at, done = clock.now(), dict[int, datetime]()
    assert await rearm(context, done) == 1
    assert await standing(database, early) == ("active", "config_inactive", changed_at), "due at once"
    await value(
        database,
        "UPDATE follow_up_enrollment SET reason = 'config_inactive', due_at = NULL WHERE contact_id = $1",
        late,
    )
    clock.advance(lease - MOMENT)
    assert await rearm(context, done) == 0, "a round is not repeated by whoever did it"
    assert await rearm_at(database, config) == changed_at
    assert (await standing(database, late))[2] is None
    clock.advance(MOMENT)
    assert await rearm(context, done) == 1
    assert (await standing(database, late))[2] == clock.now()
    assert await rearm_at(database, config) is None
    assert done == {}
    assert await rearm(context, done) == 0
    await dispatcher.drain()
    assert await value(database, "SELECT count(*) FROM follow_up_record WHERE status = 'sent'") == 2


async def test_a_change_between_the_rounds_begins_two_new_ones(
    client: Client, context: Context, database: Database, clock: ManualClock, config: int, lease: timedelta
) -> None:
    done: dict[int, datetime] = {}
    await switch(client, config, is_active=False)
    await switch(client, config, is_active=True)
    await rearm(context, done)
    clock.advance(lease / 2)
    script = (await client.get(f"/api/followup-configs/{config}")).json()["scripts"][0]["id"]
    assert (await client.put(f"/api/followup-scripts/{script}", json={"interval_hours": 1})).status_code == 200
    changed_at = clock.now()
    assert await rearm_at(database, config) == changed_at
    await rearm(context, done)
    clock.advance(lease / 2)
    await rearm(context, done)
    assert await rearm_at(database, config) == changed_at, "the second round counts from the last change"
    clock.advance(lease / 2)
    await rearm(context, done)
    assert await rearm_at(database, config) is None


async def test_a_shorter_interval_counts_at_once_and_a_longer_one_delays(
    client: Client,
    context: Context,
    dispatcher: Dispatcher,
    database: Database,
    clock: ManualClock,
    config: int,
) -> None:
    contact = await add_contact(client)
    enrolled_at = clock.now()
    await enroll(client, contact)
    await dispatcher.drain()
    assert await standing(database, contact) == ("active", "interval", enrolled_at + 24 * HOUR + MOMENT)
    script = (await client.get(f"/api/followup-configs/{config}")).json()["scripts"][0]["id"]
    for hours in (48, 2):
        await client.put(f"/api/followup-scripts/{script}", json={"interval_hours": hours})
        await rearm(context)
        await dispatcher.drain()
        assert await standing(database, contact) == ("active", "interval", enrolled_at + hours * HOUR + MOMENT)
    clock.set(enrolled_at + 2 * HOUR)
    await dispatcher.drain()
    assert await value(database, "SELECT count(*) FROM follow_up_record") == 0
    clock.advance(MOMENT)
    await dispatcher.drain()
    assert await value(database, "SELECT count(*) FROM follow_up_record") == 1


async def test_a_deleted_config_stops_its_people_batch_by_batch(
    client: Client,
    context: Context,
    dispatcher: Dispatcher,
    database: Database,
    clock: ManualClock,
    config: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service, "BATCH", 2)
    people = [await add_contact(client) for _ in range(5)]
    await enroll(client, *people)
    paused = await value(database, "SELECT id FROM follow_up_enrollment WHERE contact_id = $1", people[0])
    await client.post(f"/api/followup-enrollments/{paused}/pause")
    other_config = await make_config(client, position="别的岗位")
    await add_script(client, other_config, day=1, content="别的第一天")
    other = await add_contact(client, position="别的岗位")
    await enroll(client, other)
    assert (await client.delete(f"/api/followup-configs/{config}")).status_code == 204
    assert await rearm(context) >= 5
    for contact in people:
        assert await standing(database, contact) == ("stopped", "config_inactive", None)
    assert (await standing(database, other))[0] == "active"
    ended = await rows(database, "SELECT DISTINCT ended_at FROM follow_up_enrollment WHERE state = 'stopped'")
    assert [row["ended_at"] for row in ended] == [clock.now()]
    trail = await rows(
        database, "SELECT contact_id, reason FROM audit_entry WHERE actor = 'scheduler' AND action = 'stop'"
    )
    assert sorted(row["contact_id"] for row in trail) == people
    assert {row["reason"] for row in trail} == {"config_inactive"}
    clock.advance(100 * HOUR)
    await dispatcher.drain()
    sent = await rows(database, "SELECT contact_id FROM follow_up_record")
    assert [row["contact_id"] for row in sent] == [other]


async def test_people_of_many_batches_are_all_looked_at(
    client: Client,
    context: Context,
    database: Database,
    clock: ManualClock,
    config: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service, "BATCH", 2)
    people = [await add_contact(client) for _ in range(5)]
    await enroll(client, *people)
    await value(database, "UPDATE follow_up_enrollment SET reason = 'config_inactive', due_at = NULL")
    await switch(client, config, is_active=False)
    await switch(client, config, is_active=True)
    assert await rearm(context) == 5
    assert await value(database, "SELECT count(*) FROM follow_up_enrollment WHERE due_at = $1", clock.now()) == 5
