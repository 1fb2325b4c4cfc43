"""When started tasks rest and run, and what happens at their end; on any number of replicas.

A task that is open runs (2); outside its hours, or before its start, it waits (3) for its next opening, which is its
``due_at``. Its stop ends it without an end action. With its last number done and no call under way it is over, and its
end action is taken.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import asyncpg

from app.domain.tasks import EndAction
from app.repositories import audit
from app.repositories import task_states as store
from app.repositories.calls import Row
from app.repositories.task_states import Move
from app.services.calls.desk import Desk
from app.services.calls.hours import Hours
from app.services.tasks.hours import hours_of, load_hours
from app.services.transactions import in_transaction

RUNNING, WAITING, PAUSED = 2, 3, 1
BATCH = 100
LATER = timedelta(days=1)
"""When a task is looked at again of which nobody knows when it opens; hours and calendars change."""
SCHEDULER = "scheduler"


async def move_on(desk: Desk, *, with_resting: bool) -> None:
    """Let tasks run, rest and stop as their hours want it; ``with_resting``: hours may have changed, look at all."""
    now = desk.context.clock.now()
    async with desk.context.database.connection() as connection:
        rows = await store.started(connection, now, with_resting=with_resting)
        hours = await load_hours(connection, desk, rows)
    moves = [move for row in rows if (move := _move(row, hours, now)) is not None]
    if not moves:
        return

    async def work(connection: asyncpg.Connection) -> None:
        moved = await store.move(connection, now, moves)
        stopped = [move.id for move in moves if move.id in moved and move.status == PAUSED]
        await _write_audit(connection, now, "stop_time", stopped)

    await in_transaction(desk.context, work)


def _move(row: Row, hours: Hours, now: datetime) -> Move | None:
    """Return where a task belongs; None: where it is."""
    stop_time = row["stop_time"]
    if stop_time is not None and stop_time <= now:
        return Move(row["id"], row["status"], row["due_at"], PAUSED, None, "stop_time")
    window = hours_of(row, hours)
    opens_at = None if window is None else window.opens_at(now)
    if opens_at == now:
        status, due_at = RUNNING, min(row["due_at"], now)
    else:
        # With no opening in sight it was looked at today already, or is looked at tomorrow.
        known = row["due_at"] if row["status"] == WAITING and row["due_at"] > now else now + LATER
        status, due_at = WAITING, min(opens_at or known, stop_time or opens_at or known)
    if (status, due_at) == (row["status"], row["due_at"]):
        return None
    return Move(row["id"], row["status"], row["due_at"], status, due_at, None)


async def end_those_that_are_over(desk: Desk) -> None:
    """Take the end action of started tasks that have no number left to dial."""
    while not desk.context.stopping.is_set():
        async with desk.context.database.connection() as connection:
            task_ids = await store.over(connection, BATCH)
        ended = [await _end(desk, task_id) for task_id in task_ids]
        if len(task_ids) < BATCH or not any(ended):
            return


async def _end(desk: Desk, task_id: int) -> bool:
    now = desk.context.clock.now()

    async def work(connection: asyncpg.Connection) -> bool:
        task = await store.lock_over(connection, task_id)
        if task is None:
            return False
        pauses = task["end_action"] != EndAction.NOTHING
        await store.end(connection, task_id, now, pauses=pauses)
        if task["end_action"] == EndAction.PAUSE_AND_LOCK:
            await _hold_lines(connection, task)
        await _write_audit(connection, now, "end_action", [task_id])
        return True

    return await in_transaction(desk.context, work)


async def _hold_lines(connection: asyncpg.Connection, task: Row) -> None:
    """Keep slots for as many calls as the task may have: of its lines in their order, what no other task holds."""
    left = task["maximumcall"]
    held = []
    for line_id, slots in await store.lock_lines(connection, task["id"]):
        taken = min(left, slots)
        if taken > 0:
            held.append((line_id, taken))
            left -= taken
    await store.hold(connection, task["id"], held)


async def _write_audit(connection: asyncpg.Connection, now: datetime, reason: str, task_ids: Sequence[int]) -> None:
    entries = [audit.Entry(reason=reason, detail={"task_id": task_id}) for task_id in task_ids]
    await audit.write(connection, now, actor=SCHEDULER, action="task_end", entries=entries)
