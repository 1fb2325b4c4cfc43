"""Web chats of a bot that has an inbox: it is asked before each later send, as a gateway's is."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest

from app.config import Settings
from app.services.context import Context
from app.services.dispatch.dispatcher import Dispatcher
from app.services.dispatch.inboxes import INBOX_PAUSE
from app.services.dispatch.leases import HAND_BACK_PAUSE
from tests.conftest import START
from tests.faults import gateway as fake
from tests.faults.gateway import SECRET, Gateway, Reply, inbox
from tests.gateway_world import World
from tests.helpers import add_contact, add_script, make_config
from tests.people import rows

HOUR = timedelta(hours=1)
MOMENT = timedelta(microseconds=1)
WAIT = timedelta(seconds=30)
ANSWER = {"message_id": "in-1", "user_id": "of-the-platform", "fromId": 0, "content": "好的,微信 wx_abc12345"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"gateway_timeout_seconds": 0.5})


@pytest.fixture
async def gateway(gateway: Gateway) -> AsyncIterator[Gateway]:
    yield gateway
    assert gateway.arrivals == [], "a web chat delivers nothing elsewhere"


@pytest.fixture
async def world(world: World) -> World:
    await world.deliver_by(kind="webchat", inbox_url=world.gateway.inbox_url, secret=SECRET)
    return world


@pytest.fixture
async def config(world: World) -> int:
    made = await make_config(world.client, opening_message="您好,在吗?")
    await add_script(world.client, made, day=1, content="第一天")
    await add_script(world.client, made, day=2, content="第二天")
    return made


@pytest.fixture
async def contact(world: World, config: int) -> int:
    """Somebody who has the opening and whose wait is over now."""
    contact_id = await add_contact(world.client, user_id="user-1")
    await world.enroll(contact_id, config_id=config, opening=True)
    await world.pass_time()
    world.clock.advance(WAIT)
    return contact_id


async def texts(world: World, contact_id: int) -> list[str]:
    """Return what stands in a person's chat."""
    found = await rows(
        world.database, "SELECT text FROM chat_message WHERE contact_id = $1 ORDER BY ordinal", contact_id
    )
    return [row["text"] for row in found]


async def test_it_is_asked_once_when_the_wait_ends_and_before_each_later_send(world: World, contact: int) -> None:
    await world.pass_time(-MOMENT)
    assert world.gateway.inbox_asked == [], "not before the opening, and not while it waits"
    await world.pass_time(MOMENT)
    assert world.gateway.inbox_asked == [("user-1", None)]
    assert await texts(world, contact) == ["您好,在吗?", "第一天"]
    await world.pass_time(24 * HOUR)
    assert len(world.gateway.inbox_asked) == 1
    await world.pass_time(MOMENT)
    assert world.gateway.inbox_asked == [("user-1", None)] * 2
    assert await texts(world, contact) == ["您好,在吗?", "第一天", "第二天"]
    assert await world.statuses(contact) == ["sent"] * 3


async def test_an_answer_found_there_stops_the_send(world: World, contact: int) -> None:
    world.gateway.inbox = lambda _user, _after: inbox(ANSWER)
    await world.pass_time()
    await world.pass_time(100 * HOUR)
    assert await texts(world, contact) == ["您好,在吗?", ANSWER["content"]]
    (record,) = await world.records(contact)
    assert (record["kind"], record["got_reply"], record["reply_content"]) == ("opening", True, ANSWER["content"])
    assert (await world.standing(contact))[::2] == ("converted", None)
    assert len(world.gateway.inbox_asked) == 1


@pytest.mark.parametrize(
    "reply",
    [fake.CLOSE, fake.HANG, fake.BROKEN, fake.NOT_FOUND, Reply(body=b"<html>"), inbox(ANSWER | {"message_id": None})],
    ids=["cut", "time-out", "500", "404", "rubbish", "unreadable"],
)
async def test_where_it_fails_nothing_is_sent_and_the_reason_says_so(world: World, contact: int, reply: Reply) -> None:
    world.gateway.inbox = lambda _user, _after: reply
    await world.pass_time()
    until = world.clock.now() + INBOX_PAUSE
    assert await world.standing(contact) == ("active", "inbox_unreachable", until)
    assert await texts(world, contact) == ["您好,在吗?"]
    await world.pass_time(INBOX_PAUSE - MOMENT)
    assert len(world.gateway.inbox_asked) == 1, "not hammered"
    world.gateway.inbox = lambda _user, _after: inbox()
    await world.pass_time(MOMENT)
    assert await texts(world, contact) == ["您好,在吗?", "第一天"]


