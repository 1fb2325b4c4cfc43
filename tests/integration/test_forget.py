"""The pass that deletes what is kept for a time only: all of it, in small transactions, and no longer than it may."""

import asyncio
from datetime import timedelta

import pytest
from fastapi import FastAPI

from app.clock import ManualClock
from app.jobs import forgetting as rules
from app.jobs.passes import Passes
from app.repositories.database import Database
from app.services.dispatch.dispatcher import Dispatcher
from tests.people import value

OLD = 2500
TABLES = {
    "audit_entry": ("INSERT INTO audit_entry (actor, action, at) SELECT 'test', 'test'", timedelta(days=730)),
    "idempotency_key": (
        "INSERT INTO idempotency_key (scope, key, body_hash, created_at) SELECT 'test', gen_random_uuid(), ''",
        rules.KEYS_KEPT,
    ),
    "seen_signature": (
        "INSERT INTO seen_signature (app_id, stamp, random, at) SELECT 'test', '', gen_random_uuid()",
        rules.SIGNATURES_KEPT,
    ),
    "message_tombstone": (
        "INSERT INTO message_tombstone (bot_id, digest, at) SELECT 1, gen_random_uuid()::text::bytea",
        rules.MESSAGE_IDS_KEPT,
    ),
}


@pytest.fixture
async def forgetting(app: FastAPI, database: Database, clock: ManualClock) -> Passes:
    """The passes of a service with rows of each kind that are to go, and three that are to stay."""
    async with database.transaction() as connection:
        for insert, kept in TABLES.values():
            for newest, number in ((clock.now() - kept, OLD), (clock.now(), 3)):
                await connection.execute(
                    f"{insert}, $1::timestamptz - g * interval '1 second' FROM generate_series(1, $2::int) g",
                    newest,
                    number,
                )
    return Passes(app.state.context, Dispatcher(app.state.context, app.state.context.messenger))


async def left(database: Database) -> list[int]:
    return [await value(database, f"SELECT count(*) FROM {table}") for table in TABLES]


async def test_all_that_is_old_goes_and_nothing_else(forgetting: Passes, database: Database) -> None:
    statements: list[str] = []
    async with forgetting.context.database.connection() as connection:
        connection.add_query_logger(lambda record: statements.append(record.query))
    assert await left(database) == [OLD + 3] * 4
    await forgetting.forget()
    assert await left(database) == [3] * 4
    assert sum("DELETE" in statement and "LIMIT $3" in statement for statement in statements) == 12
    await forgetting.forget()
    assert await left(database) == [3] * 4


async def test_a_run_is_bounded_and_the_next_one_goes_on(
    forgetting: Passes, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "BATCHES", 2)
    await forgetting.forget()
    assert await left(database) == [OLD - 2000 + 3] * 4
    await forgetting.forget()
    assert await left(database) == [3] * 4


async def test_a_stopping_service_ends_its_batch(forgetting: Passes, database: Database) -> None:
    forgetting.context.stopping.set()
    await forgetting.forget()
    assert await left(database) == [OLD - 1000 + 3] * 4


async def test_two_processes_share_the_work(forgetting: Passes, database: Database) -> None:
    await asyncio.gather(*(forgetting.forget() for _ in range(3)))
    assert await left(database) == [3] * 4
