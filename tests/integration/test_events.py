"""Events on their way to a bot's ``event_url``: which, signed, retried with growing pauses, given up at last."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from app.clock import ManualClock
from app.repositories.database import Database
from app.services.context import Context
from app.services.dispatch.dispatcher import Dispatcher
from app.services.outbox import LEASE, PAUSES, deliver_events
from tests.faults import gateway as fake
from tests.faults.gateway import SECRET, Gateway, Reply
from tests.helpers import add_contact, add_script, make_config
from tests.people import rows, value

MOMENT = timedelta(microseconds=1)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime.now(UTC).replace(microsecond=0))


@pytest.fixture
async def contact(client: httpx2.AsyncClient, gateway: Gateway, context: Context, clock: ManualClock) -> int:
    """A person of a bot that wants to hear, who was written to once."""
    delivery = {"kind": "webhook", "url": gateway.url, "secret": SECRET, "event_url": gateway.event_url}
    assert (await client.put("/api/bots/1/delivery", json=delivery)).status_code == 200
    config = await make_config(client)
    await add_script(client, config, day=1, content="第一天,方便聊聊吗?", hours=0)
    contact_id = await add_contact(client, user_id="user-1")
    await client.post("/api/followup-enrollments", json={"contact_ids": [contact_id], "opening": False})
    clock.advance(MOMENT)
    await Dispatcher(context, context.messenger).drain()
    assert len(gateway.arrivals) == 1
    return contact_id


async def hear(client: httpx2.AsyncClient, contact_id: int, content: str) -> int:
    """Let a person write; returns the message's id."""
    message = {"message_id": uuid.uuid4().hex, "contact_id": contact_id, "fromId": 0, "content": content}
    answer = await client.post("/api/messages/inbound", json={"messages": [message]})
    assert answer.json()["accepted"] == 1, answer.text
    listed = (await client.get(f"/api/messages?contact_id={contact_id}")).json()
    return max(int(line["id"]) for line in listed["results"])


@pytest.mark.parametrize(
    ("content", "kinds"),
    [
        ("好的,可以聊聊", ["replied"]),
        ("我的微信是 wx_abc12345", ["converted"]),
        ("别再发了,退订", ["opted_out", "replied"]),
        ("微信号", ["needs_review"]),
        ("[自动回复]您好,我现在有事不在", []),
    ],
)
async def test_what_people_write(
    client: httpx2.AsyncClient,
    context: Context,
    gateway: Gateway,
    contact: int,
    clock: ManualClock,
    content: str,
    kinds: list[str],
) -> None:
    message_id = await hear(client, contact, content)
    await deliver_events(context, context.http)
    assert sorted(event.body["type"] for event in gateway.events) == kinds
    for event in gateway.events:
        assert event.body["data"] == {"contact_id": contact, "user_id": "user-1", "message_id": message_id}
        assert event.body["timestamp"] == clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        assert str(uuid.UUID(event.key)) == event.key
    assert content not in str(gateway.events), "an event names the message, it does not carry it"
    assert await deliver_events(context, context.http) == 0
    assert len(gateway.events) == len(kinds)


async def test_an_uncertain_send(
    client: httpx2.AsyncClient, context: Context, gateway: Gateway, contact: int, database: Database
) -> None:
    gateway.default = fake.BROKEN
    await client.post("/api/followup-records/send", json={"contact_id": contact, "content": "手写"})
    other = await add_contact(client)
    await client.post("/api/followup-enrollments", json={"contact_ids": [other]})
    await Dispatcher(context, context.messenger).drain()
    await deliver_events(context, context.http)
    found = await rows(database, "SELECT id, contact_id FROM follow_up_record WHERE status = 'unknown' ORDER BY id")
    told = [(event.body["type"], event.body["data"]) for event in gateway.events]
    assert sorted((kind, data["contact_id"], data["record_id"]) for kind, data in told) == sorted(
        ("send_unknown", row["contact_id"], row["id"]) for row in found
    )
    assert len(told) == 2


@pytest.mark.usefixtures("contact")
async def test_an_idempotent_gateway_that_never_answers_is_told_of_once_when_the_tries_are_over(
    client: httpx2.AsyncClient, context: Context, gateway: Gateway, clock: ManualClock, database: Database
) -> None:
    """Until then the same record goes out again, and nobody has to look."""
    assert (await client.put("/api/bots/1/delivery", json={"idempotent": True})).status_code == 200
    gateway.default = fake.BROKEN
    other = await add_contact(client)
    await client.post("/api/followup-enrollments", json={"contact_ids": [other]})
    dispatcher = Dispatcher(context, context.messenger)
    until = clock.now() + timedelta(hours=context.settings.unknown_hold_hours)
    while clock.now() < until:
        await dispatcher.drain()
        assert await value(database, "SELECT count(*) FROM outbox_event") == 0
        # Beyond the pauses of the record and of the circuit.
        clock.advance(timedelta(hours=1))
    tries = len(gateway.arrivals)
    assert tries > 10
    gateway.default = fake.OK
    for _ in range(3):
        await dispatcher.drain()
        await deliver_events(context, context.http)
    record, following = await rows(
        database, "SELECT id, status FROM follow_up_record WHERE contact_id = $1 ORDER BY id", other
    )
    assert (record["status"], following["status"]) == ("unknown", "sent"), "and the sequence goes on"
    told = [(event.body["type"], event.body["data"]["record_id"]) for event in gateway.events]
    assert told == [("send_unknown", record["id"])]
    assert len(gateway.arrivals) == tries + 1


