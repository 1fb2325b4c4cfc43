"""Bots: made with secrets, told how to deliver."""

import base64
from typing import Any

import httpx2
import pytest
from standardwebhooks import Webhook

from app.repositories.database import Database
from tests.people import value

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
DELIVERY = {
    "kind": "webchat",
    "url": None,
    "has_secret": False,
    "idempotent": False,
    "rate_per_second": None,
    "inbox_url": None,
    "event_url": None,
}


async def test_there_is_a_default_bot(client: httpx2.AsyncClient) -> None:
    page = (await client.get("/api/bots")).json()
    assert (page["total"], page["page"], page["page_size"]) == (1, 1, 20)
    assert page["results"][0]["id"] == 1
    assert page["results"][0]["is_default"] is True
    assert (await client.get("/api/bots/1/delivery")).json() == DELIVERY


async def test_a_new_bot_shows_its_secret_once(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/api/bots", json={"name": " 社招机器人 "})
    created = answer.json()
    assert answer.status_code == 201
    assert (created["name"], created["is_default"], created["delivery_kind"]) == ("社招机器人", False, "webchat")
    assert created["client_id"].startswith("bot-")
    Webhook(created["secret"])
    listed = (await client.get("/api/bots")).json()["results"][1]
    assert listed == {name: item for name, item in created.items() if name != "secret"}
    assert (await client.get(f"/api/bots/{created['id']}/delivery")).json() == {**DELIVERY, "has_secret": True}


async def test_switching_to_webhook_and_back(client: httpx2.AsyncClient, database: Database) -> None:
    path = "/api/bots/1/delivery"
    url = "http://127.0.0.1:9000/hook"
    changed = (await client.put(path, json={"kind": "webhook", "url": url, "rate_per_second": 5})).json()
    made = changed.pop("secret")
    assert changed == {**DELIVERY, "kind": "webhook", "url": url, "has_secret": True, "rate_per_second": 5.0}
    Webhook(made)
    again = (await client.put(path, json={"idempotent": True, "secret": SECRET})).json()
    assert (again["secret"], again["idempotent"], again["url"]) == (None, True, url)
    assert await value(database, "SELECT secret FROM bot WHERE id = 1") == SECRET
    back = (await client.put(path, json={"kind": "webchat"})).json()
    assert (back["kind"], back["url"]) == ("webchat", url)
    forth = (await client.put(path, json={"kind": "webhook"})).json()
    assert (forth["kind"], forth["secret"]) == ("webhook", None)
    assert SECRET not in (await client.get(path)).text


async def test_events_alone_need_a_secret_too(client: httpx2.AsyncClient) -> None:
    changed = (await client.put("/api/bots/1/delivery", json={"event_url": "https://ats.example.com/hook"})).json()
    assert changed["secret"].startswith("whsec_")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "webhook"}, "body.url"),
        ({"kind": "webhook", "url": None}, "body.url"),
        ({"kind": "sms"}, "body.kind"),
        ({"kind": None}, "body.kind"),
        ({"url": "ftp://example.com"}, "body.url"),
        ({"url": "https://user:pw@example.com"}, "body.url"),
        ({"url": "https://"}, "body.url"),
        ({"inbox_url": "example.com"}, "body.inbox_url"),
        ({"event_url": "javascript:alert(1)"}, "body.event_url"),
        ({"secret": "plain"}, "body.secret"),
        ({"secret": "whsec_dG9vc2hvcnQ="}, "body.secret"),
        ({"secret": "whsec_***"}, "body.secret"),
        ({"secret": None}, "body.secret"),
        ({"idempotent": "yes"}, "body.idempotent"),
        ({"idempotent": None}, "body.idempotent"),
        ({"rate_per_second": 0}, "body.rate_per_second"),
        ({"rate_per_second": -1}, "body.rate_per_second"),
        ({"rate_per_second": 10_001}, "body.rate_per_second"),
        ({"rate_per_second": True}, "body.rate_per_second"),
        ({"rate_per_second": "5"}, "body.rate_per_second"),
        ({"rate": 5}, "body.rate"),
    ],
)
async def test_bad_deliveries_are_refused_by_name(client: httpx2.AsyncClient, body: dict[str, Any], field: str) -> None:
    answer = await client.put("/api/bots/1/delivery", json=body)
    assert answer.status_code == 422, answer.text
    assert [".".join(map(str, problem["loc"])) for problem in answer.json()["detail"]] == [field]
    assert (await client.get("/api/bots/1/delivery")).json() == DELIVERY


async def test_rates_that_are_no_numbers(client: httpx2.AsyncClient) -> None:
    answer = await client.put(
        "/api/bots/1/delivery", content='{"rate_per_second": NaN}', headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422


@pytest.mark.parametrize(
    ("body", "field"), [({}, "body.name"), ({"name": " "}, "body.name"), ({"name": "x", "id": 5}, "body.id")]
)
async def test_bad_bots_are_refused_by_name(client: httpx2.AsyncClient, body: dict[str, Any], field: str) -> None:
    answer = await client.post("/api/bots", json=body)
    assert answer.status_code == 422
    assert [".".join(map(str, problem["loc"])) for problem in answer.json()["detail"]] == [field]


async def test_unknown_bots(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/api/bots/424242/delivery")).status_code == 404
    assert (await client.put("/api/bots/424242/delivery", json={})).status_code == 404
