"""Questions and answers: order of an answer, thresholds, mute, one history of all channels, operators, live."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from app.clock import ManualClock
from app.config import Settings
from app.gateways.matcher import CharEncoder, Matcher
from app.gateways.messenger import Channel, Delivery, NotSent, Outcome, Sent, Unknown
from app.main import create_app
from app.repositories.database import Database
from app.services.chatbot.knowledge import Knowledge
from app.services.dispatch.dispatcher import Dispatcher
from tests.chatbot import call, done, entry, history, say
from tests.helpers import add_contact, add_script, make_config
from tests.people import rows, value
from tests.running import client_of


@pytest.fixture(autouse=True)
def _light(light_app: FastAPI) -> None:
    """Without the sentence encoder."""


@asynccontextmanager
async def another(settings: Settings, clock: ManualClock) -> AsyncIterator[httpx2.AsyncClient]:
    """Another replica on the same database."""
    app = create_app(settings, clock=clock)
    async with app.router.lifespan_context(app):
        await app.state.knowledge.close()
        app.state.knowledge = Knowledge(app.state.context.database, Matcher(CharEncoder()))
        async with client_of(app) as opened:
            yield opened
        await app.state.knowledge.close()


async def test_the_answer_of_an_entry(client: httpx2.AsyncClient) -> None:
    saved = await done(client, "POST", "/faq/database", entry("如何查看快递单号", "看订单"))
    turn = await say(client, "u", " 如何查看快递单号? ")
    assert list(turn) == [
        "state",
        "string",
        "botName",
        "topicName",
        "logic_is_unexpected",
        "logic_is_fallback",
        "faq",
        "service",
    ]
    assert (turn["state"], turn["string"]) == ("default", "看订单")
    assert (turn["logic_is_unexpected"], turn["logic_is_fallback"]) == (False, False)
    assert turn["service"] == {
        "provider": "faq",
        "docId": saved["id"],
        "post": "如何查看快递单号",
        "score": 1.0,
        "faqBestReplyThreshold": 0.8,
        "faqSuggReplyThreshold": 0.6,
        "categories": [],
    }
    assert turn["faq"] == [
        {
            "id": saved["id"],
            "score": 1.0,
            "post": "如何查看快递单号",
            "replies": [{"rtype": "plain", "content": "看订单", "enabled": True}],
            "categories": [],
        }
    ]
    answer = (await history(client, "u"))[-1]
    assert (answer["service"], answer["confidence"], answer["docId"]) == ("faq", 1.0, saved["id"])


async def test_the_fallback(client: httpx2.AsyncClient) -> None:
    card = await done(client, "GET", "/")
    turn = await say(client, "u", "今天天气如何", isDebug=True, extras={"a": 1})
    assert turn["string"] == card["fallback"]
    assert (turn["logic_is_fallback"], turn["service"], turn["faq"]) == (True, {"provider": "fallback"}, [])
    assert (await done(client, "GET", "/status"))["matcher"] == "char-1-2", "which one runs"
    assert turn["debug"] == {"matcher": "char-1-2", "faqBestReplyThreshold": 0.8, "faqSuggReplyThreshold": 0.6}
    await done(client, "PUT", "/", {"fallback": "请联系客服。"})
    assert (await say(client, "u", "今天天气如何"))["string"] == "请联系客服。"
    assert (await call(client, "PUT", "/", {"fallback": " "}))["rc"] == 1


async def test_only_enabled_replies_are_given(client: httpx2.AsyncClient) -> None:
    body = entry("问题甲", "一", "二", "三")
    body["replies"][1]["enabled"] = False
    saved = await done(client, "POST", "/faq/database", body)
    said = {(await say(client, "u", "问题甲"))["string"] for _ in range(30)}
    assert said == {"一", "三"}
    for reply in body["replies"]:
        reply["enabled"] = False
    await done(client, "PUT", f"/faq/database/{saved['id']}", {"replies": body["replies"]})
    assert (await say(client, "u", "问题甲"))["service"] == {"provider": "fallback"}


THRESHOLDS: tuple[tuple[dict[str, Any], int], ...] = (
    ({"faqBestReplyThreshold": 1.01}, 1),
    ({"faqBestReplyThreshold": -0.1}, 1),
    ({"faqSuggReplyThreshold": 2}, 1),
    ({"faqBestReplyThreshold": "0.8"}, 1),
    ({"faqBestReplyThreshold": True}, 1),
    ({"faqBestReplyThreshold": 0.3, "faqSuggReplyThreshold": 0.5}, 1),
    ({"faq_best_reply": 0.3, "faq_sugg_reply": 0.5}, 1),
    ({"faqBestReplyThreshold": 0.5, "faqSuggReplyThreshold": 0.5}, 0),
    ({"faqBestReplyThreshold": 0}, 0),
    ({"faqSuggReplyThreshold": 1}, 0),
    ({"faqBestReplyThreshold": None}, 0),
)


async def test_thresholds(client: httpx2.AsyncClient, database: Database) -> None:
    for fields, rc in THRESHOLDS:
        for path, name in (("/conversation/query", "textMessage"), ("/faq/query", "query")):
            told = await call(client, "POST", path, {"fromUserId": "u", name: "在吗", **fields})
            assert told["rc"] == rc, fields
    assert (await call(client, "PUT", "/", {"faqBestReplyThreshold": 0.4}))["rc"] == 1, "above the other one"
    await done(client, "PUT", "/", {"faqBestReplyThreshold": 0.3, "faqSuggReplyThreshold": 0.2})
    turn = await say(client, "u", "在吗", isDebug=True)
    assert (turn["debug"]["faqBestReplyThreshold"], turn["debug"]["faqSuggReplyThreshold"]) == (0.3, 0.2)
    turn = await say(client, "u", "在吗", isDebug=True, faq_best_reply=0.1)
    assert (turn["debug"]["faqBestReplyThreshold"], turn["debug"]["faqSuggReplyThreshold"]) == (0.1, 0.1)
    assert await value(database, "SELECT count(*) FROM contact") == 1


async def test_texts_that_cannot_be_and_long_ones(client: httpx2.AsyncClient) -> None:
    for text in ("", " ", "\u3000\n", None, 5, "a\x00b"):
        told = await call(client, "POST", "/conversation/query", {"fromUserId": "u", "textMessage": text})
        assert told["rc"] == 1, text
        assert (await call(client, "POST", "/faq/query", {"fromUserId": "u", "query": text}))["rc"] == 1
    assert (await call(client, "GET", "/users"))["total"] == 0
    await done(client, "POST", "/faq/database", entry("问" * 600, "答"))
    assert (await say(client, "u", "问" * 700))["string"] == "答", "compared by the first 512 characters"
    await say(client, "u", "长" * 20_000)
    assert (await history(client, "u"))[2]["textMessage"] == "长" * 20_000
    for path, name in (("/conversation/query", "textMessage"), ("/faq/query", "query")):
        told = await call(client, "POST", path, {"fromUserId": "u", name: "长" * 20_001})
        assert (told["rc"], "20000" in told["error"]) == (1, True), "refused, not cut: nobody would know what is lost"
    assert len(await history(client, "u")) == 4
    assert (await say(client, 12345, "数字"))["service"]["provider"] == "fallback"  # type: ignore[arg-type]
    assert (await history(client, "12345"))[0]["textMessage"] == "数字"


async def test_the_faq_base_alone(client: httpx2.AsyncClient) -> None:
    first = await done(client, "POST", "/faq/database", entry("怎么开通微信支付", "在设置里"))
    await done(client, "POST", "/faq/database", entry("怎么关闭微信支付", "也在设置里"))
    body = {"fromUserId": "u", "query": "怎么开通微信支付", "faqBestReplyThreshold": 0.5, "faqSuggReplyThreshold": 0}
    found = await done(client, "POST", "/faq/query", body)
    assert found[0]["id"] == first["id"]
    assert [row["score"] for row in found] == sorted((row["score"] for row in found), reverse=True)
    assert list(found[0]) == ["id", "score", "post", "replies", "categories"]
    assert [row["service"] for row in await history(client, "u")] == [None, "faq"]
    assert await done(client, "POST", "/faq/query", {"fromUserId": "u", "query": "完全无关"}) == []
    assert [row["service"] for row in await history(client, "u")] == [None, "faq", None], "no fallback here"


async def test_while_muted_nothing_goes_out(client: httpx2.AsyncClient) -> None:
    await done(client, "POST", "/faq/database", entry("在吗", "在的"))
    await done(client, "POST", "/users/u/mute")
    turn = await say(client, "u", "在吗")
    assert (turn["string"], turn["logic_is_fallback"]) == (None, False)
    assert (turn["service"], turn["faq"]) == ({"provider": "mute"}, [])
    told = await call(client, "POST", "/faq/query", {"fromUserId": "u", "query": "在吗"})
    assert (told["rc"], "data" in told) == (10, False)
    assert [row["direction"] for row in await history(client, "u")] == ["inbound", "inbound"]
    await done(client, "POST", "/users/u/unmute")
    assert (await say(client, "u", "在吗"))["string"] == "在的"


async def test_a_question_and_its_answer_are_one_transaction(client: httpx2.AsyncClient, database: Database) -> None:
    await asyncio.gather(*(say(client, f"u{number % 3}", "在吗") for number in range(12)))
    found = await rows(
        database,
        "SELECT id, contact_id, ordinal, direction, xmin::text AS x FROM chat_message ORDER BY contact_id, ordinal",
    )
    assert len(found) == 24
    for question, answer in zip(found[::2], found[1::2], strict=True):
        assert (question["direction"], answer["direction"]) == ("inbound", "outbound")
        assert answer["id"] > question["id"]
        assert answer["x"] == question["x"]


async def test_another_replica_reads_at_once_what_one_wrote(
    client: httpx2.AsyncClient, settings: Settings, clock: ManualClock
) -> None:
    async with another(settings, clock) as other:
        for number in range(5):
            writer, reader = (client, other) if number % 2 else (other, client)
            await say(writer, "u", f"第{number}句")
            assert await history(reader, "u") == await history(writer, "u")
            assert (await call(reader, "GET", "/users/u/chats"))["total"] == 2 * (number + 1)


async def test_another_replica_answers_at_once_what_one_was_taught(
    client: httpx2.AsyncClient, settings: Settings, clock: ManualClock
) -> None:
    async def ask(replica: httpx2.AsyncClient, text: str) -> dict[str, Any]:
        return await say(replica, "u", text, faqBestReplyThreshold=1)  # the same text only

    async with another(settings, clock) as other:
        assert (await ask(other, "几点开门"))["logic_is_fallback"]
        saved = await done(client, "POST", "/faq/database", entry("几点开门", "九点"))
        assert (await ask(other, "几点开门"))["string"] == "九点"
        path = f"/faq/database/{saved['id']}"
        await done(client, "PUT", path, {"replies": [{"content": "十点"}]})
        assert (await ask(other, "几点开门"))["string"] == "十点"
        extend = await done(other, "POST", f"{path}/extend", {"post": "什么时候营业"})
        assert (await ask(client, "什么时候营业"))["string"] == "十点"
        await done(client, "PUT", f"{path}/extend/{extend['id']}", {"post": "营业时间"})
        assert (await ask(other, "营业时间"))["string"] == "十点"
        assert (await ask(other, "什么时候营业"))["logic_is_fallback"]
        await done(client, "PUT", f"{path}/extend/{extend['id']}", {"enabled": False})
        assert (await ask(other, "营业时间"))["logic_is_fallback"]
        await done(client, "PUT", f"{path}/extend/{extend['id']}", {"enabled": True})
        assert (await ask(other, "营业时间"))["string"] == "十点"
        await done(client, "PUT", path, {"enabled": False})
        assert (await ask(other, "几点开门"))["logic_is_fallback"]
        await done(client, "PUT", path, {"enabled": True, "post": "何时开门"})
        assert (await ask(other, "何时开门"))["string"] == "十点"
        assert (await ask(other, "几点开门"))["logic_is_fallback"]
        await done(client, "DELETE", f"{path}/extend/{extend['id']}")
        assert (await ask(other, "营业时间"))["logic_is_fallback"]
        await done(other, "DELETE", path)
        assert (await ask(client, "何时开门"))["logic_is_fallback"]


async def test_one_history_of_all_channels(client: httpx2.AsyncClient, app: FastAPI, clock: ManualClock) -> None:
    contact = await add_contact(client, user_id="u")
    config = await make_config(client, opening_message="您好")
    await add_script(client, config, day=1, content="跟进一下")
    await client.post("/api/followup-enrollments", json={"contact_ids": [contact]})
    await Dispatcher(app.state.context, app.state.context.messenger).drain()
    clock.advance(timedelta(minutes=1, milliseconds=345))
    message = {"message_id": "m1", "user_id": "u", "fromId": 0, "content": "你们是谁"}
    await client.post("/api/messages/inbound", json={"messages": [message]})
    await say(client, "u", "在吗")
    written = await done(client, "POST", "/users/u/messages", {"textMessage": "我是小林"})
    assert (written["textMessage"], written["status"]) == ("我是小林", "sent")
    assert written["created"] == (await history(client, "u"))[-1]["created"], "by it a page finds the message"
    page = (await client.get(f"/api/contacts/{contact}")).json()
    told = [(row["direction"], row["service"], row["textMessage"]) for row in await history(client, "u")]
    fallback = (await done(client, "GET", "/"))["fallback"]
    assert told == [
        ("outbound", "followup", "您好"),
        ("inbound", None, "你们是谁"),
        ("inbound", None, "在吗"),
        ("outbound", "fallback", fallback),
        ("outbound", "agent", "我是小林"),
    ]
    assert page["id"] == contact


@pytest.mark.parametrize("answer", ["我想了解一下工资", "我的简历如下。" * 2500])
async def test_a_reply_through_the_bot_ends_the_sequence(
    client: httpx2.AsyncClient, app: FastAPI, database: Database, clock: ManualClock, answer: str
) -> None:
    contact = await add_contact(client, user_id="u")
    config = await make_config(client, opening_message="您好,方便留个微信吗?")
    await add_script(client, config, day=1, content="第一天")
    await client.post("/api/followup-enrollments", json={"contact_ids": [contact]})
    dispatcher = Dispatcher(app.state.context, app.state.context.messenger)
    await dispatcher.drain()
    clock.advance(timedelta(seconds=10))
    await say(client, "u", answer)
    assert await value(database, "SELECT state FROM follow_up_enrollment") == "replied"
    clock.advance(timedelta(days=3))
    await dispatcher.drain()
    assert [row["service"] for row in await history(client, "u")] == ["followup", None, "fallback"]


async def test_a_mute_stops_the_sequence_and_an_operator_still_writes(
    client: httpx2.AsyncClient, app: FastAPI, clock: ManualClock
) -> None:
    contact = await add_contact(client, user_id="u")
    config = await make_config(client, opening_message="您好")
    await add_script(client, config, day=1, content="第一天")
    await client.post("/api/followup-enrollments", json={"contact_ids": [contact]})
    await done(client, "POST", "/users/u/mute")
    dispatcher = Dispatcher(app.state.context, app.state.context.messenger)
    await dispatcher.drain()
    clock.advance(timedelta(days=2))
    await dispatcher.drain()
    assert await history(client, "u") == []
    await done(client, "POST", "/users/u/messages", {"textMessage": "人工"})
    assert [row["service"] for row in await history(client, "u")] == ["agent"]


class Gateway:
    """A messenger whose inbox mutes the person while it is being asked, after the claim."""

    def __init__(
        self, client: httpx2.AsyncClient, outcome: Outcome | None = None, clock: ManualClock | None = None
    ) -> None:
        self.client = client
        self.clock = clock
        self.outcome = outcome or Sent()
        self.delivered: list[str] = []

    async def deliver(self, _channel: Channel, delivery: Delivery, _now: Any) -> Outcome:
        self.delivered.append(delivery.content)
        if self.clock is not None:
            self.clock.advance(timedelta(seconds=2))  # which is what it takes
        return self.outcome

    async def poll_inbox(self, _channel: Channel, user_id: str, _after: str | None, _now: Any) -> list[dict[str, Any]]:
        await done(self.client, "POST", f"/users/{user_id}/mute")
        return []


async def by_webhook(client: httpx2.AsyncClient, **fields: Any) -> None:
    delivery = {"kind": "webhook", "url": "http://127.0.0.1:9/hook", **fields}
    answer = await client.put("/api/bots/1/delivery", json=delivery)
    assert answer.status_code == 200, answer.text


async def test_a_mute_binds_a_send_that_is_claimed_already(
    client: httpx2.AsyncClient, app: FastAPI, clock: ManualClock
) -> None:
    await by_webhook(client, inbox_url="http://127.0.0.1:9/inbox")
    contact = await add_contact(client, user_id="u")
    config = await make_config(client, opening_message="您好")
    await add_script(client, config, day=1, content="第一天")
    await client.post("/api/followup-enrollments", json={"contact_ids": [contact], "opening": False})
    gateway = Gateway(client)
    clock.advance(timedelta(days=2))
    await Dispatcher(app.state.context, gateway).drain()
    assert await done(client, "POST", "/users/u/ismute") == {"mute": True}, "the inbox was asked"
    assert gateway.delivered == []


@pytest.mark.parametrize(
    ("outcome", "rc", "services"),
    [(Sent(), 0, ["agent"]), (Unknown("cut"), 0, []), (NotSent("down"), 2, [])],
)
async def test_an_operator_writes_through_a_gateway(
    client: httpx2.AsyncClient, app: FastAPI, clock: ManualClock, outcome: Outcome, rc: int, services: list[str]
) -> None:
    await by_webhook(client)
    await done(client, "POST", "/users/u/mute")
    gateway = Gateway(client, outcome, clock)
    app.state.context = replace(app.state.context, messenger=gateway)
    told = await call(client, "POST", "/users/u/messages", {"textMessage": "人工"})
    assert told["rc"] == rc, told
    assert gateway.delivered == ["人工"]
    written = await history(client, "u")
    assert [row["service"] for row in written] == services
    assert all(row["created"] == told["data"]["created"] for row in written)


async def test_nobody_writes_to_those_who_must_not_be_contacted(client: httpx2.AsyncClient, database: Database) -> None:
    await say(client, "u", "请不要再联系我,退订")
    assert await value(database, "SELECT do_not_contact FROM contact WHERE user_id = 'u'")
    assert (await call(client, "POST", "/users/u/messages", {"textMessage": "人工"}))["rc"] == 2
    assert await value(database, "SELECT takeover_until FROM contact WHERE user_id = 'u'") is None
    for text in ("", " ", "x" * 5001):
        assert (await call(client, "POST", "/users/u/messages", {"textMessage": text}))["rc"] == 1


async def test_automation_rests_after_an_operator_wrote(client: httpx2.AsyncClient, database: Database) -> None:
    await say(client, "u", "在吗")
    await done(client, "POST", "/users/u/messages", {"textMessage": "人工"})
    rest = await value(database, "SELECT takeover_until - last_sent_at FROM contact WHERE user_id = 'u'")
    assert rest == timedelta(hours=24)
