"""Between the reservation of a message and its delivery: whoever answers or is protected then is not written to."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from app.gateways.circuit import FIRST_BATCH
from app.repositories import dispatch as store
from app.services.dispatch import webhook
from app.services.dispatch.webhook import Reserved
from tests.faults import gateway as fake
from tests.faults.gateway import SECRET
from tests.gateway_world import World
from tests.helpers import add_contact, add_script, make_config
from tests.people import rows, value

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
MOMENT = timedelta(microseconds=1)


@pytest.fixture
async def world(world: World) -> World:
    await world.deliver_by(url=world.gateway.url, secret=SECRET)
    return world


@pytest.fixture
async def contact(world: World) -> int:
    """One person whose first text is due now, an hour after the enrolment."""
    config = await make_config(world.client)
    await add_script(world.client, config, day=1, content="第一天", hours=1)
    await add_script(world.client, config, day=2, content="第二天", hours=24)
    contact_id = await add_contact(world.client, user_id="user-1")
    await world.enroll(contact_id)
    world.clock.advance(HOUR + MOMENT)
    return contact_id


async def post(world: World, path: str, **body: Any) -> None:
    answer = await world.client.post(path, json=body or None)
    assert answer.status_code < 300, answer.text


async def do(world: World, contact: int, what: str) -> None:
    """Let something happen to a person that forbids the next message."""
    enrollment = (await world.enrollment(contact))["id"]
    # By hand at a later moment than the reservation, as it is for everybody but a clock that stands still.
    world.clock.advance(MOMENT)
    match what:
        case "replied":
            await world.hear(contact, "您好,我有兴趣")
        case "opted out":
            await world.hear(contact, "别再发了")
        case "needs_review":
            await world.hear(contact, "微信号")
        case "human_takeover":
            await world.hear(contact, "我是同事,我来跟进", from_id=7)
        case "muted":
            await post(world, f"/api/contacts/{contact}/mute")
        case "do_not_contact":
            await post(world, f"/api/contacts/{contact}/do-not-contact")
        case "paused":
            await post(world, f"/api/followup-enrollments/{enrollment}/pause")
        case "interval":
            await post(world, "/api/followup-records/send", contact_id=contact, content="手写")
        case _:
            raise AssertionError(what)


async def between_reservation_and_delivery(
    world: World, monkeypatch: pytest.MonkeyPatch, what: Callable[[], Awaitable[None]]
) -> None:
    """Dispatch once, with something happening after the reservation was committed and before anything is delivered."""
    reserve = webhook._reserve

    async def reserve_and_more(*arguments: Any) -> Sequence[Reserved]:
        reserved = await reserve(*arguments)
        assert reserved, "it had been reserved"
        monkeypatch.undo()
        await what()
        return reserved

    monkeypatch.setattr(webhook, "_reserve", reserve_and_more)
    await world.dispatcher.sweep()
    await world.dispatcher.tick()
    await world.dispatcher.idle()


HAPPENINGS = {
    "replied": ("replied", None),
    "opted out": ("replied", "do_not_contact"),
    "needs_review": ("active", "needs_review"),
    "human_takeover": ("active", "human_takeover"),
    "muted": ("active", "muted"),
    "do_not_contact": ("stopped", "do_not_contact"),
    "paused": ("paused", "paused"),
    "interval": ("active", "interval"),
}


@pytest.mark.parametrize("what", HAPPENINGS)
async def test_what_is_not_wanted_any_more_is_withdrawn(
    world: World, contact: int, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    await between_reservation_and_delivery(world, monkeypatch, lambda: do(world, contact, what))
    by_hand = ["手写"] if what == "interval" else []
    assert world.gateway.texts == by_hand
    record = (await world.records(contact))[0]
    assert (record["kind"], record["status"], record["sent_at"]) == ("script", "not_sent", None)
    assert record["error"].startswith("withdrawn")
    await world.pass_time()
    state, reason = HAPPENINGS[what]
    assert (await world.standing(contact))[:2] == (state, reason)
    assert (await world.enrollment(contact))["failures"] == 0
    assert world.gateway.texts == by_hand
    own = "SELECT count(*) FROM chat_message WHERE contact_id = $1 AND service = 'followup'"
    assert await value(world.database, own, contact) == 0
    trail = await rows(world.database, "SELECT reason FROM audit_entry WHERE actor = 'gateway'")
    assert trail == [], "the gateway has done nothing"


@pytest.mark.parametrize("what", ["replied", "muted", "do_not_contact", "paused"])
async def test_and_so_it_is_while_it_waits_for_its_turn(world: World, contact: int, what: str) -> None:
    """With a rate, people are asked for once more when the turn of their message has come."""
    await world.deliver_by(rate_per_second=1)
    slot = world.clock.now() + SECOND
    await value(world.database, "UPDATE bot SET next_slot_at = $1 WHERE id = 1", slot)
    await world.dispatcher.sweep()
    await world.dispatcher.tick()
    async with asyncio.timeout(60):
        while await world.statuses(contact) != ["reserved"]:  # noqa: ASYNC110 - bounded, and seldom long
            await asyncio.sleep(0.01)
        await do(world, contact, what)
        await world.dispatcher.idle()
    assert world.gateway.arrivals == []
    (record,) = await world.records(contact)
    assert (record["status"], record["error"][:9]) == ("not_sent", "withdrawn")


async def test_the_step_that_was_withdrawn_is_due_again_when_nothing_stands_in_its_way(
    world: World, contact: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await between_reservation_and_delivery(world, monkeypatch, lambda: do(world, contact, "muted"))
    await world.pass_time(HOUR)
    assert world.gateway.arrivals == []
    await post(world, f"/api/contacts/{contact}/unmute")
    await world.pass_time()
    assert world.gateway.texts == ["第一天"]
    assert await world.statuses(contact) == ["not_sent", "sent"]


async def test_only_who_is_concerned_is_withdrawn(world: World, contact: int, monkeypatch: pytest.MonkeyPatch) -> None:
    other = await add_contact(world.client)
    await world.enroll(other)
    world.clock.advance(HOUR + MOMENT)
    await between_reservation_and_delivery(world, monkeypatch, lambda: do(world, contact, "replied"))
    assert world.gateway.per_contact == {other: 1}


async def test_what_was_withdrawn_says_nothing_about_the_gateway(
    world: World, contact: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the single message that shows whether a gateway is back would open the way for all others."""
    await between_reservation_and_delivery(world, monkeypatch, lambda: do(world, contact, "replied"))
    state = world.dispatcher._bots[1]
    assert state.circuit.allowed == FIRST_BATCH, "a batch that went well doubles it"


