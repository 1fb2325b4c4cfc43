"""The two doors: every route of the signed one asks for a signature; accounts make bots; keys, dialects."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import SecretStr
from starlette.routing import BaseRoute

from app.config import Settings
from app.main import create_app
from app.repositories.database import Database
from app.routers import late
from app.routers.access import SIGNED
from app.routers.chatbot.door import SignedRoute
from tests.chatbot import SignedClient, call, done, entry, signature
from tests.people import value
from tests.running import client_of

KEY = "a-key-of-this-test"


@pytest.fixture
async def real_app(settings: Settings) -> Any:
    """A service with the clock of the machine, which signatures go by."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


async def make_bot(client: httpx2.AsyncClient, **headers: str) -> dict[str, Any]:
    answer = await client.post("/api/v1/chatbot", json={"name": "小巴"}, headers=headers)
    assert answer.status_code == 200
    made: dict[str, Any] = answer.json()["data"]
    return made


def signed_routes(routes: list[BaseRoute]) -> Iterator[APIRoute]:
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from signed_routes(inner.routes)
        elif isinstance(route, APIRoute) and route.path.startswith(SIGNED):
            yield route


async def test_every_route_of_the_signed_door_asks_for_a_signature(real_app: FastAPI, database: Database) -> None:
    late.load_all()
    routes = list(signed_routes(real_app.routes))
    assert len(routes) > 30
    assert all(isinstance(route, SignedRoute) for route in routes)
    async with client_of(real_app) as client:
        bot = await make_bot(client)
        for route in routes:
            path = route.path.replace("{clientId}", bot["clientId"]).replace(":path", "")
            for name in ("userId", "docId", "extendId", "categoryId"):
                path = path.replace(f"{{{name}}}", "1")
            for method in route.methods or ():
                forged = signature(bot["clientId"], "wrong", method, path)
                for headers in ({}, {"Authorization": forged}, {"X-API-Key": KEY}, {"Authorization": "Basic eDp5"}):
                    answer = await client.request(method, path, headers=headers, content=b"{")
                    told = answer.json()
                    assert (answer.status_code, told["rc"], sorted(told)) == (200, 1, ["error", "rc"]), (method, path)
                    assert "JSON" not in told["error"], "nothing of the body is read before"
    assert await value(database, "SELECT count(*) FROM contact") == 0


async def test_a_signature_from_another_machine(real_app: FastAPI) -> None:
    async with client_of(real_app) as home:
        bot = await make_bot(home)
    async with client_of(real_app, "203.0.113.9", "http://bot.example.com") as client:
        door = SignedClient(client, bot)
        assert (await door("GET", "/users"))["rc"] == 0
        assert (await door("GET", ""))["data"]["name"] == "小巴"
        assert (await door("GET", "/"))["data"]["name"] == "小巴"
        assert (await door("POST", "/users/u/mute"))["rc"] == 0
        assert (await client.get("/api/v1/chatbot")).json()["rc"] == 1
        assert (await client.get(f"/api/v1/secret/{bot['clientId']}")).json()["rc"] == 1
        deletion = await client.delete(f"/api/v1/chatbot/{bot['clientId']}", headers={"Authorization": "Bearer x"})
        assert deletion.json()["rc"] == 1
        assert (await client.get("/api/chatbot/users")).status_code == 401
        assert (await door("GET", "/users"))["total"] == 1


async def test_with_keys_accounts_need_one_and_signatures_do_not(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"api_keys": (SecretStr(KEY),)}))
    bearer = {"Authorization": f"Bearer {KEY}"}
    async with app.router.lifespan_context(app), client_of(app) as client:
        for method, path in (("GET", "/api/v1/chatbot"), ("POST", "/api/v1/chatbot"), ("GET", "/api/v1/secret/x")):
            answer = await client.request(method, path, json={"name": "x"})
            assert (answer.status_code, answer.json()["rc"]) == (200, 1)
        bot = await make_bot(client, **bearer)
        door = SignedClient(client, bot)
        assert (await door("GET", "/users"))["rc"] == 0
        answer = await client.get(f"/api/v1/chatbot/{bot['clientId']}/users", headers=bearer)
        assert answer.json()["rc"] == 1, "a key is no signature"
        refused = await client.get("/api/chatbot/users")
        assert (refused.status_code, refused.json()["rc"]) == (401, 1)
        assert (await client.get("/api/chatbot/users", headers=bearer)).json()["rc"] == 0
        wrong = await client.delete(f"/api/v1/chatbot/{bot['clientId']}", headers={"Authorization": "Bearer wrong"})
        assert wrong.json()["rc"] == 1
        for tail in ("/users/u", "/faq/database/x"):
            answer = await client.delete(f"/api/v1/chatbot/{bot['clientId']}{tail}", headers=bearer)
            assert answer.json()["rc"] == 1
        assert (await door("GET", "/users"))["rc"] == 0
        answer = await client.delete(f"/api/v1/chatbot/{bot['clientId']}/", headers=bearer)
        assert answer.json() == {"rc": 0, "msg": "done"}
        assert (await door("GET", "/users"))["rc"] == 1


