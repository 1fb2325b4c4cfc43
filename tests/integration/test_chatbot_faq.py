"""The FAQ base: entries, the lock of edits, similar questions, categories, ranks, memory, lazy vectors."""

import asyncio
from typing import Any

import httpx2
import numpy as np
import pytest
from fastapi import FastAPI

from app.gateways.matcher import CharEncoder, Matcher
from app.repositories import chatbots, faq_questions
from app.repositories.database import Database
from app.services.chatbot import knowledge as knowledge_module
from app.services.chatbot.demonstration import load_faq
from app.services.chatbot.knowledge import Knowledge
from tests.chatbot import call, done, entry, say
from tests.people import rows, value


class WeighedEncoder(CharEncoder):
    """Stands for an encoder whose vectors are stored."""

    lexical = False
    encoded = 0

    def encode(self, texts: Any) -> Any:
        self.encoded += len(texts)
        return super().encode(texts)


@pytest.fixture(autouse=True)
def _light(light_app: FastAPI) -> None:
    """Without the sentence encoder."""


async def test_an_entry_from_its_beginning_to_its_end(client: httpx2.AsyncClient, database: Database) -> None:
    saved = await done(client, "POST", "/faq/database", entry("问题", "答案", categoryTexts=["甲", "乙"]))
    assert list(saved) == ["id", "replyLastUpdate"]
    path = f"/faq/database/{saved['id']}"
    shown = await done(client, "GET", path)
    assert list(shown) == ["id", "post", "categories", "enabled", "categoryTexts", "replies", "replyLastUpdate"]
    assert (shown["post"], shown["enabled"], shown["categoryTexts"]) == ("问题", True, ["甲", "乙"])
    assert shown["replies"] == [{"rtype": "plain", "content": "答案", "enabled": True}]
    assert shown["replyLastUpdate"] == saved["replyLastUpdate"]
    change = {"post": "新问题", "categories": [], "replyLastUpdate": saved["replyLastUpdate"]}
    changed = await done(client, "PUT", path, change)
    assert changed["replyLastUpdate"] > saved["replyLastUpdate"], "also within the same millisecond"
    assert (await call(client, "PUT", path, change))["rc"] == 2
    assert (await done(client, "GET", path))["categoryTexts"] == []
    assert (await done(client, "PUT", path, {"enabled": False}))["id"] == saved["id"]
    await done(client, "POST", f"{path}/extend", {"post": "相似"})
    assert await call(client, "DELETE", path) == {"rc": 0, "msg": "done"}
    for method in ("GET", "PUT", "DELETE"):
        assert (await call(client, method, path, {} if method == "PUT" else None))["rc"] == 3
    left = await rows(database, "SELECT post, vector, deleted_at IS NULL AS live FROM faq_question")
    assert [tuple(row.values()) for row in left] == [("", None, False)] * 2, "tombstones without texts"


async def test_an_id_of_ones_own(client: httpx2.AsyncClient) -> None:
    for _ in range(2):
        assert (await done(client, "POST", "/faq/database", entry("问题", docId="faq-1")))["id"] == "faq-1"
        assert (await call(client, "POST", "/faq/database", entry("另一个", docId="faq-1")))["rc"] == 2
        assert (await call(client, "DELETE", "/faq/database/faq-1"))["rc"] == 0
    for bad in ("export", "inquiryrank", ".", "..", "a/b", "a b", "", "x" * 65, "a?b", 5):
        assert (await call(client, "POST", "/faq/database", entry("问题", docId=bad)))["rc"] == 1, bad
    assert (await call(client, "GET", "/faq/database"))["total"] == 0


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_entries_that_cannot_be(client: httpx2.AsyncClient, method: str) -> None:
    reply = {"rtype": "plain", "content": "答", "enabled": True}
    path = "/faq/database"
    if method == "PUT":
        path += f"/{(await done(client, 'POST', path, entry('问题')))['id']}"
    wrong: list[dict[str, Any]] = [
        {"replies": []},
        {"replies": [reply] * 11},
        {"replies": [{"rtype": "image", "content": "x"}]},
        {"replies": [{"content": " "}]},
        {"replies": ["答"]},
        {"post": ""},
        {"post": " \n"},
        {"post": "x" * 1001},
        {"post": "a\x00"},
        {"enabled": "yes"},
        {"categoryTexts": [""]},
        {"categoryTexts": ["x"] * 9},
        {"categories": ["nowhere"]},
    ]
    for fields in wrong:
        assert (await call(client, method, path, entry("问题") | fields))["rc"] == 1, fields
    if method == "PUT":
        assert (await call(client, method, path, {"replyLastUpdate": "yesterday"}))["rc"] == 1


