"""Messages that are too old: they go, and nothing that decides about a person goes with them."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from app.clock import ManualClock
from app.config import Settings
from app.domain.retention import Kind
from app.jobs import forgetting as rules
from app.jobs.passes import Passes
from app.main import create_app
from app.repositories import retention, totals
from app.repositories.database import Database
from app.routers import webchat
from app.routers.chatbot import chats
from app.services.dispatch.dispatcher import Dispatcher
from tests import chatbot
from tests.helpers import add_contact, add_script, make_config
from tests.live import PATIENCE, Stream, serving
from tests.people import enroll, execute, rows, say, send, value

Client = httpx2.AsyncClient
Patch = pytest.MonkeyPatch
DAY = timedelta(days=1)
KEPT = 30
USER = "user-1"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"retention_messages_days": KEPT})


@pytest.fixture
def dispatcher(light_app: FastAPI) -> Dispatcher:
    return Dispatcher(light_app.state.context, light_app.state.context.messenger)


@pytest.fixture
def passes(light_app: FastAPI, dispatcher: Dispatcher) -> Passes:
    return Passes(light_app.state.context, dispatcher)


async def write(client: Client, text: str, message_id: str, user: str = USER) -> dict[str, Any]:
    """Take a message in and return the receipt."""
    item = {"message_id": message_id, "user_id": user, "fromId": 0, "content": text}
    answer = await client.post("/api/messages/inbound", json={"messages": [item]})
    assert answer.status_code == 200, answer.text
    receipt: dict[str, Any] = answer.json()
    return receipt


async def talk(client: Client, clock: ManualClock, number: int, user: str = USER) -> int:
    """Let somebody write so many messages, one a day, the last one today; returns the contact's id."""
    for place in range(1, number + 1):
        await write(client, f"第{place}条", f"{user}-{place}", user)
        if place < number:
            clock.advance(DAY)
    found: list[dict[str, Any]] = (await client.get("/api/messages?page_size=1")).json()["results"]
    contact_id: int = found[0]["contact_id"]
    return contact_id


async def texts(database: Database) -> list[str]:
    found = await rows(database, "SELECT text FROM chat_message ORDER BY contact_id, ordinal")
    return [row["text"] for row in found]


async def count_totals(database: Database) -> None:
    """Hold the totals that triggers keep against the rows."""
    async with database.connection() as connection:
        counted = await connection.fetchval("SELECT count(*) FROM chat_message")
        assert await totals.total(connection, ["message", "filtered"]) == counted


def test_by_default_nothing_that_people_said_goes() -> None:
    untouched = Settings()
    assert untouched.retention_messages_days is None
    assert untouched.retention_recordings_days is None
    assert untouched.retention_transcripts_days is None


async def test_pages_totals_and_walks_are_those_of_what_is_left(
    client: Client, passes: Passes, database: Database, clock: ManualClock
) -> None:
    contact_id = await talk(client, clock, KEPT + 6)
    await passes.forget()
    # The message from exactly so many days ago is the first that stays.
    expected = [f"第{place}条" for place in range(6, KEPT + 7)]
    assert await texts(database) == expected
    await count_totals(database)
    for query, newest_first in (("", True), ("&sortby=created", False)):
        seen: list[str] = []
        for number in range(1, 6):
            answer = await chatbot.call(client, "GET", f"{chatbot.user(USER)}/chats?limit=7&page={number}{query}")
            assert (answer["total"], answer["total_page"]) == (len(expected), 5)
            seen += [row["textMessage"] for row in answer["data"]]
        assert seen == (expected[::-1] if newest_first else expected)
        walked: list[str] = []
        cursor: Any = "*"
        while cursor:
            path = f"{chatbot.user(USER)}/chats?limit=7&cursor={cursor}{query}"
            answer = await chatbot.call(client, "GET", path)
            walked += [row["textMessage"] for row in answer["data"]]
            cursor = answer.get("next_cursor")
        assert walked == seen
    listed = (await client.get(f"/api/messages?contact_id={contact_id}&page=2&page_size=30")).json()
    assert (listed["total"], [row["text"] for row in listed["results"]]) == (len(expected), expected[:1])
    exported = (await client.get(f"{chatbot.DOOR}{chatbot.user(USER)}/chats/export?format=csv")).text
    assert exported.count("第") == len(expected)
    token = await value(database, "SELECT chat_token FROM contact")
    lines = (await client.get(f"/api/webchat/{token}/messages")).json()["results"]
    assert [line["number"] for line in lines[:2]] == [6, 7]
    assert (await client.get(f"/api/contacts/{contact_id}")).json()["message_count"] == KEPT + 6


