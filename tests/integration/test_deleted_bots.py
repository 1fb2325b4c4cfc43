"""A bot that was deleted takes nothing in, is found by nobody, and nothing goes out through it."""

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


@pytest.fixture
async def bot(client: Client) -> dict[str, Any]:
    """A bot that is deleted already, with two people in a sequence."""
    made: dict[str, Any] = (await client.post("/api/bots", json={"name": "第二个"})).json()
    config = await make_config(client, opening_message="您好")
    await add_script(client, config, day=1, content="第一天")
    made["contacts"] = [await add_contact(client, bot=made["client_id"], user_id=f"u{number}") for number in range(2)]
    await client.post("/api/followup-enrollments", json={"contact_ids": made["contacts"][:1]})
    deleted = await client.request("DELETE", "/api/v1/chatbot", params={"clientId": made["client_id"]})
    assert deleted.json() == {"rc": 0, "msg": "done"}
    return made


async def test_it_takes_nothing_in(client: Client, bot: dict[str, Any], database: Database) -> None:
    messages = [
        {"message_id": "1", "user_id": "u0", "fromId": 0, "content": "在吗", "bot": bot["client_id"]},
        {"message_id": "2", "user_id": "u0", "fromId": 0, "content": "在吗", "bot": bot["id"]},
        {"message_id": "3", "contact_id": bot["contacts"][0], "fromId": 0, "content": "在吗"},
        {"message_id": "4", "user_id": "u0", "fromId": 0, "content": "在吗"},
    ]
    receipt = (await client.post("/api/messages/inbound", json={"messages": messages})).json()
    assert [(entry["index"], entry["detail"][0]["loc"][-1]) for entry in receipt["refused"]] == [
        (0, "bot"),
        (1, "bot"),
        (2, "contact_id"),
    ]
    assert "deleted" in receipt["refused"][2]["detail"][0]["msg"]
    assert receipt["accepted"] == 1
    assert await value(database, "SELECT count(*) FROM chat_message WHERE bot_id = $1", bot["id"]) == 0
    token = await value(database, "SELECT chat_token FROM contact WHERE id = $1", bot["contacts"][0])
    for method in ("GET", "POST"):
        answer = await client.request(method, f"/api/webchat/{token}/messages", json={"content": "在吗"})
        assert answer.status_code == 404


async def test_nobody_finds_it(client: Client, bot: dict[str, Any]) -> None:
    listed = (await client.get("/api/bots")).json()
    assert (listed["total"], [row["id"] for row in listed["results"]]) == (1, [1])
    assert (await client.get(f"/api/bots/{bot['id']}/delivery")).status_code == 404
    assert (await client.put(f"/api/bots/{bot['id']}/delivery", json={"idempotent": True})).status_code == 404
    for name in (bot["client_id"], bot["id"], str(bot["id"])):
        answer = await client.post("/api/contacts", json={"user_id": "x", "bot": name})
        assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", "bot"]), name
    assert (await client.get(f"/api/v1/secret/{bot['client_id']}")).json()["rc"] == 3
    again = await client.request("DELETE", "/api/v1/chatbot", params={"clientId": bot["client_id"]})
    assert again.json()["rc"] == 3


async def test_nothing_goes_out_through_it(
    client: Client, app: FastAPI, bot: dict[str, Any], database: Database, clock: ManualClock
) -> None:
    answer = (
        await client.post("/api/followup-enrollments", json={"contact_ids": bot["contacts"], "restart": True})
    ).json()
    assert {result["status"] for result in answer["results"]} == {"bot_deleted"}
    body = {"contact_id": bot["contacts"][0], "content": "您好"}
    assert (await client.post("/api/followup-records/send", json=body)).status_code == 409
    async with database.transaction() as connection:  # a race: somebody was enrolled just before it was deleted
        await connection.execute(
            "UPDATE follow_up_enrollment SET state = 'active', reason = NULL, ended_at = NULL, due_at = $1", clock.now()
        )
    clock.advance(timedelta(days=1))
    await Dispatcher(app.state.context, app.state.context.messenger).drain()
    assert await rows(database, "SELECT * FROM follow_up_record") == []
