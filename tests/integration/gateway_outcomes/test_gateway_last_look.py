"""What happens to a person between the claim and the send, or while the message is on its way."""

import asyncio
from typing import Any

import pytest

from app.services.dispatch.leases import HAND_BACK_PAUSE
from tests.faults.gateway import Arrival, Reply
from tests.gateway_world import World
from tests.integration.gateway_outcomes.times import HOUR


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
