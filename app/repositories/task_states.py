"""Started tasks: which rest, which run, which are at their end; and the slots that they keep after it."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

from app.repositories.calls import Row
from app.repositories.task_dialing import HOURS, HOURS_COLUMNS

_STARTED = f"""
    SELECT t.id, t.status, t.due_at, {HOURS_COLUMNS}
    FROM call_task t {HOURS}
    WHERE t.due_at IS NOT NULL AND (t.due_at <= $1 OR $2) ORDER BY t.id
"""
# Only what is as it was when it was read; a task that a reservation keeps has its turn at the next look.
_MOVE = """
    WITH free AS (
        SELECT t.id, i.status, i.due_at, i.stopped_by
        FROM unnest($2::bigint[], $3::smallint[], $4::timestamptz[], $5::smallint[], $6::timestamptz[], $7::text[])
            AS i(id, was, was_due_at, status, due_at, stopped_by)
        JOIN call_task t ON t.id = i.id AND t.status = i.was AND t.due_at = i.was_due_at
        FOR NO KEY UPDATE OF t SKIP LOCKED
    )
    UPDATE call_task t
    SET status = f.status, due_at = f.due_at, stopped_by = coalesce(f.stopped_by, t.stopped_by), updated_at = $1
    FROM free f WHERE t.id = f.id
    RETURNING t.id
"""

# With limits and orders, so that each is a look into an index for each task, and never a walk through all numbers.
# A call may outlive what its number says of it: an erasure refuses the number at once and only asks the call to end.
_IS_OVER = """
    (SELECT true FROM task_number n WHERE n.task_id = t.id AND n.due_at IS NOT NULL
     ORDER BY n.due_at LIMIT 1) IS NULL
    AND (SELECT true FROM task_number n WHERE n.task_id = t.id AND n.state = 'calling' LIMIT 1) IS NULL
    AND (SELECT true FROM outbound_call c WHERE c.task_id = t.id AND c.ended_at IS NULL LIMIT 1) IS NULL
    AND (SELECT true FROM task_number n WHERE n.task_id BETWEEN t.id AND t.id ORDER BY n.task_id, n.id LIMIT 1)
"""
_OVER = f"SELECT t.id FROM call_task t WHERE t.due_at IS NOT NULL AND t.ended_at IS NULL AND {_IS_OVER} LIMIT $1"
_LOCK = """
    SELECT id, end_action, maximumcall FROM call_task
    WHERE id = $1 AND due_at IS NOT NULL AND ended_at IS NULL FOR NO KEY UPDATE SKIP LOCKED
"""
_IS_STILL_OVER = f"SELECT coalesce({_IS_OVER}, false) FROM call_task t WHERE t.id = $1"
_END = """
    UPDATE call_task
    SET ended_at = $2, updated_at = $2, status = CASE WHEN $3 THEN 1 ELSE status END,
        due_at = CASE WHEN $3 THEN NULL ELSE due_at END, stopped_by = CASE WHEN $3 THEN 'end_action' ELSE stopped_by END
    WHERE id = $1
"""

# A task without lines of its own used those of its scripts.
_LINES = """
    WITH own AS (
        SELECT line_id, position FROM call_task_line WHERE task_id = $1
    )
    SELECT line_id, position FROM own
    UNION ALL
    SELECT l.line_id, l.position FROM call_task t JOIN outbound_group_line l ON l.group_id = t.destination_extension
        OR l.group_id IN (SELECT s.group_id FROM call_task_script s WHERE s.task_id = t.id)
    WHERE t.id = $1 AND NOT EXISTS (SELECT FROM own)
    ORDER BY position, line_id
"""
_LOCK_LINES = "SELECT FROM caller_line WHERE id = ANY($1::text[]) ORDER BY id FOR NO KEY UPDATE"
_UNHELD = """
    SELECT l.id, l.call_line - (SELECT coalesce(sum(h.slots), 0) FROM line_hold h WHERE h.line_id = l.id)::int AS slots
    FROM caller_line l WHERE l.id = ANY($1::text[])
"""
_HOLD = """
    INSERT INTO line_hold (task_id, line_id, slots)
    SELECT $1, i.line_id, i.slots FROM unnest($2::text[], $3::int[]) AS i(line_id, slots)
    ON CONFLICT (task_id, line_id) DO UPDATE SET slots = excluded.slots
"""


class Move(NamedTuple):
    """Another state for a task, if it is as it was; the order of the fields is that of the statement."""

    id: int
    was: int
    was_due_at: datetime
    status: int
    due_at: datetime | None
    stopped_by: str | None


async def started(connection: asyncpg.Connection, now: datetime, *, with_resting: bool) -> Sequence[Row]:
    """Return started tasks with their hours, by id; ``with_resting``: those too whose time has not come."""
    rows: Sequence[Row] = await connection.fetch(_STARTED, now, with_resting)
    return rows


async def move(connection: asyncpg.Connection, now: datetime, moves: Sequence[Move]) -> set[int]:
    """Write other states of tasks; returns the ids of those that were still as they were read."""
    if not moves:
        return set()
    return {row["id"] for row in await connection.fetch(_MOVE, now, *zip(*moves, strict=True))}


async def over(connection: asyncpg.Connection, limit: int) -> list[int]:
    """Return started tasks that have dialled all their numbers to the end."""
    return [row["id"] for row in await connection.fetch(_OVER, limit)]


async def lock_over(connection: asyncpg.Connection, task_id: int) -> Row | None:
    """Lock a task that is over, row ``id, end_action, maximumcall``; None where it is not, or somebody else has it."""
    row: Row | None = await connection.fetchrow(_LOCK, task_id)
    # A statement of its own: whoever adds numbers keeps the task, and has committed them by now.
    return row if row is not None and await connection.fetchval(_IS_STILL_OVER, task_id) else None


async def end(connection: asyncpg.Connection, task_id: int, now: datetime, *, pauses: bool) -> None:
    """Write that a task is at its end."""
    await connection.execute(_END, task_id, now, pauses)


async def lock_lines(connection: asyncpg.Connection, task_id: int) -> list[tuple[str, int]]:
    """Lock the lines of a task; returns, in their order, each with the slots that no task holds."""
    ids = list(dict.fromkeys(row["line_id"] for row in await connection.fetch(_LINES, task_id)))
    await connection.execute(_LOCK_LINES, ids)
    slots = {row["id"]: row["slots"] for row in await connection.fetch(_UNHELD, ids)}
    return [(line_id, slots[line_id]) for line_id in ids if line_id in slots]


async def hold(connection: asyncpg.Connection, task_id: int, slots: Sequence[tuple[str, int]]) -> None:
    """Keep slots of lines for a task: (line, slots) each."""
    if slots:
        await connection.execute(_HOLD, task_id, *zip(*slots, strict=True))
