"""Users of a bot and their histories: shapes of the seed, pages, order, totals, mute, profile, erasure."""

import asyncio
import json
import re
from datetime import datetime, timedelta
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from app.clock import ManualClock
from app.repositories import chat as chat_store
from app.repositories.database import Database
from tests.chatbot import call, done, history, say, user
from tests.helpers import add_contact
from tests.people import value

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
CHAT_FIELDS = ["userId", "textMessage", "direction", "service", "confidence", "docId", "created"]


@pytest.fixture(autouse=True)
def _light(light_app: FastAPI) -> None:
    """Without the sentence encoder."""


async def many(database: Database, count: int, clock: ManualClock, *, bot_id: int = 1) -> None:
    """Write users with one message each; several share a moment."""
    async with database.transaction() as connection:
        await connection.execute(
            """
            INSERT INTO contact (bot_id, user_id, first_message_at, last_message_at, message_count, created_at)
            SELECT $1, 'u' || i, $2::timestamptz, $2::timestamptz + (i / 3) * interval '1 second', 0, $2
            FROM generate_series(1, $3) i
            """,
            bot_id,
            clock.now(),
            count,
        )


async def test_the_list_of_users_is_the_seeds(client: httpx2.AsyncClient) -> None:
    assert await call(client, "GET", "/users") == {
        "rc": 0,
        "total": 0,
        "current_page": 1,
        "total_page": 1,
        "data": [],
    }
    await say(client, "postman9", "方法")
    listed = await call(client, "GET", "/users")
    assert list(listed) == ["rc", "total", "current_page", "total_page", "data"]
    assert (listed["rc"], listed["total"], listed["current_page"], listed["total_page"]) == (0, 1, 1, 1)
    (row,) = listed["data"]
    assert list(row) == ["userId", "lasttime", "created"]
    assert MOMENT.fullmatch(row["lasttime"])
    assert MOMENT.fullmatch(row["created"])


async def test_a_history_is_the_seeds(client: httpx2.AsyncClient) -> None:
    await say(client, "postman9", "方法")
    listed = await call(client, "GET", "/users/postman9/chats?limit=20&page=1")
    assert list(listed) == ["rc", "total", "current_page", "total_page", "data"]
    assert (listed["total"], listed["current_page"], listed["total_page"]) == (2, 1, 1)
    answer, question = listed["data"]
    assert list(answer) == list(question) == CHAT_FIELDS
    assert question | {"created": ""} == {
        "userId": "postman9",
        "textMessage": "方法",
        "direction": "inbound",
        "service": None,
        "confidence": None,
        "docId": None,
        "created": "",
    }
    assert (answer["direction"], answer["service"]) == ("outbound", "fallback")
    assert answer["textMessage"]
    assert MOMENT.fullmatch(answer["created"])


async def test_profile_and_mute_are_the_seeds(client: httpx2.AsyncClient) -> None:
    await say(client, "postman9", "方法")
    told = await call(client, "GET", "/users/postman9/profile")
    assert list(told) == ["rc", "data"]
    assert list(told["data"]) == ["userId", "name", "lasttime", "created", "profile", "mute"]
    assert (told["data"]["name"], told["data"]["profile"], told["data"]["mute"]) == (None, {}, False)
    assert await call(client, "POST", "/users/postman9/mute") == {"rc": 0, "data": {}}
    assert await call(client, "POST", "/users/postman9/ismute") == {"rc": 0, "data": {"mute": True}}
    assert (await done(client, "GET", "/users/postman9/profile"))["mute"] is True
    assert await call(client, "POST", "/users/postman9/unmute") == {"rc": 0, "data": {}}
    assert await call(client, "POST", "/users/postman9/ismute") == {"rc": 0, "data": {"mute": False}}


async def test_somebody_unknown(client: httpx2.AsyncClient) -> None:
    for method, path in (
        ("GET", "/profile"),
        ("GET", "/chats"),
        ("GET", "/chats?q=x"),
        ("GET", "/chats?cursor=*"),
        ("GET", "/chats/export"),
        ("GET", "/chats/stream"),
        ("POST", "/unmute"),
        ("POST", "/ismute"),
        ("DELETE", ""),
    ):
        told = await call(client, method, f"/users/nobody{path}")
        assert (told["rc"], sorted(told)) == (3, ["error", "rc"]), (method, path)
    assert (await call(client, "PUT", "/users/nobody/profile", {"profile": {}}))["rc"] == 3
    assert (await call(client, "POST", "/users/nobody/messages", {"textMessage": "x"}))["rc"] == 3
    await add_contact(client, user_id="imported")
    assert (await call(client, "GET", "/users/imported/profile"))["rc"] == 3, "knows the bot only once they spoke"


