"""The hot statements of the dispatcher, on raw asyncpg: claim, reserve, write results, each for a whole batch.

Every claim walks the index (bot, due_at, id) from a watermark on: entries below it are dead or late, and walking the
dead ones is what makes a SKIP LOCKED queue slow while a snapshot is open. A periodic sweep reads without the watermark
and finds what came in late or fell back at the end of a lease.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

import asyncpg

from app.repositories import audit

Row: TypeAlias = asyncpg.Record
Watermark: TypeAlias = tuple[datetime, int]

# What a look reads; each column costs both sides, twenty thousand times a second.
_COLUMNS = """
    e.id, e.contact_id, e.config_id, e.state, e.reason, e.due_at, e.opening_pending, e.opening_at, e.day,
    e.after_order, e.after_script_id, e.rotation_order, e.rotation_script_id, e.sequence, e.open_record_id,
    e.enrolled_at, c.name, c.position, c.muted, c.do_not_contact, c.last_sent_at, c.takeover_until, c.review_hold_until
"""
_FROM = "FROM follow_up_enrollment e JOIN contact c ON c.id = e.contact_id"

_DUE_BOTS = """
    SELECT b.id, b.delivery_kind, b.url, b.secret, b.idempotent, b.rate_per_second, b.inbox_url
    FROM bot b
    LEFT JOIN unnest($2::bigint[], $3::timestamptz[], $4::bigint[]) AS w(bot_id, due_at, id) ON w.bot_id = b.id
    CROSS JOIN LATERAL (
        SELECT 1 FROM follow_up_enrollment e
        WHERE e.bot_id = b.id AND e.due_at <= $1
          AND (e.due_at, e.id) >= (coalesce(w.due_at, '-infinity'), coalesce(w.id, 0))
        ORDER BY e.due_at, e.id LIMIT 1
    ) AS due
    WHERE b.deleted_at IS NULL
"""

# Locks enrollment and contact together and waits for neither: whoever is answering right now is left alone.
_LOCK_DUE = f"""
    SELECT {_COLUMNS} {_FROM}
    WHERE e.bot_id = $1 AND e.due_at <= $2 AND (e.due_at, e.id) >= ($3, $4)
    ORDER BY e.due_at, e.id LIMIT $5
    FOR NO KEY UPDATE OF e, c SKIP LOCKED
