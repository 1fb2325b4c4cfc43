"""Messages that an operator sends by hand: once, to whom it is allowed, and what they change."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from app.clock import ManualClock
from app.repositories.database import Database
from app.services.dispatch.dispatcher import Dispatcher
from tests.helpers import add_contact, add_script, make_config
from tests.people import rows, value

Client = httpx2.AsyncClient
SEND = "/api/followup-records/send"
MOMENT = timedelta(microseconds=1)
HOUR = timedelta(hours=1)


async def send(client: Client, contact_id: int, content: str = "您好", key: str | None = None) -> httpx2.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return await client.post(SEND, json={"contact_id": contact_id, "content": content}, headers=headers)


async def count(database: Database) -> tuple[int, int]:
    """Return how many records and how many messages there are."""
    return (
        await value(database, "SELECT count(*) FROM follow_up_record"),
        await value(database, "SELECT count(*) FROM chat_message"),
    )


async def test_scenario_3_of_the_seed(client: Client, database: Database) -> None:
    contact = await add_contact(client)
    answer = await send(client, contact, "您好,我想和您聊聊这个职位。")
    assert answer.status_code == 201
    record = answer.json()
    assert record == {
        "id": record["id"],
        "contact_id": contact,
        "config_id": None,
        "script_id": None,
        "day_number": None,
        "content": "您好,我想和您聊聊这个职位。",
        "sent_at": "2026-03-05T10:30:00Z",
        "got_reply": False,
        "reply_content": None,
        "replied_at": None,
        "kind": "manual",
        "status": "sent",
        "error": None,
        "enrollment_id": None,
    }
    listed = (await client.get(f"/api/followup-records?contact_id={contact}")).json()
    assert listed["results"] == [record]
    history = await rows(database, "SELECT contact_id, ordinal, direction, text, record_id FROM chat_message")
    assert history == [
        {
            "contact_id": contact,
            "ordinal": 1,
            "direction": "outbound",
            "text": "您好,我想和您聊聊这个职位。",
            "record_id": record["id"],
        }
    ]


# Once


async def test_the_same_key_and_body_get_the_same_answer_and_send_nothing_again(
    client: Client, database: Database, clock: ManualClock
) -> None:
    contact = await add_contact(client)
    first = await send(client, contact, key="k-1")
    clock.advance(HOUR)
    again = await send(client, contact, key="k-1")
    assert (again.status_code, again.json()) == (201, first.json())
    assert await count(database) == (1, 1)
    other = await send(client, contact, key="k-2")
    assert other.json()["id"] != first.json()["id"]
    assert await count(database) == (2, 2)


async def test_twenty_at_once_with_one_key_send_once(client: Client, database: Database) -> None:
    contact = await add_contact(client)
    answers = await asyncio.gather(*(send(client, contact, key="same") for _ in range(20)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert await count(database) == (1, 1)


async def test_without_a_key_each_call_sends_and_ordinals_stay_gapless(client: Client, database: Database) -> None:
    contact = await add_contact(client)
    answers = await asyncio.gather(*(send(client, contact, f"第{number}条") for number in range(20)))
    assert {answer.status_code for answer in answers} == {201}
    assert await count(database) == (20, 20)
    ordinals = await rows(database, "SELECT ordinal FROM chat_message ORDER BY ordinal")
    assert [row["ordinal"] for row in ordinals] == list(range(1, 21))
    assert await value(database, "SELECT message_count FROM contact WHERE id = $1", contact) == 20


async def test_a_key_belongs_to_one_body(client: Client, database: Database) -> None:
    contact, other = await add_contact(client), await add_contact(client)
    assert (await send(client, contact, "一", key="k")).status_code == 201
    for answer in (await send(client, contact, "二", key="k"), await send(client, other, "一", key="k")):
        assert answer.status_code == 409
        assert "Idempotency-Key" in answer.json()["detail"]
    assert await count(database) == (1, 1)


async def test_a_refused_request_leaves_its_key_free(client: Client, database: Database) -> None:
    assert (await send(client, 987_654, key="k")).status_code == 404
    assert (await send(client, await add_contact(client), key="k")).status_code == 201
    assert await count(database) == (1, 1)


@pytest.mark.parametrize("key", ["", "with space", "x" * 256])
async def test_keys_that_are_none(client: Client, key: str) -> None:
    answer = await send(client, await add_contact(client), key=key)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][0] == "header"


# To whom


async def test_nobody_is_written_to_against_the_do_not_contact_list(client: Client, database: Database) -> None:
    contact = await add_contact(client)
    await client.post(f"/api/contacts/{contact}/do-not-contact")
    answer = await send(client, contact)
    assert answer.status_code == 409
    assert "免打扰" in answer.json()["detail"]
    assert await count(database) == (0, 0)


async def test_a_contact_that_does_not_exist(client: Client, database: Database) -> None:
    assert (await send(client, 987_654)).status_code == 404
    assert await count(database) == (0, 0)


async def test_it_is_allowed_after_a_reply_and_starts_nothing(
    client: Client, database: Database, dispatcher: Dispatcher, clock: ManualClock
) -> None:
    contact = await add_contact(client)
    config = await make_config(client)
    await add_script(client, config, day=1, content="第一天")
    await client.post("/api/followup-enrollments", json={"contact_ids": [contact], "opening": False})
    item = {"message_id": "1", "contact_id": contact, "fromId": 0, "content": "好的,聊聊"}
    await client.post("/api/messages/inbound", json={"messages": [item]})
    assert (await send(client, contact)).status_code == 201
    clock.advance(1000 * HOUR)
    await dispatcher.drain()
    assert await count(database) == (1, 2)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"content": "您好"}, ["contact_id"]),
        ({"contact_id": 1}, ["content"]),
        ({"contact_id": "1", "content": "您好"}, ["contact_id"]),
        ({"contact_id": False, "content": "您好"}, ["contact_id"]),
        ({"contact_id": 1.0, "content": "您好"}, ["contact_id"]),
        ({"contact_id": None, "content": "您好"}, ["contact_id"]),
        ({"contact_id": 0, "content": "您好"}, ["contact_id"]),
        ({"contact_id": -1, "content": "您好"}, ["contact_id"]),
        ({"contact_id": 2**63, "content": "您好"}, ["contact_id"]),
        ({"contact_id": 1, "content": ""}, ["content"]),
        ({"contact_id": 1, "content": " \n\t "}, ["content"]),
        ({"contact_id": 1, "content": "甲" * 5001}, ["content"]),
        ({"contact_id": 1, "content": "a\x00b"}, ["content"]),
        ({"contact_id": 1, "content": 5}, ["content"]),
        ({"contact_id": 1, "content": None}, ["content"]),
        ({"contact_id": 1, "content": ["您好"]}, ["content"]),
        ({"contact_id": 1, "content": "您好", "contnet": "您好"}, ["contnet"]),
    ],
)
async def test_bad_input_names_its_field(client: Client, body: dict[str, Any], place: list[Any]) -> None:
    answer = await client.post(SEND, json=body)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", *place]


async def test_the_longest_text_arrives_whole(client: Client, database: Database) -> None:
    content = "甲" * 4999 + "😀"
    assert (await send(client, await add_contact(client), content)).status_code == 201
    assert await value(database, "SELECT text FROM chat_message") == content


# What it changes


async def test_it_restarts_the_interval_clock_and_moves_no_counter(
    client: Client, dispatcher: Dispatcher, clock: ManualClock
) -> None:
    contact = await add_contact(client)
    config = await make_config(client, opening_message="开场白")
    await add_script(client, config, day=1, content="第一天")
    await add_script(client, config, day=2, content="第二天")
    await client.post("/api/followup-enrollments", json={"contact_ids": [contact]})
    await dispatcher.drain()
    clock.advance(timedelta(seconds=30))
    await dispatcher.drain()
    clock.advance(23 * HOUR)
    await send(client, contact, "手动")

    async def texts() -> list[tuple[int | None, str]]:
        answer = await client.get(f"/api/followup-records?contact_id={contact}")
        return [(row["day_number"], row["content"]) for row in reversed(answer.json()["results"])]

    for step, expected in ((24 * HOUR, (None, "手动")), (MOMENT, (2, "第二天"))):
        clock.advance(step)
        await dispatcher.drain()
        assert (await texts())[-1] == expected
    assert await texts() == [(None, "开场白"), (1, "第一天"), (None, "手动"), (2, "第二天")]


async def test_it_counts_once_in_the_cap_of_a_day(
    client: Client, dispatcher: Dispatcher, clock: ManualClock, database: Database
) -> None:
    """It is a record and stands in the history too, and is one message all the same; so is one by hand elsewhere."""
    contact = await add_contact(client)
    config = await make_config(client)
    await add_script(client, config, day=1, content="第一天", hours=1)
    await add_script(client, config, day=2, content="第二天", hours=1)
    await client.post("/api/followup-enrollments", json={"contact_ids": [contact], "opening": False})
    for number in range(4):
        assert (await send(client, contact, f"手动{number}")).status_code == 201
    began = clock.now()
    clock.advance(HOUR + MOMENT)
    await dispatcher.drain()
    assert await value(database, "SELECT count(*) FROM follow_up_record WHERE kind = 'script'") == 1, "the fifth of 5"
    clock.advance(HOUR + MOMENT)
    await dispatcher.drain()
    enrollment = (await rows(database, "SELECT reason, due_at FROM follow_up_enrollment"))[0]
    assert tuple(enrollment.values()) == ("daily_cap", began + 24 * HOUR)
    clock.set(began + 24 * HOUR)
    await dispatcher.drain()
    assert await value(database, "SELECT count(*) FROM follow_up_record WHERE kind = 'script'") == 2


async def test_what_was_written_by_hand_on_the_platform_counts_in_the_cap_too(
    client: Client, app: FastAPI, clock: ManualClock, database: Database
) -> None:
    object.__setattr__(app.state.context.settings, "takeover_hours", 0)
    dispatcher = Dispatcher(app.state.context, app.state.context.messenger)
    contact = await add_contact(client)
    config = await make_config(client)
    await add_script(client, config, day=1, content="第一天", hours=1)
    await client.post("/api/followup-enrollments", json={"contact_ids": [contact], "opening": False})
    messages = [
        {"message_id": f"p{number}", "contact_id": contact, "fromId": 7, "content": f"我是同事{number}"}
        for number in range(5)
    ]
    assert (await client.post("/api/messages/inbound", json={"messages": messages})).status_code == 200
    began = clock.now()
    clock.advance(HOUR + MOMENT)
    await dispatcher.drain()
    enrollment = (await rows(database, "SELECT reason, due_at FROM follow_up_enrollment"))[0]
    assert tuple(enrollment.values()) == ("daily_cap", began + 24 * HOUR)


# All texts of a config at once


async def test_a_test_send_shows_every_active_text_and_moves_nothing(client: Client, database: Database) -> None:
    contact = await add_contact(client, name="林小满", position="A")
    config = await make_config(client, opening_message="{{name}}您好")
    await add_script(client, config, day=0, content="往后一直")
    await add_script(client, config, day=2, content="{{position}}第二天")
    await add_script(client, config, day=1, content="第一天")
    hidden = await add_script(client, config, day=1, content="停用的")
    await client.put(f"/api/followup-scripts/{hidden}", json={"is_active": False})
    answer = await client.post(f"/api/followup-configs/{config}/test-send", json={"contact_id": contact})
    assert answer.status_code == 201
    assert [(row["kind"], row["status"], row["content"]) for row in answer.json()] == [
        ("test", "sent", "林小满您好"),
        ("test", "sent", "第一天"),
        ("test", "sent", "A第二天"),
        ("test", "sent", "往后一直"),
    ]
    assert await count(database) == (4, 4)
    assert await value(database, "SELECT count(*) FROM follow_up_enrollment") == 0
    enrolled = await client.post("/api/followup-enrollments", json={"contact_ids": [contact]})
    assert enrolled.json()["results"][0]["status"] == "enrolled"
    assert await value(database, "SELECT opening_pending FROM follow_up_enrollment"), "a test is no opening"


async def test_a_test_send_that_cannot_be(client: Client, database: Database) -> None:
    nameless = (await client.post("/api/contacts", json={})).json()["id"]
    refused = await add_contact(client)
    await client.post(f"/api/contacts/{refused}/do-not-contact")
    config = await make_config(client)
    await add_script(client, config, day=1, content="{{name}}您好")
    path = f"/api/followup-configs/{config}/test-send"
    answer = await client.post(path, json={"contact_id": nameless})
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", "contact_id"])
    assert (await client.post(path, json={"contact_id": refused})).status_code == 409
    assert (await client.post(path, json={"contact_id": 987_654})).status_code == 404
    assert (await client.post(path, json={})).status_code == 422
    missing = await client.post("/api/followup-configs/987654/test-send", json={"contact_id": nameless})
    assert missing.status_code == 404
    assert await count(database) == (0, 0)
