"""Turns that are taken at the same time: what they share, what they must not, and what binds them at once."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from app.gateways.matcher import CharEncoder, Matcher
from app.gateways.matcher.encoders import Vectors
from app.repositories.database import Database
from app.services.chatbot.knowledge import Knowledge
from tests.chatbot import call, done, entry, history, say
from tests.people import rows, value

Client = httpx2.AsyncClient
USERS = tuple(f"u{number}" for number in range(12))


@pytest.fixture(autouse=True)
def _light(light_app: FastAPI) -> None:
    """Without the sentence encoder."""


@pytest.fixture
async def known(client: Client) -> None:
    """Everybody has spoken once."""
    for user_id in USERS:
        await say(client, user_id, "你好呀")


async def transactions(database: Database, *texts: str) -> dict[str, set[str]]:
    """Return the transactions that stored messages of these texts and what followed them, by user."""
    found: dict[str, set[str]] = {}
    for row in await rows(
        database,
        """
        SELECT c.user_id, a.xmin::text AS question, b.xmin::text AS answer
        FROM chat_message a JOIN contact c ON c.id = a.contact_id
        LEFT JOIN chat_message b ON b.contact_id = a.contact_id AND b.ordinal = a.ordinal + 1
        WHERE a.text = ANY($1)
        """,
        list(texts),
    ):
        found.setdefault(row["user_id"], set()).update({row["question"], row["answer"]})
    return found


@pytest.mark.usefixtures("known")
async def test_turns_at_the_same_time_share_a_commit_and_nothing_else(client: Client, database: Database) -> None:
    await done(client, "POST", "/faq/database", entry("几点开门", "九点", docId="hours"))
    turns = await asyncio.gather(*(say(client, user_id, "几点开门") for user_id in USERS))
    assert [turn["string"] for turn in turns] == ["九点"] * len(USERS)
    commits = await transactions(database, "几点开门")
    assert all(len(own) == 1 for own in commits.values()), "a question and its answer are one"
    assert len(set.union(*commits.values())) <= len(USERS) // 2
    for user_id in USERS:
        told = [(row["direction"], row["textMessage"]) for row in await history(client, user_id)]
        assert told[2:] == [("inbound", "几点开门"), ("outbound", "九点")]
    ranked = await done(client, "GET", "/faq/database/inquiryrank")
    assert ranked[0]["inquiryscore"] == str(len(USERS))


async def test_turns_of_one_person_keep_their_order(client: Client, database: Database) -> None:
    reply = "在的,请讲讲您的问题"
    await done(client, "POST", "/faq/database", entry("在吗", reply))
    await say(client, "u", "一")
    await asyncio.gather(*(say(client, "u", text) for text in ("在吗", reply, "三", "四")))
    told = await history(client, "u")
    assert [row["textMessage"] for row in told if row["direction"] == "inbound"] == ["一", "在吗", reply, "三", "四"]
    assert [row["direction"] for row in told] == ["inbound", "outbound"] * 5
    found = await rows(database, "SELECT ordinal, text, filter_reason FROM chat_message ORDER BY ordinal")
    assert [row["ordinal"] for row in found] == list(range(1, 11))
    assert [row["text"] for row in found if row["filter_reason"] == "echo"] == [reply], "what the bot just said"


@pytest.mark.usefixtures("known")
async def test_nobody_waits_for_the_lock_of_another_person(client: Client, database: Database) -> None:
    async with database.transaction() as holder:
        await holder.execute("SELECT 1 FROM contact WHERE user_id = 'u0' FOR UPDATE")
        held = asyncio.create_task(say(client, "u0", "在吗"))
        await asyncio.gather(*(say(client, user_id, "在吗") for user_id in USERS[1:]))
        assert not held.done()
        await holder.execute("UPDATE contact SET muted = true WHERE user_id = 'u0'")
    assert (await held)["service"] == {"provider": "mute"}, "as it was when the lock came free"


@pytest.mark.usefixtures("known")
async def test_what_cannot_be_written_harms_nobody_else(client: Client, database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute(
            """
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = 'disk_full'; END $$;
            CREATE TRIGGER refuse BEFORE INSERT ON chat_message FOR EACH ROW
                WHEN (NEW.text = '坏') EXECUTE FUNCTION refuse()
            """
        )
    body = {"fromUserId": "u0", "textMessage": "坏"}
    answers = await asyncio.gather(
        client.post("/api/chatbot/conversation/query", json=body), *(say(client, one, "在吗") for one in USERS[1:])
    )
    assert answers[0].json()["rc"] == 1
    assert [turn["service"]["provider"] for turn in answers[1:]] == ["fallback"] * 11
    counted = await rows(database, "SELECT user_id, message_count FROM contact ORDER BY id")
    assert [row["message_count"] for row in counted] == [2, *[4] * 11]
    assert await value(database, "SELECT count(*) FROM chat_message") == 2 + 4 * 11


@pytest.mark.usefixtures("known")
async def test_what_concerns_more_rows_is_a_transaction_of_its_own(client: Client, database: Database) -> None:
    texts = {"u0": "请不要再联系我,退订", "u1": "我的微信是 wx_abc12345"}
    await asyncio.gather(*(say(client, user_id, texts.get(user_id, "在吗")) for user_id in USERS))
    commits = await transactions(database, "在吗", *texts.values())
    assert commits["u0"] != commits["u1"]
    for user_id in texts:
        assert not any(commits[user_id] & commits[other] for other in USERS if other != user_id)
        assert len(await history(client, user_id)) == 4
    assert await value(database, "SELECT do_not_contact FROM contact WHERE user_id = 'u0'")
    assert await value(database, "SELECT value FROM contact_record") == "wx_abc12345"


async def test_people_who_come_at_once_for_the_first_time(client: Client, database: Database) -> None:
    await asyncio.gather(*(say(client, user_id, "在吗") for user_id in USERS * 2))
    assert (await call(client, "GET", "/users"))["total"] == len(USERS)
    assert await value(database, "SELECT min(message_count) FROM contact") == 4
    assert await value(database, "SELECT count(*) FROM chat_message") == 4 * len(USERS)


class SlowEncoder(CharEncoder):
    """Begins to encode and waits until it may go on."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.gate = threading.Event()

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.begun.set()
        self.gate.wait(10)
        return super().encode(texts)


async def test_a_mute_binds_what_is_being_worked_out(client: Client, app: FastAPI) -> None:
    await done(client, "POST", "/faq/database", entry("在吗", "在的"))
    encoder = SlowEncoder()
    encoder.gate.set()
    light, app.state.knowledge = app.state.knowledge, Knowledge(app.state.context.database, Matcher(encoder))
    assert (await say(client, "u", "在吗"))["string"] == "在的"
    encoder.gate.clear()
    encoder.begun.clear()
    turn: asyncio.Task[dict[str, Any]] = asyncio.create_task(say(client, "u", "在吗"))
    assert await asyncio.to_thread(encoder.begun.wait, 10)
    await done(client, "POST", "/users/u/mute")
    encoder.gate.set()
    assert (await turn)["service"] == {"provider": "mute"}
    assert [row["direction"] for row in await history(client, "u")] == ["inbound", "outbound", "inbound"]
    await app.state.knowledge.close()
    app.state.knowledge = light
