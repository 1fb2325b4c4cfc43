"""Putting people into sequences: an answer for each, and what a restart means."""

from typing import Any

import pytest

from app.clock import ManualClock
from app.repositories.database import Database
from app.services.dispatch.dispatcher import Dispatcher
from tests.helpers import add_contact
from tests.integration.enrollments.helpers import (
    HOUR,
    MOMENT,
    Client,
    enroll,
    enroll_one,
    say,
    seed_config,
    sent,
    state_of,
)
from tests.people import rows


async def test_an_answer_for_each_kind_of_person_in_the_order_of_the_list(client: Client) -> None:
    config = await seed_config(client)
    ids = [await add_contact(client) for _ in range(6)]
    new, running, replied, converted, refused, restarted = ids
    await enroll(client, running, replied, converted, restarted)
    await say(client, replied, "好的,聊聊", "a")
    await say(client, restarted, "好的,聊聊", "b")
    await say(client, converted, "我的微信是 wx_abc12345", "c")
    await client.post(f"/api/contacts/{refused}/do-not-contact")
    results = await enroll(client, refused, 999_999, converted, replied, running, new, new)
    assert [(result["contact_id"], result["status"], result["config_id"]) for result in results] == [
        (refused, "do_not_contact", None),
        (999_999, "not_found", None),
        (converted, "converted", None),
        (replied, "needs_restart", None),
        (running, "already_enrolled", None),
        (new, "enrolled", config),
    ]
    known = {"enrolled", "already_enrolled"}
    assert all((result["enrollment_id"] is not None) == (result["status"] in known) for result in results)
    assert all(result["message"] for result in results)
    again = await enroll(client, restarted, converted, refused, restart=True)
    assert [result["status"] for result in again] == ["enrolled", "converted", "do_not_contact"]


async def test_an_answer_counts_who_entered(client: Client) -> None:
    await seed_config(client, position="A")
    ids = [await add_contact(client, position=position) for position in ("A", "B")]
    answer = await client.post("/api/followup-enrollments", json={"contact_ids": [*ids, 999_999]})
    assert {key: answer.json()[key] for key in ("total", "enrolled")} == {"total": 3, "enrolled": 2}
    assert [result["status"] for result in answer.json()["results"]] == ["enrolled", "waiting", "not_found"]


async def test_everybody_of_a_position(client: Client) -> None:
    await seed_config(client)
    of_it = [await add_contact(client, position=position) for position in ("Python开发", " PYTHON开发 ")]
    await add_contact(client, position="Java开发")
    await add_contact(client)
    answer = await client.post("/api/followup-enrollments", json={"position": "python开发"})
    assert [result["contact_id"] for result in answer.json()["results"]] == of_it
    nobody = (await client.post("/api/followup-enrollments", json={"position": "Go开发"})).json()
    assert nobody == {"total": 0, "enrolled": 0, "results": []}


async def test_ten_thousand_in_one_call_are_taken_and_one_more_is_refused(client: Client, database: Database) -> None:
    await seed_config(client)
    async with database.transaction() as connection:
        await connection.execute(
            "INSERT INTO contact (bot_id, user_id, position, position_key, created_at, updated_at)"
            " SELECT 1, 'many-' || n, '测试', '测试', now(), now() FROM generate_series(1, 10001) n"
        )
    ids = [row["id"] for row in await rows(database, "SELECT id FROM contact ORDER BY id DESC LIMIT 10000")]
    results = await enroll(client, *ids)
    assert [result["contact_id"] for result in results] == ids
    assert {result["status"] for result in results} == {"enrolled"}
    assert (await client.get("/api/followup-enrollments")).json()["total"] == 10_000
    answer = await client.post("/api/followup-enrollments", json={"position": "测试"})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "position"]