async def test_a_mute_may_come_first(client: httpx2.AsyncClient, database: Database) -> None:
    for _ in range(2):
        assert (await call(client, "POST", "/users/early/mute"))["rc"] == 0
    listed = await call(client, "GET", "/users")
    assert [row["userId"] for row in listed["data"]] == ["early"]
    assert listed["data"][0]["lasttime"] == listed["data"][0]["created"]
    assert (await call(client, "GET", "/users/early/chats"))["total"] == 0
    assert await value(database, "SELECT count(*) FROM audit_entry WHERE action = 'mute'") == 1
    for _ in range(2):
        assert (await call(client, "POST", "/users/early/unmute"))["rc"] == 0
    assert await value(database, "SELECT count(*) FROM audit_entry WHERE action = 'unmute'") == 1
    assert (await call(client, "GET", "/users"))["total"] == 1


PAGES = {
    "page=0": 1,
    "page=-1": 1,
    "limit=0": 1,
    "limit=10000": 0,
    "limit=10001": 1,
    "limit=x": 1,
    "limit=1.5": 1,
    "page=99999999999999999999": 1,
    "page=100000000&limit=10000": 0,
    "limit=&page=": 0,
    "sortby=nonsense": 1,
    "sortby=-created": 0,
    "cursor=nonsense": 1,
    "cursor=WzEsMiwzXQ": 1,
    "cursor=W3RydWVd": 1,
    "cursor=*": 0,
    "sdklang=python&unknown=1": 0,
}


async def test_pages_that_cannot_be(client: httpx2.AsyncClient) -> None:
    await say(client, "a", "在吗")
    for path in ("/users", "/users/a/chats"):
        for query, rc in PAGES.items():
            assert (await call(client, "GET", f"{path}?{query}"))["rc"] == rc, (path, query)


async def test_pages_of_users(client: httpx2.AsyncClient, database: Database, clock: ManualClock) -> None:
    await many(database, 25, clock)
    for order in ("-lasttime", "lasttime", "-created", "created"):
        pages = [await call(client, "GET", f"/users?limit=4&page={page}&sortby={order}") for page in range(1, 9)]
        assert {(page["total"], page["total_page"]) for page in pages} == {(25, 7)}
        assert [page["current_page"] for page in pages] == list(range(1, 9))
        assert [len(page["data"]) for page in pages] == [4, 4, 4, 4, 4, 4, 1, 0]
        seen = [row["userId"] for page in pages for row in page["data"]]
        number = [int(name[1:]) for name in seen]
        assert number == sorted(number, reverse=order.startswith("-")), f"ties by id: {order}"
        whole = await done(client, "GET", f"/users?limit=10000&sortby={order}")
        assert [row["userId"] for row in whole] == seen


async def test_what_a_list_is_when_nothing_is_said(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock
) -> None:
    await many(database, 25, clock)
    page = await call(client, "GET", "/users")
    assert (page["total"], page["current_page"], page["total_page"]) == (25, 1, 2)
    assert [row["userId"] for row in page["data"]] == [f"u{number}" for number in range(25, 5, -1)], "the latest first"


async def walked(client: httpx2.AsyncClient, path: str) -> tuple[set[int], list[dict[str, Any]]]:
    """Walk a list by its cursor to the end; return the totals that it told, and its rows."""
    cursor: str | None = "*"
    totals: set[int] = set()
    seen: list[dict[str, Any]] = []
    while cursor:
        told = await call(client, "GET", f"{path}&cursor={cursor}")
        totals.add(told["total"])
        seen += told["data"]
        cursor = told.get("next_cursor")
    return totals, seen


async def test_walking_users(client: httpx2.AsyncClient, database: Database, clock: ManualClock) -> None:
    await many(database, 10, clock)
    for order in ("-lasttime", "lasttime", "-created", "created"):
        whole = [row["userId"] for row in await done(client, "GET", f"/users?sortby={order}")]
        totals, seen = await walked(client, f"/users?limit=3&sortby={order}")
        assert totals == {10}
        assert [row["userId"] for row in seen] == whole, order


