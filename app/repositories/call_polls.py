"""Calls under way: whose turn it is to be asked about, what the provider told, and how they ended."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

from app.repositories.calls import Row

Watermark = tuple[datetime, int]

_COLUMNS = """
    c.id, c.job_id, c.phone, c.provider, c.instance_id, c.script_id, c.provider_job_id, c.job_group_id,
    c.provider_task_id, c.placement, c.status, c.answered_at, c.created_at, c.placed_at, c.cancel_requested_at,
    c.gives_up_at,
    c.mediation_id, c.party_id, c.contact_id, c.record_id, c.number_id
"""

# From a watermark on: below it lie entries that are dead or late, and walking the dead ones is what makes it slow.
_CLAIM = f"""
    WITH due AS (
        SELECT call_id, next_poll_at FROM call_poll
        WHERE next_poll_at <= $1 AND (next_poll_at, call_id) >= ($2, $3)
        ORDER BY next_poll_at, call_id LIMIT $4
        FOR NO KEY UPDATE SKIP LOCKED
    ), leased AS (
        UPDATE call_poll p SET next_poll_at = $5 FROM due WHERE p.call_id = due.call_id
        RETURNING p.call_id, due.next_poll_at, p.polls, p.failures
    )
    SELECT {_COLUMNS}, l.next_poll_at, l.polls, l.failures
    FROM leased l JOIN outbound_call c ON c.id = l.call_id
"""

_PROGRESS = """
    UPDATE call_poll p SET polled_at = $1, next_poll_at = i.next_poll_at, polls = p.polls + 1, failures = 0
    FROM unnest($2::bigint[], $3::timestamptz[]) AS i(id, next_poll_at)
    WHERE p.call_id = i.id
"""
_CHANGES = """
    UPDATE outbound_call c
    SET status = i.status, provider_task_id = coalesce(i.provider_task_id, c.provider_task_id),
        answered_at = CASE WHEN i.is_talking THEN coalesce(c.answered_at, $1::timestamptz) ELSE c.answered_at END
    FROM unnest($2::bigint[], $3::text[], $4::text[], $5::bool[]) AS i(id, status, provider_task_id, is_talking)
    WHERE c.id = i.id AND c.ended_at IS NULL
"""
_KEEP = """
    UPDATE outbound_call c SET gives_up_at = i.gives_up_at
    FROM unnest($1::bigint[], $2::timestamptz[]) AS i(id, gives_up_at)
    WHERE c.id = i.id AND c.ended_at IS NULL AND c.gives_up_at < i.gives_up_at
"""
_POSTPONE = """
    UPDATE call_poll p SET next_poll_at = i.next_poll_at, failures = p.failures + i.failed
    FROM unnest($1::bigint[], $2::timestamptz[], $3::smallint[]) AS i(id, next_poll_at, failed)
    WHERE p.call_id = i.id
"""

_EXPIRED = f"""
    SELECT {_COLUMNS} FROM outbound_call c
    WHERE c.ended_at IS NULL AND c.gives_up_at <= $1 ORDER BY c.gives_up_at LIMIT $2
"""

_LOCK_ACTIVE = """
    SELECT id, record_id, number_id, contact_id, created_at, cancel_requested_at, answered_at, provider_task_id
    FROM outbound_call WHERE id = ANY($1::bigint[]) AND ended_at IS NULL ORDER BY id FOR NO KEY UPDATE