"""

_CLAIM = """
    WITH due AS (
        SELECT id, due_at FROM follow_up_enrollment
        WHERE bot_id = $1 AND due_at <= $2 AND (due_at, id) >= ($3, $4)
        ORDER BY due_at, id LIMIT $5
        FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE follow_up_enrollment e SET due_at = $6, claim_token = $7
    FROM due WHERE e.id = due.id
    RETURNING e.id, due.due_at
"""

_LOCK_CLAIMED = f"""
    SELECT {_COLUMNS}, e.failures, c.user_id {_FROM}
    WHERE e.id = ANY($1::bigint[]) AND e.claim_token = $2
    ORDER BY e.id
    FOR NO KEY UPDATE OF e, c SKIP LOCKED
"""

# Read behind the lock, and only for the few that have one.
_OPEN_RECORDS = """
    SELECT id, status, reserved_at, script_id, day_number, content, key, attempts
    FROM follow_up_record WHERE id = ANY($1::bigint[])
"""

# What colleagues wrote by hand on the platform counts too; it stands among a person's last messages.
_RECENT_SENDS = """
    SELECT contact_id, array_agg(moment ORDER BY moment) AS moments,
           max(moment) FILTER (WHERE is_automatic) AS last_automatic_at
    FROM (
        SELECT contact_id, coalesce(sent_at, reserved_at) AS moment, kind IN ('opening', 'script') AS is_automatic
        FROM follow_up_record
        WHERE contact_id = ANY($1::bigint[]) AND coalesce(sent_at, reserved_at) > $2
          AND status IN ('sent', 'unknown', 'reserved')
        UNION ALL
        SELECT m.contact_id, m.sent_at, false
        FROM contact c JOIN chat_message m ON m.contact_id = c.id AND m.ordinal > c.message_count - 100
        WHERE c.id = ANY($1::bigint[]) AND m.service = 'agent' AND m.record_id IS NULL AND m.sent_at > $2
    ) AS recent
    GROUP BY contact_id
"""

# People at the same step share where they were and where they stand afterwards: sent once for a batch, not per person.
_SEND_INPUT = """
    WITH input AS (
        SELECT * FROM unnest($3::bigint[], $4::bigint[], $5::int[], $6::uuid[], $7::text[], $8::int[])
            AS t(enrollment_id, contact_id, sequence, key, own_text, move)
        JOIN unnest($9::bigint[], $10::bigint[], $11::int[], $12::text[], $13::text[], $14::int[], $15::int[],
                    $16::bigint[], $17::int[], $18::bigint[], $19::timestamptz[], $20::text[])
            WITH ORDINALITY AS m(config_id, script_id, day_number, kind, text, next_day, after_order, after_script_id,
                                 rotation_order, rotation_script_id, next_due_at, next_reason, number)
            ON m.number = t.move
    )
"""

_INSERT_RECORDS = """
    INSERT INTO follow_up_record (bot_id, contact_id, enrollment_id, sequence, config_id, script_id, day_number, kind,
                                  status, key, content, reserved_at, sent_at, attempts)
"""

# Every automatic contact has an audit row from the moment of its record on, in the same statement: who, whom, by which
# rule, and what: the record, which names config, script and day.
_AUDIT = """
    INSERT INTO audit_entry (at, actor, action, contact_id, enrollment_id, reason, detail)
    SELECT $2, 'scheduler', 'send', contact_id, enrollment_id, kind, jsonb_build_object('record_id', id) FROM record
"""

# The web chat needs no gateway: record, message, history and next due time are one statement, one commit.
_SEND_WEBCHAT = f"""
    {_SEND_INPUT}, record AS (
        {_INSERT_RECORDS}
        SELECT $1, contact_id, enrollment_id, sequence, config_id, script_id, day_number, kind, 'sent', key,
               coalesce(own_text, text), $2, $2, 1
        FROM input
        RETURNING id, contact_id, enrollment_id, kind, content
    ), audit AS (
        {_AUDIT}
    ), person AS (
        UPDATE contact c
        SET last_sent_at = $2, message_count = c.message_count + 1,
            first_message_at = coalesce(c.first_message_at, $2), last_message_at = greatest(c.last_message_at, $2),
            opening_sent_at = CASE WHEN i.kind = 'opening' THEN $2 ELSE c.opening_sent_at END
        FROM input i WHERE c.id = i.contact_id
        RETURNING c.id, c.message_count, c.last_message_at
    ), place AS (
        UPDATE follow_up_enrollment e
        SET sequence = i.sequence, day = i.next_day, after_order = i.after_order, after_script_id = i.after_script_id,
            rotation_order = i.rotation_order, rotation_script_id = i.rotation_script_id, due_at = i.next_due_at,
            reason = i.next_reason, reason_until = i.next_due_at, failures = 0, opening_pending = false,
            opening_at = CASE WHEN i.kind = 'opening' THEN $2 ELSE e.opening_at END, claim_token = NULL
        FROM input i WHERE e.id = i.enrollment_id
    )
    INSERT INTO chat_message (bot_id, contact_id, ordinal, direction, text, service, record_id, sent_at, created_at)
    SELECT $1, r.contact_id, p.message_count, 'outbound', r.content, 'followup', r.id, $2, p.last_message_at
    FROM record r JOIN person p ON p.id = r.contact_id
"""

_RESERVE = f"""
    {_SEND_INPUT}, record AS (
        {_INSERT_RECORDS}
        SELECT $1, contact_id, enrollment_id, sequence, config_id, script_id, day_number, kind, 'reserved', key,
               coalesce(own_text, text), $2, NULL, 1
        FROM input
        RETURNING id, contact_id, enrollment_id, sequence, kind
    ), audit AS (
        {_AUDIT}
    ), place AS (
        UPDATE follow_up_enrollment e SET sequence = r.sequence, open_record_id = r.id
        FROM record r WHERE e.id = r.enrollment_id
    )
    SELECT id, enrollment_id FROM record
"""

# A message by hand that came in between restarts the interval; a repeat has counted as sent itself.
_STILL_WANTED = """
    SELECT r.id
    FROM follow_up_record r
    JOIN follow_up_enrollment e ON e.id = r.enrollment_id AND e.open_record_id = r.id AND e.state = 'active'
    JOIN contact c ON c.id = r.contact_id AND NOT c.muted AND NOT c.do_not_contact
    WHERE r.id = ANY($2::bigint[]) AND r.status = 'reserved'
      AND coalesce(c.takeover_until <= $1, true) AND coalesce(c.review_hold_until <= $1, true)
      AND (r.attempts > 1 OR coalesce(c.last_sent_at <= r.reserved_at, true))
"""

_SETTLE = """
    UPDATE follow_up_enrollment e
    SET state = i.state, reason = i.reason, reason_until = i.until, due_at = i.due_at, claim_token = NULL,
        ended_at = CASE WHEN i.state IN ('finished', 'stopped') THEN $1 ELSE e.ended_at END
    FROM unnest($2::bigint[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[])
        AS i(id, state, reason, until, due_at)
    WHERE e.id = i.id
"""


class Outgoing(NamedTuple):
    """One message about to be written as a record; the order of the fields is that of the statements.

    A tuple, as ``NextPlace``: thousands a second become columns of one statement.
    """

    enrollment_id: int
    contact_id: int
    sequence: int
    key: str
    """A UUID in hexadecimal digits."""
    own_text: str | None
    """Its text, where that is not everybody's at this move."""
    move: int
    """Which of the batch's moves this is, counted from 1."""


class OpenRecord(NamedTuple):
    """A record that stands between an enrollment and its next step; fields in the order of the statement."""

    id: int
    status: str
    reserved_at: datetime
    script_id: int | None
    day_number: int | None
    content: str
    key: uuid.UUID
    attempts: int


class Recent(NamedTuple):
    """What was sent to a person lately, by whomever."""

    moments: tuple[datetime, ...] = ()
    """Oldest first."""
    last_automatic_at: datetime | None = None
    """The last opening or script among them."""


class NextPlace(NamedTuple):
    """Where an enrollment stands after a message left: progress, and when it is looked at again.

    The order of the fields is that of the statements.
    """

    day: int
    after_order: int | None
    after_script_id: int | None
    rotation_order: int | None
    rotation_script_id: int | None
    due_at: datetime | None
    reason: str


class Move(NamedTuple):
    """One step of one config and where it leads: shared by everybody in a batch who is at this step."""

    config_id: int
    script_id: int | None
    day_number: int | None
    kind: str
    text: str
    place: NextPlace


@dataclass(frozen=True, slots=True)
class Settled:
    """An enrollment that was looked at and not sent to."""

    id: int
    contact_id: int
    state: str
    reason: str
    until: datetime | None
    due_at: datetime | None
    has_changed: bool
    """Whether the reason differs from the one before; only then an audit row is written."""


async def due_bots(connection: asyncpg.Connection, now: datetime, watermarks: dict[int, Watermark]) -> Sequence[Row]:
    """Return the bots for which somebody is due at or above their watermark."""
    moments = [mark[0] for mark in watermarks.values()]
    ids = [mark[1] for mark in watermarks.values()]
    rows: Sequence[Row] = await connection.fetch(_DUE_BOTS, now, list(watermarks), moments, ids)
    return rows


async def lock_due(
    connection: asyncpg.Connection, bot_id: int, now: datetime, mark: Watermark, limit: int
) -> Sequence[Row]:
    """Lock up to ``limit`` due enrollments with their contacts until the end of the transaction, oldest first."""
    rows: Sequence[Row] = await connection.fetch(_LOCK_DUE, bot_id, now, mark[0], mark[1], limit)
    return rows


async def claim(
    connection: asyncpg.Connection,
    bot_id: int,
    now: datetime,
    mark: Watermark,
    limit: int,
    lease_end: datetime,
    token: uuid.UUID,
) -> Sequence[Row]:
    """Claim up to ``limit`` due enrollments until ``lease_end``; rows ``id`` and the old ``due_at``."""
    rows: Sequence[Row] = await connection.fetch(_CLAIM, bot_id, now, mark[0], mark[1], limit, lease_end, token)
    return rows


async def lock_claimed(connection: asyncpg.Connection, ids: Sequence[int], token: uuid.UUID) -> Sequence[Row]:
    """Lock what this claim still holds, with contacts as they are now."""
    rows: Sequence[Row] = await connection.fetch(_LOCK_CLAIMED, ids, token)
    return rows


async def still_wanted(connection: asyncpg.Connection, now: datetime, record_ids: Sequence[int]) -> frozenset[int]:
    """Return which reserved records may still leave: the sequence goes on, nothing about the person forbids it."""
    rows = await connection.fetch(_STILL_WANTED, now, record_ids)
    return frozenset(row["id"] for row in rows)


async def recent_sends(
    connection: asyncpg.Connection, contact_ids: Sequence[int], since: datetime
) -> dict[int, Recent]:
    """Return what was sent to each contact since ``since``; who got nothing is missing."""
    if not contact_ids:
        return {}
    rows = await connection.fetch(_RECENT_SENDS, contact_ids, since)
    return {row["contact_id"]: Recent(tuple(row["moments"]), row["last_automatic_at"]) for row in rows}


async def open_records(connection: asyncpg.Connection, record_ids: Sequence[int]) -> dict[int, OpenRecord]:
    """Return records by id, of enrollments whose rows are locked."""
    if not record_ids:
        return {}
    return {row["id"]: OpenRecord(*row) for row in await connection.fetch(_OPEN_RECORDS, record_ids)}


async def send_webchat(
    connection: asyncpg.Connection, bot_id: int, now: datetime, sends: Sequence[Outgoing], moves: Sequence[Move]
) -> None:
    """Write a batch of messages into web chats: records, history, contacts and next places."""
    if not sends:
        return
    await connection.execute(_SEND_WEBCHAT, bot_id, now, *_columns(sends, moves))


async def reserve(
    connection: asyncpg.Connection, bot_id: int, now: datetime, sends: Sequence[Outgoing], moves: Sequence[Move]
) -> dict[int, int]:
    """Write records as ``reserved``; returns record ids by enrollment id."""
    if not sends:
        return {}
    rows = await connection.fetch(_RESERVE, bot_id, now, *_columns(sends, moves))
    return {row["enrollment_id"]: row["id"] for row in rows}


def _columns(sends: Sequence[Outgoing], moves: Sequence[Move]) -> tuple[tuple[Any, ...], ...]:
    rows = [(*move[:-1], *move.place) for move in moves]
    return (*zip(*sends, strict=True), *zip(*rows, strict=True))


async def settle(connection: asyncpg.Connection, now: datetime, settled: Sequence[Settled]) -> None:
    """Write why enrollments were not sent to, and an audit row where the reason is new."""
    if not settled:
        return
    rows = [(item.id, item.state, item.reason, item.until, item.due_at) for item in settled]
    await connection.execute(_SETTLE, now, *zip(*rows, strict=True))
    changed = [item for item in settled if item.has_changed]
    await audit.write_reasons(
        connection, now, "scheduler", "look", [(item.contact_id, item.id, item.reason) for item in changed]
    )
