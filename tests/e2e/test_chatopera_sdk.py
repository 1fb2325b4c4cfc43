"""The official Python SDK of Chatopera against a service that really runs."""

import asyncio
import base64
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import pytest
import requests
import uvicorn
from chatopera import Chatbot, Chatopera

from app.config import Settings
from app.main import create_app
from tests.chatbot import entry, signature

ODD_USERS = [
    "postman9",
    "张三",
    "张 三",
    "a/b",
    "a/chats",
    "部门/李四/ismute",
    "50%",
    "what?",
    "a&b=c#d",
    "a+b",
    "../x",
    "🙂 emoji",
    "x" * 200,
]


@contextmanager
def running(settings: Settings) -> Iterator[str]:
    """Run the service on a port of its own in a thread of its own."""
    server = uvicorn.Server(
        uvicorn.Config(create_app(settings), host="127.0.0.1", port=0, log_config=None, lifespan="on")
    )
    thread = threading.Thread(target=server.run, name="service")
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.02)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
async def provider(settings: Settings) -> AsyncIterator[str]:
    context = running(settings)
    yield await asyncio.to_thread(context.__enter__)
    await asyncio.to_thread(context.__exit__, None, None, None)


class Bot:
    """A bot made through the account, and its SDK."""

    def __init__(self, provider: str) -> None:
        self.provider = provider
        self.account = Chatopera("no-key-is-set", provider)
        self.made = self.account.command("POST", "/chatbot", {"name": "小巴巴", "description": "Test"})["data"]
        self.chatbot = Chatbot(self.made["clientId"], self.made["secret"], provider)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.chatbot.command(method, path, body)
        assert answer["rc"] == 0, (method, path, answer)
        return answer


def test_account_level(provider: str) -> None:
    bot = Bot(provider)
    made = bot.made
    assert set(made) == {"clientId", "secret", "name", "description", "primaryLanguage", "createdAt"}
    assert (made["name"], made["primaryLanguage"]) == ("小巴巴", "zh_CN")
    listed = bot.account.command("GET", "/chatbot?limit=1&page=1")
    assert (listed["rc"], listed["total"], listed["total_page"], listed["current_page"]) == (0, 2, 2, 1)
    assert listed["data"] == [made]
    secret = bot.account.command("GET", f"/secret/{made['clientId']}")["data"]
    assert (secret["secret"], secret["isDeleted"], secret["name"]) == (made["secret"], False, "小巴巴")
    assert bot.account.command("GET", "/secret/nobody")["rc"] == 3
    assert bot.account.command("DELETE", f"/chatbot?clientId={made['clientId']}") == {"rc": 0, "msg": "done"}
    assert bot.account.command("GET", f"/secret/{made['clientId']}")["rc"] == 3
    assert bot.chatbot.command("GET", "/users") == {"rc": 1, "error": "invalid appId."}
    other = Bot(provider)
    assert other.account.command("DELETE", f"/chatbot/{other.made['clientId']}")["rc"] == 0
    assert other.chatbot.command("GET", "/")["rc"] == 1
    third = Bot(provider)
    assert third.call("DELETE", "/") == {"rc": 0, "msg": "done"}


def test_the_card(provider: str) -> None:
    bot = Bot(provider)
    for path in ("", "/"):
        card = bot.call("GET", path)["data"]
        assert card["name"] == "小巴巴"
        assert card["fallback"].strip()
        assert card["status"] == {"reindex": 0, "retrain": 0}
    changed = bot.call("PUT", "/", {"fallback": "请联系客服。", "welcome": "你好"})["data"]
    assert (changed["fallback"], changed["welcome"], changed["name"]) == ("请联系客服。", "你好", "小巴巴")
    status = bot.call("GET", "/status")["data"]
    assert status["status"] == {"reindex": 0, "retrain": 0}
    assert status["matcher"].startswith("use-"), "the sentence encoder"


