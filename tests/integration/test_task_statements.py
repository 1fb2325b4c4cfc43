"""What the dialer asks at every look reads what it takes, not the numbers of all tasks, whatever is known of them."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from app.repositories import task_dialing, task_states
from app.repositories.database import Database

NOW = datetime(2026, 3, 5, 10, 30, tzinfo=UTC)
MANY, TAKEN = 40_000, 20
TASKS = [1, 2]
ENDED_CALLS = """
    INSERT INTO outbound_call (provider, created_at, gives_up_at, ended_at, job_id, instance_id, script_id, call_type,
                               task_id, number_id, phone, is_automatic, placement)
    SELECT 'simulator', '2026-03-05T09:00Z', '2026-03-05T10:00Z', '2026-03-05T09:30Z', 'job-' || i, 'i', 's', 'task',
           1, i, '+86139' || lpad(i::text, 8, '0'), true, 'placed'
    FROM generate_series(1, $1::int) AS i
"""


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


async def rows_read(connection: asyncpg.Connection, statement: str, *values: Any) -> int:
    """Run a statement in vain; return how many rows of numbers and calls it looked at, those passed over too."""
    transaction = connection.transaction()
    await transaction.start()
    document = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", *values)
    await transaction.rollback()
    plan = (json.loads(document) if isinstance(document, str) else document)[0]["Plan"]
    return sum(
        int((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"])
        for node in nodes(plan)
        if node.get("Relation Name") in {"task_number", "outbound_call"} and "Scan" in node["Node Type"]
    )


@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
@pytest.mark.parametrize("is_known", [True, False])
async def test_a_look_reads_no_more_than_it_takes(database: Database, mode: str, is_known: bool) -> None:
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO task_number (task_id, phone)"
            " SELECT 1 + (i > $1)::int, '+86139' || lpad(i::text, 8, '0') FROM generate_series(1, $1 + 100) AS i",
            MANY,
        )
        await connection.execute("ANALYZE task_number")
        await connection.execute(
            "UPDATE task_number SET state = 'done', due_at = NULL WHERE task_id = 1 AND id <="
            " (SELECT min(id) + $1 - 1000 FROM task_number)",
            MANY,
        )
        await connection.execute(
            "WITH account AS (INSERT INTO account (id, name) VALUES ('u-1', 'an account'))"
            " INSERT INTO call_task (id, account_id, name, destination_extension, maximumcall, status, due_at)"
            " OVERRIDING SYSTEM VALUE SELECT id, 'u-1', 'a task', 1, 100, 2, $2 FROM unnest($1::bigint[]) AS i(id)",
            TASKS,
            NOW,
        )
        await connection.execute(ENDED_CALLS, MANY)
        if is_known:
            await connection.execute("ANALYZE task_number")
            await connection.execute("ANALYZE outbound_call")
        await connection.execute(f"SET plan_cache_mode = {mode}")
        try:
            for pop_mode in range(3):
                shares = TASKS, [TAKEN, TAKEN], [pop_mode, pop_mode]
                values = (*shares, NOW, NOW + timedelta(minutes=1))
                read = await rows_read(connection, task_dialing._CLAIM, *values)
                assert read <= 3 * len(TASKS) * TAKEN, f"a claim with pop_mode {pop_mode} read {read} rows"
            assert await rows_read(connection, task_dialing._DUE, TASKS, NOW, TAKEN) <= len(TASKS) * TAKEN
            assert await rows_read(connection, task_states._IS_STILL_OVER, 1) <= len(TASKS)
            await connection.execute("UPDATE task_number SET state = 'done', due_at = NULL WHERE due_at IS NOT NULL")
            assert await connection.fetchval(task_states._IS_STILL_OVER, 1) is True
            read = await rows_read(connection, task_states._IS_STILL_OVER, 1)
            assert read <= 2 * len(TASKS), f"whether a task is over read {read} rows"
        finally:
            await connection.execute("RESET plan_cache_mode")
