"""Every message to a person leaves an audit row: who, whom, by which rule, and which message."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from app.config import Settings
from app.jobs.passes import BATCH, Passes
from app.services.context import Context
from tests.faults import gateway as fake
from tests.faults.gateway import SECRET, Reply
from tests.gateway_world import World
from tests.helpers import add_contact, add_script, make_config
from tests.people import rows, value

HOUR = timedelta(hours=1)
MOMENT = timedelta(microseconds=1)
WAIT = timedelta(seconds=30)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"gateway_timeout_seconds": 0.5})


@pytest.fixture
async def contact(world: World) -> int:
    config = await make_config(world.client, opening_message="您好,在吗?")
    await add_script(world.client, config, day=1, content="第一天")
    await add_script(world.client, config, day=0, content="往后一直")
    contact_id = await add_contact(world.client)
    await world.enroll(contact_id, opening=True)
    return contact_id


async def trail(world: World, contact_id: int) -> list[dict[str, Any]]:
    """Return the audit rows of the messages to a person, oldest first."""
    return await rows(
        world.database,
        "SELECT at, actor, enrollment_id, reason, detail FROM audit_entry"
        " WHERE contact_id = $1 AND action = 'send' ORDER BY id",
        contact_id,
    )


async def expected(world: World, contact_id: int) -> list[dict[str, Any]]:
    """Return the rows that the automatic records of a person should have."""
    enrollment = await world.enrollment(contact_id)
    return [
        {
            "at": record["reserved_at"],
            "actor": "scheduler",
            "enrollment_id": enrollment["id"],
            "reason": record["kind"],
            "detail": {"record_id": record["id"]},
        }
        for record in await world.records(contact_id)
        if record["kind"] in {"opening", "script"}
    ]


@pytest.mark.parametrize("kind", ["webchat", "webchat with an inbox", "webhook"])
async def test_each_message_has_its_row(world: World, contact: int, kind: str) -> None:
    inbox_url = world.gateway.inbox_url if "inbox" in kind else None
    await world.deliver_by(kind=kind.split(maxsplit=1)[0], url=world.gateway.url, secret=SECRET, inbox_url=inbox_url)
    for step in (timedelta(0), WAIT, HOUR, 24 * HOUR):
        await world.pass_time(step)
    assert await world.statuses(contact) == ["sent"] * 3
    assert [row["reason"] for row in await trail(world, contact)] == ["opening", "script", "script"]
    assert await trail(world, contact) == await expected(world, contact)


async def test_the_row_is_there_before_the_message_leaves(world: World, contact: int) -> None:
    """So that no process can die between a contact and its row."""
    answering = asyncio.Event()
    world.gateway.default = Reply(wait_for=answering)
    await world.deliver_by(url=world.gateway.url, secret=SECRET)
    await world.dispatcher.tick()
    async with asyncio.timeout(60):
        while not world.gateway.arrivals:  # noqa: ASYNC110 - bounded, and seldom long
            await asyncio.sleep(0.01)
    seen = await trail(world, contact)
    statuses = await world.statuses(contact)
    answering.set()
    await world.dispatcher.idle()
    assert statuses == ["reserved"]
    assert seen == await expected(world, contact)


async def test_what_became_of_it_stands_behind_it(world: World, contact: int) -> None:
    await world.deliver_by(url=world.gateway.url, secret=SECRET)
    world.gateway.script.append(fake.BROKEN)
    await world.pass_time()
    found = [(row["actor"], row["reason"]) for row in await trail(world, contact)]
    assert found == [("scheduler", "opening"), ("gateway", "send_unknown")]


async def test_a_repeat_to_an_idempotent_gateway_leaves_a_row_too(world: World, contact: int) -> None:
    await world.deliver_by(url=world.gateway.url, secret=SECRET, idempotent=True)
    world.gateway.script.append(fake.BROKEN)
    await world.pass_time()
    await world.pass_time(HOUR)
    assert len(world.gateway.arrivals) == 2
    (record,) = await world.records(contact)
    found = [row for row in await trail(world, contact) if row["actor"] == "scheduler"]
    assert [(row["reason"], row["detail"]) for row in found] == [
        ("opening", {"record_id": record["id"]}),
        ("repeat", {"record_id": record["id"]}),
    ]


async def test_who_is_not_written_to_has_none(world: World, contact: int) -> None:
    await world.client.post(f"/api/contacts/{contact}/mute")
    await world.pass_time()
    assert await trail(world, contact) == []


@pytest.mark.parametrize("kind", ["webchat", "webhook"])
async def test_what_is_written_by_hand_names_who_sent_it(world: World, contact: int, kind: str) -> None:
    await world.deliver_by(kind=kind, url=world.gateway.url, secret=SECRET)
    await world.client.post(f"/api/contacts/{contact}/mute")
    (config,) = (await world.client.get("/api/followup-configs")).json()
    body = {"contact_id": contact, "content": "手动"}
    key = {"Idempotency-Key": "k"}
    for _ in range(2):
        assert (await world.client.post("/api/followup-records/send", json=body, headers=key)).status_code == 201
    test = await world.client.post(f"/api/followup-configs/{config['id']}/test-send", json={"contact_id": contact})
    assert test.status_code == 201
    records = await world.records(contact)
    assert [record["kind"] for record in records] == ["manual", "test", "test", "test"]
    assert await trail(world, contact) == [
        {
            "at": world.clock.now(),
            "actor": "api",
            "enrollment_id": None,
            "reason": record["kind"],
            "detail": {"record_id": record["id"]},
        }
        for record in records
    ]
    timeline = (await world.client.get(f"/api/contacts/{contact}/timeline")).json()["results"]
    assert [entry["action"] for entry in timeline if entry["type"] == "change"] == ["mute", "enroll"]


async def test_a_timeline_shows_the_message_once(world: World, contact: int) -> None:
    await world.pass_time()
    await world.client.post(f"/api/contacts/{contact}/mute")
    answer = await world.client.get(f"/api/contacts/{contact}/timeline")
    assert {entry["type"] for entry in answer.json()["results"]} == {"change", "send"}
    assert [entry["action"] for entry in answer.json()["results"] if entry["type"] == "change"] == ["mute", "enroll"]


async def test_erasing_a_person_cuts_the_row_from_the_message(world: World, contact: int) -> None:
    await world.pass_time()
    assert (await world.client.delete(f"/api/contacts/{contact}")).status_code == 204
    (row,) = await trail(world, contact)
    assert (row["reason"], row["detail"]) == ("opening", {})


async def test_all_rows_that_are_old_enough_are_forgotten_in_one_pass(world: World, context: Context) -> None:
    kept = timedelta(days=context.settings.retention_audit_days)
    old = world.clock.now() - kept - MOMENT
    for count, at in ((2 * BATCH + 1, old), (3, old + MOMENT)):
        await value(
            world.database,
            "INSERT INTO audit_entry (at, actor, action) SELECT $1, 'scheduler', 'send' FROM generate_series(1, $2)",
            at,
            count,
        )
    await Passes(context, world.dispatcher).forget()
    assert await value(world.database, "SELECT count(*) FROM audit_entry") == 3
