"""Numbers of call tasks: added, reset and deleted in bulk on raw asyncpg, read a page at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import asyncpg
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import OutboundCall, TaskNumber

ATTEMPTS = 100
"""So many calls to a number are shown."""
_SOON = timedelta(seconds=2)

# The dialer looks at a running task when something of it is due; what is added or reset is due now.
_REOPEN = """
    UPDATE call_task SET ended_at = NULL, due_at = CASE WHEN status = 2 THEN least(due_at, $2) ELSE due_at END
    WHERE id = $1 AND deleted_at IS NULL AND (ended_at IS NOT NULL OR (status = 2 AND due_at > $3))
"""
_SHARE = """
    SELECT status <> 1 AS is_started, ended_at IS NOT NULL OR (status = 2 AND due_at > $2) AS is_at_rest
    FROM call_task WHERE id = $1 AND deleted_at IS NULL
    FOR SHARE
"""

# Ids in the order in which they were given, rows in the order of the unique index: so numbers are dialled as they stand
# in a file, and two who add the same ones wait instead of blocking each other.
_ADD = """
    WITH given AS MATERIALIZED (
        SELECT nextval(pg_get_serial_sequence('task_number', 'id')) AS id, i.*
        FROM (
            SELECT * FROM unnest($2::text[], $3::text[], $4::jsonb[]) WITH ORDINALITY AS u(phone, name, words, place)
            ORDER BY place
        ) i
    )
    INSERT INTO task_number (id, task_id, phone, is_repeat, name, words, created_at, updated_at)
    SELECT id, $1, phone, $5, name, words, $6, $6 FROM given ORDER BY phone, id
    ON CONFLICT (task_id, phone) WHERE NOT is_repeat DO NOTHING
    RETURNING id, phone
"""
_EXISTING = "SELECT phone, id FROM task_number WHERE task_id = $1 AND phone = ANY($2::text[]) AND NOT is_repeat"

# The order of ids is that in which the dialer takes rows. For the range see `_FORGET`. Who may have answered a call of
# which nobody knows how it ended is not called again with all the others, whatever their status was before.
_RESET = """
    WITH wanted AS MATERIALIZED (
        SELECT id FROM task_number
        WHERE task_id <= $1 AND (task_id, id) > ($1, $4) AND state IN ('done', 'refused')
          AND number_status = ANY($2::smallint[]) AND phone LIKE '+%' AND reason IS DISTINCT FROM 'call_unknown'
        ORDER BY task_id, id LIMIT $5
        FOR UPDATE
    )
    UPDATE task_number n
    SET state = 'waiting', due_at = $3, number_status = 0, reason = NULL, reason_until = NULL, redials = '{}',
        faults = 0, failures = 0, updated_at = $3
    FROM wanted w WHERE n.id = w.id
    RETURNING n.id
"""
_LOCK = "SELECT state FROM task_number WHERE task_id = $1 AND id = $2 FOR UPDATE"
_DELETE = "DELETE FROM task_number WHERE id = $1"
# A range, and its column in the order: with an equality the planner may take the primary key and pass over the numbers
# of all earlier tasks to find those of one (measured with 300,000: 26 ms instead of a few µs per task).
_FORGET = """
    DELETE FROM task_number WHERE id IN (
        SELECT n.id
        FROM call_task t CROSS JOIN LATERAL (
            SELECT id FROM task_number WHERE task_id BETWEEN t.id AND t.id ORDER BY task_id, id LIMIT $1
            FOR UPDATE SKIP LOCKED
        ) n
        WHERE t.deleted_at IS NOT NULL LIMIT $1
    )
"""
_FORGET_IMPORTS = """
    DELETE FROM task_import i USING call_task t WHERE t.id = i.task_id AND t.deleted_at IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class NewNumber:
    """A number to be added: E.164, and what the script may say."""

    phone: str
    name: str | None = None
    words: dict[str, str] = field(default_factory=dict)