async def test_two_editors_at_once(client: httpx2.AsyncClient) -> None:
    saved = await done(client, "POST", "/faq/database", entry("问题"))
    change = {"replies": [{"content": "新"}], "replyLastUpdate": saved["replyLastUpdate"]}
    path = f"/faq/database/{saved['id']}"
    told = await asyncio.gather(*(call(client, "PUT", path, change) for _ in range(8)))
    assert sorted(answer["rc"] for answer in told) == [0] + [2] * 7


async def test_the_list(client: httpx2.AsyncClient) -> None:
    for number in range(7):
        await done(client, "POST", "/faq/database", entry(f"快递 {number}%", categoryTexts=["物流", f"{number % 2}"]))
    told = await call(client, "GET", "/faq/database?limit=3&page=3")
    assert list(told) == ["rc", "total", "current_page", "total_page", "data", "status"]
    assert (told["total"], told["current_page"], told["total_page"]) == (7, 3, 3)
    assert (told["status"], [row["post"] for row in told["data"]]) == ({"reindex": 0, "retrain": 0}, ["快递 0%"])
    assert list(told["data"][0]) == ["id", "post", "categories", "enabled"]
    assert (await call(client, "GET", "/faq/database?q=5%25"))["total"] == 1
    assert (await call(client, "GET", "/faq/database?q=_"))["total"] == 0
    (top,) = await done(client, "GET", "/faq/categories")
    odd = next(node for node in top["children"] if node["label"] == "1")
    assert (await call(client, "GET", f"/faq/database?category={odd['value']}"))["total"] == 3
    assert (await call(client, "GET", f"/faq/database?category={top['value']}&limit=1"))["total"] == 7
    assert (await call(client, "GET", "/faq/database?category=nowhere"))["rc"] == 3


async def test_similar_questions(client: httpx2.AsyncClient) -> None:
    path = f"/faq/database/{(await done(client, 'POST', '/faq/database', entry('问题')))['id']}/extend"
    told = await asyncio.gather(*(done(client, "POST", path, {"post": " 相似 "}) for _ in range(5)))
    assert len({data["id"] for data in told}) == 1, "the same text is the same row"
    extend_id = told[0]["id"]
    for enabled in (False, True):
        again = await done(client, "POST", path, {"post": "相似", "enabled": enabled})
        assert (again["id"], (await done(client, "GET", path))[0]["enabled"]) == (extend_id, enabled)
    other = (await done(client, "POST", path, {"post": "另一种问法"}))["id"]
    listed = await call(client, "GET", f"{path}?limit=1&page=2")
    assert list(listed) == ["rc", "total", "current_page", "total_page", "data"]
    assert (listed["total"], listed["total_page"]) == (2, 2)
    assert listed["data"] == [{"post": "相似", "postId": path.split("/")[3], "enabled": True, "id": extend_id}]
    assert (await call(client, "PUT", f"{path}/{other}", {"post": "相似"}))["rc"] == 2
    assert await done(client, "PUT", f"{path}/{other}", {"post": "另一种问法"}) == {"id": other}
    assert (await call(client, "PUT", f"{path}/nowhere", {"post": "x"}))["rc"] == 3
    assert (await call(client, "POST", path.replace("database/", "database/x"), {"post": "x"}))["rc"] == 3
    assert await call(client, "DELETE", f"{path}/{extend_id}") == {"rc": 0, "msg": "done"}
    assert (await call(client, "DELETE", f"{path}/{extend_id}"))["rc"] == 3
    assert (await done(client, "POST", path, {"post": "相似"}))["id"] != extend_id


