"""Events waiting to be delivered to a bot's ``event_url``."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

_ADD = """
    INSERT INTO outbox_event (bot_id, key, kind, contact_id, payload, due_at, created_at)
    SELECT b.id, gen_random_uuid(), $2::text, i.contact_id,
           jsonb_build_object('type', $2::text,
                              'timestamp', to_char($1::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
                              'data', jsonb_build_object('contact_id', i.contact_id, 'user_id', c.user_id) || i.detail),
           $1::timestamptz, $1::timestamptz
    FROM unnest($3::bigint[], $4::bigint[], $5::jsonb[]) AS i(bot_id, contact_id, detail)
    JOIN bot b ON b.id = i.bot_id AND b.event_url IS NOT NULL
    JOIN contact c ON c.id = i.contact_id
"""
_CLAIM = """
    UPDATE outbox_event o SET due_at = $2, attempts = o.attempts + 1
    FROM (
        SELECT id FROM outbox_event WHERE status = 'pending' AND due_at <= $1
        ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED
    ) AS due, bot b
    WHERE o.id = due.id AND b.id = o.bot_id
    RETURNING o.id, o.key, o.payload, o.attempts, b.event_url, b.secret
"""
_SETTLE = """
    UPDATE outbox_event o
    SET status = i.status, due_at = i.due_at, last_error = i.error,
        delivered_at = CASE WHEN i.status = 'delivered' THEN $1::timestamptz END
    FROM unnest($2::bigint[], $3::text[], $4::timestamptz[], $5::text[]) AS i(id, status, due_at, error)
    WHERE o.id = i.id
"""


async def add(
    connection: asyncpg.Connection, now: datetime, kind: str, subjects: Sequence[tuple[int, int, dict[str, Any]]]
) -> None:
    """Store events for the bots that listen."""
    await connection.execute(_ADD, now, kind, *zip(*subjects, strict=True))


async def claim(
    connection: asyncpg.Connection, now: datetime, lease_end: datetime, limit: int
) -> Sequence[asyncpg.Record]:
    """Claim due events until ``lease_end``: ``id, key, payload, attempts, event_url, secret``."""
    rows: Sequence[asyncpg.Record] = await connection.fetch(_CLAIM, now, lease_end, limit)
    return rows


async def settle(
    connection: asyncpg.Connection, now: datetime, outcomes: Sequence[tuple[int, str, datetime, str | None]]
) -> None:
    """Write what became of events: (id, status, next try, error) each."""
    if outcomes:
        await connection.execute(_SETTLE, now, *zip(*outcomes, strict=True))
