"""A gateway that knows its keys gets the same record again, and not for ever."""

from datetime import timedelta

import pytest

from app.config import Settings
from app.services.context import Context
from app.services.dispatch.dispatcher import Dispatcher
from tests.faults import gateway as fake
from tests.faults.gateway import busy
from tests.gateway_world import World
from tests.integration.gateway_outcomes.times import HOUR
from tests.people import rows


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