async def test_a_restart_is_a_new_enrollment_without_a_second_opening(
    client: Client, dispatcher: Dispatcher, clock: ManualClock
) -> None:
    await seed_config(client)
    contact = await add_contact(client)
    first = await enroll_one(client, contact)
    await dispatcher.drain()
    clock.advance(HOUR)
    await say(client, contact, "在考虑")
    second = await enroll_one(client, contact, restart=True)
    assert second != first
    await dispatcher.drain()
    clock.advance(23 * HOUR)
    await dispatcher.drain()
    assert await sent(client, contact) == [("opening", "开场白")], "its interval runs from the opening"
    clock.advance(MOMENT)
    await dispatcher.drain()
    assert await sent(client, contact) == [("opening", "开场白"), ("script", "第一天")]
    assert (await state_of(client, first))[0] == "replied"
    assert (await state_of(client, second))[0] == "active"


@pytest.mark.parametrize("status", ["reserved", "unknown"])
async def test_an_opening_that_may_have_arrived_is_not_sent_again(
    client: Client, dispatcher: Dispatcher, database: Database, status: str
) -> None:
    await seed_config(client)
    contact = await add_contact(client)
    first = await enroll_one(client, contact)
    await dispatcher.drain()
    async with database.transaction() as connection:
        await connection.execute("UPDATE follow_up_record SET status = $1", status)
        await connection.execute("UPDATE contact SET opening_sent_at = NULL")
    await client.post(f"/api/followup-enrollments/{first}/stop")
    await enroll(client, contact, restart=True)
    stored = await rows(database, "SELECT opening_pending FROM follow_up_enrollment ORDER BY id DESC LIMIT 1")
    assert stored == [{"opening_pending": False}]


async def test_without_an_opening_the_interval_runs_from_the_last_message_known(
    client: Client, dispatcher: Dispatcher, clock: ManualClock
) -> None:
    await seed_config(client)
    contact = await add_contact(client)
    await client.post("/api/followup-records/send", json={"contact_id": contact, "content": "手动的一条"})
    clock.advance(20 * HOUR)
    await enroll(client, contact, opening=False)
    for step, count in ((4 * HOUR, 1), (MOMENT, 2)):
        clock.advance(step)
        await dispatcher.drain()
        assert len(await sent(client, contact)) == count


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({}, []),
        ({"contact_ids": [1], "position": "A"}, []),
        ({"contact_ids": []}, ["contact_ids"]),
        ({"contact_ids": list(range(1, 10_002))}, ["contact_ids"]),
        ({"contact_ids": "1"}, ["contact_ids"]),
        ({"contact_ids": [0]}, ["contact_ids", 0]),
        ({"contact_ids": [1, -1]}, ["contact_ids", 1]),
        ({"contact_ids": [2**63]}, ["contact_ids", 0]),
        ({"contact_ids": ["1"]}, ["contact_ids", 0]),
        ({"contact_ids": [True]}, ["contact_ids", 0]),
        ({"contact_ids": [1.5]}, ["contact_ids", 0]),
        ({"contact_ids": [None]}, ["contact_ids", 0]),
        ({"position": ""}, ["position"]),
        ({"position": "   "}, ["position"]),
        ({"position": "甲" * 65}, ["position"]),
        ({"position": 7}, ["position"]),
        ({"contact_ids": [1], "opening": "yes"}, ["opening"]),
        ({"contact_ids": [1], "opening": None}, ["opening"]),
        ({"contact_ids": [1], "restart": 1}, ["restart"]),
        ({"contact_ids": [1], "config_id": "1"}, ["config_id"]),
        ({"contact_ids": [1], "config_id": 0}, ["config_id"]),
        ({"contact_ids": [1], "contacts": [2]}, ["contacts"]),
    ],
)
async def test_bad_input_names_its_field(client: Client, body: dict[str, Any], place: list[Any]) -> None:
    answer = await client.post("/api/followup-enrollments", json=body)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", *place]


@pytest.mark.parametrize("position", ["A\x00", "\ud800"])
async def test_positions_that_cannot_be_stored(client: Client, position: str) -> None:
    body = b'{"position": "%s"}' % position.encode("unicode_escape").replace(b"\\x00", b"\\u0000")
    answer = await client.post("/api/followup-enrollments", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert "position" in answer.text