async def test_where_nobody_listens_nothing_is_sent(world: World, contact: int, config: int) -> None:
    newcomer = await add_contact(world.client, user_id="user-2")
    await world.enroll(newcomer, config_id=config, opening=True)
    await world.gateway.stop()
    await world.pass_time()
    assert (await world.standing(contact))[:2] == ("active", "inbox_unreachable")
    assert await texts(world, contact) == ["您好,在吗?"]
    assert await texts(world, newcomer) == ["您好,在吗?"], "no answer could stop an opening"
    reasons = await rows(
        world.database, "SELECT actor, action, reason FROM audit_entry WHERE contact_id = $1 ORDER BY id", contact
    )
    assert {"actor": "scheduler", "action": "look", "reason": "inbox_unreachable"} in reasons


async def test_a_silent_inbox_of_one_person_holds_up_nobody_else(world: World, contact: int, config: int) -> None:
    second = await add_contact(world.client, user_id="user-2")
    await world.enroll(second, config_id=config)
    world.clock.advance(24 * HOUR + MOMENT)
    world.gateway.inbox = lambda user, _after: fake.BROKEN if user == "user-1" else inbox()
    await world.pass_time()
    assert await texts(world, second) == ["第一天"]
    assert (await world.standing(contact))[1] == "inbox_unreachable"


async def test_no_row_is_held_while_it_is_asked(world: World, contact: int) -> None:
    """Whoever wants to write about the person meanwhile does not wait for somebody else's server."""
    answering = asyncio.Event()
    world.gateway.inbox = lambda _user, _after: Reply(body=inbox().body, wait_for=answering)
    await world.dispatcher.sweep()
    await world.dispatcher.tick()
    async with asyncio.timeout(60):
        while not world.gateway.inbox_asked:  # noqa: ASYNC110 - bounded, and seldom long
            await asyncio.sleep(0.01)
        await assert_nobody_holds(world, contact)
        await world.hear(contact, "您好")
    answering.set()
    await world.dispatcher.idle()
    await world.pass_time(100 * HOUR)
    assert await texts(world, contact) == ["您好,在吗?", "您好"], "an answer after the claim stops that send too"
    assert (await world.standing(contact))[0] == "replied"


async def assert_nobody_holds(world: World, contact_id: int) -> None:
    async with world.database.transaction() as connection:
        for table, column in (("contact", "id"), ("follow_up_enrollment", "contact_id")):
            await connection.fetch(f"SELECT FROM {table} WHERE {column} = $1 FOR UPDATE NOWAIT", contact_id)


async def test_who_is_being_answered_for_is_handed_back(world: World, contact: int) -> None:
    async with world.database.transaction() as connection:
        await connection.execute("SELECT FROM contact WHERE id = $1 FOR NO KEY UPDATE", contact)
        await world.pass_time()
        assert (await world.enrollment(contact))["due_at"] == world.clock.now() + HAND_BACK_PAUSE
    assert await texts(world, contact) == ["您好,在吗?"]
    await world.pass_time(HAND_BACK_PAUSE)
    assert await texts(world, contact) == ["您好,在吗?", "第一天"]


async def test_a_process_that_dies_while_it_asks_leaves_nothing_half_done(
    world: World, contact: int, context: Context
) -> None:
    """Nothing was reserved: at the end of the lease another one asks, and sends once."""
    world.gateway.inbox = lambda _user, _after: fake.HANG
    await world.dispatcher.sweep()
    await world.dispatcher.tick()
    async with asyncio.timeout(60):
        while not world.gateway.inbox_asked:  # noqa: ASYNC110 - bounded, and seldom long
            await asyncio.sleep(0.01)
    for state in world.dispatcher._bots.values():
        assert state.task is not None
        state.task.cancel()
        await asyncio.gather(state.task, return_exceptions=True)
    world.gateway.inbox = lambda _user, _after: inbox()
    world.dispatcher = Dispatcher(context, context.messenger)
    lease = timedelta(seconds=context.settings.lease_seconds)
    assert (await world.enrollment(contact))["due_at"] == START + WAIT + lease
    await world.pass_time(lease - MOMENT)
    assert await texts(world, contact) == ["您好,在吗?"]
    await world.pass_time(MOMENT)
    assert await texts(world, contact) == ["您好,在吗?", "第一天"]
    assert await world.statuses(contact) == ["sent", "sent"]


async def test_an_inbox_that_is_taken_away_is_not_asked_any_more(world: World, contact: int) -> None:
    await world.deliver_by(kind="webchat", inbox_url=None)
    await world.pass_time()
    assert world.gateway.inbox_asked == []
    assert await texts(world, contact) == ["您好,在吗?", "第一天"]


async def test_a_write_that_fails_after_the_question_sends_once_later(
    world: World, contact: int, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.repositories import dispatch as store  # noqa: PLC0415 - what is changed here

    async def fail(*_arguments: object) -> None:
        raise asyncpg.ConnectionDoesNotExistError("cut")

    monkeypatch.setattr(store, "send_webchat", fail)
    await world.pass_time()
    monkeypatch.undo()
    assert await texts(world, contact) == ["您好,在吗?"]
    await world.pass_time(timedelta(seconds=context.settings.lease_seconds))
    assert await texts(world, contact) == ["您好,在吗?", "第一天"]
