"""Two services as processes of their own on one database, and the official SDK pointed at both."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from chatopera import Chatbot, Chatopera

from tests.chatbot import entry
from tests.e2e.service import PATIENCE, Service, migrated_database, running

WRITERS = 50


class Bot:
    """A bot of the account, spoken to by the SDK through any of the processes."""

    def __init__(self, client_id: str, secret: str) -> None:
        self.client_id = client_id
        self._secret = secret

    async def __call__(self, service: Service, method: str, path: str, body: Any = None) -> Any:
        chatbot = Chatbot(self.client_id, self._secret, service.url)
        answer = await asyncio.to_thread(chatbot.command, method, path, body)
        assert answer["rc"] == 0, (method, path, answer)
        return answer

    async def ask(self, service: Service, text: str, user_id: str = "u") -> Any:
        """Take a turn; with the least confidence that counts as an answer."""
        body = {"fromUserId": user_id, "textMessage": text, "faqBestReplyThreshold": 0.7}
        return (await self(service, "POST", "/conversation/query", body))["data"]


async def made_through(service: Service) -> Bot:
    account = Chatopera("no-key-is-set", service.url)
    made = (await asyncio.to_thread(account.command, "POST", "/chatbot", {"name": "小巴"}))["data"]
    return Bot(made["clientId"], made["secret"])


@pytest.fixture
async def processes(server_url: str, tmp_path: Path) -> AsyncIterator[tuple[Service, Service]]:
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(migrated_database(server_url, tmp_path))
        started = []
        for name in ("first", "second"):
            (tmp_path / name).mkdir()
            started.append(await stack.enter_async_context(running(tmp_path / name, DATABASE_URL=url)))
        first, second = started
        yield first, second


async def test_what_one_process_writes_the_other_knows_at_once(processes: tuple[Service, Service]) -> None:
    first, second = processes
    bot = await made_through(first)
    for number in range(6):
        writer, reader = processes if number % 2 else processes[::-1]
        await bot.ask(writer, f"第{number}句")
        page = await bot(reader, "GET", "/users/u/chats?limit=2")
        assert (page["total"], page["data"][1]["textMessage"]) == (2 * (number + 1), f"第{number}句")
        assert (await bot(reader, "GET", "/users"))["data"][0]["lasttime"] == page["data"][0]["created"]
    assert (await bot.ask(second, "几点开门营业"))["logic_is_fallback"]
    await bot(first, "POST", "/faq/database", entry("你们几点开门营业", "九点", docId="hours"))
    assert (await bot.ask(second, "几点开门营业"))["service"]["docId"] == "hours", "in other words than those taught"
    await bot(second, "POST", "/faq/database/hours/extend", {"post": "周末也开吗"})
    assert (await bot.ask(first, "周末也开吗"))["string"] == "九点"
    await bot(second, "DELETE", "/faq/database/hours")
    assert (await bot.ask(first, "你们几点开门营业"))["logic_is_fallback"]
    await bot(first, "POST", "/users/u/mute")
    assert (await bot.ask(second, "在吗"))["service"] == {"provider": "mute"}


async def test_totals_after_fifty_writers_at_two_processes(processes: tuple[Service, Service]) -> None:
    bot = await made_through(processes[0])
    await asyncio.gather(*(bot.ask(processes[each % 2], f"问题 {each}", f"w{each % 5}") for each in range(WRITERS)))
    for service in processes:
        users = await bot(service, "GET", "/users")
        assert (users["total"], {row["userId"] for row in users["data"]}) == (5, {f"w{each}" for each in range(5)})
        for user in range(5):
            page = await bot(service, "GET", f"/users/w{user}/chats?limit=100&sortby=created")
            assert page["total"] == len(page["data"]) == 2 * WRITERS // 5
            asked = [row["textMessage"] for row in page["data"][::2]]
            assert set(asked) == {f"问题 {each}" for each in range(WRITERS) if each % 5 == user}
            assert [row["direction"] for row in page["data"]] == ["inbound", "outbound"] * (WRITERS // 5)


async def test_a_stream_goes_on_at_another_process(processes: tuple[Service, Service]) -> None:
    first, second = processes
    path = "/api/chatbot/users/u/chats/stream"

    async def say(service: Service, text: str) -> None:
        async with service.client() as client:
            answer = await client.post("/api/chatbot/conversation/query", json={"fromUserId": "u", "textMessage": text})
            assert answer.json()["rc"] == 0

    async def heard(service: Service, last: str, count: int) -> list[tuple[str, str]]:
        events: list[tuple[str, str]] = []
        text = ""
        async with (
            asyncio.timeout(PATIENCE),
            service.client(**{"Last-Event-ID": last}) as client,
            client.stream("GET", path) as answer,
        ):
            async for line in answer.aiter_lines():
                name, _, rest = line.partition(": ")
                if name == "data":
                    text = json.loads(rest)["textMessage"]
                elif name == "id":
                    events.append((rest, text))
                    if len(events) == count:
                        break
        return events

    await say(first, "一")
    reading = asyncio.create_task(heard(first, "0", 3))
    await say(second, "二")
    before = await reading
    await say(second, "三")
    after = await heard(second, before[-1][0], 3)
    assert [number for number, _ in before + after] == [str(number) for number in range(1, 7)]
    assert [text for _, text in before + after][::2] == ["一", "二", "三"]