async def test_bots_do_not_see_each_other(real_app: FastAPI) -> None:
    async with client_of(real_app) as client:
        first, second = SignedClient(client, await make_bot(client)), SignedClient(client, await make_bot(client))
        await first("POST", "/users/u/mute")
        await first("POST", "/faq/database", entry("问题", "答案", docId="a"))
        assert (await second("GET", "/users"))["total"] == 0
        assert (await second("GET", "/users/u/profile"))["rc"] == 3
        assert (await second("GET", "/faq/database/a"))["rc"] == 3
        assert (await second("POST", "/faq/query", {"fromUserId": "u", "query": "问题"}))["data"] == []
        other = signature(first.client_id, first.secret, "GET", f"/api/v1/chatbot/{second.client_id}/users")
        answer = await client.get(f"/api/v1/chatbot/{second.client_id}/users", headers={"Authorization": other})
        assert answer.json()["rc"] == 1


async def test_a_signature_works_once_also_at_another_replica(settings: Settings, real_app: FastAPI) -> None:
    twin = create_app(settings)
    async with twin.router.lifespan_context(twin), client_of(real_app) as client, client_of(twin) as other:
        bot = await make_bot(client)
        target = f"/api/v1/chatbot/{bot['clientId']}/users"
        header = {"Authorization": signature(bot["clientId"], bot["secret"], "GET", target, timestamp=int(time.time()))}
        assert (await client.get(target, headers=header)).json()["rc"] == 0
        for replica in (client, other):
            assert (await replica.get(target, headers=header)).json()["rc"] == 1


async def test_the_default_bot_is_not_deleted(client: httpx2.AsyncClient) -> None:
    assert (await call(client, "DELETE", ""))["rc"] == 2
    assert (await client.delete("/api/v1/chatbot")).json()["rc"] == 1
    assert (await client.delete("/api/v1/chatbot?clientId=nobody")).json()["rc"] == 3
    assert (await done(client, "GET", "/"))["name"]


async def test_bots_that_cannot_be(client: httpx2.AsyncClient) -> None:
    bodies: tuple[Any, ...] = (
        {},
        {"name": ""},
        {"name": "x" * 129},
        {"name": "a\x00"},
        [],
        {"name": "x", "primaryLanguage": "中文"},
    )
    for body in bodies:
        assert (await client.post("/api/v1/chatbot", json=body)).json()["rc"] == 1, body
    made = (await client.post("/api/v1/chatbot", json={"name": "x", "fallback": ""})).json()
    assert made["rc"] == 0
    assert made["data"]["createdAt"].endswith("Z")


async def test_bodies_that_cannot_be_read(client: httpx2.AsyncClient) -> None:
    for content in (b"", b"{", b"\xff", b"[1]", b"null"):
        headers = {"Content-Type": "application/json"}
        answer = await client.post("/api/chatbot/conversation/query", content=content, headers=headers)
        assert (answer.status_code, answer.json()["rc"]) == (200, 1), content
    answer = await client.post("/api/chatbot/users/u/mute", content=b"", headers={"Content-Type": "application/json"})
    assert answer.json() == {"rc": 0, "data": {}}


REFUSALS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"fromUserId": ""}, "fromUserId: 不能为空 (must not be empty)"),
    ({"fromUserId": "x" * 257}, "fromUserId: 最多 256 个字符,收到 257 (256 characters at most, these are 257)"),
    ({"textMessage": ""}, "textMessage: 不能为空 (must not be empty)"),
    ({"textMessage": " \u3000"}, "textMessage: 不能全为空白 (must not be blank)"),
    ({"textMessage": "a\x00b"}, "textMessage: 不能包含 NUL 字符 (must not contain NUL)"),
    ({"faqBestReplyThreshold": 1.5}, "faqBestReplyThreshold: Input should be less than or equal to 1"),
)


async def test_a_refusal_says_what_is_wrong_in_words_of_a_text(client: httpx2.AsyncClient) -> None:
    for fields, error in REFUSALS:
        body = {"fromUserId": "u", "textMessage": "在吗", **fields}
        assert await call(client, "POST", "/conversation/query", body) == {"rc": 1, "error": error}
    assert await call(client, "POST", "/faq/database", entry("问", docId="export")) == {
        "rc": 1,
        "error": "body: docId 不能是 export (this id is the name of a path)",
    }


async def test_a_body_that_is_no_object_is_told_what_to_send(client: httpx2.AsyncClient) -> None:
    path = "/api/chatbot/conversation/query"
    body = {"fromUserId": "u", "textMessage": "在吗"}
    for kind in ("application/x-www-form-urlencoded", "text/plain", None):
        headers = {} if kind is None else {"Content-Type": kind}
        told = (await client.post(path, content=json.dumps(body), headers=headers)).json()
        assert told["rc"] == 1
        assert "Content-Type: application/json" in told["error"], (kind, told)
    for other in ([body], "在吗", 5):
        assert (await call(client, "POST", "/conversation/query", other))["error"] == (
            "body: 请求体应为 JSON 对象 (the body must be a JSON object)"
        )


async def test_a_slash_too_many_is_answered_and_never_redirected(real_app: FastAPI) -> None:
    async with client_of(real_app) as client:
        bot = await make_bot(client)
        door = SignedClient(client, bot)
        for path in ("/status/", "/faq/database/", "/faq/categories/", "/users/u/profile/", "/nothing/"):
            assert (await door("GET", path))["rc"] != 0, path
            assert (await call(client, "GET", path))["rc"] != 0, path
        body = {"fromUserId": "u", "textMessage": "在吗"}
        assert (await call(client, "POST", "/conversation/query/", body))["rc"] == 3
        for path in ("/api/v1/chatbot/", f"/api/v1/secret/{bot['clientId']}/"):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["rc"]) == (200, 3), path
        assert (await door("GET", "/users"))["total"] == 0
