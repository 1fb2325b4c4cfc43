"""What an inbound message means: the rules, in their order."""

from datetime import timedelta

import pytest

from app.clock import ManualClock
from app.repositories.database import Database
from app.services.dispatch.dispatcher import Dispatcher
from tests.conftest import START
from tests.integration.inbound.helpers import (
    FIRST,
    HOUR,
    MOMENT,
    OPENING,
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