async def test_pages_and_walks_of_a_history(client: httpx2.AsyncClient) -> None:
    for number in range(6):
        await say(client, "a", f"第{number}句")
    whole = await history(client, "a")
    assert len(whole) == 12
    for order, expected in (("created", whole), ("-created", whole[::-1])):
        pages = [
            await call(client, "GET", f"/users/a/chats?limit=5&page={page}&sortby={order}") for page in (1, 2, 3, 4)
        ]
        assert [row for page in pages for row in page["data"]] == expected
        assert {(page["total"], page["total_page"]) for page in pages} == {(12, 3)}
        cursor: str | None = "*"
        seen: list[Any] = []
        while cursor:
            told = await call(client, "GET", f"/users/a/chats?limit=5&sortby={order}&cursor={cursor}")
            seen += told["data"]
            cursor = told.get("next_cursor")
        assert seen == expected
    assert (await done(client, "GET", "/users/a/chats")) == whole[::-1], "newest first by default"


async def test_a_walk_is_not_disturbed_by_new_messages(client: httpx2.AsyncClient) -> None:
    for number in range(3):
        await say(client, "a", f"第{number}句")
    before = (await history(client, "a"))[::-1]
    first = await call(client, "GET", "/users/a/chats?limit=4&cursor=*")
    await say(client, "a", "插话")
    second = await call(client, "GET", f"/users/a/chats?limit=4&cursor={first['next_cursor']}")
    assert first["data"] + second["data"] == before


async def test_search(client: httpx2.AsyncClient) -> None:
    for text in ("打折 50%", "打折 50 元", "a_b", "aXb", "反斜杠 \\ 在此"):
        await say(client, "a", text)
    for wanted, found in (
        ("50%", ["打折 50%"]),
        ("A_B", ["a_b"]),
        ("\\", ["反斜杠 \\ 在此"]),
        ("打折", ["打折 50 元", "打折 50%"]),
    ):
        told = await call(client, "GET", f"/users/a/chats?q={wanted.replace('%', '%25')}&limit=1")
        assert (told["total"], told["total_page"]) == (len(found), len(found))
        rows = await done(client, "GET", f"/users/a/chats?q={wanted.replace('%', '%25')}")
        assert [row["textMessage"] for row in rows] == found
    assert (await call(client, "GET", "/users/a/chats?q=打折&page=9"))["total"] == 2
    assert (await call(client, "GET", "/users/a/chats?q=nowhere&cursor=*")) == {"rc": 0, "total": 0, "data": []}


@pytest.mark.parametrize("order", ["created", "-created"])
async def test_walking_what_was_found(client: httpx2.AsyncClient, order: str) -> None:
    for number in range(7):
        await say(client, "a", f"{'打折' if number % 2 else '包邮'} {number}")
    totals, seen = await walked(client, f"/users/a/chats?q=打折&limit=2&sortby={order}")
    assert totals == {3}
    assert [row["textMessage"] for row in seen] == (
        ["打折 1", "打折 3", "打折 5"] if order == "created" else ["打折 5", "打折 3", "打折 1"]
    )


async def test_fifty_writers_at_once(client: httpx2.AsyncClient) -> None:
    await asyncio.gather(*(say(client, f"w{number % 5}", f"问题 {number}") for number in range(50)))
    assert (await call(client, "GET", "/users"))["total"] == 5
    for number in range(5):
        rows = await history(client, f"w{number}")
        told = await call(client, "GET", f"/users/w{number}/chats?limit=1")
        assert told["total"] == len(rows) == 20
        assert [row["direction"] for row in rows] == ["inbound", "outbound"] * 10, (
            "each answer right behind its question"
        )
        assert [row["created"] for row in rows] == sorted(row["created"] for row in rows)


async def test_fifty_strangers_at_once(client: httpx2.AsyncClient, database: Database) -> None:
    await asyncio.gather(*(call(client, "POST", f"/users/s{number % 25}/mute") for number in range(50)))
    assert (await call(client, "GET", "/users"))["total"] == 25
    async with database.transaction() as connection:
        for _ in range(80):
            await connection.execute("INSERT INTO bot_user_tally (bot_id, delta) VALUES (1, 1), (1, -1)")
        await chat_store.fold_users(connection)
    assert await value(database, "SELECT count(*) FROM bot_user_tally") == 1
    assert (await call(client, "GET", "/users"))["total"] == 25


def nested(levels: int) -> Any:
    return json.loads("[" * levels + "]" * levels)


