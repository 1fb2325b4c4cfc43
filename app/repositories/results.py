"""What became of reserved messages: sent, unknown, failed, not sent; each for a whole batch in one statement."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from app.repositories.dispatch import NextPlace, Row

# A record that somebody else settled meanwhile (a lease that ran out, an operator) is only completed, never undone:
# what a gateway confirmed is sent, whoever waited for it.
_SENT = """
    WITH input AS (
        SELECT * FROM unnest($2::bigint[], $3::bigint[], $4::int[], $5::int[], $6::bigint[], $7::int[], $8::bigint[],
                             $9::timestamptz[], $10::text[])
            AS t(record_id, enrollment_id, next_day, after_order, after_script_id, rotation_order, rotation_script_id,
                 next_due_at, next_reason)
    ), record AS (
        UPDATE follow_up_record r SET status = 'sent', sent_at = $1, error = NULL
        FROM input i WHERE r.id = i.record_id AND r.status IN ('reserved', 'unknown')
        RETURNING r.id, r.bot_id, r.contact_id, r.enrollment_id, r.content, r.kind
    ), person AS (
        UPDATE contact c
        SET last_sent_at = greatest(c.last_sent_at, $1), message_count = c.message_count + 1,
            first_message_at = coalesce(c.first_message_at, $1), last_message_at = greatest(c.last_message_at, $1),
            opening_sent_at = CASE WHEN r.kind = 'opening' THEN $1 ELSE c.opening_sent_at END
        FROM record r WHERE c.id = r.contact_id
        RETURNING c.id, c.message_count, c.last_message_at
    ), place AS (
        UPDATE follow_up_enrollment e
        SET day = i.next_day, after_order = i.after_order, after_script_id = i.after_script_id,
            rotation_order = i.rotation_order, rotation_script_id = i.rotation_script_id,
            due_at = CASE WHEN e.state = 'active' THEN i.next_due_at END,
            reason = CASE WHEN e.state = 'active' THEN i.next_reason ELSE e.reason END,
            reason_until = CASE WHEN e.state = 'active' THEN i.next_due_at END,
            failures = 0, open_record_id = NULL, claim_token = NULL, opening_pending = false,
            opening_at = CASE WHEN r.kind = 'opening' THEN $1 ELSE e.opening_at END
        FROM input i JOIN record r ON r.id = i.record_id
        WHERE e.id = i.enrollment_id AND e.open_record_id = i.record_id
    )
    INSERT INTO chat_message (bot_id, contact_id, ordinal, direction, text, service, record_id, sent_at, created_at)
    SELECT r.bot_id, r.contact_id, p.message_count, 'outbound', r.content, 'followup', r.id, $1, p.last_message_at
    FROM record r JOIN person p ON p.id = r.contact_id
"""

_UNKNOWN = """
    WITH input AS (
        SELECT * FROM unnest($2::bigint[], $3::text[], $4::timestamptz[]) AS t(record_id, error, due_at)
    ), record AS (
        UPDATE follow_up_record r SET status = 'unknown', sent_at = coalesce(r.sent_at, $1), error = i.error
        FROM input i WHERE r.id = i.record_id AND r.status IN ('reserved', 'unknown')
        RETURNING r.id, r.contact_id, r.kind
    ), person AS (
        UPDATE contact c
        SET last_sent_at = greatest(c.last_sent_at, $1),
            opening_sent_at = CASE WHEN r.kind = 'opening' THEN coalesce(c.opening_sent_at, $1)
                              ELSE c.opening_sent_at END
        FROM record r WHERE c.id = r.contact_id
    )
    UPDATE follow_up_enrollment e
    SET due_at = CASE WHEN e.state = 'active' THEN i.due_at END, reason_until = i.due_at, claim_token = NULL,
        reason = CASE WHEN e.state = 'active' THEN 'send_unknown' ELSE e.reason END
    FROM input i JOIN record r ON r.id = i.record_id
    WHERE e.open_record_id = i.record_id