def test_users_of_every_spelling(provider: str) -> None:
    bot = Bot(provider)
    for user_id in ODD_USERS:
        path = f"/users/{quote(user_id, safe='')}"
        assert bot.chatbot.command("GET", f"{path}/profile")["rc"] == 3
        bot.call("POST", "/conversation/query", {"fromUserId": user_id, "textMessage": "在吗"})
        assert bot.call("GET", f"{path}/profile")["data"]["userId"] == user_id
        assert bot.call("POST", f"{path}/mute")["data"] == {}
        assert bot.call("POST", f"{path}/ismute", {})["data"] == {"mute": True}
        assert bot.call("POST", f"{path}/unmute")["data"] == {}
        assert bot.call("POST", f"{path}/ismute")["data"] == {"mute": False}
        chats = bot.call("GET", f"{path}/chats?limit=20&page=1")
        assert (chats["total"], chats["current_page"], chats["total_page"]) == (2, 1, 1)
        assert [row["userId"] for row in chats["data"]] == [user_id] * 2
    users = bot.call("GET", "/users")
    assert users["total"] == len(ODD_USERS)
    assert {row["userId"] for row in users["data"]} == set(ODD_USERS)


@pytest.mark.parametrize("user_id", ["张三", "张 三", "user@example.com", "a+b", "a=b:c"])
def test_paths_that_the_caller_did_not_encode(provider: str, user_id: str) -> None:
    bot = Bot(provider)
    bot.call("POST", f"/users/{user_id}/mute")
    assert bot.call("GET", f"/users/{user_id}/profile")["data"]["userId"] == user_id
    assert bot.call("GET", f"/users/{user_id}/chats?q=中文 词")["total"] == 0


def test_a_path_that_the_caller_encoded_in_part(provider: str) -> None:
    bot = Bot(provider)
    bot.call("POST", "/users/部门%2F张 三/mute")
    assert bot.call("GET", "/users/部门%2F张%20三/profile")["data"]["userId"] == "部门/张 三"
    path = f"/users/{quote('部门/张 三', safe='')}/chats"
    assert bot.call("GET", f"{path}?q=中文 词&cursor=*")["total"] == 0, "a query as it reads behind an encoded path"


def test_conversation_and_faq(provider: str) -> None:
    bot = Bot(provider)
    body = entry("如何查看快递单号", "在「我的订单」里查看。", categoryTexts=["物流", "快递"])
    saved = bot.call("POST", "/faq/database", body)["data"]
    assert set(saved) == {"id", "replyLastUpdate"}
    doc_id = saved["id"]
    similar = bot.call("POST", f"/faq/database/{doc_id}/extend", {"post": "快递单号在哪里看"})["data"]["id"]
    assert bot.call("POST", f"/faq/database/{doc_id}/extend", {"post": "快递单号在哪里看"})["data"]["id"] == similar
    turn = bot.call("POST", "/conversation/query", {"fromUserId": "u", "textMessage": "快递单号在哪里看"})["data"]
    assert turn["string"] == "在「我的订单」里查看。"
    assert (turn["state"], turn["logic_is_fallback"], turn["logic_is_unexpected"]) == ("default", False, False)
    assert (turn["botName"], turn["service"]["provider"], turn["service"]["docId"]) == ("小巴巴", "faq", doc_id)
    assert turn["faq"][0]["score"] == 1
    assert turn["faq"][0]["categories"] == ["物流", "快递"]
    found = bot.call("POST", "/faq/query", {"fromUserId": "u", "query": "如何查看快递单号"})["data"]
    assert found[0]["replies"] == [{"rtype": "plain", "content": "在「我的订单」里查看。", "enabled": True}]
    page = bot.call("GET", "/faq/database?limit=5&page=1&q=快递")
    assert page["data"][0]["id"] == doc_id
    assert page["status"] == {"reindex": 0, "retrain": 0}
    extends = bot.call("GET", f"/faq/database/{doc_id}/extend")
    assert extends["data"] == [{"post": "快递单号在哪里看", "postId": doc_id, "enabled": True, "id": similar}]
    bot.call("PUT", f"/faq/database/{doc_id}/extend/{similar}", {"post": "查快递"})
    exported = bot.call("GET", "/faq/database/export")["data"]
    assert [row["post"] for row in exported[0]["similarQuestions"]] == ["查快递"]
    assert bot.call("GET", "/faq/database/inquiryrank?topN=3")["data"][0]["inquiryscore"] == "2"
    assert bot.call("POST", "/faq/click", {"docId": doc_id})["data"] == {}
    change = {"replies": [{"rtype": "plain", "content": "新"}], "replyLastUpdate": saved["replyLastUpdate"]}
    assert bot.call("PUT", f"/faq/database/{doc_id}", change)["data"]["id"] == doc_id
    assert bot.chatbot.command("PUT", f"/faq/database/{doc_id}", change)["rc"] == 2
    assert bot.call("DELETE", f"/faq/database/{doc_id}/extend/{similar}") == {"rc": 0, "msg": "done"}
    assert bot.call("DELETE", f"/faq/database/{doc_id}") == {"rc": 0, "msg": "done"}
    assert bot.call("POST", "/faq/query", {"fromUserId": "u", "query": "如何查看快递单号"})["data"] == []