@pytest.mark.usefixtures("contact")
async def test_an_idempotent_gateway_that_answers_a_later_try_is_no_event(
    client: httpx2.AsyncClient, context: Context, gateway: Gateway, clock: ManualClock, database: Database
) -> None:
    assert (await client.put("/api/bots/1/delivery", json={"idempotent": True})).status_code == 200
    gateway.script.append(fake.BROKEN)
    other = await add_contact(client)
    await client.post("/api/followup-enrollments", json={"contact_ids": [other]})
    for _ in range(2):
        await Dispatcher(context, context.messenger).drain()
        clock.advance(timedelta(hours=1))
    assert await value(database, "SELECT status FROM follow_up_record WHERE contact_id = $1", other) == "sent"
    assert await value(database, "SELECT count(*) FROM outbox_event") == 0


async def test_a_bot_without_an_event_url_tells_nobody(
    client: httpx2.AsyncClient, context: Context, gateway: Gateway, contact: int, database: Database
) -> None:
    silent = (await client.post("/api/bots", json={"name": "不说"})).json()["id"]
    stranger = await add_contact(client, bot=silent)
    await client.post("/api/followup-enrollments", json={"contact_ids": [stranger]})
    await Dispatcher(context, context.messenger).drain()
    await hear(client, stranger, "好的")
    assert await value(database, "SELECT count(*) FROM outbox_event") == 0
    await hear(client, contact, "好的")
    await deliver_events(context, context.http)
    assert [event.body["data"]["contact_id"] for event in gateway.events] == [contact]


async def event_row(database: Database) -> dict[str, Any]:
    (found,) = await rows(database, "SELECT status, attempts, due_at, last_error FROM outbox_event")
    return found


async def test_growing_pauses_and_at_last_dead(
    client: httpx2.AsyncClient,
    context: Context,
    gateway: Gateway,
    contact: int,
    database: Database,
    clock: ManualClock,
) -> None:
    await hear(client, contact, "好的")
    refusals = [fake.BROKEN, fake.CLOSE, fake.RUBBISH, fake.NOT_FOUND, fake.busy(1), Reply(302, {"Location": "/"})]
    tries = len(PAUSES) + 1
    gateway.event_replies.extend((refusals * tries)[:tries])
    pauses = []
    for number in range(1, tries + 1):
        assert await deliver_events(context, context.http) == 1
        row = await event_row(database)
        assert row["attempts"] == number
        assert row["last_error"]
        if number < tries:
            assert row["status"] == "pending"
            pauses.append(row["due_at"] - clock.now())
            clock.set(row["due_at"] - MOMENT)
            assert await deliver_events(context, context.http) == 0, "not before the pause is over"
            clock.advance(MOMENT)
    assert tuple(pauses) == PAUSES
    assert pauses == sorted(set(pauses))
    assert sum(pauses, timedelta(0)) > timedelta(days=1)
    assert (await event_row(database))["status"] == "dead"
    clock.advance(timedelta(days=30))
    assert await deliver_events(context, context.http) == 0
    assert len({event.key for event in gateway.events}) == 1, "the same key at every try"
    assert len(gateway.events) == tries


async def test_delivered_after_all(
    client: httpx2.AsyncClient,
    context: Context,
    gateway: Gateway,
    contact: int,
    database: Database,
    clock: ManualClock,
) -> None:
    await hear(client, contact, "好的")
    await gateway.stop()
    assert await deliver_events(context, context.http) == 1
    await gateway.start()
    clock.advance(PAUSES[0])
    assert await deliver_events(context, context.http) == 1
    row = await event_row(database)
    assert (row["status"], row["attempts"], row["last_error"]) == ("delivered", 2, None)
    assert len(gateway.events) == 1


async def test_a_process_that_dies_while_it_delivers(
    client: httpx2.AsyncClient, context: Context, gateway: Gateway, contact: int, database: Database, clock: ManualClock
) -> None:
    """The event comes back when the claim ends, under the same key."""
    from app.repositories import outbox  # noqa: PLC0415 - only here

    await hear(client, contact, "好的")
    async with database.transaction() as connection:
        claimed = await outbox.claim(connection, clock.now(), clock.now() + LEASE, 10)
    assert len(claimed) == 1
    assert await deliver_events(context, context.http) == 0
    clock.advance(LEASE)
    assert await deliver_events(context, context.http) == 1
    assert [event.key for event in gateway.events] == [str(claimed[0]["key"])]


async def test_a_bot_that_does_not_want_to_hear_any_more(
    client: httpx2.AsyncClient, context: Context, gateway: Gateway, contact: int, database: Database
) -> None:
    await hear(client, contact, "好的")
    await client.put("/api/bots/1/delivery", json={"event_url": None})
    await deliver_events(context, context.http)
    assert (await event_row(database))["status"] == "dead"
    assert gateway.events == []