"""

_RELEASED = """
    WITH input AS (
        SELECT * FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::int[])
            AS t(record_id, status, error, state, reason, due_at, failures)
    ), record AS (
        UPDATE follow_up_record r SET status = i.status, error = i.error
        FROM input i WHERE r.id = i.record_id AND r.status = 'reserved'
        RETURNING r.id
    )
    UPDATE follow_up_enrollment e
    SET state = CASE WHEN e.state = 'active' THEN i.state ELSE e.state END,
        due_at = CASE WHEN e.state = 'active' THEN i.due_at END,
        reason = CASE WHEN e.state = 'active' THEN i.reason ELSE e.reason END,
        reason_until = i.due_at, failures = i.failures, open_record_id = NULL, claim_token = NULL,
        ended_at = CASE WHEN e.state = 'active' AND i.state = 'stopped' THEN $1 ELSE e.ended_at END
    FROM input i JOIN record r ON r.id = i.record_id
    WHERE e.open_record_id = i.record_id
"""

# reserved_at stays: the time in which a record may be repeated runs from the first try.
_RETRY = """
    WITH record AS (
        UPDATE follow_up_record SET status = 'reserved', attempts = attempts + 1
        WHERE id = ANY($2::bigint[]) AND status IN ('reserved', 'unknown')
        RETURNING id, contact_id, enrollment_id
    )
    INSERT INTO audit_entry (at, actor, action, contact_id, enrollment_id, reason, detail)
    SELECT $1, 'scheduler', 'send', contact_id, enrollment_id, 'repeat', jsonb_build_object('record_id', id)
    FROM record
"""

# Waits for nobody: a row that is locked comes back at the end of its lease.
_RELEASE_CLAIM = """
    UPDATE follow_up_enrollment SET due_at = $1, claim_token = NULL
    WHERE id IN (
        SELECT id FROM follow_up_enrollment
        WHERE id = ANY($2::bigint[]) AND claim_token = $3 AND open_record_id IS NULL
        FOR NO KEY UPDATE SKIP LOCKED
    )
"""

# Reserved records that no look will come upon: made by hand, or their sequence ended or stands still.
_LOST = """
    WITH lost AS (
        SELECT r.id
        FROM follow_up_record r
        LEFT JOIN follow_up_enrollment e ON e.id = r.enrollment_id AND e.state = 'active' AND e.open_record_id = r.id
        WHERE r.status = 'reserved' AND r.reserved_at <= $1 AND e.id IS NULL
        ORDER BY r.reserved_at LIMIT $2
        FOR NO KEY UPDATE OF r SKIP LOCKED
    ), record AS (
        UPDATE follow_up_record r
        SET status = 'unknown', sent_at = coalesce(r.sent_at, r.reserved_at),
            error = 'the process ended before the outcome was known'
        FROM lost WHERE r.id = lost.id
        RETURNING r.id, r.contact_id, r.bot_id, r.kind, r.sent_at
    ), person AS (
        UPDATE contact c
        SET last_sent_at = greatest(c.last_sent_at, r.sent_at),
            opening_sent_at = CASE WHEN r.kind = 'opening' THEN r.sent_at ELSE c.opening_sent_at END
        FROM record r WHERE c.id = r.contact_id
    )
    SELECT id, contact_id, bot_id FROM record
