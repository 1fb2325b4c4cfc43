"""Every answer of a gateway and what follows from it: the real HTTP client, a real gateway, a clock moved by hand."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from app.clock import ManualClock
from app.config import Settings
from app.gateways.circuit import FAILURES_TO_OPEN, FIRST_BATCH
from app.gateways.messenger import DEFAULT_RETRY_AFTER_SECONDS
from app.repositories.database import Database
from app.services.context import Context
from app.services.dispatch.dispatcher import LANES, Dispatcher
from app.services.dispatch.leases import HAND_BACK_PAUSE
from tests.faults import gateway as fake
from tests.faults.gateway import SECRET, Arrival, Gateway, Reply, busy, inbox, running_gateway
from tests.gateway_world import World
from tests.helpers import add_contact, add_script, make_config
from tests.people import rows, value

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
MOMENT = timedelta(microseconds=1)
TIMEOUT_SECONDS = 2.0
START = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"gateway_timeout_seconds": TIMEOUT_SECONDS, "gateway_concurrency": FIRST_BATCH})


@pytest.fixture
async def gateway(clock: ManualClock) -> AsyncIterator[Gateway]:
    async with running_gateway(SECRET, clock) as running:
        yield running
        assert running.bad_signatures == 0


@pytest.fixture
def context(app: FastAPI) -> Context:
    found: Context = app.state.context
    return found


@pytest.fixture
async def world(
    client: httpx2.AsyncClient, context: Context, database: Database, clock: ManualClock, gateway: Gateway
) -> World:
    made = World(client, Dispatcher(context, context.messenger), database, clock, gateway)
    await made.deliver_by(url=gateway.url, secret=SECRET)
    return made


@pytest.fixture
async def contact(world: World) -> int:
    """One person, at a sequence of three days, whose first text is due now."""
    config = await make_config(world.client, opening_message="您好,在吗?")
    await add_script(world.client, config, day=1, content="第一天", hours=0)
    await add_script(world.client, config, day=2, content="第二天", hours=24)
    await add_script(world.client, config, day=3, content="第三天", hours=24)
    contact_id = await add_contact(world.client, user_id="user-1")
    await world.enroll(contact_id)
    world.clock.advance(MOMENT)
    return contact_id


async def test_taken(world: World, contact: int) -> None:
    await world.pass_time()
    (record,) = await world.records(contact)
    assert (record["status"], record["sent_at"], record["error"]) == ("sent", world.clock.now(), None)
    (arrival,) = world.gateway.arrivals
    assert arrival.key == str(record["key"])
    assert arrival.body == {
        "record_id": record["id"], "contact_id": contact, "user_id": "user-1", "content": "第一天",
    }  # fmt: skip
    assert await world.standing(contact) == ("active", "interval", world.clock.now() + 24 * HOUR + MOMENT)
    await world.pass_time(24 * HOUR)
    assert len(world.gateway.arrivals) == 1
    await world.pass_time(MOMENT)
    assert world.gateway.texts == ["第一天", "第二天"]


async def test_every_2xx_is_taken(world: World) -> None:
    config = await make_config(world.client)
    await add_script(world.client, config, day=1, content="第一天", hours=0)
    people = await world.add_people(5)
    await world.enroll(*people)
    world.gateway.script += [Reply(status, body=b"") for status in (200, 201, 202, 204, 299)]
    await world.pass_time(MOMENT)
    assert [await world.statuses(contact_id) for contact_id in people] == [["sent"]] * 5


@pytest.mark.parametrize(
    ("reply", "pause"),
    [
        (busy(120), 120),
        (busy(format_datetime(START + timedelta(seconds=90), usegmt=True)), 90),
        (Reply(429), DEFAULT_RETRY_AFTER_SECONDS),
        (busy("soon"), DEFAULT_RETRY_AFTER_SECONDS),
        (busy(10**12), 24 * 3600),
        (busy(45, status=503), 45),
    ],
    ids=["seconds", "date", "without", "rubbish", "for-ever", "503"],
)
async def test_busy(world: World, contact: int, reply: Reply, pause: int) -> None:
    """Not taken: tried again when the gateway says, and not before."""
    world.gateway.script.append(reply)
    began = world.clock.now()
    await world.pass_time()
    state, reason, due_at = await world.standing(contact)
    assert due_at is not None
    assert (state, reason) == ("active", "gateway_busy")
    # A date has no fractions of a second.
    assert timedelta(seconds=pause) - SECOND < due_at - began <= timedelta(seconds=pause)
    await world.pass_time(due_at - world.clock.now() - MOMENT)
    assert len(world.gateway.arrivals) == 1
    await world.pass_time(MOMENT)
    assert await world.statuses(contact) == ["not_sent", "sent"]
    assert world.gateway.texts == ["第一天", "第一天"]
    await world.pass_time(HOUR)
    assert len(world.gateway.arrivals) == 2


@pytest.mark.parametrize("pause", ["0", format_datetime(START - HOUR, usegmt=True)], ids=["zero", "a-date-in-the-past"])
async def test_a_busy_gateway_that_names_no_real_pause_is_not_hammered(world: World, contact: int, pause: str) -> None:
    world.gateway.default = busy(pause)
    await world.pass_time()
    assert len(world.gateway.arrivals) == 1
    _, _, due_at = await world.standing(contact)
    assert due_at is not None
    assert due_at > world.clock.now()


@pytest.mark.parametrize("reply", [fake.NOT_FOUND, fake.GONE], ids=["404", "410"])
async def test_a_person_who_is_not_there(world: World, contact: int, reply: Reply) -> None:
    world.gateway.default = reply
    await world.pass_time()
    await world.pass_time(100 * HOUR)
    assert await world.statuses(contact) == ["failed"]
    assert await world.standing(contact) == ("stopped", "person_unreachable", None)
    assert len(world.gateway.arrivals) == 1
    audit = await rows(world.database, "SELECT reason FROM audit_entry WHERE contact_id = $1 ORDER BY id", contact)
    assert audit[-1]["reason"] == "person_unreachable"


@pytest.mark.parametrize(
    "reply",
    [fake.BAD_REQUEST, Reply(401), Reply(403), Reply(422), Reply(307, {"Location": "/send"})],
    ids=["400", "401", "403", "422", "redirect"],
)
async def test_refused(world: World, contact: int, reply: Reply) -> None:
    """Failed and paused until a person looked; listed, and after `resume` sent once."""
    world.gateway.script.append(reply)
    await world.pass_time()
    await world.pass_time(100 * HOUR)
    assert await world.statuses(contact) == ["failed"]
    assert await world.standing(contact) == ("paused", "send_failed", None)
    assert len(world.gateway.arrivals) == 1, "a redirect is not followed"
    failed = (await world.client.get("/api/followup-records?status=failed")).json()
    assert [record["contact_id"] for record in failed["results"]] == [contact]
    enrollment = await world.enrollment(contact)
    await world.client.post(f"/api/followup-enrollments/{enrollment['id']}/resume")
    await world.pass_time()
    assert await world.statuses(contact) == ["failed", "sent"]


UNCERTAIN = {
    "500": fake.BROKEN,
    "502": Reply(502),
    "503-without-retry-after": Reply(503),
    "time-out": fake.HANG,
    "cut": fake.CLOSE,
    "half-an-answer": fake.HALF_AN_ANSWER,
    "rubbish": fake.RUBBISH,
}


@pytest.mark.parametrize("reply", UNCERTAIN.values(), ids=UNCERTAIN)
async def test_uncertain(world: World, contact: int, reply: Reply) -> None:
    """Never repeated by itself; after 24 hours it counts as sent and the sequence goes on."""
    world.gateway.script.append(reply)
    began = world.clock.now()
    await world.pass_time()
    assert await world.statuses(contact) == ["unknown"]
    assert await world.standing(contact) == ("active", "send_unknown", began + 24 * HOUR)
    listed = (await world.client.get("/api/followup-records?status=unknown")).json()
    assert [record["contact_id"] for record in listed["results"]] == [contact]
    await world.pass_time(24 * HOUR - MOMENT)
    assert len(world.gateway.arrivals) == 1
    await world.pass_time(MOMENT)
    await world.pass_time(MOMENT)
    assert world.gateway.texts == ["第一天", "第二天"], "the interval runs from the uncertain send"
    assert await world.statuses(contact) == ["unknown", "sent"]
    assert set(world.gateway.per_key.values()) == {1}


async def test_a_look_in_between_does_not_shorten_the_pause_of_an_uncertain_send(world: World, contact: int) -> None:
    world.gateway.script.append(fake.BROKEN)
    began = world.clock.now()
    await world.pass_time()
    url = f"/api/followup-enrollments/{(await world.enrollment(contact))['id']}"
    for action in ("pause", "resume"):
        assert (await world.client.post(f"{url}/{action}")).status_code == 200
    await world.pass_time(HOUR)
    assert await world.standing(contact) == ("active", "send_unknown", began + 24 * HOUR)
    assert (await world.enrollment(contact))["day"] == 1
    assert len(world.gateway.arrivals) == 1


async def test_an_answer_cut_in_a_kept_connection_is_not_repeated_by_the_client(world: World, contact: int) -> None:
    """HTTP clients like to repeat a request when a connection that they kept turns out to be closed."""
    await world.pass_time()
    world.gateway.default = fake.CLOSE
    await world.pass_time(24 * HOUR + MOMENT)
    assert world.gateway.texts == ["第一天", "第二天"]
    assert await world.statuses(contact) == ["sent", "unknown"]


async def test_a_huge_answer_is_not_read_to_its_end(world: World, contact: int) -> None:
    world.gateway.default = fake.HUGE_BODY
    await world.pass_time()
    assert await world.statuses(contact) == ["sent"]


async def test_resolved_as_sent(world: World, contact: int) -> None:
    """The sequence goes on from the interval, counted from the uncertain send."""
    world.gateway.script.append(fake.BROKEN)
    await world.pass_time()
    await world.pass_time(HOUR)
    await world.resolve(contact, "sent")
    await world.pass_time(23 * HOUR)
    assert len(world.gateway.arrivals) == 1
    await world.pass_time(MOMENT)
    assert world.gateway.texts == ["第一天", "第二天"]
    assert await world.statuses(contact) == ["sent", "sent"]


async def test_resolved_as_not_sent(world: World, contact: int) -> None:
    """The same step is due again at once, exactly once."""
    await world.pass_time()
    world.gateway.script.append(fake.BROKEN)
    await world.pass_time(24 * HOUR + MOMENT)
    assert await world.statuses(contact) == ["sent", "unknown"]
    await world.pass_time(HOUR)
    await world.resolve(contact, "not_sent")
    await world.pass_time()
    assert world.gateway.texts == ["第一天", "第二天", "第二天"]
    assert await world.statuses(contact) == ["sent", "not_sent", "sent"]
    await world.pass_time(HOUR)
    assert len(world.gateway.arrivals) == 3
    answer = await world.client.post(
        f"/api/followup-records/{(await world.records(contact))[1]['id']}/resolve", json={"outcome": "sent"}
    )
    assert answer.status_code == 409


@pytest.fixture
async def newcomer(world: World) -> int:
    """One person whose opening is due now."""
    config = await make_config(world.client, opening_message="您好,在吗?")
    await add_script(world.client, config, day=1, content="第一天", hours=24)
    contact_id = await add_contact(world.client)
    await world.enroll(contact_id, opening=True)
    return contact_id


async def test_an_uncertain_opening_resolved_as_sent(world: World, newcomer: int) -> None:
    """As after any opening: the first text is due when the first wait ends, without its interval."""
    world.gateway.script.append(fake.BROKEN)
    await world.pass_time()
    await world.pass_time(10 * SECOND)
    await world.resolve(newcomer, "sent")
    await world.pass_time(20 * SECOND - MOMENT)
    assert len(world.gateway.arrivals) == 1
    await world.pass_time(MOMENT)
    assert world.gateway.texts == ["您好,在吗?", "第一天"]


async def test_an_uncertain_opening_resolved_as_not_sent(world: World, newcomer: int) -> None:
    world.gateway.script.append(fake.BROKEN)
    await world.pass_time()
    await world.pass_time(10 * SECOND)
    await world.resolve(newcomer, "not_sent")
    await world.pass_time()
    assert world.gateway.texts == ["您好,在吗?", "您好,在吗?"]
    assert await world.statuses(newcomer) == ["not_sent", "sent"]


async def test_an_uncertain_opening_is_not_sent_again_by_a_restart(world: World, newcomer: int) -> None:
    """An opening is sent once in a lifetime, and an uncertain one counts."""
    world.gateway.script.append(fake.BROKEN)
    await world.pass_time()
    await world.hear(newcomer, "在的")
    await world.enroll(newcomer, opening=True, restart=True)
    await world.pass_time(100 * HOUR)
    assert world.gateway.texts == ["您好,在吗?", "第一天"]


async def test_two_uncertain_sends_by_hand_confirmed_in_one_batch(world: World, contact: int) -> None:
    """The platform shows both messages: both are known to have left, and both stand in the history."""
    world.gateway.default = fake.BROKEN
    for content in ("手写一", "手写二"):
        await world.client.post("/api/followup-records/send", json={"contact_id": contact, "content": content})
    assert await world.statuses(contact) == ["unknown", "unknown"]
    copies = [
        {"message_id": content, "contact_id": contact, "fromId": 7, "content": content}
        for content in ("手写一", "手写二")
    ]
    answer = await world.client.post("/api/messages/inbound", json={"messages": copies})
    assert answer.status_code == 200, answer.text
    assert await world.statuses(contact) == ["sent", "sent"]
    history = await rows(
        world.database, "SELECT ordinal, text FROM chat_message WHERE contact_id = $1 ORDER BY ordinal", contact
    )
    assert [tuple(line.values()) for line in history] == [(1, "手写一"), (2, "手写二")]


async def test_nobody_listens(world: World, contact: int) -> None:
    """Certainly not sent: the same step again, with pauses that grow, until the gateway is back."""
    await world.gateway.stop()
    pauses = []
    for _ in range(8):
        await world.pass_time()
        state, reason, due_at = await world.standing(contact)
        assert due_at is not None
        assert (state, reason) == ("active", "gateway_unreachable")
        pauses.append(due_at - world.clock.now())
        # Beyond the pause of the circuit as well.
        world.clock.advance(max(pauses[-1], timedelta(minutes=5)))
    assert pauses == sorted(pauses)
    assert len(set(pauses)) == len(pauses)
    assert set(await world.statuses(contact)) == {"not_sent"}
    await world.gateway.start()
    await world.pass_time(HOUR)
    assert world.gateway.texts == ["第一天"]
    assert (await world.statuses(contact))[-1] == "sent"
    assert (await world.enrollment(contact))["failures"] == 0


@pytest.mark.parametrize("url", ["http://no-such-host.invalid/", "https://127.0.0.1:1/"], ids=["name", "port"])
async def test_no_way_there(world: World, contact: int, url: str) -> None:
    await world.deliver_by(url=url)
    await world.pass_time()
    assert await world.statuses(contact) == ["not_sent"]
    assert (await world.standing(contact))[:2] == ("active", "gateway_unreachable")


async def test_an_idempotent_gateway_gets_the_same_record_again(world: World, contact: int) -> None:
    await world.deliver_by(idempotent=True)
    world.gateway.script += [fake.BROKEN, fake.CLOSE, fake.HANG]
    for _ in range(4):
        await world.pass_time()
        enrollment = await world.enrollment(contact)
        world.clock.set(max(enrollment["due_at"], world.clock.now() + timedelta(minutes=5)))
    assert await world.statuses(contact) == ["sent"]
    (record,) = await world.records(contact)
    assert world.gateway.per_key == {str(record["key"]): 4}
    assert record["attempts"] == 4
    assert {arrival.body["record_id"] for arrival in world.gateway.arrivals} == {record["id"]}
    history = await rows(world.database, "SELECT text FROM chat_message WHERE contact_id = $1", contact)
    assert [line["text"] for line in history] == ["第一天"]


async def test_a_repeat_that_is_certainly_not_sent_keeps_the_record_and_its_key(world: World, contact: int) -> None:
    """The first try may have arrived: another key would be another message."""
    await world.deliver_by(idempotent=True)
    world.gateway.script += [fake.BROKEN, busy(60)]
    for turn in range(5):
        if turn == 2:
            await world.gateway.stop()
        if turn == 3:
            await world.gateway.start()
        await world.pass_time()
        enrollment = await world.enrollment(contact)
        if turn < 3:
            assert await world.statuses(contact) == ["unknown"]
            world.clock.set(max(enrollment["due_at"], world.clock.now() + timedelta(minutes=5)))
    (record,) = await world.records(contact)
    assert record["status"] == "sent"
    assert world.gateway.per_key == {str(record["key"]): 3}


async def test_an_idempotent_gateway_is_not_asked_for_ever(world: World, contact: int) -> None:
    """Gateways forget keys: after the pause of an uncertain send it counts as sent here too."""
    await world.deliver_by(idempotent=True)
    world.gateway.default = fake.BROKEN
    until = world.clock.now() + 24 * HOUR
    while world.clock.now() < until - HOUR:
        await world.pass_time()
        world.clock.set(max((await world.enrollment(contact))["due_at"], world.clock.now() + timedelta(minutes=6)))
    assert await world.statuses(contact) == ["unknown"]
    tries = len(world.gateway.arrivals)
    assert tries > 10
    world.gateway.default = fake.OK
    world.clock.set(until)
    await world.pass_time()
    assert len(world.gateway.arrivals) == tries
    await world.pass_time(48 * HOUR)
    assert set(world.gateway.texts[:tries]) == {"第一天"}
    assert world.gateway.texts[tries:] == ["第二天"]


@pytest.mark.parametrize("what", ["takeover", "review", "window"])
async def test_a_repeat_obeys_the_limits_too(world: World, contact: int, context: Context, what: str) -> None:
    """An operator took over, a message waits for judgement, or the hours are over: no repeat meanwhile."""
    await world.deliver_by(idempotent=True)
    world.gateway.script.append(fake.BROKEN)
    await world.pass_time()
    if what == "takeover":
        await world.hear(contact, "我来跟进这位候选人", from_id=7)
    elif what == "review":
        await world.hear(contact, "微信号")
    else:
        closed = {"week": (world.clock.now().astimezone(context.settings.zone).isoweekday() + 3) % 7,
                  "times": [{"begin_time": "10:00", "end_time": "12:00"}]}  # fmt: skip
        shut = Settings.model_validate({**context.settings.model_dump(), "send_window": [closed]})
        object.__setattr__(context, "settings", shut)
        world.dispatcher = Dispatcher(context, context.messenger)
    await world.pass_time(HOUR)
    assert len(world.gateway.arrivals) == 1


async def test_a_slow_start_and_a_circuit(world: World) -> None:
    """What hangs is found out with few messages; then nothing, then a single one to see."""
    config = await make_config(world.client)
    await add_script(world.client, config, day=1, content="第一天", hours=0)
    people = await world.add_people(3 * LANES * FIRST_BATCH)
    await world.enroll(*people)
    world.gateway.default = fake.HANG
    await world.pass_time(MOMENT)
    first = len(world.gateway.arrivals)
    assert FAILURES_TO_OPEN <= first <= FIRST_BATCH, "what was reserved behind it stays here"
    untried = await rows(world.database, "SELECT error FROM follow_up_record WHERE status = 'not_sent'")
    assert [row["error"] for row in untried] == ["not tried: the gateway had just failed"] * FIRST_BATCH
    await world.pass_time(4 * SECOND)
    assert len(world.gateway.arrivals) == first, "the circuit is open"
    await world.pass_time(6 * SECOND)
    assert len(world.gateway.arrivals) == first + 1, "one message to see"
    await world.pass_time(6 * SECOND)
    assert len(world.gateway.arrivals) == first + 1, "open again, for longer"
    world.gateway.default = fake.OK
    await world.pass_time(60 * SECOND)
    assert len(world.gateway.per_contact) == len(people)
    assert set(world.gateway.per_contact.values()) == {1}
    unknown = await value(world.database, "SELECT count(*) FROM follow_up_record WHERE status = 'unknown'")
    assert unknown == first + 1


async def test_never_more_are_under_way_than_the_setting_says(world: World, context: Context) -> None:
    """Two batches are worked on at a time, and one of them is on its way."""
    config = await make_config(world.client)
    await add_script(world.client, config, day=1, content="第一天", hours=0)
    people = await world.add_people(4 * LANES * FIRST_BATCH)
    await world.enroll(*people)
    world.gateway.default = Reply(delay=0.05)
    await world.pass_time(MOMENT)
    assert len(world.gateway.per_contact) == len(people)
    most = context.settings.gateway_concurrency
    assert FIRST_BATCH // 2 < world.gateway.most_in_flight <= most == FIRST_BATCH


async def test_who_answers_while_another_batch_is_on_its_way_is_not_written_to(world: World, context: Context) -> None:
    """The second batch was reserved long ago when its turn comes."""
    context.http._timeout = timedelta(seconds=30)
    config = await make_config(world.client)
    await add_script(world.client, config, day=1, content="第一天", hours=0)
    people = await world.add_people(LANES * FIRST_BATCH)
    await world.enroll(*people)
    release = asyncio.Event()
    world.gateway.default = Reply(wait_for=release)
    world.clock.advance(MOMENT)
    await world.dispatcher.tick()
    async with asyncio.timeout(20):
        while await value(world.database, "SELECT count(*) FROM follow_up_record") < len(people):  # noqa: ASYNC110 - bounded, and seldom long
            await asyncio.sleep(0.01)
        waiting = sorted(set(people) - set(world.gateway.per_contact))
        assert len(waiting) == FIRST_BATCH
        await world.hear(waiting[0], "您好")
        release.set()
        await world.dispatcher.idle()
    assert set(world.gateway.per_contact) == set(people) - {waiting[0]}
    assert await world.statuses(waiting[0]) == ["not_sent"]


async def test_a_dead_gateway_holds_up_no_other_bot(world: World, gateway: Gateway, context: Context) -> None:
    """The second bot's people are written to while everything of the first one hangs."""
    config = await make_config(world.client)
    await add_script(world.client, config, day=1, content="第一天", hours=0)
    other = (await world.client.post("/api/bots", json={"name": "另一个"})).json()["id"]
    await world.deliver_by(other, url=gateway.url, secret=SECRET)
    stuck = await world.add_people(40, bot=1)
    free = await world.add_people(40, bot=other)
    await world.enroll(*stuck, *free)
    # All that may be under way to one gateway at a time hangs, for as long as this takes.
    context.http._timeout = timedelta(minutes=10)
    release = asyncio.Event()
    for contact_id in stuck:
        user = await value(world.database, "SELECT user_id FROM contact WHERE id = $1", contact_id)
        gateway.by_user[user] = deque([Reply(wait_for=release)])
    world.clock.advance(MOMENT)
    await world.dispatcher.tick()
    try:
        async with asyncio.timeout(60):
            while not set(free) <= set(gateway.per_contact):  # noqa: ASYNC110 - bounded, and seldom long
                await asyncio.sleep(0.01)
        assert 0 < len(set(stuck) & set(gateway.per_contact)) < len(stuck)
    finally:
        release.set()
        await world.dispatcher.idle()


