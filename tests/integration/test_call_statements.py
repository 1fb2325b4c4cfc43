"""What is asked before each call reads the calls under way and those of a number, not all that ever were."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from app.repositories import call_polls, calls
from app.repositories.database import Database
from app.repositories.planner import read_by_index

NOW = datetime(2026, 3, 5, 10, 30, tzinfo=UTC)
PATIENCE = 120.0
MANY, UNDER_WAY = 20_000, 20
MOST_BLOCKS = 400
"""A handful for each row that is wanted; the table itself has more."""
READINGS = 6
LINE = "INSERT INTO caller_line (id, name, call_line) VALUES ('line-1', 'a line', 100)"
CALLS = """
    INSERT INTO outbound_call (provider, created_at, gives_up_at, job_id, instance_id, script_id, call_type,
                               task_id, number_id, phone, line_id, is_automatic, is_counted, placement)
    SELECT 'simulator', '2026-03-05T10:00Z', '2026-03-05T11:00Z', 'job-' || i, 'i', 's', 'task',
           1, i, '+86139' || lpad(i::text, 8, '0'), 'line-1', true, true, 'placed'
    FROM generate_series(1, $1::int) AS i
"""
POLLS = "INSERT INTO call_poll (call_id, next_poll_at) SELECT id, created_at FROM outbound_call"
# Read one by one: each leaves a dead entry in the index of talks that are to be read.
TALKS = "INSERT INTO call_intention (call_id, due_at) SELECT id, created_at FROM outbound_call"
READ = "UPDATE call_intention SET state = 'done' WHERE call_id <= $1"
END = "UPDATE outbound_call SET ended_at = '2026-03-05T10:20Z' WHERE id <= $1"
FORGET = "DELETE FROM call_poll WHERE call_id <= $1"


async def old_to_everybody(connection: asyncpg.Connection) -> None:
    """Wait until nobody can see any more what was changed so far: only then is a dead entry passed over for good."""
    mine = await connection.fetchval("SELECT pg_current_xact_id()::text::bigint")
    oldest = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
    async with asyncio.timeout(PATIENCE):
        # Transactions of the whole server count, those of other tests too.
        while True:
            if await connection.fetchval(oldest) > mine:
                return
            await asyncio.sleep(0.02)


async def plan_of(connection: asyncpg.Connection, statement: str, *values: Any) -> dict[str, Any]:
    """Run a statement in vain, as the engine does; return how it was done."""
    transaction = connection.transaction()
    await transaction.start()
    await read_by_index(connection)
    document = await connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", *values)
    await transaction.rollback()
    plan: dict[str, Any] = (json.loads(document) if isinstance(document, str) else document)[0]["Plan"]
    return plan


async def blocks(connection: asyncpg.Connection, statement: str, *values: Any) -> int:
    """Run a statement in vain; return how many blocks it read."""
    plan = await plan_of(connection, statement, *values)
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def scans(plan: dict[str, Any]) -> set[str]:
    """Return in which ways a plan reads tables."""
    own = {plan["Node Type"]} if plan["Node Type"].endswith("Scan") and "Relation Name" in plan else set()
    return own.union(*(scans(part) for part in plan.get("Plans", ())))


@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
@pytest.mark.parametrize("is_known", [True, False])
async def test_what_ended_costs_the_next_calls_nothing(database: Database, mode: str, is_known: bool) -> None:
    async with database.connection() as connection:
        # As a benchmark or a busy minute leaves them: nothing is vacuumed, the statistics are those of empty tables.
        for table in ("outbound_call", "call_poll", "call_intention"):
            await connection.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
            await connection.execute(f"ANALYZE {table}")
        await connection.execute(LINE)
        await connection.execute(CALLS, MANY)
        for statement in (POLLS, TALKS):
            await connection.execute(statement)
        last = await connection.fetchval("SELECT max(id) FROM outbound_call") - UNDER_WAY
        for statement in (READ, END, FORGET):
            await connection.execute(statement, last)
        if is_known:
            for table in ("outbound_call", "call_poll", "call_intention"):
                await connection.execute(f"ANALYZE {table}")
        await connection.execute(f"SET plan_cache_mode = {mode}")
        await old_to_everybody(connection)
        phones = [f"+86139{number:08}" for number in range(1, UNDER_WAY + 1)]
        ago = NOW - timedelta(days=1)
        asked: dict[str, tuple[Any, ...]] = {
            calls._NUMBERS: (phones, ago, ago),
            calls._ACTIVE: (phones, []),
            calls._LINES: (["line-1"], False, NOW),
            calls._OF_TASKS: ([1],),
        }
        claim = (NOW, ago, 0, UNDER_WAY, NOW + timedelta(minutes=1))
        try:
            for statement, values in asked.items():
                # Who comes first removes dead entries, not always all of them at once.
                read = [await blocks(connection, statement, *values) for _ in range(READINGS)]
                assert min(read) <= MOST_BLOCKS, f"{read} blocks for {statement}"
            # Its dead entries are taken away when the server likes, so blocks would say nothing of it.
            assert scans(await plan_of(connection, call_polls._CLAIM, *claim)) == {"Index Scan"}
            free = (await connection.fetchrow(calls._LINES, *asked[calls._LINES]))["free"]
            assert free == 100 - UNDER_WAY
        finally:
            await connection.execute("RESET plan_cache_mode")
