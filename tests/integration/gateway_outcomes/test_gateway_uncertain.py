"""Nobody knows whether a message arrived: never repeated by itself, settled by a person, a copy or a day."""

import pytest

from tests.faults import gateway as fake
from tests.faults.gateway import Reply
from tests.gateway_world import World
from tests.integration.gateway_outcomes.times import HOUR, MOMENT, SECOND
from tests.people import rows

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
