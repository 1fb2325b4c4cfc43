"""Who may work on whom: several dispatchers on one database, ended leases, rows below the watermark."""

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx2
import pytest

from app.clock import ManualClock
from app.config import Settings
from app.gateways.messenger import Channel, Delivery, Outcome, Sent
from app.repositories import dispatch as store
from app.repositories.database import Database
from app.services.context import Context
from app.services.dispatch.dispatcher import Dispatcher
from app.services.dispatch.leases import HAND_BACK_PAUSE
from tests.helpers import add_contact, add_script, make_config
from tests.people import execute, rows, value

PEOPLE = 200
MOMENT = timedelta(microseconds=1)
LEASE = timedelta(seconds=60)


class CountingMessenger:
    """A gateway in this process that takes everything, and counts."""

    def __init__(self) -> None:
        self.taken: Counter[int] = Counter()

    async def deliver(self, _channel: Channel, delivery: Delivery, _now: datetime) -> Outcome:
        """Take a message, as slowly as others may get in between."""
        await asyncio.sleep(0.01)
        self.taken[delivery.contact_id] += 1
        return Sent()

    async def poll_inbox(
        self, _channel: Channel, _user_id: str, _after: str | None, _now: datetime
    ) -> list[dict[str, Any]]:
        """Nobody answers."""
        return []


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Small batches, so that many of them compete."""
    return settings.model_copy(
        update={"dispatch_batch": 7, "gateway_concurrency": 7, "lease_seconds": int(LEASE.total_seconds())}
    )


@pytest.fixture
def messenger() -> CountingMessenger:
    return CountingMessenger()


@pytest.fixture(params=["webchat", "webchat with an inbox", "webhook"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def enroll(client: httpx2.AsyncClient, database: Database, clock: ManualClock, kind: str, count: int) -> None:
    """People whose first text is due now."""
    async with database.transaction() as connection:
        inbox_url = "http://127.0.0.1:9/inbox" if "inbox" in kind else None
        await connection.execute(
            "UPDATE bot SET delivery_kind = $1, url = 'http://127.0.0.1:9/', inbox_url = $2 WHERE id = 1",
            kind.split(maxsplit=1)[0],
            inbox_url,
        )
        await connection.execute(
            "INSERT INTO contact (bot_id, user_id, position, position_key)"
            " SELECT 1, 'user-' || n, '测试', '测试' FROM generate_series(1, $1::int) AS n",
            count,
        )
    config = await make_config(client)
    await add_script(client, config, day=1, content="第一天", hours=0)
    answer = await client.post("/api/followup-enrollments", json={"position": "测试", "opening": False})
    assert answer.status_code == 201
    assert len(answer.json()["results"]) == count
    clock.advance(MOMENT)


@pytest.fixture
async def crowd(client: httpx2.AsyncClient, database: Database, clock: ManualClock, kind: str) -> str:
    await enroll(client, database, clock, kind, PEOPLE)
    return kind


async def assert_everybody_has_one(database: Database, count: int = PEOPLE) -> None:
    records = await rows(database, "SELECT contact_id, status, enrollment_id, sequence FROM follow_up_record")
    assert len({record["contact_id"] for record in records}) == len(records) == count
    assert {(record["status"], record["sequence"]) for record in records} == {("sent", 1)}
    assert await value(database, "SELECT count(*) FROM chat_message") == count
    assert await value(database, "SELECT count(*) FROM contact WHERE message_count <> 1") == 0


async def test_four_dispatchers_share_without_doubles(
    crowd: str, context: Context, clock: ManualClock, messenger: CountingMessenger, database: Database
) -> None:
    dispatchers = [Dispatcher(context, messenger) for _ in range(4)]
    async with asyncio.timeout(60):
        await asyncio.gather(*(dispatcher.drain() for dispatcher in dispatchers))
        # Whoever was held by another one at that moment was handed back, and is found by the next round.
        while await value(database, "SELECT count(*) FROM follow_up_record") < PEOPLE:
            clock.advance(HAND_BACK_PAUSE)
            await asyncio.gather(*(dispatcher.drain() for dispatcher in dispatchers))
    await assert_everybody_has_one(database)
    assert sum(dispatcher.sent for dispatcher in dispatchers) == PEOPLE
    assert sum(dispatcher.sent > 0 for dispatcher in dispatchers) > 1
    if crowd == "webhook":
        assert set(messenger.taken.values()) == {1}


@pytest.fixture
async def locked(request: pytest.FixtureRequest, database: Database) -> AsyncIterator[list[int]]:
    """The first five people, whose rows another transaction holds; it waits for nobody and ends after the test."""
    column = "id" if request.param == "contact" else "contact_id"
    async with database.transaction() as connection:
        held = await connection.fetch(
            f"SELECT {column} AS id FROM {request.param} ORDER BY {column} LIMIT 5 FOR UPDATE"
        )
        assert len(held) == 5
        yield [row["id"] for row in held]


# For a gateway a claim locks enrollments only; what follows is in test_gateway_last_look.
@pytest.mark.usefixtures("crowd")
@pytest.mark.parametrize(
    ("kind", "locked"),
    [("webchat", "contact"), ("webchat", "follow_up_enrollment"), ("webhook", "follow_up_enrollment")],
    indirect=True,
)
async def test_nobody_waits_for_a_row_that_is_held(
    locked: list[int], context: Context, messenger: CountingMessenger, database: Database
) -> None:
    async with asyncio.timeout(60):
        await Dispatcher(context, messenger).drain()
    sent_to = {row["contact_id"] for row in await rows(database, "SELECT contact_id FROM follow_up_record")}
    assert len(sent_to) == PEOPLE - len(locked)
    assert not sent_to & set(locked)


async def claim_all(database: Database, now: datetime) -> tuple[uuid.UUID, list[int]]:
    """Claim everybody as a process does that then dies."""
    token = uuid.uuid4()
    async with database.transaction() as connection:
        claimed = await store.claim(connection, 1, now, (datetime(1970, 1, 1, tzinfo=UTC), 0), 1000, now + LEASE, token)
    return token, [row["id"] for row in claimed]


async def test_a_lease_holds_until_its_end_and_no_longer(
    client: httpx2.AsyncClient,
    context: Context,
    messenger: CountingMessenger,
    database: Database,
    clock: ManualClock,
) -> None:
    await enroll(client, database, clock, "webhook", 3)
    dispatcher = Dispatcher(context, messenger)
    token, claimed = await claim_all(database, clock.now())
    assert len(claimed) == 3
    clock.advance(LEASE - MOMENT)
    await dispatcher.drain()
    assert not messenger.taken
    clock.advance(MOMENT)
    # Without a sweep: the end of a lease lies above every watermark.
    await dispatcher.tick()
    await dispatcher.idle()
    assert set(messenger.taken.values()) == {1}
    await assert_everybody_has_one(database, 3)
    async with database.transaction() as connection:
        assert await store.lock_claimed(connection, claimed, token) == [], "the dead one's claim is worth nothing now"


async def test_what_a_dead_process_had_reserved_is_unknown_at_the_end_of_its_lease(
    client: httpx2.AsyncClient,
    context: Context,
    messenger: CountingMessenger,
    database: Database,
    clock: ManualClock,
) -> None:
    await enroll(client, database, clock, "webhook", 2)

    class Dying(CountingMessenger):
        async def deliver(self, channel: Channel, delivery: Delivery, now: datetime) -> Outcome:
            await super().deliver(channel, delivery, now)
            raise asyncio.CancelledError

    dying = Dying()
    dead = Dispatcher(context, dying)
    await dead.tick()
    await asyncio.gather(dead.idle(), return_exceptions=True)
    assert set(dying.taken.values()) == {1}
    assert {row["status"] for row in await rows(database, "SELECT status FROM follow_up_record")} == {"reserved"}
    reserved_at = clock.now()
    clock.advance(LEASE)
    living = Dispatcher(context, messenger)
    await living.drain()
    assert not messenger.taken, "never repeated by itself"
    found = await rows(
        database, "SELECT r.status, e.reason, e.due_at FROM follow_up_record r JOIN follow_up_enrollment e"
        " ON e.open_record_id = r.id"
    )  # fmt: skip
    assert {tuple(row.values()) for row in found} == {("unknown", "send_unknown", reserved_at + timedelta(hours=24))}
    listed = (await client.get("/api/followup-records?status=unknown")).json()
    assert listed["total"] == 2


async def come_in_late(client: httpx2.AsyncClient, database: Database, due_at: datetime) -> None:
    """Enroll somebody who was due before those that a dispatcher is done with."""
    late = await add_contact(client, position="测试")
    await client.post("/api/followup-enrollments", json={"contact_ids": [late], "opening": False})
    await execute(database, "UPDATE follow_up_enrollment SET due_at = $2 WHERE contact_id = $1", late, due_at)


async def test_a_sweep_finds_who_came_in_below_the_watermark(
    client: httpx2.AsyncClient,
    context: Context,
    messenger: CountingMessenger,
    database: Database,
    clock: ManualClock,
    kind: str,
) -> None:
    """A transaction that committed late, or a clock that runs behind: due earlier than those already done."""
    await enroll(client, database, clock, kind, 2)
    dispatcher = Dispatcher(context, messenger)
    await dispatcher.drain()
    await come_in_late(client, database, clock.now() - timedelta(hours=1))
    clock.advance(MOMENT)
    await dispatcher.sweep()
    await dispatcher.tick()
    await dispatcher.idle()
    await assert_everybody_has_one(database, 3)


async def test_who_was_due_before_it_was_committed_is_found_by_the_next_tick(
    client: httpx2.AsyncClient,
    context: Context,
    messenger: CountingMessenger,
    database: Database,
    clock: ManualClock,
    kind: str,
) -> None:
    """Somebody else was enrolled, committed and written to meanwhile; an opening does not wait for a sweep."""
    await enroll(client, database, clock, kind, 2)
    dispatcher = Dispatcher(context, messenger)
    await dispatcher.drain()
    await come_in_late(client, database, clock.now() - timedelta(seconds=1))
    clock.advance(MOMENT)
    await dispatcher.tick()
    await dispatcher.idle()
    await assert_everybody_has_one(database, 3)


async def test_what_a_failed_batch_took_is_found_by_the_next_tick(
    client: httpx2.AsyncClient,
    context: Context,
    messenger: CountingMessenger,
    database: Database,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its rows lie below the watermark that the other batch went on from."""
    await enroll(client, database, clock, "webchat", 21)
    send, calls = store.send_webchat, 0

    async def fail_once(*arguments: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise ConnectionResetError
        await send(*arguments)

    monkeypatch.setattr(store, "send_webchat", fail_once)
    dispatcher = Dispatcher(context, messenger)
    for _ in range(2):
        await dispatcher.tick()
        await dispatcher.idle()
    await assert_everybody_has_one(database, 21)


async def test_a_lane_that_fails_does_not_cut_what_the_other_has_on_its_way(
    client: httpx2.AsyncClient,
    context: Context,
    database: Database,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await enroll(client, database, clock, "webhook", 10)
    claim, calls, has_failed = store.claim, 0, asyncio.Event()

    class Waiting(CountingMessenger):
        async def deliver(self, channel: Channel, delivery: Delivery, now: datetime) -> Outcome:
            await has_failed.wait()
            return await super().deliver(channel, delivery, now)

    async def fail_second(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            asyncio.get_running_loop().call_later(0.1, has_failed.set)
            raise ConnectionResetError
        return await claim(*arguments)

    monkeypatch.setattr(store, "claim", fail_second)
    messenger = Waiting()
    async with asyncio.timeout(60):
        await Dispatcher(context, messenger).drain()
    assert set(messenger.taken.values()) == {1}
    await assert_everybody_has_one(database, len(messenger.taken))


async def test_outcomes_are_written_when_the_database_is_back(
    client: httpx2.AsyncClient,
    context: Context,
    messenger: CountingMessenger,
    database: Database,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a gateway said is known to nobody else: it is not given up at the first refused connection."""
    from app.repositories import results  # noqa: PLC0415 - what is changed here

    await enroll(client, database, clock, "webhook", 3)
    write, failures = results.write_sent, [ConnectionRefusedError(), asyncpg.CannotConnectNowError("starting up")]

    async def write_later(*arguments: Any) -> None:
        if failures:
            raise failures.pop()
        await write(*arguments)

    monkeypatch.setattr(results, "write_sent", write_later)
    await Dispatcher(context, messenger).drain()
    assert not failures
    await assert_everybody_has_one(database, 3)


async def test_a_step_cannot_be_recorded_twice(
    client: httpx2.AsyncClient,
    context: Context,
    messenger: CountingMessenger,
    database: Database,
    clock: ManualClock,
) -> None:
    await enroll(client, database, clock, "webchat", 1)
    await Dispatcher(context, messenger).drain()
    copy = (
        "INSERT INTO follow_up_record (bot_id, contact_id, enrollment_id, sequence, kind, status, key, content,"
        " reserved_at) SELECT bot_id, contact_id, enrollment_id, sequence, kind, 'reserved', gen_random_uuid(),"
        " content, reserved_at FROM follow_up_record"
    )
    with pytest.raises(asyncpg.UniqueViolationError, match="uq_follow_up_record_enrollment_id_sequence"):
        await value(database, copy)