async def test_readers_that_know_only_what_is_gone_get_what_is_left(
    light_app: FastAPI, client: Client, passes: Passes, database: Database, clock: ManualClock, monkeypatch: Patch
) -> None:
    monkeypatch.setattr(webchat, "LINES", 3)
    monkeypatch.setattr(chats, "LINES", 3)
    await talk(client, clock, KEPT + 10)
    await passes.forget()
    token = await value(database, "SELECT chat_token FROM contact")
    lines = (await client.get(f"/api/webchat/{token}/messages?after=1")).json()["results"]
    assert [line["number"] for line in lines] == [10, 11, 12]
    async with (
        serving(create_app(light_app.state.context.settings, clock=clock)) as url,
        httpx2.AsyncClient(base_url=url, timeout=PATIENCE) as remote,
    ):
        for path in (f"{chatbot.DOOR}{chatbot.user(USER)}/chats/stream", f"/api/webchat/{token}/stream"):
            async with remote.stream("GET", path, headers={"Last-Event-ID": "1"}) as response:
                stream = Stream(response)
                assert [(await stream.next())[0] for _ in range(5)] == [10, 11, 12, 13, 14], path


async def test_a_history_of_which_nothing_is_left_goes_on_with_its_numbers(
    client: Client, passes: Passes, database: Database, clock: ManualClock
) -> None:
    contact_id = await talk(client, clock, 3)
    clock.advance((KEPT + 1) * DAY)
    await passes.forget()
    assert await texts(database) == []
    assert (await chatbot.call(client, "GET", f"{chatbot.user(USER)}/chats"))["total"] == 0
    assert (await client.get(f"/api/messages?contact_id={contact_id}")).json()["total"] == 0
    await write(client, "又来了", "late")
    answer = await chatbot.call(client, "GET", f"{chatbot.user(USER)}/chats")
    assert (answer["total"], answer["data"][0]["textMessage"]) == (1, "又来了")
    assert await value(database, "SELECT ordinal FROM chat_message") == 4
    await count_totals(database)


async def test_a_message_that_is_delivered_once_more_is_no_new_answer(
    client: Client, passes: Passes, database: Database, clock: ManualClock
) -> None:
    contact_id = await talk(client, clock, 1)
    clock.advance((KEPT + 1) * DAY)
    await passes.forget()
    assert await texts(database) == []
    enrollment = await enroll(database, contact_id, clock.now())
    receipt = await write(client, "第1条", f"{USER}-1")
    assert (receipt["duplicates"], receipt["replies"]) == (1, 0)
    assert await value(database, "SELECT state FROM follow_up_enrollment WHERE id = $1", enrollment) == "active"
    assert await texts(database) == []
    assert (await write(client, "真的", f"{USER}-2"))["replies"] == 1
    # The digest goes too, at last; it says nothing about the person.
    clock.advance(rules.MESSAGE_IDS_KEPT + timedelta(seconds=1))
    await passes.forget()
    assert await value(database, "SELECT count(*) FROM message_tombstone") == 1


