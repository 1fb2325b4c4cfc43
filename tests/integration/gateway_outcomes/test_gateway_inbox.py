"""The inbox of a gateway is asked before a send; without a usable answer nothing is sent."""

from datetime import datetime

import pytest

from tests.faults import gateway as fake
from tests.faults.gateway import Reply, inbox
from tests.gateway_world import World
from tests.helpers import add_contact
from tests.integration.gateway_outcomes.times import HOUR, MOMENT, SECOND
from tests.people import value


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
