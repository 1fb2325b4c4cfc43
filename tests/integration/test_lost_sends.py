"""Messages whose process died where no look comes upon them: by hand, or of a sequence that ended or stands still."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.gateways.messenger import Channel, Delivery, Outcome
from app.jobs.passes import Passes
from app.services.context import Context
from app.services.dispatch.dispatcher import Dispatcher
from app.services.sending import send_manual
from tests.faults.gateway import SECRET
from tests.gateway_world import World
from tests.helpers import add_contact, add_script, make_config
from tests.people import rows, value

HOUR = timedelta(hours=1)
MOMENT = timedelta(microseconds=1)


class DyingMessenger:
    """Its process dies while a message is on its way; nobody knows whether it arrived."""

    async def deliver(self, _channel: Channel, _delivery: Delivery, _now: datetime) -> Outcome:
        """Die."""
        raise asyncio.CancelledError

    async def poll_inbox(
        self, _channel: Channel, _user_id: str, _after: str | None, _now: datetime
    ) -> list[dict[str, Any]]:
        """Nobody answered."""
        return []


@pytest.fixture
async def world(world: World) -> World:
    await world.deliver_by(url=world.gateway.url, secret=SECRET, event_url=world.gateway.event_url)
    return world


@pytest.fixture
async def contact(world: World) -> int:
    """Somebody whose first text is due now."""
    config = await make_config(world.client, opening_message="您好,在吗?")
    await add_script(world.client, config, day=1, content="第一天", hours=0)
    await add_script(world.client, config, day=2, content="第二天", hours=24)
    contact_id = await add_contact(world.client, user_id="user-1")
    await world.enroll(contact_id)
    world.clock.advance(MOMENT)
    return contact_id


@pytest.fixture
def passes(context: Context, world: World) -> Passes:
    return Passes(context, world.dispatcher)


async def die_on_the_way(context: Context) -> None:
    """Dispatch by a process that reserves a message and dies."""
    dead = Dispatcher(context, DyingMessenger())
    await dead.tick()
    await asyncio.gather(dead.idle(), return_exceptions=True)


async def told(world: World) -> list[tuple[str, int]]:
    """Return the events: kind and record."""
    found = await rows(world.database, "SELECT kind, payload FROM outbox_event WHERE kind = 'send_unknown'")
    return [(row["kind"], row["payload"]["data"]["record_id"]) for row in found]


async def test_by_hand(world: World, contact: int, context: Context, passes: Passes) -> None:
    reserved_at = world.clock.now()
    with pytest.raises(asyncio.CancelledError):
        await send_manual(context, DyingMessenger(), contact, "手写", None, actor="api")
    lease = timedelta(seconds=context.settings.lease_seconds)
    world.clock.advance(lease - MOMENT)
    await passes.lost_sends()
    assert await world.statuses(contact) == ["reserved"], "its process may still be at work"
    world.clock.advance(MOMENT)
    for _ in range(2):
        await passes.lost_sends()
    (record,) = await world.records(contact)
    assert (record["status"], record["sent_at"]) == ("unknown", reserved_at)
    assert record["error"] == "the process ended before the outcome was known"
    assert await told(world) == [("send_unknown", record["id"])], "once"
    listed = (await world.client.get("/api/followup-records?status=unknown")).json()
    assert [row["id"] for row in listed["results"]] == [record["id"]]
    # It may have arrived, so it restarts the interval: here of 0 hours, and the automatic one goes on.
    await world.pass_time()
    assert world.gateway.texts == ["第一天"]


@pytest.mark.parametrize("state", ["replied", "stopped", "paused"])
async def test_of_a_sequence_that_ended_or_stands_still(
    world: World, contact: int, context: Context, passes: Passes, state: str
) -> None:
    await die_on_the_way(context)
    reserved_at = world.clock.now()
    enrollment = (await world.enrollment(contact))["id"]
    if state == "replied":
        await world.hear(contact, "您好")
    else:
        action = {"stopped": "stop", "paused": "pause"}[state]
        assert (await world.client.post(f"/api/followup-enrollments/{enrollment}/{action}")).status_code == 200
    world.clock.advance(timedelta(seconds=context.settings.lease_seconds))
    await world.pass_time()
    assert await world.statuses(contact) == ["reserved"], "no look comes upon it"
    await passes.lost_sends()
    (record,) = await world.records(contact)
    assert (record["status"], record["sent_at"]) == ("unknown", reserved_at)
    assert await told(world) == [("send_unknown", record["id"])]
    last = await value(world.database, "SELECT last_sent_at FROM contact WHERE id = $1", contact)
    assert last == reserved_at, "it counts for the interval"
    assert (await world.standing(contact))[0] == state


async def test_who_goes_on_after_that_does_not_get_it_again(
    world: World, contact: int, context: Context, passes: Passes
) -> None:
    await die_on_the_way(context)
    enrollment = (await world.enrollment(contact))["id"]
    await world.client.post(f"/api/followup-enrollments/{enrollment}/pause")
    world.clock.advance(timedelta(seconds=context.settings.lease_seconds))
    await passes.lost_sends()
    await world.client.post(f"/api/followup-enrollments/{enrollment}/resume")
    await world.pass_time(HOUR)
    assert world.gateway.arrivals == []
    assert (await world.standing(contact))[1] == "send_unknown"
    await world.resolve(contact, "sent")
    await world.pass_time(24 * HOUR)
    assert world.gateway.texts == ["第二天"]


async def test_what_a_look_comes_upon_is_left_to_the_look(
    world: World, contact: int, context: Context, passes: Passes
) -> None:
    await die_on_the_way(context)
    world.clock.advance(timedelta(seconds=context.settings.lease_seconds))
    await passes.lost_sends()
    assert await world.statuses(contact) == ["reserved"]
    await world.pass_time()
    assert await world.statuses(contact) == ["unknown"]
    assert len(await told(world)) == 1
    await passes.lost_sends()
    assert len(await told(world)) == 1


async def test_a_lost_opening_counts_as_the_one_of_a_lifetime(world: World, context: Context, passes: Passes) -> None:
    await make_config(world.client, opening_message="您好,在吗?")
    newcomer = await add_contact(world.client)
    await world.enroll(newcomer, opening=True)
    await die_on_the_way(context)
    await world.hear(newcomer, "在的")
    world.clock.advance(timedelta(seconds=context.settings.lease_seconds))
    await passes.lost_sends()
    await world.enroll(newcomer, opening=True, restart=True)
    await world.pass_time(HOUR)
    assert world.gateway.arrivals == []
    assert [row["kind"] for row in await world.records(newcomer)] == ["opening"]