async def test_a_rate_holds_for_two_dispatchers_together(world: World, context: Context) -> None:
    """Five a second: the moments at which slots are handed out are shared through the bot's row."""
    await world.deliver_by(rate_per_second=5)
    config = await make_config(world.client)
    await add_script(world.client, config, day=1, content="第一天", hours=0)
    people = await world.add_people(20)
    await world.enroll(*people)
    world.clock.advance(MOMENT)
    dispatchers = [Dispatcher(context, context.messenger) for _ in range(2)]
    for second in range(8):
        await asyncio.gather(*(dispatcher.drain() for dispatcher in dispatchers))
        # One more than the rate gives: slots are handed out up to a second ahead, its end included.
        assert len(world.gateway.arrivals) <= 5 * (second + 1) + 1
        world.clock.advance(SECOND)
    assert len(world.gateway.per_contact) == len(people)
    assert set(world.gateway.per_contact.values()) == {1}
    first, last = world.gateway.arrivals[0].at, world.gateway.arrivals[4].at
    assert last - first >= 0.6, "within a second they leave one after another"


async def test_a_message_by_hand_takes_its_turn(world: World, contact: int) -> None:
    await world.deliver_by(rate_per_second=5)
    sends = [
        world.client.post("/api/followup-records/send", json={"contact_id": contact, "content": f"手写{turn}"})
        for turn in range(3)
    ]
    answers = await asyncio.gather(*sends)
    assert {answer.status_code for answer in answers} == {201}
    slot = await value(world.database, "SELECT next_slot_at FROM bot WHERE id = 1")
    assert slot == world.clock.now() + timedelta(seconds=3 / 5)
    assert await world.statuses(contact) == ["sent"] * 3


