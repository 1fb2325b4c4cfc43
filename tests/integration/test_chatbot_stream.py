"""Following a history live: what was missed, what comes, and the end of a history."""

import asyncio
import json
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from tests.chatbot import done, history, say


@pytest.fixture(autouse=True)
def _light(light_app: FastAPI) -> None:
    """Without the sentence encoder."""


async def follow(
    app: FastAPI, user_id: str, last_event_id: str, *, until: int | None, begun: asyncio.Event | None = None
) -> list[dict[str, Any]]:
    """Follow a history until so many messages were heard; with None until the service ends the stream."""
    heard: list[dict[str, Any]] = []
    enough = asyncio.Event()

    async def receive() -> dict[str, Any]:
        await enough.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if begun is not None:
            begun.set()
        for block in message.get("body", b"").decode().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
            if fields:
                heard.append({"id": fields["id"], "data": json.loads(fields["data"])})
        if len(heard) == until:
            enough.set()

    path = f"/api/chatbot/users/{user_id}/chats/stream"
    scope: Any = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"last-event-id", last_event_id.encode())],
        "client": ("127.0.0.1", 5),
        "server": ("localhost", 80),
    }
    serve: Any = app
    async with asyncio.timeout(60):
        await serve(scope, receive, send)
    return heard


async def test_following_a_history_live(app: FastAPI, client: httpx2.AsyncClient) -> None:
    await say(client, "u", "在吗")
    stream = asyncio.create_task(follow(app, "u", "1", until=3))
    await say(client, "u", "还在吗")
    heard = await stream
    assert [event["id"] for event in heard] == ["2", "3", "4"]
    assert [event["data"] for event in heard] == (await history(client, "u"))[1:]


async def test_a_stream_of_somebody_who_was_erased(app: FastAPI, client: httpx2.AsyncClient) -> None:
    await say(client, "u", "在吗")
    begun = asyncio.Event()
    stream = asyncio.create_task(follow(app, "u", "2", until=None, begun=begun))
    await begun.wait()
    await done(client, "DELETE", "/users/u")
    assert await stream == [], "it ends: who comes back has a history that this stream does not know"
    await say(client, "u", "我又来了")
    heard = await follow(app, "u", "2000", until=2)
    assert [event["id"] for event in heard] == ["1", "2"], "numbers of the erased history do not hide the new one"