async def test_texts_of_sends_go_and_what_they_decide_stays(
    client: Client, passes: Passes, dispatcher: Dispatcher, database: Database, clock: ManualClock
) -> None:
    config = await make_config(client, opening_message="您好,方便留一下微信吗?")
    await add_script(client, config, day=1, content="第一天")
    await add_script(client, config, day=2, content="第二天", hours=24 * (KEPT + 40))
    contact_id = await add_contact(client)
    await client.post("/api/followup-enrollments", json={"contact_ids": [contact_id]})
    await dispatcher.drain()
    clock.advance(timedelta(seconds=31))
    await dispatcher.drain()
    before = await rows(database, "SELECT * FROM contact")
    enrolled = await rows(database, "SELECT * FROM follow_up_enrollment")
    clock.advance((KEPT + 1) * DAY)
    await passes.forget()
    sent = await rows(database, "SELECT kind, status, content FROM follow_up_record ORDER BY id")
    assert [tuple(row.values()) for row in sent] == [("opening", "sent", ""), ("script", "sent", "")]
    assert await texts(database) == []
    assert await rows(database, "SELECT * FROM contact") == before
    assert await rows(database, "SELECT * FROM follow_up_enrollment") == enrolled
    clock.advance(38 * DAY)
    await dispatcher.drain()
    assert await texts(database) == [], "the interval runs from a message whose text is gone"
    clock.advance(2 * DAY)
    await dispatcher.drain()
    assert await texts(database) == ["第二天"]


async def test_what_may_have_left_keeps_its_text_until_that_is_settled(
    client: Client, passes: Passes, database: Database, clock: ManualClock
) -> None:
    contact_id = await add_contact(client)
    states = ("sent", "failed", "not_sent", "unknown", "reserved")
    for status in states:
        await send(database, contact_id, "老话", clock.now(), status=status, error="gateway said 老话", reply="旧答")
    await execute(database, "UPDATE follow_up_record SET replied_at = $1", clock.now() + 2 * DAY)
    clock.advance((KEPT + 1) * DAY)
    await passes.forget()
    asked = "SELECT status, content, error, reply_content, got_reply FROM follow_up_record ORDER BY id"
    for row in await rows(database, asked):
        is_open = row["status"] in {"unknown", "reserved"}
        assert (row["content"], row["error"]) == (("老话", "gateway said 老话") if is_open else ("", None)), row
        assert (row["reply_content"], row["got_reply"]) == ("旧答", True), "an answer is as old as it is itself"
    clock.advance(2 * DAY)
    await execute(database, "UPDATE follow_up_record SET status = 'sent' WHERE status = 'unknown'")
    await passes.forget()
    kept = [row["status"] for row in await rows(database, asked) if row["content"] or row["reply_content"]]
    assert kept == ["reserved"]
    assert await value(database, "SELECT sum(delta) FROM follow_up_record_tally") == len(states)


async def test_no_gap_where_somebody_holds_a_message(
    client: Client, passes: Passes, database: Database, clock: ManualClock
) -> None:
    await talk(client, clock, 5, "held")
    await talk(client, clock, 2, "free")
    clock.advance((KEPT + 1) * DAY)
    async with database.transaction() as connection:
        await connection.execute("SELECT FROM chat_message WHERE external_id = 'held-3' FOR UPDATE")
        await passes.forget()
        assert await texts(database) == ["第3条", "第4条", "第5条"]
    await passes.forget()
    assert await texts(database) == ["第3条", "第4条", "第5条"], "left to the next round"
    clock.advance(DAY)
    await passes.forget()
    assert await texts(database) == []
    await count_totals(database)


async def fill(database: Database, clock: ManualClock, number: int) -> None:
    """Write a person's messages, a second apart, all of them too old."""
    await execute(
        database,
        """
        WITH person AS (
            INSERT INTO contact (bot_id, user_id, message_count, first_message_at, last_message_at)
            VALUES (1, 'long', $1, $2, $2) RETURNING id
        )
        INSERT INTO chat_message (bot_id, contact_id, ordinal, direction, text, external_id, sent_at, created_at)
        SELECT 1, p.id, g, 'inbound', 'x', 'long-' || g, $2::timestamptz + g * interval '1 second',
               $2::timestamptz + g * interval '1 second'
        FROM person p, generate_series(1, $1::int) g ORDER BY g
        """,
        number,
        clock.now() - (KEPT + 1) * DAY,
    )


