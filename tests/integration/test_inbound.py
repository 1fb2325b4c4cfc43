"""Messages that come in, through the API: what each means, what it changes, and that it does so once."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from app.clock import ManualClock
from app.repositories.database import Database
from app.services.dispatch.dispatcher import Dispatcher
from tests.conftest import START
from tests.helpers import add_contact, add_script, make_config
from tests.people import rows, value

Client = httpx2.AsyncClient
HOUR = timedelta(hours=1)
MOMENT = timedelta(microseconds=1)
INBOUND = "/api/messages/inbound"
OPENING = "您好,我们正在招聘,方便留一下您的微信号吗?"
FIRST = "后续沟通会更及时,您方便留个电话吗?"


@pytest.fixture
def dispatcher(app: FastAPI) -> Dispatcher:
    return Dispatcher(app.state.context, app.state.context.messenger)


@pytest.fixture
async def contact(client: Client, dispatcher: Dispatcher) -> int:
    """Somebody whose opening has just left, and who gets more a day later."""
    config = await make_config(client, opening_message=OPENING)
    await add_script(client, config, day=2, content=FIRST)
    contact_id = await add_contact(client)
    await client.post("/api/followup-enrollments", json={"contact_ids": [contact_id]})
    await dispatcher.drain()
    return contact_id


def item(contact_id: int, content: str, message_id: str | int = "m1", **fields: Any) -> dict[str, Any]:
    return {"message_id": message_id, "contact_id": contact_id, "fromId": 0, "content": content} | fields


async def post(client: Client, *messages: Any) -> dict[str, Any]:
    answer = await client.post(INBOUND, json={"messages": list(messages)})
    assert answer.status_code == 200, answer.text
    receipt: dict[str, Any] = answer.json()
    return receipt


def counts(receipt: dict[str, Any]) -> tuple[int, int, int, int]:
    return receipt["accepted"], receipt["duplicates"], receipt["filtered"], receipt["replies"]


async def state_of(client: Client, contact_id: int) -> str:
    page = (await client.get(f"/api/followup-enrollments?contact_id={contact_id}")).json()
    state: str = page["results"][0]["state"]
    return state


async def records(client: Client, contact_id: int) -> list[dict[str, Any]]:
    page = (await client.get(f"/api/followup-records?contact_id={contact_id}&page_size=500")).json()
    found: list[dict[str, Any]] = page["results"][::-1]
    return found


async def messages(client: Client, contact_id: int) -> list[dict[str, Any]]:
    page = (await client.get(f"/api/messages?contact_id={contact_id}&page_size=500")).json()
    found: list[dict[str, Any]] = page["results"][::-1]
    return found


async def later(clock: ManualClock, dispatcher: Dispatcher, step: timedelta) -> None:
    clock.advance(step)
    await dispatcher.drain()


# The rules, in their order


async def test_rule_1_our_own_words_are_never_a_reply(
    client: Client, contact: int, dispatcher: Dispatcher, clock: ManualClock
) -> None:
    clock.advance(timedelta(minutes=5))
    receipt = await post(client, item(contact, OPENING, fromId=42), item(contact, "好的,我有兴趣", "m2", fromId="me"))
    assert counts(receipt) == (2, 0, 0, 0)
    assert [(row["direction"], row["service"], row["verdict"]) for row in await messages(client, contact)] == [
        ("outbound", "followup", None),
        ("outbound", "agent", "own_by_hand"),
    ], "the copy of a record is the record; what was written by hand is kept"
    assert await state_of(client, contact) == "active"
    await later(clock, dispatcher, 24 * HOUR - MOMENT)
    assert len(await records(client, contact)) == 1, "a colleague looks after this person"
    await later(clock, dispatcher, MOMENT)
    assert len(await records(client, contact)) == 1, "not more than the interval since what was written by hand"
    await later(clock, dispatcher, MOMENT)
    assert len(await records(client, contact)) == 2


@pytest.mark.parametrize(
    ("minutes", "stored"), [pytest.param(10, 1, id="its copy"), pytest.param(10.001, 2, id="somebody said it again")]
)
async def test_rule_1_a_copy_of_a_record_comes_within_ten_minutes(
    client: Client, contact: int, clock: ManualClock, minutes: float, stored: int
) -> None:
    clock.advance(timedelta(minutes=minutes))
    await post(client, item(contact, f" {OPENING} ", fromId=1))
    assert len(await messages(client, contact)) == stored


async def test_rule_1_a_copy_gives_the_record_the_platforms_id(
    client: Client, contact: int, database: Database, dispatcher: Dispatcher, clock: ManualClock
) -> None:
    """So that it is known when the platform tells of it again, however late: no colleague is at work."""
    clock.advance(timedelta(minutes=5))
    assert counts(await post(client, item(contact, OPENING, "p-1", fromId=42))) == (1, 0, 0, 0)
    (own,) = await rows(database, "SELECT external_id, record_id, service FROM chat_message")
    (record,) = await records(client, contact)
    assert (own["external_id"], own["record_id"], own["service"]) == ("p-1", record["id"], "followup")
    clock.advance(HOUR)
    assert counts(await post(client, item(contact, OPENING, "p-1", fromId=42))) == (0, 1, 0, 0)
    assert len(await messages(client, contact)) == 1
    assert await value(database, "SELECT takeover_until FROM contact WHERE id = $1", contact) is None
    # Another id with the same words is somebody who said it again; the first id stays.
    await post(client, item(contact, OPENING, "p-2", fromId=42))
    found = await rows(database, "SELECT external_id, service FROM chat_message ORDER BY ordinal")
    assert [tuple(row.values()) for row in found] == [("p-1", "followup"), ("p-2", "agent")]
    await later(clock, dispatcher, 24 * HOUR + MOMENT)
    assert [row["content"] for row in await records(client, contact)] == [OPENING, FIRST]


async def test_rule_1_a_copy_settles_what_was_uncertain(
    client: Client, contact: int, database: Database, clock: ManualClock, dispatcher: Dispatcher
) -> None:
    async with database.transaction() as connection:
        await connection.execute("DELETE FROM chat_message")
        await connection.execute("UPDATE follow_up_record SET status = 'unknown'")
        await connection.execute("UPDATE contact SET message_count = 0")
        await connection.execute(
            "UPDATE follow_up_enrollment SET opening_pending = true, opening_at = NULL, reason = 'send_unknown',"
            " open_record_id = (SELECT id FROM follow_up_record), due_at = $1",
            START + 24 * HOUR,
        )
    clock.advance(timedelta(minutes=1))
    await post(client, item(contact, OPENING, "p-1", fromId=1))
    assert [row["status"] for row in await records(client, contact)] == ["sent"]
    assert len(await messages(client, contact)) == 1
    assert await value(database, "SELECT external_id FROM chat_message") == "p-1"
    await later(clock, dispatcher, 24 * HOUR)
    assert [row["content"] for row in await records(client, contact)] == [OPENING, FIRST]


async def test_rule_2_an_echo_is_filtered_and_the_rest_of_a_message_is_judged(
    client: Client, contact: int, dispatcher: Dispatcher, clock: ManualClock
) -> None:
    assert counts(await post(client, item(contact, OPENING))) == (1, 0, 1, 0)
    assert (await messages(client, contact))[-1]["filter_reason"] == "echo"
    await later(clock, dispatcher, 24 * HOUR + MOMENT)
    assert len(await records(client, contact)) == 2, "the sequence goes on"
    assert counts(await post(client, item(contact, f"「{OPENING}」\n可以的,聊聊", "m2"))) == (1, 0, 0, 1)
    assert await state_of(client, contact) == "replied"


async def test_rule_3_a_refusal_beats_the_word_wechat(client: Client, contact: int, database: Database) -> None:
    assert counts(await post(client, item(contact, "别再发了,微信号也不给"))) == (1, 0, 0, 1)
    assert await state_of(client, contact) == "replied"
    assert (await client.get(f"/api/contacts/{contact}")).json()["do_not_contact"] is True
    answer = await client.post("/api/followup-records/send", json={"contact_id": contact, "content": "您好"})
    assert answer.status_code == 409
    kinds = await rows(database, "SELECT kind FROM outbox_event")
    assert kinds == [], "nobody listens to this bot"
    assert [row["got_reply"] for row in await records(client, contact)] == [True]


async def test_rule_4_the_word_wechat_without_an_id_holds_for_a_day(
    client: Client, contact: int, dispatcher: Dispatcher, clock: ManualClock
) -> None:
    clock.advance(10 * HOUR)
    assert counts(await post(client, item(contact, "微信号"))) == (1, 0, 1, 0)
    listed = (await client.get("/api/messages?filtered=true")).json()
    assert [(row["contact_id"], row["filter_reason"]) for row in listed["results"]] == [(contact, "wechat_without_id")]
    await later(clock, dispatcher, 24 * HOUR - MOMENT)
    enrollment = (await client.get(f"/api/followup-enrollments?contact_id={contact}")).json()["results"][0]
    assert enrollment["reason"] == "needs_review"
    assert len(await records(client, contact)) == 1
    await later(clock, dispatcher, MOMENT)
    assert len(await records(client, contact)) == 2, "then it goes on"


async def test_rule_4_a_wechat_id_or_any_other_detail_is_an_answer(client: Client, contact: int) -> None:
    assert counts(await post(client, item(contact, "微信号没有,打我电话13800138000"))) == (1, 0, 0, 1)
    assert await state_of(client, contact) == "converted"
    details = (await client.get(f"/api/contact-records?contact_id={contact}")).json()["results"]
    assert [(row["kind"], row["value"]) for row in details] == [("phone", "13800138000")]


async def test_rule_5_an_automatic_answer_is_filtered(
    client: Client, contact: int, dispatcher: Dispatcher, clock: ManualClock
) -> None:
    texts = ["[自动回复] 我正在开会", "您好,我现在有事不在,一会再和您联系"]
    receipt = await post(client, *(item(contact, text, f"m{number}") for number, text in enumerate(texts)))
    assert counts(receipt) == (2, 0, 2, 0)
    await later(clock, dispatcher, 24 * HOUR + MOMENT)
    assert len(await records(client, contact)) == 2


async def test_rule_6_anything_else_is_a_reply_to_the_latest_record_before_it(
    client: Client, contact: int, dispatcher: Dispatcher, clock: ManualClock
) -> None:
    await later(clock, dispatcher, 24 * HOUR + MOMENT)
    clock.advance(HOUR)
    sent_at = (START + 20 * HOUR).isoformat()
    await post(client, item(contact, "在的", sent_at=sent_at))
    first, second = await records(client, contact)
    assert (first["got_reply"], first["reply_content"], first["replied_at"]) == (True, "在的", "2026-03-06T06:30:00Z")
    assert second["got_reply"] is False
    assert await state_of(client, contact) == "replied"
    await post(client, item(contact, "还有一句", "m2", sent_at=sent_at))
    assert (await records(client, contact))[0]["reply_content"] == "在的", "later messages do not overwrite it"
    assert [row["text"] for row in await messages(client, contact)][-1] == "还有一句", "but they are kept"
    await later(clock, dispatcher, 1000 * HOUR)
    assert len(await records(client, contact)) == 2


async def test_rule_6_a_reply_that_is_older_than_all_records_answers_the_first(client: Client, contact: int) -> None:
    await post(client, item(contact, "在的", sent_at=(START - timedelta(minutes=1)).isoformat()))
    assert [row["got_reply"] for row in await records(client, contact)] == [True]


async def test_details_after_a_reply_convert_and_a_reply_after_that_changes_nothing(
    client: Client, contact: int
) -> None:
    await post(client, item(contact, "在的"))
    assert await state_of(client, contact) == "replied"
    await post(client, item(contact, "微信 wx_abc12345", "m2"))
    assert await state_of(client, contact) == "converted"
    await post(client, item(contact, "在吗", "m3"))
    assert await state_of(client, contact) == "converted"


# History, clocks


async def test_history_is_no_reply_but_its_refusals_and_details_count(
    client: Client, contact: int, clock: ManualClock
) -> None:
    clock.advance(HOUR)
    old = (START - timedelta(minutes=5) - MOMENT).isoformat()
    assert counts(await post(client, item(contact, "好的", sent_at=old))) == (1, 0, 0, 0)
    assert await state_of(client, contact) == "active"
    assert counts(await post(client, item(contact, "我的微信是 wx_abc12345", "m2", sent_at=old)))[3] == 0
    assert (await client.get(f"/api/contact-records?contact_id={contact}")).json()["total"] == 1
    await post(client, item(contact, "不要联系我", "m3", sent_at=old))
    assert (await client.get(f"/api/contacts/{contact}")).json()["do_not_contact"] is True
    assert [row["got_reply"] for row in await records(client, contact)] == [False]


async def test_five_minutes_before_the_enrolment_is_still_a_reply(client: Client, contact: int) -> None:
    edge = (START - timedelta(minutes=5)).isoformat()
    assert counts(await post(client, item(contact, "好的", sent_at=edge))) == (1, 0, 0, 1)


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


# Batches


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


# A person's judgement


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


async def test_ten_who_accept_at_once_do_it_once(client: Client, contact: int, database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute("UPDATE bot SET event_url = 'http://127.0.0.1:9/'")
    await post(client, item(contact, "微信号"))
    message = (await messages(client, contact))[-1]
    answers = await asyncio.gather(*(client.post(f"/api/messages/{message['id']}/accept") for _ in range(10)))
    assert {answer.status_code for answer in answers} == {200}
    assert await value(database, "SELECT count(*) FROM outbox_event WHERE kind = 'replied'") == 1


# At once


async def test_the_same_batch_ten_times_at_once_has_one_effect(
    client: Client, contact: int, database: Database
) -> None:
    batch = [
        item(contact, "好的,我的微信是 wx_abc12345", "1"),
        {"message_id": "2", "user_id": "新人", "fromId": 0, "content": "你们还招人吗"},
    ]
    receipts = await asyncio.gather(*(post(client, *batch) for _ in range(10)))
    assert sum(receipt["accepted"] for receipt in receipts) == 2
    assert sum(receipt["duplicates"] for receipt in receipts) == 18
    assert sum(receipt["replies"] for receipt in receipts) == 2
    assert await value(database, "SELECT count(*) FROM chat_message WHERE direction = 'inbound'") == 2
    assert await value(database, "SELECT count(*) FROM contact WHERE user_id = '新人'") == 1
    assert await value(database, "SELECT count(*) FROM contact_record") == 1
    assert await value(database, "SELECT count(*) FROM audit_entry WHERE action = 'reply'") == 1


async def test_batches_that_cross_each_other_all_arrive(client: Client, database: Database) -> None:
    people = [await add_contact(client) for _ in range(6)]

    async def batch(number: int) -> dict[str, Any]:
        order = people if number % 2 else people[::-1]
        return await post(client, *(item(person, f"第{number}次", f"{number}-{person}") for person in order))

    receipts = await asyncio.gather(*(batch(number) for number in range(8)))
    assert sum(receipt["accepted"] for receipt in receipts) == 48
    gaps = await value(
        database,
        "SELECT count(*) FROM contact c WHERE message_count <> 8 OR 8 <>"
        " (SELECT count(DISTINCT ordinal) FROM chat_message m WHERE m.contact_id = c.id AND ordinal BETWEEN 1 AND 8)",
    )
    assert gaps == 0


async def test_two_replies_at_once_answer_once(client: Client, contact: int, database: Database) -> None:
    receipts = await asyncio.gather(*(post(client, item(contact, f"回复{name}", name)) for name in "ab"))
    assert [counts(receipt) for receipt in receipts] == [(1, 0, 0, 1)] * 2
    assert await value(database, "SELECT count(*) FROM follow_up_record WHERE got_reply") == 1
    first = await value(database, "SELECT text FROM chat_message WHERE direction = 'inbound' ORDER BY ordinal LIMIT 1")
    assert (await records(client, contact))[0]["reply_content"] == first


async def test_who_answers_while_messages_leave_gets_nothing_after_the_answer(
    client: Client, dispatcher: Dispatcher, database: Database, clock: ManualClock
) -> None:
    config = await make_config(client, opening_message="开场白")
    await add_script(client, config, day=2, content="第二天的一条")
    people = [await add_contact(client) for _ in range(40)]
    await client.post("/api/followup-enrollments", json={"contact_ids": people})
    await dispatcher.drain()
    clock.advance(24 * HOUR + MOMENT)

    async def answer(person: int) -> None:
        await asyncio.sleep(person % 7 * 0.004)
        await post(client, item(person, "在的,聊聊", f"r{person}"))

    await asyncio.gather(dispatcher.drain(), *(answer(person) for person in people))
    await dispatcher.drain()
    after = await value(
        database,
        "SELECT count(*) FROM chat_message m WHERE m.direction = 'outbound' AND EXISTS ("
        " SELECT FROM chat_message r WHERE r.contact_id = m.contact_id AND r.direction = 'inbound'"
        " AND r.ordinal < m.ordinal)",
    )
    assert after == 0
    assert await value(database, "SELECT count(*) FROM follow_up_enrollment WHERE state <> 'replied'") == 0


async def test_a_person_who_is_answering_is_skipped_not_waited_for(
    client: Client, contact: int, dispatcher: Dispatcher, database: Database, clock: ManualClock
) -> None:
    clock.advance(24 * HOUR + MOMENT)
    async with database.transaction() as connection:
        await connection.execute("SELECT FROM contact WHERE id = $1 FOR NO KEY UPDATE", contact)
        async with asyncio.timeout(60):
            await dispatcher.drain()
        assert len(await records(client, contact)) == 1
    await dispatcher.drain()
    assert len(await records(client, contact)) == 2
