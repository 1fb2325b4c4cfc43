"""Recordings, talks and bookkeeping that are too old: gone where they must be, and nobody's refusal with them."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from app.clock import ManualClock
from app.config import Settings
from app.gateways.dialer import Dialer
from app.gateways.dialer.factory import make_dialer
from app.gateways.recordings import RecordingStore
from app.jobs import forgetting as rules
from app.jobs.passes import Passes
from app.repositories import retention
from app.repositories.call_events import Place
from app.repositories.database import Database
from app.services.calls import recordings
from app.services.calls.recordings import copy_due
from app.services.dispatch.dispatcher import Dispatcher
from app.services.live_calls import LiveCalls, Wanted
from app.services.metrics import Metrics
from tests.agent import add_account
from tests.cases import add_call
from tests.people import execute, rows, value
from tests.task_records import add_config, add_record, add_task, end, said

Client = httpx2.AsyncClient
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
LATE = timedelta(minutes=2)
"""A call of the tests is over a minute after it was made: its days begin then."""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={
            "retention_recordings_days": 3,
            "retention_transcripts_days": 10,
            "retention_bookkeeping_days": 20,
        }
    )


@pytest.fixture
def dialer(settings: Settings, clock: ManualClock) -> Dialer:
    return make_dialer(settings, clock)


@pytest.fixture
def passes(app: FastAPI) -> Passes:
    context = app.state.context
    metrics: Metrics = app.state.metrics
    return Passes(context, Dispatcher(context, context.messenger), metrics.forgotten)


# --- recordings ----------------------------------------------------------------------------------------------


async def recorded(app: FastAPI, dialer: Dialer, database: Database, at: datetime, number: int = 1) -> tuple[int, str]:
    """Write a call that is over now, with its recording in the store; returns its id and job id."""
    made = at - timedelta(minutes=5)
    call = await add_call(
        database,
        made,
        job_id=f"{int(made.timestamp() * 1000)}-4d90-ab26-{number:012x}",
        phone="+8613800009001",
        ended_at=at,
        recording_state="pending",
        recording_due_at=at,
    )
    assert await copy_due(app.state.context, dialer, app.state.recordings) == 1
    return call["id"], call["job_id"]


async def link(app: FastAPI, job_id: str) -> str:
    async with app.state.context.database.connection() as connection:
        return (await recordings.links(app.state.context, connection, "http://localhost")).link_for(job_id)


async def state_of(database: Database, call_id: int) -> tuple[Any, ...]:
    [row] = await rows(
        database, "SELECT recording_state, recording_due_at, recording_bytes FROM outbound_call WHERE id = $1", call_id
    )
    return tuple(row.values())


async def test_recordings_go_from_the_links_at_once_and_from_the_store_soon(
    app: FastAPI, client: Client, dialer: Dialer, database: Database, clock: ManualClock, passes: Passes
) -> None:
    old, old_job = await recorded(app, dialer, database, clock.now())
    clock.advance(LATE)
    young, young_job = await recorded(app, dialer, database, clock.now(), 2)
    silent = await add_call(database, clock.now() - DAY, phone="+8613900003333")
    clock.advance(3 * DAY)
    await passes.forget()
    assert await state_of(database, silent["id"]) == ("none", None, None)
    assert (await state_of(database, old))[:2] == ("removed", clock.now())
    answer = await client.get(await link(app, old_job))
    assert (answer.status_code, answer.json()["code"]) == (410, 410)
    assert (await client.get(await link(app, young_job))).status_code == 200
    store: RecordingStore = app.state.recordings
    key = f"2026/03/05/{old_job}.wav"
    assert await store.size(key) is not None
    assert await copy_due(app.state.context, dialer, store) == 1
    assert await store.size(key) is None
    assert await state_of(database, old) == ("removed", None, None)
    assert (await state_of(database, young))[0] == "stored"
    shown = (await client.get("/metrics")).text
    assert 'huiyin_forgotten_rows_total{kind="recordings"} 1.0' in shown
    await passes.forget()
    assert await copy_due(app.state.context, dialer, store) == 0, "what is gone is not deleted again"


async def test_a_store_that_is_away_keeps_the_rest_for_later(
    app: FastAPI,
    client: Client,
    dialer: Dialer,
    database: Database,
    clock: ManualClock,
    passes: Passes,
    settings: Settings,
) -> None:
    call_id, job_id = await recorded(app, dialer, database, clock.now())
    clock.advance(3 * DAY + LATE)
    await passes.forget()
    folder = settings.data_dir / "recordings"
    away = folder.rename(folder.with_name("elsewhere"))
    folder.write_text("the mount is gone", encoding="utf-8")
    assert await copy_due(app.state.context, dialer, app.state.recordings) == 1
    state, due_at, size = await state_of(database, call_id)
    assert (state, due_at) == ("removed", clock.now() + timedelta(seconds=30))
    assert size
    assert (await client.get(await link(app, job_id))).status_code == 410
    assert await removals(app, client) == "1.0"
    folder.unlink()
    away.rename(folder)
    clock.advance(timedelta(seconds=30))
    assert await copy_due(app.state.context, dialer, app.state.recordings) == 1
    assert await state_of(database, call_id) == ("removed", None, None)
    assert await app.state.recordings.size(f"2026/03/05/{job_id}.wav") is None
    assert await removals(app, client) == "0.0"


async def removals(app: FastAPI, client: Client) -> str:
    """Return how many recordings wait to be deleted, as /metrics shows it."""
    app.state.metrics._asked_at = float("-inf")
    lines = (await client.get("/metrics")).text.splitlines()
    return next(line for line in lines if line.startswith('huiyin_waiting_rows{kind="removal"}')).rsplit(" ", 1)[1]


async def fill(database: Database, number: int, at: datetime, state: str) -> None:
    await execute(
        database,
        """
        INSERT INTO outbound_call (job_id, provider, instance_id, script_id, call_type, phone, is_automatic, created_at,
                                   gives_up_at, ended_at, recording_state)
        SELECT gen_random_uuid(), 'simulator', '', '', '', '+86139' || g, true, $2, $2, $2, $3
        FROM generate_series(1, $1::int) g
        """,
        number,
        at,
        state,
    )


STORED = "SELECT count(*) FROM outbound_call WHERE recording_state = 'stored'"


async def test_only_so_many_files_in_one_run(
    database: Database, clock: ManualClock, passes: Passes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "RECORDINGS", 2 * retention.BATCH)
    # Calls without a recording cost no file, and do not keep those that have one waiting.
    await fill(database, 3 * retention.BATCH, clock.now() - 4 * DAY, "none")
    await fill(database, 3 * retention.BATCH, clock.now() - 4 * DAY, "stored")
    await passes.forget()
    assert await value(database, STORED) == retention.BATCH
    await passes.forget()
    assert await value(database, STORED) == 0


async def test_a_table_that_is_too_long_for_a_day_is_looked_through_all_the_same(
    database: Database, clock: ManualClock, passes: Passes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "BATCHES", 2)
    await fill(database, 3 * retention.BATCH, clock.now() - 4 * DAY, "none")
    await fill(database, 1, clock.now() - 4 * DAY, "stored")
    await passes.forget()
    clock.advance(DAY)
    await passes.forget()
    assert await value(database, STORED) == 0


# --- talks ---------------------------------------------------------------------------------------------------


async def test_talks_go_and_what_they_led_to_stays(
    client: Client, database: Database, clock: ManualClock, passes: Passes
) -> None:
    await add_account(client)
    task = await add_task(database, llm_intention_id=await add_config(database))
    talked = said(clock.now(), "您好", "不要再打了", "好的", "再见")
    read, unread = [await add_record(database, task, clock.now(), conversations=talked) for _ in range(2)]
    await end(database, clock.now(), read, unread)
    await execute(
        database,
        "UPDATE call_intention SET state = 'done', level = 4, tags = '[\"4A\"]', evidence = '[\"不要再打了\"]',"
        " problem = 'the model said 不要' WHERE call_id = $1",
        read["id"],
    )
    clock.advance(LATE)
    young = await add_record(database, task, clock.now(), conversations=talked)
    clock.advance(10 * DAY)
    await passes.forget()
    kept = await rows(database, "SELECT id FROM outbound_call WHERE conversations IS NOT NULL ORDER BY id")
    assert [row["id"] for row in kept] == [unread["id"], young["id"]], "a talk nobody has read may hold a refusal"
    [found] = await rows(database, "SELECT * FROM call_intention WHERE call_id = $1", read["id"])
    assert (found["level"], found["tags"], found["evidence"], found["problem"]) == (4, ["4A"], [], None)
    [call] = await rows(database, "SELECT * FROM outbound_call WHERE id = $1", read["id"])
    assert call == read | {"conversations": None}
    answer = await client.get(f"/agent-api/user/u-1/task/{task}/record/{read['id']}")
    assert answer.status_code == 200, answer.text
    assert answer.json()["data"]["conversations"] == []
    await execute(database, "UPDATE call_intention SET state = 'done' WHERE call_id = $1", unread["id"])
    clock.advance(DAY)
    await passes.forget()
    assert await value(database, "SELECT count(*) FROM outbound_call WHERE conversations IS NOT NULL") == 0


# --- bookkeeping ---------------------------------------------------------------------------------------------


async def test_bookkeeping_goes_but_not_what_is_still_to_be_told(
    client: Client, database: Database, clock: ManualClock, passes: Passes
) -> None:
    await add_account(client)
    task, deleted = await add_task(database), await add_task(database)
    await execute(database, "UPDATE call_task SET deleted_at = $2 WHERE id = $1", deleted, clock.now())
    await execute(database, "UPDATE bot SET event_url = 'https://crm.example.com/events' WHERE id = 1")
    for kept_since, name in ((clock.now(), "old"), (clock.now() + DAY, "young")):
        for status in ("pending", "delivered", "dead"):
            for owner in (task, deleted):
                await execute(
                    database,
                    "INSERT INTO call_notice (call_id, task_id, status, due_at, created_at, last_error)"
                    " SELECT coalesce(max(call_id), 0) + 1, $1, $2, $3, $3, $4 FROM call_notice",
                    owner,
                    status,
                    kept_since,
                    name,
                )
            for bot in (1, 77):
                await execute(
                    database,
                    "INSERT INTO outbox_event (bot_id, key, kind, payload, status, due_at, created_at, last_error)"
                    " VALUES ($1, gen_random_uuid(), 'replied', '{}', $2, $3, $3, $4)",
                    bot,
                    status,
                    kept_since,
                    name,
                )
        await execute(
            database, "INSERT INTO task_import (task_id, created_at, updated_at) VALUES ($1, $2, $2)", task, kept_since
        )
        call = await add_call(database, kept_since)
        await execute(database, "UPDATE call_event SET at = $2 WHERE call_id = $1", call["id"], kept_since)
    clock.advance(20 * DAY + timedelta(seconds=1))
    await passes.forget()
    told = "SELECT last_error AS name, status, {owner} AS owner FROM {table} ORDER BY id"
    young = [("young", status, owner) for status in ("pending", "delivered", "dead") for owner in (0, 1)]
    for table, whose in (("call_notice", f"task_id = {deleted}"), ("outbox_event", "bot_id = 77")):
        found = await rows(database, told.format(table=table, owner=f"({whose})::int"))
        assert [tuple(row.values()) for row in found] == [("old", "pending", 0), *young], table
    assert await value(database, "SELECT count(*) FROM task_import") == 1
    assert [row["at"] for row in await rows(database, "SELECT at FROM call_event")] == [clock.now() - 19 * DAY - SECOND]
    assert await value(database, "SELECT count(*) FROM outbound_call") == 2, "calls themselves stay"


async def test_a_stream_from_before_what_is_gone_goes_on_with_what_is_left(
    app: FastAPI, database: Database, clock: ManualClock, passes: Passes
) -> None:
    old, young = await add_call(database, clock.now()), await add_call(database, clock.now(), phone="+8613900002222")
    await execute(database, "UPDATE call_event SET at = $2 WHERE call_id = $1", old["id"], clock.now() - 30 * DAY)
    await execute(database, "UPDATE call_event SET at = $2 WHERE call_id = $1", young["id"], clock.now())
    await passes.forget()
    live: LiveCalls = app.state.live_calls
    changes: Sequence[asyncpg.Record] = ()
    async with asyncio.timeout(30):
        # A change is told when no transaction of the whole server is older; other databases have theirs.
        while not changes:
            changes, _ = await live.after(Place(0, 0), Wanted())
    assert [change["job_id"] for change in changes] == [young["job_id"]]