"""

# What an erased person said is not written down after the erasure. A call that was never settled is listed as unknown.
_END = """
    WITH call AS (
        UPDATE outbound_call c
        SET placement = CASE c.placement WHEN 'reserved' THEN 'unknown' ELSE c.placement END,
            status = i.status, task_status = i.task_status, is_counted = i.is_counted, is_reached = i.is_reached,
            number_status = CASE WHEN c.task_id IS NOT NULL THEN i.number_status END,
            result = i.result, remark = coalesce(i.remark, c.remark), polled_at = $1, ended_at = i.ended_at,
            answered_at = coalesce(i.answered_at, c.answered_at),
            provider_task_id = coalesce(i.provider_task_id, c.provider_task_id),
            conversations = CASE WHEN c.phone LIKE 'erased-%' THEN NULL ELSE i.conversations::jsonb END,
            recording_state = CASE WHEN i.has_recording AND c.phone NOT LIKE 'erased-%' THEN 'pending'
                              ELSE c.recording_state END,
            recording_due_at = CASE WHEN i.has_recording AND c.phone NOT LIKE 'erased-%' THEN $1::timestamptz END
        FROM unnest($2::bigint[], $3::text[], $4::smallint[], $5::bool[], $6::bool[], $7::text[], $8::text[],
                    $9::timestamptz[], $10::timestamptz[], $11::text[], $12::text[], $13::bool[], $14::smallint[])
            AS i(id, status, task_status, is_counted, is_reached, result, remark, ended_at, answered_at,
                 provider_task_id, conversations, has_recording, number_status)
        WHERE c.id = i.id AND c.ended_at IS NULL
        RETURNING c.id
    )
    DELETE FROM call_poll p USING call c WHERE p.call_id = c.id
"""


class End(NamedTuple):
    """How a call ended; the order of the fields is that of the statement."""

    id: int
    status: str
    task_status: int | None
    is_counted: bool
    is_reached: bool
    result: str
    remark: str | None
    ended_at: datetime
    answered_at: datetime | None
    provider_task_id: str | None
    conversations: str | None
    """JSON."""
    has_recording: bool
    number_status: int
    """Kept of a task's calls."""


async def claim(
    connection: asyncpg.Connection, now: datetime, mark: Watermark, limit: int, lease_end: datetime
) -> Sequence[Row]:
    """Claim up to ``limit`` calls that are to be asked about, until ``lease_end``; with the moment they were due."""
    rows: Sequence[Row] = await connection.fetch(_CLAIM, now, *mark, limit, lease_end)
    return rows


async def write_progress(connection: asyncpg.Connection, now: datetime, polled: Sequence[tuple[int, datetime]]) -> None:
    """Write that calls were asked about and go on: (id, next poll) each."""
    if polled:
        await connection.execute(_PROGRESS, now, *zip(*polled, strict=True))


async def write_changes(
    connection: asyncpg.Connection, now: datetime, changes: Sequence[tuple[int, str, str | None, bool]]
) -> None:
    """Write what is new about calls that go on: (id, status, provider's task id, is talking) each."""
    if changes:
        await connection.execute(_CHANGES, now, *zip(*changes, strict=True))


async def keep(connection: asyncpg.Connection, later: Sequence[tuple[int, datetime]]) -> None:
    """Give calls that are known to go on more time: (id, when each is given up) each."""
    if later:
        await connection.execute(_KEEP, *zip(*later, strict=True))


async def postpone(connection: asyncpg.Connection, later: Sequence[tuple[int, datetime, int]]) -> None:
    """Ask again later: (id, when, 1 if that counts as a failure else 0) each."""
    if later:
        await connection.execute(_POSTPONE, *zip(*later, strict=True))


async def expired(connection: asyncpg.Connection, now: datetime, limit: int) -> Sequence[Row]:
    """Return up to ``limit`` calls that the provider did not end in time."""
    rows: Sequence[Row] = await connection.fetch(_EXPIRED, now, limit)
    return rows


async def lock_active(connection: asyncpg.Connection, call_ids: Sequence[int]) -> Sequence[Row]:
    """Lock those of these calls that are not over; rows ``id, record_id, number_id, contact_id, …``."""
    rows: Sequence[Row] = await connection.fetch(_LOCK_ACTIVE, call_ids)
    return rows


async def write_ends(connection: asyncpg.Connection, now: datetime, ends: Sequence[End]) -> None:
    """End calls that are locked."""
    if ends:
        await connection.execute(_END, now, *zip(*ends, strict=True))