async def test_categories(client: httpx2.AsyncClient) -> None:
    made = await done(client, "POST", "/faq/categories", {"label": " 节日 "})
    assert made["categories"] == [{"value": made["value"], "label": "节日"}]
    below = await done(client, "POST", "/faq/categories", {"label": "农历", "parentId": made["value"]})
    child = {"value": below["value"], "label": "农历"}
    tree = [{"value": made["value"], "label": "节日", "children": [child]}]
    assert await done(client, "GET", "/faq/categories") == tree
    assert (await call(client, "POST", "/faq/categories", {"label": "节日"}))["rc"] == 2
    assert (await call(client, "POST", "/faq/categories", {"label": "x", "parentId": "nowhere"}))["rc"] == 3
    assert (await call(client, "POST", "/faq/categories", {"label": ""}))["rc"] == 1
    second = await done(client, "POST", "/faq/categories", {"label": "天气"})
    assert (await call(client, "PUT", "/faq/categories", {"value": second["value"], "label": "节日"}))["rc"] == 2
    assert (await call(client, "PUT", "/faq/categories", {"value": "nowhere", "label": "x"}))["rc"] == 3
    renamed = await done(client, "PUT", "/faq/categories", {"value": below["value"], "label": "阴历"})
    assert renamed[0]["children"][0]["label"] == "阴历"
    by_id = await done(client, "POST", "/faq/database", entry("一", categories=[made["value"], below["value"]]))
    by_leaf = await done(client, "POST", "/faq/database", entry("二", categories=[below["value"]]))
    by_text = await done(client, "POST", "/faq/database", entry("三", categoryTexts=["节日", "阴历"]))
    for saved in (by_id, by_leaf, by_text):
        shown = await done(client, "GET", f"/faq/database/{saved['id']}")
        assert shown["categories"] == [made["value"], below["value"]]
    wrong_way = entry("四", categories=[second["value"], below["value"]])
    assert (await call(client, "POST", "/faq/database", wrong_way))["rc"] == 1
    found = await done(client, "POST", "/faq/query", {"fromUserId": "u", "query": "一", "faqSuggReplyThreshold": 1})
    assert found[0]["categories"] == ["节日", "阴历"]
    left = await done(client, "DELETE", f"/faq/categories/{made['value']}")
    assert left == [{"value": second["value"], "label": "天气"}]
    assert (await call(client, "DELETE", f"/faq/categories/{made['value']}"))["rc"] == 3
    assert (await done(client, "GET", f"/faq/database/{by_id['id']}"))["categories"] == []
    assert (await call(client, "POST", "/faq/database", entry("深", categoryTexts=list("123456789"))))["rc"] == 1


async def test_ranks_clicks_and_export(client: httpx2.AsyncClient, database: Database) -> None:
    await done(client, "POST", "/faq/database", entry("冷门", docId="cold"))
    await done(client, "POST", "/faq/database", entry("热门", docId="hot", categoryTexts=["甲"]))
    await done(client, "POST", "/faq/database/hot/extend", {"post": "很热门"})
    for _ in range(3):
        await say(client, "u", "热门")
    await say(client, "u", "冷门")
    ranked = await done(client, "GET", "/faq/database/inquiryrank")
    assert [list(row) for row in ranked] == [["docId", "inquiryscore", "post", "enabled", "categories"]] * 2
    assert [(row["docId"], row["inquiryscore"], row["categories"]) for row in ranked] == [
        ("hot", "3", ["甲"]),
        ("cold", "1", []),
    ]
    assert len(await done(client, "GET", "/faq/database/inquiryrank?topN=1")) == 1
    assert (await call(client, "GET", "/faq/database/inquiryrank?topN=0"))["rc"] == 1
    assert await done(client, "POST", "/faq/click", {"docId": "hot"}) == {}
    assert (await call(client, "POST", "/faq/click", {"docId": "nowhere"}))["rc"] == 3
    assert await value(database, "SELECT click_count FROM faq_entry WHERE doc_id = 'hot'") == 1
    exported = await done(client, "GET", "/faq/database/export")
    assert [row["docId"] for row in exported] == ["cold", "hot"]
    assert exported[1]["categoryTexts"] == ["甲"]
    assert [row["post"] for row in exported[1]["similarQuestions"]] == ["很热门"]
    similar = exported[1]["similarQuestions"][0]["id"]
    await done(client, "PUT", f"/faq/database/hot/extend/{similar}", {"enabled": False})
    await done(client, "PUT", "/faq/database/cold", {"enabled": False})
    cold, hot = await done(client, "GET", "/faq/database/export")
    assert (cold["enabled"], hot["enabled"], hot["similarQuestions"][0]["enabled"]) == (False, True, False)
    listed = await done(client, "GET", "/faq/database")
    assert [(row["id"], row["enabled"]) for row in listed] == [("hot", True), ("cold", False)]
    for row in (cold, hot):
        await call(client, "DELETE", f"/faq/database/{row['docId']}")
        assert (await done(client, "POST", "/faq/database", row))["id"] == row["docId"], "what was exported is taken"
    assert [row["enabled"] for row in await done(client, "GET", "/faq/database/export")] == [False, True]


