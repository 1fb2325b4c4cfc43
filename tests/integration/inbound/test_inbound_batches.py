"""Batches of inbound messages: order, repeats, refusals by index, times; and a person's judgement of one."""

from typing import Any

import pytest

from app.clock import ManualClock
from app.repositories.database import Database
from app.services.dispatch.dispatcher import Dispatcher
from tests.integration.inbound.helpers import (
    HOUR,
    INBOUND,
    Client,
    counts,
    item,
    later,
    messages,
    post,
    records,
    state_of,
)
from tests.people import rows, value


@pytest.mark.parametrize(
    ("sent_at", "stored"),
    [
        ("2026-03-05T10:29:00Z", "2026-03-05T10:29:00Z"),
        ("2026-03-05T18:29:00+08:00", "2026-03-05T10:29:00Z"),
        ("2026-03-05T05:29:00-05:00", "2026-03-05T10:29:00Z"),
        ("2027-01-01T00:00:00Z", "2026-03-05T10:30:00Z"),
        ("9999-12-31T23:59:59Z", "2026-03-05T10:30:00Z"),
        (None, "2026-03-05T10:30:00Z"),
    ],
)
async def test_when_it_was_sent(client: Client, contact: int, sent_at: str | None, stored: str) -> None:
    await post(client, item(contact, "好的", sent_at=sent_at))
    assert (await messages(client, contact))[-1]["sent_at"] == stored


async def test_a_batch_is_judged_in_its_order(client: Client, contact: int) -> None:
    texts = ["在的", "微信号", "[自动回复] 在忙", "那就聊聊"]
    receipt = await post(client, *(item(contact, text, f"m{number}") for number, text in enumerate(texts)))
    assert counts(receipt) == (4, 0, 2, 2)
    assert [row["text"] for row in await messages(client, contact)][1:] == texts
    assert (await records(client, contact))[0]["reply_content"] == "在的"


async def test_repeats_are_counted_and_stored_once(client: Client, contact: int) -> None:
    assert counts(await post(client, item(contact, "在的"), item(contact, "在的"))) == (1, 1, 0, 1)
    assert counts(await post(client, item(contact, "又一句"))) == (0, 1, 0, 0)
    assert counts(await post(client, item(contact, "又一句", message_id=7))) == (1, 0, 0, 1)
    assert counts(await post(client, item(contact, "又一句", message_id="7"))) == (0, 1, 0, 0), "7 is 7"
    assert len(await messages(client, contact)) == 3


async def test_who_writes_first_becomes_a_contact_of_the_bot(client: Client, database: Database) -> None:
    bot = (await client.post("/api/bots", json={"name": "第二个"})).json()
    receipt = await post(
        client,
        {"message_id": "1", "user_id": "新人", "fromId": 0, "content": "你们还招人吗"},
        {"message_id": "2", "user_id": "新人", "fromId": 0, "content": "我想应聘"},
        {"message_id": "1", "user_id": "新人", "fromId": 0, "content": "在吗", "bot": bot["client_id"]},
        {"message_id": "2", "user_id": "新人", "fromId": 0, "content": "在吗", "bot": bot["id"]},
    )
    assert counts(receipt) == (4, 0, 0, 4), "message_id is unique per bot"
    made = await rows(
        database, "SELECT bot_id, user_id, message_count, chat_token IS NOT NULL AS chat FROM contact ORDER BY bot_id"
    )
    expected = {"user_id": "新人", "message_count": 2, "chat": True}
    assert made == [{"bot_id": 1, **expected}, {"bot_id": bot["id"], **expected}]


