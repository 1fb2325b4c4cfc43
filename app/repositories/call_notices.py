"""Notices of finished calls on their way to ``call_notify_url``."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias

import asyncpg

Rows: TypeAlias = Sequence[asyncpg.Record]

_ADD = """
    INSERT INTO call_notice (call_id, task_id, due_at, created_at)
    SELECT i.call_id, i.task_id, $1::timestamptz, $1::timestamptz
    FROM unnest($2::bigint[], $3::bigint[]) AS i(call_id, task_id)
    ON CONFLICT (call_id) DO NOTHING
"""
# What a record is: `app/repositories/task_records.py`; of a call that is none nobody is told.
_ADD_AFTER_TALKS = """
    INSERT INTO call_notice (call_id, task_id, due_at, created_at)
    SELECT c.id, c.task_id, $1::timestamptz, $1::timestamptz
    FROM outbound_call c JOIN call_task t ON t.id = c.task_id
    WHERE c.id = ANY($2::bigint[]) AND t.call_notify_url IS NOT NULL AND (c.number_status <> 0 OR c.is_counted)
    ON CONFLICT (call_id) DO NOTHING
"""
TASKS_WITH_NOTICES = """
    waiting AS (
        (SELECT task_id FROM call_notice WHERE status = 'pending' ORDER BY task_id LIMIT 1)
        UNION ALL
        SELECT (SELECT n.task_id FROM call_notice n
                WHERE n.status = 'pending' AND n.task_id > w.task_id ORDER BY n.task_id LIMIT 1)
        FROM waiting w WHERE w.task_id IS NOT NULL
    )
"""
"""For ``WITH RECURSIVE``: ``waiting(task_id)``, the tasks that have any, and a null at its end. One look into the index
for each of them, however many notices a dead receiver has piled up."""
_WAITING = f"""
    WITH RECURSIVE {TASKS_WITH_NOTICES}
    SELECT t.id AS task_id, t.call_notify_url AS url, t.account_id, a.notify_secret AS secret
    FROM waiting w
    JOIN call_task t ON t.id = w.task_id
    JOIN account a ON a.id = t.account_id
    WHERE (SELECT min(n.due_at) FROM call_notice n WHERE n.status = 'pending' AND n.task_id = t.id) <= $1
    ORDER BY t.id
"""
_CLAIM = """
    UPDATE call_notice n SET due_at = $2, attempts = n.attempts + 1
    FROM unnest($3::bigint[], $4::int[]) AS i(task_id, most) CROSS JOIN LATERAL (
        SELECT id FROM call_notice
        WHERE task_id = i.task_id AND status = 'pending' AND due_at <= $1
        ORDER BY due_at, id LIMIT i.most FOR UPDATE SKIP LOCKED
    ) AS due
    WHERE n.id = due.id
    RETURNING n.id, n.task_id, n.call_id, n.key, n.attempts
"""
# What a record is: `app/repositories/task_records.py`.
_CONTENTS = """
    SELECT c.id, c.task_id, c.number_id, c.group_id, c.job_id, c.phone, c.number_status, c.intention, c.created_at,
           c.answered_at, c.ended_at, c.recording_state, c.seat_id, s.name AS seat_name, i.tags, t.account_id,
           (SELECT count(*) FROM outbound_call e
            WHERE e.number_id = c.number_id AND e.id <= c.id AND e.ended_at IS NOT NULL
              AND (e.number_status <> 0 OR e.is_counted)) AS attempt
    FROM outbound_call c
    JOIN call_task t ON t.id = c.task_id
    LEFT JOIN customer_service s ON s.id = c.seat_id
    LEFT JOIN call_intention i ON i.call_id = c.id
    WHERE c.id = ANY($1::bigint[])
"""
_SETTLE = """
    UPDATE call_notice n
    SET status = i.status, due_at = i.due_at, last_error = i.error,
        delivered_at = CASE WHEN i.status = 'delivered' THEN $1::timestamptz END
    FROM unnest($2::bigint[], $3::text[], $4::timestamptz[], $5::text[]) AS i(id, status, due_at, error)
    WHERE n.id = i.id AND n.status = 'pending'