async def test_every_write_raises_the_version(client: httpx2.AsyncClient, database: Database) -> None:
    async def version() -> int:
        return int(await value(database, "SELECT faq_version FROM bot WHERE is_default"))

    before = await version()
    await done(client, "POST", "/faq/database", entry("问题", docId="a"))
    await done(client, "POST", "/faq/database/a/extend", {"post": "相似"})
    await done(client, "PUT", "/faq/database/a", {"enabled": False})
    made = await done(client, "POST", "/faq/categories", {"label": "甲"})
    await done(client, "DELETE", f"/faq/categories/{made['value']}")
    await call(client, "DELETE", "/faq/database/a")
    assert await version() == before + 6
    assert (await call(client, "DELETE", "/faq/database/a"))["rc"] == 3
    assert await version() == before + 6, "what failed left nothing"


async def test_vectors_are_stored_and_made_once(client: httpx2.AsyncClient, app: FastAPI, database: Database) -> None:
    await done(client, "POST", "/faq/database", entry("没有向量", "一", docId="a"))
    assert await value(database, "SELECT vector IS NULL FROM faq_question")
    encoder = WeighedEncoder()
    base = Knowledge(app.state.context.database, Matcher(encoder))
    app.state.knowledge, light = base, app.state.knowledge
    await done(client, "POST", "/faq/database", entry("有向量", "二", docId="b"))
    assert encoder.encoded == 1
    assert (await say(client, "u", "没有向量"))["string"] == "一"
    assert encoder.encoded == 3, "what came without a vector, and the question"
    stored = await rows(database, "SELECT encoder, vector FROM faq_question")
    assert {row["encoder"] for row in stored} == {encoder.name}
    assert {len(np.frombuffer(row["vector"], "<f2")) for row in stored} == {encoder.dimensions}
    fresh_encoder = WeighedEncoder()
    fresh = Knowledge(app.state.context.database, Matcher(fresh_encoder))
    app.state.knowledge = fresh
    assert (await say(client, "u", "没有向量"))["string"] == "一"
    assert fresh_encoder.encoded == 1, "the question only"
    await base.close()
    await fresh.close()
    app.state.knowledge = light


async def test_a_crowd_reads_a_base_once_and_memory_is_bounded(
    app: FastAPI, database: Database, client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await done(client, "POST", "/faq/database", entry("在吗", "在的"))
    base: Knowledge = app.state.knowledge
    reads = 0
    changed = faq_questions.changed

    async def counted(*args: Any) -> Any:
        nonlocal reads
        reads += 1
        return await changed(*args)

    monkeypatch.setattr(faq_questions, "changed", counted)
    await asyncio.gather(*(say(client, f"u{number}", "在吗") for number in range(20)))
    assert reads == 1
    monkeypatch.setattr(knowledge_module, "MOST_BOTS", 3)
    async with database.connection() as connection:
        bots = [
            await chatbots.create(connection, f"bot-{number}", {"name": "x"}, app.state.context.clock.now())
            for number in range(5)
        ]
    for bot in bots:
        assert await base.search(bot, "在吗", 0.5) == []
    assert len(base._bases) == 3
    assert (await say(client, "u", "在吗"))["string"] == "在的", "read again after it was let go"


async def test_the_demonstration(client: httpx2.AsyncClient, app: FastAPI) -> None:
    for _ in range(2):
        await load_faq(app.state.context)
    assert (await call(client, "GET", "/faq/database"))["total"] == 6
    assert (await say(client, "u", "薪资待遇怎么样"))["service"]["docId"] == "demo-pay"