async def test_the_inbox_is_asked_before_each_later_send(world: World, newcomer: int) -> None:
    """Not before the opening; once when the wait ends and before each text, after the last message known."""
    await world.deliver_by(inbox_url=world.gateway.inbox_url)
    await world.pass_time()
    assert world.gateway.inbox_asked == []
    user = await value(world.database, "SELECT user_id FROM contact WHERE id = $1", newcomer)
    await world.pass_time(29 * SECOND)
    assert world.gateway.inbox_asked == []
    await world.pass_time(SECOND)
    assert world.gateway.inbox_asked == [(user, None)]
    assert world.gateway.texts == ["您好,在吗?", "第一天"]


async def test_an_answer_in_the_inbox_stops_the_send(world: World, newcomer: int) -> None:
    await world.deliver_by(inbox_url=world.gateway.inbox_url)
    await world.pass_time()
    answer = {"message_id": "in-1", "user_id": "of-the-platform", "fromId": 0, "content": "好的,微信 wx_abc12345"}
    world.gateway.inbox = lambda _user, _after: inbox(answer)
    await world.pass_time(30 * SECOND)
    await world.pass_time(100 * HOUR)
    assert world.gateway.texts == ["您好,在吗?"]
    assert (await world.standing(newcomer))[0] == "converted"
    (record,) = await world.records(newcomer)
    assert (record["got_reply"], record["reply_content"]) == (True, "好的,微信 wx_abc12345")