async def reopen(connection: asyncpg.Connection, task_id: int, now: datetime) -> None:
    """Let a task that is done, or waits for a later number, be looked at now; to be called before `share`."""
    await connection.execute(_REOPEN, task_id, now, now + _SOON)


async def share(connection: asyncpg.Connection, task_id: int, now: datetime) -> asyncpg.Record | None:
    """Hold a task against being started, stopped, ended or deleted; None where there is none.

    Returns whether it is started, and whether it came to rest since `reopen`.
    """
    return await connection.fetchrow(_SHARE, task_id, now + _SOON)


async def add(
    connection: asyncpg.Connection, task_id: int, numbers: Sequence[NewNumber], now: datetime, *, repeats: bool = False
) -> list[tuple[int, str]]:
    """Add numbers that stand in the task not yet, or all where they are ``repeats``; returns (id, phone) of each added.

    Ids grow in the order of ``numbers``, in which no phone comes twice unless they are repeats.
    """
    if not numbers:
        return []
    columns = [each.phone for each in numbers], [each.name for each in numbers], [each.words for each in numbers]
    rows = await connection.fetch(_ADD, task_id, *columns, repeats, now)
    return sorted((row["id"], row["phone"]) for row in rows)


async def existing(connection: asyncpg.Connection, task_id: int, phones: Sequence[str]) -> dict[str, int]:
    """Return the ids of the numbers of a task by phone, of those of these phones that it has."""
    return {row["phone"]: row["id"] for row in await connection.fetch(_EXISTING, task_id, list(phones))}


async def reset(
    connection: asyncpg.Connection, task_id: int, statuses: Sequence[int], now: datetime, *, after: int, limit: int
) -> list[int]:
    """Have numbers dialled once more that are over with one of these statuses; returns their ids, which are > after."""
    rows = await connection.fetch(_RESET, task_id, list(statuses), now, after, limit)
    return sorted(row["id"] for row in rows)


async def lock(connection: asyncpg.Connection, task_id: int, number_id: int) -> str | None:
    """Hold a number; returns its state, None where the task has no such number."""
    state: str | None = await connection.fetchval(_LOCK, task_id, number_id)
    return state


async def remove(connection: asyncpg.Connection, number_id: int) -> None:
    """Delete a number."""
    await connection.execute(_DELETE, number_id)


async def forget_deleted(connection: asyncpg.Connection, limit: int) -> int:
    """Delete up to ``limit`` numbers of deleted tasks, and what is known of their files; returns how many went."""
    await connection.execute(_FORGET_IMPORTS)
    return int((await connection.execute(_FORGET, limit)).split()[-1])


async def page(
    session: AsyncSession, task_id: int, status: int | None, *, offset: int, limit: int
) -> tuple[int, Sequence[TaskNumber]]:
    """Return how many numbers a task has, of one status or of all, and a page of them as they were added."""
    mine: list[ColumnElement[bool]] = [TaskNumber.task_id.between(task_id, task_id)]  # see `_FORGET`
    if status is not None:
        mine.append(TaskNumber.number_status == status)
    total = (await session.execute(select(func.count()).select_from(TaskNumber).where(*mine))).scalar_one()
    query = select(TaskNumber).where(*mine).order_by(TaskNumber.task_id, TaskNumber.id).offset(offset).limit(limit)
    return total, (await session.scalars(query)).all()


async def of_phone(session: AsyncSession, task_id: int, phone: str) -> Sequence[TaskNumber]:
    """Return the rows of a phone in a task, as they were added."""
    query = select(TaskNumber).where(TaskNumber.task_id == task_id, TaskNumber.phone == phone).order_by(TaskNumber.id)
    return (await session.scalars(query)).all()


async def attempts(session: AsyncSession, number_id: int) -> Sequence[OutboundCall]:
    """Return the calls to a number, the newest first."""
    query = select(OutboundCall).where(OutboundCall.number_id == number_id).order_by(OutboundCall.id.desc())
    return (await session.scalars(query.limit(ATTEMPTS))).all()