async def test_a_run_is_bounded_and_several_at_once_do_not_meet(
    light_app: FastAPI, database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = 5 * retention.BATCH
    await fill(database, clock, number)
    context = light_app.state.context
    gone: list[int] = []

    def count(kind: str, rows_gone: int) -> None:
        if kind == Kind.MESSAGES:
            gone.append(rows_gone)

    runs = [Passes(context, Dispatcher(context, context.messenger), count) for _ in range(3)]
    monkeypatch.setattr(rules, "BATCHES", 2)
    await runs[0].forget()
    assert gone == [retention.BATCH] * 2
    monkeypatch.setattr(rules, "BATCHES", 100)
    await asyncio.gather(*(run.forget() for run in runs))
    assert sum(gone) == number
    assert max(gone) == retention.BATCH
    assert await texts(database) == []
    assert await value(database, "SELECT count(*) FROM message_tombstone") == number
    await count_totals(database)


async def test_while_a_batch_is_not_committed_people_go_on_writing(
    client: Client, passes: Passes, database: Database, clock: ManualClock
) -> None:
    await passes.forget()
    await talk(client, clock, 2)
    clock.advance((KEPT + 2) * DAY)
    counted: list[str] = []
    other = replace(passes, count=lambda kind, _: counted.append(kind))
    async with database.transaction() as connection:
        walk = await retention.hold(connection, Kind.MESSAGES)
        assert walk is not None
        before = clock.now() - KEPT * DAY
        batch = await retention.batch(connection, Kind.MESSAGES, walk.place, before, clock.now())
        assert batch.gone == 2
        assert (await write(client, "新的", "new"))["accepted"] == 1
        assert (await write(client, "第2条", f"{USER}-2"))["duplicates"] == 1
        await other.forget()
        assert Kind.RECORD_TEXTS in counted
        assert Kind.MESSAGES not in counted, "one process at a time"
    assert (await write(client, "第2条", f"{USER}-2"))["duplicates"] == 1
    assert await texts(database) == ["新的"]
    assert await value(database, "SELECT ordinal FROM chat_message") == 3
    await count_totals(database)


@pytest.mark.parametrize("is_all_gone", [False, True])
async def test_taking_a_send_back_leads_to_no_message_before_its_time(
    client: Client, passes: Passes, database: Database, clock: ManualClock, is_all_gone: bool
) -> None:
    """Somebody wrote by hand, and that message is gone: it counts until the next one that is left."""
    contact_id = await add_contact(client)
    by_hand = clock.now()
    await say(database, contact_id, "我手写的", by_hand, ordinal=1)
    await execute(
        database,
        "UPDATE contact SET message_count = 1, last_message_at = $2, last_sent_at = $2 WHERE id = $1",
        contact_id,
        by_hand,
    )
    await execute(database, "UPDATE chat_message SET direction = 'outbound', service = 'agent'")
    earlier = await send(database, contact_id, "更早", by_hand - DAY)
    clock.advance((KEPT + 1) * DAY)
    record = await send(database, contact_id, "不知道", clock.now(), status="unknown")
    await passes.forget()
    if not is_all_gone:
        await say(database, contact_id, "在", clock.now(), ordinal=2)
    answer = await client.post(f"/api/followup-records/{record}/resolve", json={"outcome": "not_sent"})
    assert answer.status_code == 200, answer.text
    assert earlier
    last: Any = await value(database, "SELECT last_sent_at FROM contact")
    assert last == (by_hand if is_all_gone else clock.now())


async def test_an_erasure_in_the_middle_waits_for_nothing_it_needs(
    client: Client, passes: Passes, database: Database, database_url: str, clock: ManualClock
) -> None:
    contact_id = await talk(client, clock, 3)
    clock.advance((KEPT + 1) * DAY)
    holder = await asyncpg.connect(database_url)
    try:
        transaction = holder.transaction()
        await transaction.start()
        await holder.execute("SELECT FROM contact WHERE id = $1 FOR UPDATE", contact_id)
        await passes.forget()  # needs no lock of a person
        await transaction.rollback()
    finally:
        await holder.close()
    assert await texts(database) == []
    assert (await client.delete(f"/api/contacts/{contact_id}")).status_code in {200, 204}
    await count_totals(database)