@pytest.mark.usefixtures("contact")
async def test_what_the_inbox_gave_is_not_asked_for_again(world: World) -> None:
    automatic = {"message_id": "auto-1", "user_id": "user-1", "fromId": 0, "content": "[自动回复]稍后联系"}
    await world.deliver_by(inbox_url=world.gateway.inbox_url)
    world.gateway.inbox = lambda _user, after: inbox() if after else inbox(automatic)
    await world.pass_time()
    await world.pass_time(24 * HOUR + MOMENT)
    assert world.gateway.inbox_asked == [("user-1", None), ("user-1", "auto-1")]
    assert world.gateway.texts == ["第一天", "第二天"], "an automatic answer stops nothing"


GOOD = {"message_id": "in-1", "user_id": "user-1", "fromId": 0, "content": "好"}
UNUSABLE = {
    "down": fake.CLOSE,
    "time-out": fake.HANG,
    "404": fake.NOT_FOUND,
    "500": fake.BROKEN,
    "redirect": Reply(302, {"Location": "/inbox?box=1&user_id=user-1"}),
    "rubbish": Reply(body=b"<html>"),
    "not-json-text": Reply(body=b"\xff\xfe"),
    "a-list": Reply(body=b"[]"),
    "no-list": Reply(body=b'{"messages": {}}'),
    "null": Reply(body=b'{"messages": null}'),
    "huge": fake.HUGE_BODY,
    "strings": Reply(body=b'{"messages": ["hello"]}'),
    "no-fromId": inbox({name: part for name, part in GOOD.items() if name != "fromId"}),
    "no-id": inbox({**GOOD, "message_id": None}),
    "unknown-field": inbox({**GOOD, "mood": "happy"}),
    "number-as-content": inbox({**GOOD, "content": 5}),
    "bad-date": inbox({**GOOD, "sent_at": "yesterday"}),
    "good-and-bad": inbox(GOOD, {**GOOD, "message_id": "in-2", "content": ""}),
}