async def test_a_repeat_is_withdrawn_too_and_stays_uncertain(
    world: World, contact: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first try may have arrived."""
    await world.deliver_by(idempotent=True)
    world.gateway.script.append(fake.BROKEN)
    await world.pass_time()
    assert len(world.gateway.arrivals) == 1
    world.clock.advance(HOUR)
    await between_reservation_and_delivery(world, monkeypatch, lambda: do(world, contact, "replied"))
    assert len(world.gateway.arrivals) == 1
    assert await world.statuses(contact) == ["unknown"]
    assert (await world.standing(contact))[0] == "replied"


# Messages by hand


async def waiting_by_hand(world: World, contact: int) -> asyncio.Task[httpx2.Response]:
    """Send by hand on a bot with a rate, whose next turn comes in a second; returns once it is reserved."""
    await world.deliver_by(rate_per_second=1)
    slot = world.clock.now() + SECOND
    await value(world.database, "UPDATE bot SET next_slot_at = $1 WHERE id = 1", slot)
    body = {"contact_id": contact, "content": "手写"}
    sending = asyncio.create_task(world.client.post("/api/followup-records/send", json=body))
    async with asyncio.timeout(60):
        while await world.statuses(contact) != ["reserved"]:  # noqa: ASYNC110 - bounded, and seldom long
            await asyncio.sleep(0.01)
    return sending


async def test_while_a_message_by_hand_waits_for_its_turn_no_automatic_one_slips_in(world: World, contact: int) -> None:
    began = world.clock.now()
    sending = await waiting_by_hand(world, contact)
    await value(world.database, "UPDATE bot SET rate_per_second = NULL WHERE id = 1")
    await world.pass_time()
    assert world.gateway.arrivals == []
    assert await world.standing(contact) == ("active", "interval", began + SECOND + HOUR + MOMENT)
    assert (await sending).json()["status"] == "sent"
    await world.pass_time(SECOND + HOUR)
    assert world.gateway.texts == ["手写"]
    await world.pass_time(MOMENT)
    assert world.gateway.texts == ["手写", "第一天"]


@pytest.mark.parametrize("what", ["do-not-contact", "opted out", "erased"])
async def test_a_message_by_hand_is_withdrawn_from_who_refused_meanwhile(world: World, contact: int, what: str) -> None:
    sending = await waiting_by_hand(world, contact)
    if what == "erased":
        assert (await world.client.delete(f"/api/contacts/{contact}")).status_code == 204
    elif what == "opted out":
        await world.hear(contact, "别再发了")
    else:
        await post(world, f"/api/contacts/{contact}/do-not-contact")
    answer = await sending
    assert world.gateway.arrivals == []
    assert (answer.status_code, answer.json()["status"]) == (201, "not_sent")
    (record,) = await world.records(contact)
    assert (record["status"], record["error"][:9]) == ("not_sent", "withdrawn")


async def test_an_answer_does_not_withdraw_a_message_by_hand(world: World, contact: int) -> None:
    """An operator may write to somebody who answered."""
    sending = await waiting_by_hand(world, contact)
    await world.hear(contact, "您好")
    assert (await sending).json()["status"] == "sent"
    assert world.gateway.texts == ["手写"]


async def test_a_process_that_stood_still_right_before_a_message_left_looks_again(
    world: World, contact: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it knew of the person is old when it wakes up."""
    still_wanted = store.still_wanted

    async def look_and_stand_still(*arguments: Any) -> frozenset[int]:
        wanted = await still_wanted(*arguments)
        assert wanted
        monkeypatch.undo()
        world.clock.advance(webhook.FRESH + MOMENT)
        await world.hear(contact, "您好,我有兴趣")
        return wanted

    monkeypatch.setattr(store, "still_wanted", look_and_stand_still)
    await world.pass_time()
    await world.pass_time(100 * HOUR)
    assert world.gateway.texts == []
    assert (await world.records(contact))[0]["status"] == "not_sent"


async def test_a_message_that_cannot_be_looked_at_does_not_leave(
    world: World, contact: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waited for its turn at the pace of the bot, and the database went away; it comes back."""
    await world.deliver_by(rate_per_second=1000)
    still_wanted, looks = store.still_wanted, 0

    async def fail_second(*arguments: Any) -> frozenset[int]:
        nonlocal looks
        looks += 1
        if looks == 2:
            raise ConnectionResetError
        return await still_wanted(*arguments)

    monkeypatch.setattr(store, "still_wanted", fail_second)
    await world.pass_time()
    await world.pass_time(SECOND)
    assert await world.statuses(contact) == ["not_sent", "sent"]
    assert world.gateway.texts == ["第一天"]