async def test_a_profile_is_merged(client: httpx2.AsyncClient) -> None:
    await say(client, "a", "在吗")
    first: dict[str, Any] = {
        "name": "林小满",
        "profile": {"city": "杭州", "tags": ["vip"], "deep": {"none": None, "far": nested(30)}},
    }
    assert (await done(client, "PUT", "/users/a/profile", first))["name"] == "林小满"
    merged = await done(client, "PUT", "/users/a/profile", {"profile": {"city": None, "age": 30}})
    assert (merged["name"], merged["profile"]) == (
        "林小满",
        {"tags": ["vip"], "deep": first["profile"]["deep"], "age": 30},
    )
    assert (await done(client, "PUT", "/users/a/profile", {"name": None}))["name"] is None
    assert (await done(client, "GET", "/users/a/profile"))["profile"] == merged["profile"]
    bodies: tuple[Any, ...] = (
        {"profile": {"x": "y" * 70_000}},
        {"name": "半", "profile": {"x": "y" * 70_000}},
        {"name": "半", "profile": {"a": "\x00"}},
        {"profile": []},
        {"profile": {"deep": nested(32)}},
        {"name": "x" * 200},
        {"profile": {"a": "\x00"}},
        [],
    )
    for wrong in bodies:
        assert (await call(client, "PUT", "/users/a/profile", wrong))["rc"] == 1, wrong
    kept = await done(client, "GET", "/users/a/profile")
    assert (kept["name"], kept["profile"]) == (None, merged["profile"]), "what is refused changes nothing, not in half"


async def test_erasure(client: httpx2.AsyncClient, database: Database) -> None:
    await say(client, "a/b", "我的手机 13800138000")
    assert await call(client, "DELETE", user("a/b")) == {"rc": 0, "msg": "done"}
    assert (await call(client, "GET", f"{user('a/b')}/profile"))["rc"] == 3
    assert (await call(client, "GET", "/users"))["total"] == 0
    assert await value(database, "SELECT count(*) FROM chat_message") == 0


@pytest.mark.parametrize("comes_back", ["/users/a/mute", "/conversation/query", "/faq/query"])
async def test_who_was_erased_stays_protected_however_they_come_back(
    client: httpx2.AsyncClient, comes_back: str
) -> None:
    await say(client, "a", "在吗")
    assert (await call(client, "DELETE", "/users/a"))["rc"] == 0
    body = {"fromUserId": "a", "textMessage": "又来了", "query": "又来了"}
    assert (await call(client, "POST", comes_back, body))["rc"] == 0
    assert (await call(client, "POST", "/users/a/messages", {"textMessage": "您好"}))["rc"] == 2


async def test_export(client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.services.chatbot.users.EXPORT_BATCH", 3)
    for number in range(4):
        await say(client, "a", f"=第{number}句")
    rows = await history(client, "a")
    lines = await client.get("/api/chatbot/users/a/chats/export")
    assert lines.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line) for line in lines.text.splitlines()] == rows
    table = await client.get("/api/chatbot/users/a/chats/export?format=csv")
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    head, first, *rest = table.content.decode("utf-8-sig").splitlines()
    assert head == "userId,created,direction,service,textMessage,confidence,docId"
    assert first.split(",")[4] == "'=第0句"
    assert len(rest) == 7
    assert (await call(client, "GET", "/users/a/chats/export?format=xml"))["rc"] == 1


ODD_IDS = ("张三", "a/b", "a/chats", "50%", "a?b#c", "a b", "unmute", "x/mute", "🙂", "export")


async def test_ids_of_every_spelling(client: httpx2.AsyncClient) -> None:
    for user_id in ODD_IDS:
        path = user(user_id)
        await say(client, user_id, "在吗")
        assert (await done(client, "GET", f"{path}/profile"))["userId"] == user_id
        assert (await done(client, "GET", f"{path}/chats"))[0]["userId"] == user_id
        assert await call(client, "POST", f"{path}/mute") == {"rc": 0, "data": {}}
        assert (await done(client, "POST", f"{path}/ismute")) == {"mute": True}
        assert (await call(client, "DELETE", path))["rc"] == 0


async def test_ids_that_cannot_be(client: httpx2.AsyncClient, database: Database) -> None:
    for bad in ("x" * 257, "", " ", "\u3000\t"):
        assert (await call(client, "POST", f"{user(bad)}/mute"))["rc"] == 1
        assert (await call(client, "POST", "/conversation/query", {"fromUserId": bad, "textMessage": "a"}))["rc"] == 1
    assert (await call(client, "POST", "/users/%00/mute"))["rc"] == 1
    assert await value(database, "SELECT count(*) FROM contact") == 0


async def test_times_never_go_back(client: httpx2.AsyncClient, clock: ManualClock) -> None:
    await say(client, "a", "一")
    clock.advance(timedelta(hours=-1))
    await say(client, "a", "二")
    rows = await history(client, "a")
    moments: list[Any] = [datetime.fromisoformat(row["created"]) for row in rows]
    assert moments == sorted(moments)
    listed = await done(client, "GET", "/users")
    assert listed[0]["lasttime"] == rows[-1]["created"]
