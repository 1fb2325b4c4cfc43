"""Tombstones of the FAQ base: told to every process, gone after a time, and never missed by who slept meanwhile."""

from datetime import timedelta
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from app.clock import ManualClock
from app.gateways.matcher import CharEncoder, Matcher
from app.jobs import passes as passes_module
from app.jobs.passes import Passes
from app.repositories import chatbots
from app.repositories.database import Database
from app.services.chatbot.knowledge import Knowledge
from app.services.dispatch.dispatcher import Dispatcher
from tests.chatbot import done, entry, say
from tests.people import value

DAY = timedelta(days=1)
LEFT = "SELECT count(*) FROM faq_question WHERE deleted_at IS NOT NULL"


@pytest.fixture(autouse=True)
def _light(light_app: FastAPI) -> None:
    """Without the sentence encoder."""


@pytest.fixture
def passes(app: FastAPI) -> Passes:
    return Passes(app.state.context, Dispatcher(app.state.context, app.state.context.messenger))


async def found(knowledge: Knowledge, database: Database, text: str) -> bool:
    """Ask what a process knows; the same text only."""
    async with database.connection() as connection:
        (bot,) = await chatbots.find_many(connection, [], or_default=True)
    return bool(await knowledge.search(bot, text, 1.0))


async def test_who_slept_longer_than_tombstones_are_kept_forgets_what_was_deleted(
    client: httpx2.AsyncClient, database: Database, passes: Passes, clock: ManualClock
) -> None:
    saved = await done(client, "POST", "/faq/database", entry("几点开门", "九点"))
    path = f"/faq/database/{saved['id']}/extend"
    extend = await done(client, "POST", path, {"post": "营业时间"})
    sleeper, awake = (Knowledge(database, Matcher(CharEncoder())) for _ in range(2))
    for knowledge in (sleeper, awake):
        assert await found(knowledge, database, "营业时间")
    await done(client, "DELETE", f"{path}/{extend['id']}")
    assert not await found(awake, database, "营业时间"), "told by the tombstone"
    kept: Any = awake._bases[1].index
    clock.advance(DAY)
    await passes.tombstones()
    assert await value(database, LEFT) == 1, "kept for a day"
    clock.advance(timedelta(microseconds=1))
    await passes.tombstones()
    assert await value(database, LEFT) == 0
    assert await value(database, "SELECT count(*) FROM faq_question") == 1, "what lives stays"
    await done(client, "POST", path, {"post": "何时关门"})
    for knowledge in (sleeper, awake):
        assert not await found(knowledge, database, "营业时间")
        assert await found(knowledge, database, "几点开门")
        assert await found(knowledge, database, "何时关门")
        await knowledge.close()
    assert awake._bases[1].index is kept, "who knew already begins nothing anew"
    assert (await say(client, "u", "营业时间", faqBestReplyThreshold=1))["logic_is_fallback"]


async def test_they_go_in_batches_and_each_base_knows_its_own(
    client: httpx2.AsyncClient,
    database: Database,
    passes: Passes,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = (await client.post("/api/v1/chatbot", json={"name": "另一个"})).json()["data"]["clientId"]
    for number in range(5):
        await done(client, "POST", "/faq/database", entry(f"问题{number}", docId=f"d{number}"))
    for number in range(5):
        await done(client, "DELETE", f"/faq/database/d{number}")
    clock.advance(2 * DAY)
    await done(client, "POST", "/faq/database", entry("新问题", docId="e"))
    await done(client, "DELETE", "/faq/database/e")
    monkeypatch.setattr(passes_module, "BATCH", 2)
    await passes.tombstones()
    assert await value(database, LEFT) == 1, "the young one"
    purged = "SELECT faq_purged_version FROM bot WHERE client_id = $1"
    default = await value(database, "SELECT client_id FROM bot WHERE is_default")
    assert (await value(database, purged, default), await value(database, purged, other)) == (10, 0)