"""
_GIVE_UP = """
    UPDATE call_notice SET status = 'dead', due_at = $1, last_error = $3
    WHERE task_id = ANY($2::bigint[]) AND status = 'pending'
"""
_PAGE = """
    SELECT n.id, n.call_id, n.key, n.status, n.attempts, n.due_at, n.last_error, n.created_at, n.delivered_at,
           c.number_id, c.number_status
    FROM call_notice n JOIN outbound_call c ON c.id = n.call_id
    WHERE n.task_id = $1 AND ($2::text IS NULL OR n.status = $2)
    ORDER BY n.id DESC LIMIT $3 OFFSET $4
"""
_COUNT = "SELECT count(*) FROM call_notice WHERE task_id = $1 AND ($2::text IS NULL OR status = $2)"
_ONE = """
    SELECT n.id, n.call_id, n.key, n.status, n.attempts, n.due_at, n.last_error, n.created_at, n.delivered_at,
           c.number_id, c.number_status
    FROM call_notice n JOIN outbound_call c ON c.id = n.call_id
    WHERE n.task_id = $1 AND n.id = $2
    FOR NO KEY UPDATE OF n
"""
_RESEND = """
    UPDATE call_notice SET status = 'pending', attempts = 0, due_at = $2, last_error = NULL, delivered_at = NULL
    WHERE id = $1
"""


async def add(connection: asyncpg.Connection, now: datetime, calls: Sequence[tuple[int, int]]) -> None:
    """Have finished calls told: (call, task) each; each call once."""
    await connection.execute(_ADD, now, *zip(*calls, strict=True))


async def add_after_talks(connection: asyncpg.Connection, now: datetime, call_ids: Sequence[int]) -> None:
    """Have calls told whose talks are read, where their task wants to be told."""
    if call_ids:
        await connection.execute(_ADD_AFTER_TALKS, now, list(call_ids))


async def waiting(connection: asyncpg.Connection, now: datetime) -> Rows:
    """Return the tasks that have notices due: ``task_id, url, account_id, secret``."""
    rows: Rows = await connection.fetch(_WAITING, now)
    return rows


async def claim(
    connection: asyncpg.Connection, now: datetime, lease_end: datetime, wanted: Sequence[tuple[int, int]]
) -> Rows:
    """Claim due notices until ``lease_end``: at most so many of a task each.

    Rows ``id, task_id, call_id, key, attempts``, this one included.
    """
    rows: Rows = await connection.fetch(_CLAIM, now, lease_end, *zip(*wanted, strict=True))
    return rows


async def contents(connection: asyncpg.Connection, call_ids: Sequence[int]) -> Rows:
    """Return what notices of these calls tell."""
    rows: Rows = await connection.fetch(_CONTENTS, list(call_ids))
    return rows


async def settle(
    connection: asyncpg.Connection, now: datetime, outcomes: Sequence[tuple[int, str, datetime, str | None]]
) -> None:
    """Write what became of notices: (id, status, next try, error) each."""
    if outcomes:
        await connection.execute(_SETTLE, now, *zip(*outcomes, strict=True))


async def give_up(connection: asyncpg.Connection, now: datetime, task_ids: Sequence[int], why: str) -> None:
    """Give up all notices of tasks that are still to be sent."""
    await connection.execute(_GIVE_UP, now, list(task_ids), why)


async def page(
    connection: asyncpg.Connection, task_id: int, status: str | None, *, offset: int, limit: int
) -> tuple[int, Rows]:
    """Return how many notices a task has, of one status or of all, and a page of them, the newest first."""
    total: int = await connection.fetchval(_COUNT, task_id, status)
    return total, await connection.fetch(_PAGE, task_id, status, limit, offset)


async def lock(connection: asyncpg.Connection, task_id: int, notice_id: int) -> asyncpg.Record | None:
    """Lock a notice of a task, and return it as a page does, or None."""
    return await connection.fetchrow(_ONE, task_id, notice_id)


async def resend(connection: asyncpg.Connection, notice_id: int, now: datetime) -> None:
    """Have a locked notice sent once more, under the same key, with all its tries."""
    await connection.execute(_RESEND, notice_id, now)
