"""A person's own chat: reading, writing, and the live stream over a real server."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from app.clock import ManualClock
from app.config import Settings
from app.main import create_app
from app.repositories.database import Database
from app.routers.rate_limiter import RateLimiter
from app.services.dispatch.dispatcher import Dispatcher
from tests.helpers import add_contact, add_script, make_config
from tests.live import PATIENCE, Stream, serving
from tests.people import value

Client = httpx2.AsyncClient


async def open_chat(client: Client, database: Database, **fields: Any) -> tuple[int, str]:
    """Make somebody and return id and chat address."""
    contact = await add_contact(client, **fields)
    token = await value(database, "SELECT chat_token FROM contact WHERE id = $1", contact)
    return contact, f"/api/webchat/{token}"


async def send(client: Client, contact: int, content: str) -> None:
    answer = await client.post("/api/followup-records/send", json={"contact_id": contact, "content": content})
    assert answer.status_code == 201, answer.text


async def test_reading_and_writing(client: Client, database: Database) -> None:
    contact, chat = await open_chat(client, database)
    assert (await client.get(f"{chat}/messages")).json() == {"results": []}
    await send(client, contact, "您好,在吗?")
    written = await client.post(f"{chat}/messages", json={"content": "在的"})
    assert written.status_code == 201
    moment = "2026-03-05T10:30:00Z"
    ours = {"number": 1, "direction": "outbound", "text": "您好,在吗?", "created_at": moment}
    theirs = {"number": 2, "direction": "inbound", "text": "在的", "created_at": moment}
    assert written.json() == {"results": [theirs]}
    assert (await client.get(f"{chat}/messages")).json() == {"results": [ours, theirs]}
    assert (await client.get(f"{chat}/messages?after=1")).json() == {"results": [theirs]}
    assert (await client.get(f"{chat}/messages?after=2")).json() == {"results": []}


async def test_nobody_fills_a_chat(client: Client, database: Database, app: FastAPI) -> None:
    assert app.state.chat_writers.wait("somebody") == 0, "a writer of flesh and blood is not slowed down"
    app.state.chat_writers = RateLimiter(6)
    _, chat = await open_chat(client, database)
    _, other = await open_chat(client, database, user_id="other")
    assert (await client.post(f"{chat}/messages", json={"content": "一"})).status_code == 201
    refused = await client.post(f"{chat}/messages", json={"content": "二"})
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "10")
    assert "发言过快" in refused.json()["detail"]
    assert (await client.post(f"{other}/messages", json={"content": "一"})).status_code == 201
    assert [line["text"] for line in (await client.get(f"{chat}/messages")).json()["results"]] == ["一"]


async def test_what_is_written_there_is_a_reply_like_any_other(
    client: Client, database: Database, app: FastAPI, clock: ManualClock
) -> None:
    dispatcher = Dispatcher(app.state.context, app.state.context.messenger)
    config = await make_config(client, opening_message="您好,方便留个联系方式吗?")
    await add_script(client, config, day=1, content="第一天的一条")
    contact, chat = await open_chat(client, database)
    await client.post("/api/followup-enrollments", json={"contact_ids": [contact]})
    await dispatcher.drain()
    assert [line["text"] for line in (await client.get(f"{chat}/messages")).json()["results"]] == [
        "您好,方便留个联系方式吗?"
    ]
    await client.post(f"{chat}/messages", json={"content": "微信 wx_abc12345"})
    clock.advance(timedelta(days=10))
    await dispatcher.drain()
    assert len((await client.get(f"{chat}/messages")).json()["results"]) == 2
    details = (await client.get(f"/api/contact-records?contact_id={contact}")).json()["results"]
    assert [(row["kind"], row["value"]) for row in details] == [("wechat", "wx_abc12345")]


async def test_a_repeated_try_is_harmless(client: Client, database: Database) -> None:
    _, chat = await open_chat(client, database)
    body = {"content": "在的", "client_id": "try-1"}
    answers = await asyncio.gather(*(client.post(f"{chat}/messages", json=body) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {201}
    assert len((await client.get(f"{chat}/messages")).json()["results"]) == 1
    for _ in range(2):
        assert (await client.post(f"{chat}/messages", json={"content": "在的"})).status_code == 201
    assert len((await client.get(f"{chat}/messages")).json()["results"]) == 3


async def test_nobody_without_a_token_can_send_more_than_a_message(client: Client, database: Database) -> None:
    """The body is read before the token is looked up."""
    _, chat = await open_chat(client, database)
    longest = json.dumps({"content": "😀" * 5000, "client_id": "x" * 64})
    assert len(longest) > 60_000
    is_json = {"Content-Type": "application/json"}
    assert (await client.post(f"{chat}/messages", content=longest, headers=is_json)).status_code == 201

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"a" * 1000

    for address in (chat, "/api/webchat/nobodys-token-0001"):
        for content in (b"a" * 70_000, endless()):
            answer = await client.post(f"{address}/messages", content=content, headers=is_json)
            assert (answer.status_code, answer.headers["connection"]) == (413, "close")


async def test_client_ids_of_two_people_do_not_meet(client: Client, database: Database) -> None:
    for _ in range(2):
        _, chat = await open_chat(client, database)
        answer = await client.post(f"{chat}/messages", json={"content": "在的", "client_id": "same"})
        assert len(answer.json()["results"]) == 1


@pytest.mark.parametrize("path", ["/messages", "/stream"])
async def test_a_link_that_nobody_was_given(client: Client, path: str) -> None:
    assert (await client.get(f"/api/webchat/{'x' * 32}{path}")).status_code == 404
    assert (await client.get(f"/api/webchat/short{path}")).status_code == 422
    assert (await client.post(f"/api/webchat/{'x' * 32}/messages", json={"content": "在的"})).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "content"),
        ({"content": ""}, "content"),
        ({"content": " \n"}, "content"),
        ({"content": "甲" * 5001}, "content"),
        ({"content": "a\x00"}, "content"),
        ({"content": 1}, "content"),
        ({"content": "在的", "client_id": ""}, "client_id"),
        ({"content": "在的", "client_id": "a b"}, "client_id"),
        ({"content": "在的", "client_id": "x" * 65}, "client_id"),
        ({"content": "在的", "fromId": 0}, "fromId"),
    ],
)
async def test_bad_input_names_its_field(client: Client, database: Database, body: dict[str, Any], field: str) -> None:
    _, chat = await open_chat(client, database)
    answer = await client.post(f"{chat}/messages", json=body)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", field]
    for after in ("-1", "x", str(2**63)):
        assert (await client.get(f"{chat}/messages?after={after}")).status_code == 422


# The stream, over a real server


@pytest.fixture
async def server(settings: Settings, clock: ManualClock) -> AsyncIterator[str]:
    """The URL of the service on a real port."""
    app = create_app(settings, clock=clock)
    async with serving(app) as url:
        yield url


@pytest.fixture
async def remote(server: str) -> AsyncIterator[Client]:
    async with httpx2.AsyncClient(base_url=server, timeout=PATIENCE) as opened:
        yield opened


async def test_the_stream_tells_what_was_and_what_comes(remote: Client, database: Database) -> None:
    contact, chat = await open_chat(remote, database)
    await send(remote, contact, "第一条")
    async with remote.stream("GET", f"{chat}/stream") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        stream = Stream(response)
        assert await stream.next() == (
            1,
            "message",
            {"number": 1, "direction": "outbound", "text": "第一条", "created_at": "2026-03-05T10:30:00Z"},
        )
        await send(remote, contact, "第二条\n有两行")
        number, _, line = await stream.next()
        assert (number, line["text"]) == (2, "第二条\n有两行")
        await remote.post(f"{chat}/messages", json={"content": "在的"})
        number, _, line = await stream.next()
        assert (number, line["direction"], line["text"]) == (3, "inbound", "在的")


async def test_a_stream_goes_on_behind_the_last_event_that_was_seen(remote: Client, database: Database) -> None:
    contact, chat = await open_chat(remote, database)
    for number in range(1, 5):
        await send(remote, contact, f"第{number}条")
    async with remote.stream("GET", f"{chat}/stream", headers={"Last-Event-ID": "2"}) as response:
        stream = Stream(response)
        assert [(await stream.next())[0] for _ in range(2)] == [3, 4]
    async with remote.stream("GET", f"{chat}/stream", headers={"Last-Event-ID": "4"}) as response:
        stream = Stream(response)
        await send(remote, contact, "第5条")
        assert (await stream.next())[2]["text"] == "第5条"


async def test_more_than_one_page_is_streamed_whole(remote: Client, database: Database) -> None:
    contact, chat = await open_chat(remote, database)
    for begin in (0, 250):
        batch = [
            {"message_id": f"m{number}", "contact_id": contact, "fromId": 0, "content": f"第{number}句"}
            for number in range(begin, begin + 250)
        ]
        assert (await remote.post("/api/messages/inbound", json={"messages": batch})).json()["accepted"] == 250
    async with remote.stream("GET", f"{chat}/stream") as response:
        stream = Stream(response)
        assert [(await stream.next())[0] for _ in range(500)] == list(range(1, 501))


async def test_each_reader_gets_their_own_chat(remote: Client, database: Database) -> None:
    people = [await open_chat(remote, database) for _ in range(3)]

    async def read(chat: str) -> list[str]:
        async with remote.stream("GET", f"{chat}/stream") as response:
            stream = Stream(response)
            await everybody_reads.wait()
            return [(await stream.next())[2]["text"] for _ in range(2)]

    everybody_reads = asyncio.Barrier(2 * len(people) + 1)
    readers = [asyncio.create_task(read(chat)) for _, chat in people for _ in range(2)]
    await everybody_reads.wait()
    for number in range(2):
        for contact, _ in people:
            await send(remote, contact, f"{contact} 的第{number}条")
    texts = await asyncio.gather(*readers)
    expected = [[f"{contact} 的第0条", f"{contact} 的第1条"] for contact, _ in people for _ in range(2)]
    assert texts == expected


async def test_readers_who_leave_leave_nothing_behind(app: FastAPI) -> None:
    live = app.state.live
    with suppress(RuntimeError):
        async with live.watch(1):
            assert len(live._watches) == 1
            raise RuntimeError
    assert not live._watches


@pytest.mark.parametrize("last", ["-1", "x", str(2**63)])
async def test_a_last_event_id_that_is_none(remote: Client, database: Database, last: str) -> None:
    _, chat = await open_chat(remote, database)
    assert (await remote.get(f"{chat}/stream", headers={"Last-Event-ID": last})).status_code == 422