async def test_an_inbox_without_a_usable_answer_stops_the_send_for_a_while(world: World, contact: int) -> None:
    """Nobody knows whether the person answered, so nothing is sent; it goes on when the inbox answers."""
    await world.deliver_by(inbox_url=world.gateway.inbox_url)
    due_at: datetime | None = world.clock.now()
    for name, reply in UNUSABLE.items():
        asked = len(world.gateway.inbox_asked)
        world.gateway.inbox = lambda _user, _after, reply=reply: reply  # type: ignore[misc]
        assert due_at is not None
        await world.pass_time(due_at - world.clock.now())
        state, reason, due_at = await world.standing(contact)
        assert (name, state, reason) == (name, "active", "inbox_unreachable")
        assert (name, len(world.gateway.inbox_asked)) == (name, asked + 1)
        assert world.gateway.arrivals == []
    assert await world.statuses(contact) == []
    assert await value(world.database, "SELECT count(*) FROM chat_message") == 0
    world.gateway.inbox = lambda _user, _after: inbox()
    assert due_at is not None
    await world.pass_time(due_at - world.clock.now())
    assert world.gateway.texts == ["第一天"]


async def test_a_dead_inbox_holds_up_only_its_own_people(world: World, contact: int) -> None:
    config = (await world.enrollment(contact))["config_id"]
    second = await add_contact(world.client, user_id="user-2")
    await world.enroll(second, config_id=config)
    world.clock.advance(MOMENT)
    await world.deliver_by(inbox_url=world.gateway.inbox_url)
    world.gateway.inbox = lambda user, _after: fake.BROKEN if user == "user-1" else inbox()
    await world.pass_time()
    assert world.gateway.per_contact == {second: 1}