def test_categories(provider: str) -> None:
    bot = Bot(provider)
    made = bot.call("POST", "/faq/categories", {"label": "节日"})["data"]
    assert made["categories"] == [{"value": made["value"], "label": "节日"}]
    assert bot.call("PUT", "/faq/categories", {"value": made["value"], "label": "农历"})["data"][0]["label"] == "农历"
    assert bot.call("GET", "/faq/categories")["data"] == [{"value": made["value"], "label": "农历"}]
    assert bot.call("DELETE", f"/faq/categories/{made['value']}")["data"] == []


def test_a_muted_user(provider: str) -> None:
    bot = Bot(provider)
    bot.call("POST", "/users/u/mute")
    turn = bot.call("POST", "/conversation/query", {"fromUserId": "u", "textMessage": "在吗"})["data"]
    assert (turn["string"], turn["service"], turn["faq"]) == (None, {"provider": "mute"}, [])
    assert bot.chatbot.command("POST", "/faq/query", {"fromUserId": "u", "query": "在吗"})["rc"] == 10
    assert [row["direction"] for row in bot.call("GET", "/users/u/chats")["data"]] == ["inbound", "inbound"]


def test_who_does_not_prove_who_they_are(provider: str) -> None:
    bot = Bot(provider)
    client_id, secret = bot.made["clientId"], bot.made["secret"]
    assert Chatbot(client_id, "wrong", provider).command("GET", "/users")["rc"] == 1
    assert Chatbot("nobody", secret, provider).command("GET", "/users") == {"rc": 1, "error": "invalid appId."}
    target = f"/api/v1/chatbot/{client_id}/users"

    def get(header: str | None) -> dict[str, Any]:
        answer = requests.get(
            provider + target, headers={} if header is None else {"Authorization": header}, timeout=60
        )
        assert answer.status_code == 200
        told: dict[str, Any] = answer.json()
        return told

    now = int(time.time())
    for shift in (-301, 301, -(10**6)):
        header = signature(client_id, secret, "GET", target, timestamp=str(now + shift))
        assert get(header) == {"rc": 1, "error": "invalid timestamp."}
    good = signature(client_id, secret, "GET", target)
    assert get(good)["rc"] == 0
    assert get(good)["rc"] == 1
    assert get(signature(client_id, secret, "GET", target, timestamp=now, random=12345))["rc"] == 0
    assert get(signature(client_id, secret, "POST", target))["rc"] == 1
    assert get(signature(client_id, secret, "GET", target + "?limit=1"))["rc"] == 1
    assert get(signature(client_id, secret, "GET", target, appId="other"))["rc"] == 1
    rubbish = [None, "", "Bearer x", "%%%", base64.b64encode(b"[]").decode(), base64.b64encode(b"{}").decode()]
    rubbish += [
        base64.b64encode(
            json.dumps({"appId": client_id, "timestamp": now, "random": [], "signature": ""}).encode()
        ).decode()
    ]
    for written in rubbish:
        assert get(written)["rc"] == 1, written