"""


@dataclass(frozen=True, slots=True)
class Released:
    """A reserved message that certainly did not reach the person, and what follows for the enrollment."""

    record_id: int
    status: str
    error: str
    state: str
    reason: str | None
    due_at: datetime | None
    failures: int


async def write_sent(connection: asyncpg.Connection, now: datetime, sent: Sequence[tuple[int, int, NextPlace]]) -> None:
    """Complete records that left: (record id, enrollment id, next place) each."""
    if not sent:
        return
    rows = [(record_id, enrollment_id, *place) for record_id, enrollment_id, place in sent]
    await connection.execute(_SENT, now, *zip(*rows, strict=True))


async def write_unknown(
    connection: asyncpg.Connection, now: datetime, unknown: Sequence[tuple[int, str, datetime]]
) -> None:
    """Mark records whose outcome nobody knows: (record id, error, when the enrollment is looked at again) each."""
    if unknown:
        await connection.execute(_UNKNOWN, now, *zip(*unknown, strict=True))


async def write_released(connection: asyncpg.Connection, now: datetime, released: Sequence[Released]) -> None:
    """Give back what certainly did not leave, and say what happens to the enrollment."""
    if not released:
        return
    rows = [
        (item.record_id, item.status, item.error, item.state, item.reason, item.due_at, item.failures)
        for item in released
    ]
    await connection.execute(_RELEASED, now, *zip(*rows, strict=True))


async def mark_retried(connection: asyncpg.Connection, now: datetime, record_ids: Sequence[int]) -> None:
    """Reserve records again for another try with the same key, each with its audit row."""
    if record_ids:
        await connection.execute(_RETRY, now, record_ids)


async def release_claim(connection: asyncpg.Connection, ids: Sequence[int], token: uuid.UUID, due_at: datetime) -> None:
    """Hand back claimed enrollments for which nothing was reserved."""
    if ids:
        await connection.execute(_RELEASE_CLAIM, due_at, ids, token)


async def mark_lost(connection: asyncpg.Connection, before: datetime, limit: int) -> Sequence[Row]:
    """Mark messages as unknown that no look comes upon and that were reserved at ``before`` or earlier.

    Rows ``id, contact_id, bot_id``.
    """
    rows: Sequence[Row] = await connection.fetch(_LOST, before, limit)
    return rows


_PASSED = """
    UPDATE follow_up_enrollment e
    SET day = i.next_day, after_order = i.after_order, after_script_id = i.after_script_id,
        rotation_order = i.rotation_order, rotation_script_id = i.rotation_script_id,
        due_at = CASE WHEN e.state = 'active' THEN i.next_due_at END,
        reason = CASE WHEN e.state = 'active' THEN i.next_reason ELSE e.reason END,
        reason_until = CASE WHEN e.state = 'active' THEN i.next_due_at END,
        open_record_id = NULL, claim_token = NULL, opening_pending = false,
        opening_at = CASE WHEN e.opening_pending THEN coalesce(e.opening_at, (
            SELECT coalesce(r.sent_at, r.reserved_at) FROM follow_up_record r WHERE r.id = e.open_record_id
        ), $1) ELSE e.opening_at END
    FROM unnest($2::bigint[], $3::int[], $4::int[], $5::bigint[], $6::int[], $7::bigint[], $8::timestamptz[],
                $9::text[])
        AS i(id, next_day, after_order, after_script_id, rotation_order, rotation_script_id, next_due_at, next_reason)
    WHERE e.id = i.id
"""


async def write_passed(connection: asyncpg.Connection, now: datetime, passed: Sequence[tuple[int, NextPlace]]) -> None:
    """Move enrollments past an uncertain record that counts as sent: (enrollment id, next place) each."""
    if not passed:
        return
    rows = [(enrollment_id, *place) for enrollment_id, place in passed]
    await connection.execute(_PASSED, now, *zip(*rows, strict=True))


_RETRIED_SENT = """
    WITH record AS (
        UPDATE follow_up_record r SET status = 'sent', sent_at = coalesce(r.sent_at, $1), error = NULL
        WHERE r.id = ANY($2::bigint[]) AND r.status IN ('reserved', 'unknown')
        RETURNING r.id, r.bot_id, r.contact_id, r.content, r.kind, r.sent_at
    ), person AS (
        UPDATE contact c
        SET last_sent_at = greatest(c.last_sent_at, r.sent_at), message_count = c.message_count + 1,
            first_message_at = coalesce(c.first_message_at, $1), last_message_at = greatest(c.last_message_at, $1),
            opening_sent_at = CASE WHEN r.kind = 'opening' THEN r.sent_at ELSE c.opening_sent_at END
        FROM record r WHERE c.id = r.contact_id
        RETURNING c.id, c.message_count, c.last_message_at
    )
    INSERT INTO chat_message (bot_id, contact_id, ordinal, direction, text, service, record_id, sent_at, created_at)
    SELECT r.bot_id, r.contact_id, p.message_count, 'outbound', r.content,
           CASE WHEN r.kind = 'manual' THEN 'agent' ELSE 'followup' END, r.id, r.sent_at, p.last_message_at
    FROM record r JOIN person p ON p.id = r.contact_id
"""


async def write_record_sent(connection: asyncpg.Connection, now: datetime, record_ids: Sequence[int]) -> None:
    """Complete records that turned out to have left, without moving enrollments; at most one per contact."""
    if record_ids:
        await connection.execute(_RETRIED_SENT, now, record_ids)