async def test_the_inbox_is_asked_before_a_repeat_too(world: World, contact: int) -> None:
    await world.deliver_by(inbox_url=world.gateway.inbox_url, idempotent=True)
    world.gateway.script.append(fake.BROKEN)
    await world.pass_time()
    world.gateway.inbox = lambda _user, _after: inbox(GOOD)
    await world.pass_time(HOUR)
    assert len(world.gateway.arrivals) == 1
    assert (await world.standing(contact))[0] == "replied"


async def between_claim_and_send(world: World, monkeypatch: pytest.MonkeyPatch, what: Any) -> None:
    """Dispatch once, with something happening after the claim and before the last look."""
    from app.services.dispatch import inboxes  # noqa: PLC0415 - what is changed here

    ask = inboxes.ask_first

    async def ask_and_more(*arguments: Any) -> frozenset[int]:
        unreachable = await ask(*arguments)
        await what()
        return unreachable

    monkeypatch.setattr(inboxes, "ask_first", ask_and_more)
    await world.pass_time()
    monkeypatch.undo()


async def test_a_reply_after_the_claim_stops_that_send(
    world: World, contact: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await between_claim_and_send(world, monkeypatch, lambda: world.hear(contact, "您好"))
    await world.pass_time(100 * HOUR)
    assert world.gateway.arrivals == []
    assert (await world.standing(contact))[0] == "replied"


@pytest.mark.parametrize(
    ("path", "state", "reason"),
    [
        ("/api/contacts/{contact}/do-not-contact", "stopped", "do_not_contact"),
        ("/api/contacts/{contact}/mute", "active", "muted"),
        ("/api/followup-enrollments/{enrollment}/pause", "paused", "paused"),
        ("/api/followup-enrollments/{enrollment}/stop", "stopped", "operator"),
    ],
    ids=["do-not-contact", "muted", "paused", "stopped"],
)
async def test_a_refusal_after_the_claim_stops_that_send(
    world: World, contact: int, monkeypatch: pytest.MonkeyPatch, path: str, state: str, reason: str
) -> None:
    url = path.format(contact=contact, enrollment=(await world.enrollment(contact))["id"])

    async def refuse() -> None:
        answer = await world.client.post(url)
        assert answer.status_code < 300, answer.text

    await between_claim_and_send(world, monkeypatch, refuse)
    await world.pass_time(100 * HOUR)
    assert world.gateway.arrivals == []
    assert await world.standing(contact) == (state, reason, None)


async def test_a_person_who_is_being_answered_for_is_left_alone_and_comes_next(
    world: World, contact: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While somebody holds the person's row the send waits for nothing, and is not lost."""
    async with world.database.transaction() as connection:

        async def hold() -> None:
            await connection.execute("SELECT 1 FROM contact WHERE id = $1 FOR NO KEY UPDATE", contact)

        await between_claim_and_send(world, monkeypatch, hold)
        assert world.gateway.arrivals == []
    await world.pass_time(HAND_BACK_PAUSE)
    assert world.gateway.texts == ["第一天"]


async def test_a_reply_while_the_message_is_on_its_way(world: World, contact: int) -> None:
    """It left, and it is the last one."""

    def answer(_arrival: Arrival) -> None:
        tasks.append(asyncio.create_task(world.hear(contact, "您好")))

    tasks: list[asyncio.Task[None]] = []
    world.gateway.on_arrival = answer
    world.gateway.default = Reply(delay=0.2)
    await world.pass_time()
    await asyncio.gather(*tasks)
    await world.pass_time(100 * HOUR)
    assert world.gateway.texts == ["第一天"]
    assert await world.statuses(contact) == ["sent"]
    assert (await world.standing(contact))[::2] == ("replied", None)


async def test_without_the_right_secret_nothing_is_taken(world: World, contact: int) -> None:
    """The gateway checks: another secret is refused there, and that is no 2xx."""
    await world.deliver_by(secret="whsec_" + "A" * 32)
    await world.pass_time()
    assert world.gateway.arrivals == []
    assert world.gateway.bad_signatures == 1
    world.gateway.bad_signatures = 0
    assert await world.standing(contact) == ("paused", "send_failed", None)


async def test_an_unknown_send_by_hand_restarts_the_interval(world: World, contact: int) -> None:
    await world.pass_time()
    world.gateway.script.append(fake.BROKEN)
    world.clock.advance(HOUR)
    answer = await world.client.post("/api/followup-records/send", json={"contact_id": contact, "content": "手写"})
    assert (answer.status_code, answer.json()["status"]) == (201, "unknown")
    await world.pass_time(23 * HOUR + MOMENT)
    assert world.gateway.texts == ["第一天", "手写"]
    await world.pass_time(HOUR)
    assert world.gateway.texts == ["第一天", "手写", "第二天"]
