"""How much a gateway is given at a time: slow start, circuit, rate, and no bot held up by another."""

import asyncio
from collections import deque
from datetime import timedelta

from app.gateways.circuit import FAILURES_TO_OPEN, FIRST_BATCH
from app.services.context import Context
from app.services.dispatch.dispatcher import LANES, Dispatcher
from tests.faults import gateway as fake
from tests.faults.gateway import SECRET, Gateway, Reply
from tests.gateway_world import World
from tests.helpers import add_script, make_config
from tests.integration.gateway_outcomes.times import MOMENT, SECOND
from tests.people import rows, value


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
    context.http._timeout = timedelta(minutes=10)
    config = await make_config(world.client)
    await add_script(world.client, config, day=1, content="第一天", hours=0)
    people = await world.add_people(LANES * FIRST_BATCH)
    await world.enroll(*people)
    release = asyncio.Event()
    world.gateway.default = Reply(wait_for=release)
    world.clock.advance(MOMENT)
    await world.dispatcher.tick()
    async with asyncio.timeout(60):
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
