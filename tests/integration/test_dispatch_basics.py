"""The dispatcher on web chats: opening, wait, days, replies; the clock is moved by hand."""

from datetime import timedelta

import httpx2

from app.clock import ManualClock
from app.services.dispatch.dispatcher import Dispatcher
from tests.helpers import add_contact, add_script, make_config

HOUR = timedelta(hours=1)
MOMENT = timedelta(microseconds=1)


async def texts(client: httpx2.AsyncClient, contact_id: int) -> list[tuple[str, int | None, str]]:
    """Return kind, day and text of what was sent, oldest first."""
    answer = await client.get(f"/api/followup-records?contact_id={contact_id}&page_size=100")
    return [(row["kind"], row["day_number"], row["content"]) for row in reversed(answer.json()["results"])]


async def test_the_whole_run_of_a_sequence(
    client: httpx2.AsyncClient, dispatcher: Dispatcher, clock: ManualClock
) -> None:
    contact = await add_contact(client, position="Python开发")
    config = await make_config(client, position="Python开发", opening_message="您好,方便留个微信吗?")
    await add_script(client, config, day=1, content="第一天")
    await add_script(client, config, day=2, content="第二天")
    await add_script(client, config, day=0, content="往后一", hours=72, order=1)
    await add_script(client, config, day=0, content="往后二", hours=48, order=2)
    answer = await client.post("/api/followup-enrollments", json={"contact_ids": [contact]})
    assert answer.status_code == 201
    assert answer.json()["results"][0]["status"] == "enrolled"

    await dispatcher.drain()
    assert await texts(client, contact) == [("opening", None, "您好,方便留个微信吗?")]
    clock.advance(timedelta(seconds=30) - MOMENT)
    await dispatcher.drain()
    assert len(await texts(client, contact)) == 1
    clock.advance(MOMENT)
    await dispatcher.drain()
    assert (await texts(client, contact))[1:] == [("script", 1, "第一天")]
    clock.advance(24 * HOUR)
    await dispatcher.drain()
    assert len(await texts(client, contact)) == 2, "not before more than the interval has passed"
    clock.advance(MOMENT)
    await dispatcher.drain()
    assert (await texts(client, contact))[2:] == [("script", 2, "第二天")]
    for hours, expected in ((72, (3, "往后一")), (48, (4, "往后二")), (72, (5, "往后一"))):
        clock.advance(hours * HOUR + MOMENT)
        await dispatcher.drain()
        assert (await texts(client, contact))[-1] == ("script", *expected)


async def test_a_reply_stops_the_sequence_and_saves_the_wechat_id(
    client: httpx2.AsyncClient, dispatcher: Dispatcher, clock: ManualClock
) -> None:
    contact = await add_contact(client, position="Python开发")
    config = await make_config(client, position="Python开发")
    await add_script(client, config, day=1, content="第一天")
    await client.post("/api/followup-enrollments", json={"contact_ids": [contact]})
    await dispatcher.drain()
    clock.advance(timedelta(seconds=10))
    answer = await client.post(
        "/api/messages/inbound",
        json={
            "messages": [{"message_id": "1", "contact_id": contact, "fromId": 0, "content": "好的,我的微信是 wx123456"}]
        },
    )
    assert answer.json() == {"accepted": 1, "duplicates": 0, "filtered": 0, "replies": 1, "refused": []}
    clock.advance(100 * HOUR)
    await dispatcher.drain()
    records = (await client.get(f"/api/followup-records?contact_id={contact}")).json()
    assert records["total"] == 1
    assert records["results"][0]["got_reply"] is True
    assert records["results"][0]["reply_content"] == "好的,我的微信是 wx123456"
    enrollment = (await client.get(f"/api/followup-enrollments?contact_id={contact}")).json()["results"][0]
    assert enrollment["state"] == "converted"
    assert enrollment["due_at"] is None