async def test_what_cannot_be_taken_is_refused_by_index_and_the_rest_counts(client: Client, contact: int) -> None:
    receipt = await post(
        client,
        item(987_654, "在的", "a"),
        item(contact, "在的", "b"),
        item(contact, "在的", "c", bot="no-such-bot"),
        {"message_id": "d", "contact_id": contact, "content": "在的"},
        item(contact, "聊聊", "e"),
        "在的",
    )
    assert counts(receipt) == (2, 0, 0, 2)
    assert [(entry["index"], entry["status"], entry["detail"][0]["loc"]) for entry in receipt["refused"]] == [
        (0, 422, ["body", "messages", 0, "contact_id"]),
        (2, 422, ["body", "messages", 2, "bot"]),
        (3, 422, ["body", "messages", 3, "fromId"]),
        (5, 422, ["body", "messages", 5]),
    ]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"fromId": None}, "fromId"),
        ({"fromId": True}, "fromId"),
        ({"fromId": ""}, "fromId"),
        ({"fromId": 0.0}, "fromId"),
        ({"fromId": [0]}, "fromId"),
        ({"content": None}, "content"),
        ({"content": "  "}, "content"),
        ({"content": 5}, "content"),
        ({"content": "甲" * 5001}, "content"),
        ({"content": "a\x00b"}, "content"),
        ({"message_id": None}, "message_id"),
        ({"message_id": ""}, "message_id"),
        ({"message_id": True}, "message_id"),
        ({"message_id": "x" * 257}, "message_id"),
        ({"contact_id": "1"}, "contact_id"),
        ({"contact_id": 0}, "contact_id"),
        ({"contact_id": True}, "contact_id"),
        ({"contact_id": 2**63}, "contact_id"),
        ({"contact_id": None}, "user_id"),
        ({"user_id": 1.5}, "user_id"),
        ({"bot": ""}, "bot"),
        ({"bot": 2**62}, "bot"),
        ({"sent_at": "yesterday"}, "sent_at"),
        ({"sent_at": "2026-03-05T10:30:00"}, "sent_at"),
        ({"sent_at": "0001-01-01T00:00:00+14:00"}, "sent_at"),
        ({"from_id": 0}, "from_id"),
    ],
)
async def test_bad_items_name_their_field(client: Client, contact: int, change: dict[str, Any], field: str) -> None:
    receipt = await post(client, item(contact, "在的") | change)
    assert receipt["accepted"] == 0
    assert [entry["detail"][0]["loc"] for entry in receipt["refused"]] == [["body", "messages", 0, field]]
    assert await state_of(client, contact) == "active"


@pytest.mark.parametrize("from_id", [0, "0", " 0 "])
async def test_theirs_is_0_as_a_number_or_a_string(client: Client, contact: int, from_id: object) -> None:
    assert counts(await post(client, item(contact, "在的", fromId=from_id)))[3] == 1


async def test_five_hundred_in_a_batch_and_not_one_more(client: Client, contact: int, database: Database) -> None:
    batch = [item(contact, f"第{number}句", f"m{number}") for number in range(501)]
    answer = await client.post(INBOUND, json={"messages": batch})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "messages"]
    assert counts(await post(client, *batch[:500])) == (500, 0, 0, 500)
    assert await value(database, "SELECT message_count FROM contact WHERE id = $1", contact) == 501
    bodies: list[Any] = [{"messages": []}, {}, {"messages": {}}, []]
    for body in bodies:
        assert (await client.post(INBOUND, json=body)).status_code == 422


async def test_accepting_a_filtered_message_does_all_that_a_reply_does(
    client: Client, contact: int, database: Database, dispatcher: Dispatcher, clock: ManualClock
) -> None:
    await post(client, item(contact, "微信号"))
    message = (await messages(client, contact))[-1]
    path = f"/api/messages/{message['id']}/accept"
    accepted = (await client.post(path)).json()
    assert (accepted["verdict"], accepted["filter_reason"]) == ("reply", None)
    assert await state_of(client, contact) == "replied"
    assert [(row["got_reply"], row["reply_content"]) for row in await records(client, contact)] == [(True, "微信号")]
    assert await value(database, "SELECT review_hold_until FROM contact WHERE id = $1", contact) is None
    assert (await client.post(path)).status_code == 200, "twice is as good as once"
    await later(clock, dispatcher, 1000 * HOUR)
    assert len(await records(client, contact)) == 1
    assert (await client.get("/api/messages?filtered=true")).json()["total"] == 0


async def test_only_filtered_messages_can_be_accepted(client: Client, contact: int) -> None:
    await post(client, item(contact, "在的"))
    message = (await messages(client, contact))[-1]
    assert (await client.post(f"/api/messages/{message['id']}/accept")).status_code == 409
    assert (await client.post("/api/messages/987654/accept")).status_code == 404
