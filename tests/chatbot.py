"""What tests of the chatbot begin with: signed requests as Chatopera's clients send them, entries, people."""

import base64
import hashlib
import hmac
import json
import secrets
import time
from typing import Any
from urllib.parse import quote

import httpx2

DOOR = "/api/chatbot"


def signature(client_id: str, secret: str, method: str, target: str, **changes: Any) -> str:
    """Return the ``Authorization`` header of a request; ``changes`` replace what stands in it."""
    timestamp = changes.pop("timestamp", str(int(time.time())))
    random = changes.pop("random", secrets.token_hex(8))
    message = f"{client_id}{timestamp}{random}{method}{target}"
    digest = hmac.new(secret.encode(), message.encode(), hashlib.sha1).hexdigest()
    document = {"appId": client_id, "timestamp": timestamp, "random": random, "signature": digest} | changes
    return base64.b64encode(json.dumps(document).encode()).decode()


class SignedClient:
    """Calls the signed door of one bot as an SDK does."""

    def __init__(self, client: httpx2.AsyncClient, bot: dict[str, Any]) -> None:
        self._client = client
        self.client_id: str = bot["clientId"]
        self.secret: str = bot["secret"]

    async def __call__(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        target = f"/api/v1/chatbot/{self.client_id}{path}"
        target += ("&" if "?" in path else "?") + "sdklang=python"
        headers = {
            "Authorization": signature(self.client_id, self.secret, method, target),
            "Content-Type": "application/json",
        }
        content = None if body is None else json.dumps(body)
        answer = await self._client.request(method, target, headers=headers, content=content)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told


async def call(client: httpx2.AsyncClient, method: str, path: str, body: Any = None) -> dict[str, Any]:
    """Call the door of the default bot and return its answer."""
    answer = await client.request(method, f"{DOOR}{path}", json=body)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def done(client: httpx2.AsyncClient, method: str, path: str, body: Any = None) -> Any:
    """Call the door of the default bot and return the data of an answer that is rc 0."""
    told = await call(client, method, path, body)
    assert told["rc"] == 0, told
    return told.get("data")


def user(user_id: str) -> str:
    """Return the path of a user."""
    return f"/users/{quote(user_id, safe='')}"


def entry(post: str, *replies: str, **fields: Any) -> dict[str, Any]:
    """Return the body of a new entry."""
    texts = replies or (f"答:{post}",)
    return {"post": post, "replies": [{"rtype": "plain", "content": text, "enabled": True} for text in texts], **fields}


async def say(client: httpx2.AsyncClient, user_id: str, text: str, **fields: Any) -> dict[str, Any]:
    """Take a turn with the default bot."""
    body = {"fromUserId": user_id, "textMessage": text, **fields}
    data: dict[str, Any] = await done(client, "POST", "/conversation/query", body)
    return data


async def history(client: httpx2.AsyncClient, user_id: str) -> list[dict[str, Any]]:
    """Return a user's whole history, oldest first."""
    rows: list[dict[str, Any]] = await done(client, "GET", f"{user(user_id)}/chats?limit=10000&sortby=created")
    return rows
