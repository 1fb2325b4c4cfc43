"""Everything that happened with one person, newest first: messages, sends, calls, contact details, decisions.

Somebody's looks at their number are no part of it; those stand in the audit trail only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg

# Each part reads no more than a page of its own table; a message that is a send's text and the audit row of a send show
# up once, as the send. A call that certainly never left is none.
_READ = """
    SELECT at, type, id, data FROM (
        (SELECT created_at AS at, 'message' AS type, id,
                jsonb_build_object('direction', direction, 'text', text, 'service', service, 'verdict', verdict,
                                   'filter_reason', filter_reason) AS data
         FROM chat_message
         WHERE contact_id = $1 AND record_id IS NULL AND (created_at, 'message', id) < ($2, $3, $4)
         ORDER BY created_at DESC, id DESC LIMIT $5)
        UNION ALL
        (SELECT coalesce(sent_at, reserved_at), 'send', id,
                jsonb_build_object('kind', kind, 'status', status, 'text', content, 'config_id', config_id,
                                   'script_id', script_id, 'day_number', day_number, 'got_reply', got_reply)
         FROM follow_up_record
         WHERE contact_id = $1 AND (coalesce(sent_at, reserved_at), 'send', id) < ($2, $3, $4)
         ORDER BY 1 DESC, id DESC LIMIT $5)
        UNION ALL
        (SELECT created_at, 'detail', id,
                jsonb_build_object('kind', kind, 'value', value, 'rule', rule, 'confidence', confidence,
                                   'message_id', message_id)
         FROM contact_record
         WHERE contact_id = $1 AND (created_at, 'detail', id) < ($2, $3, $4)
         ORDER BY created_at DESC, id DESC LIMIT $5)
        UNION ALL
        (SELECT created_at, 'call', id,
                jsonb_build_object('job_id', job_id, 'call_type', call_type, 'case_id', case_id, 'status', status,
                                   'placement', placement, 'result', result, 'is_reached', is_reached,
                                   'is_automatic', is_automatic, 'ended_at', ended_at)
         FROM outbound_call
         WHERE contact_id = $1 AND placement <> 'not_placed' AND (created_at, 'call', id) < ($2, $3, $4)
         ORDER BY created_at DESC, id DESC LIMIT $5)
        UNION ALL
        (SELECT at, 'change', id,
                jsonb_build_object('actor', actor, 'action', action, 'reason', reason, 'enrollment_id', enrollment_id)
         FROM audit_entry
         WHERE contact_id = $1 AND (at, 'change', id) < ($2, $3, $4) AND action <> 'phone_read'
           AND NOT (action = 'send' AND actor <> 'gateway')
         ORDER BY at DESC, id DESC LIMIT $5)
    ) AS happened
    ORDER BY at DESC, type DESC, id DESC
    LIMIT $5
"""


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Where a page ended."""

    at: datetime
    type: str
    id: int


_END = Position(datetime.max.replace(tzinfo=UTC), "", 0)
"""Later than everything: asyncpg sends the largest moment as ``infinity``."""


async def read(
    connection: asyncpg.Connection, contact_id: int, *, before: Position | None, limit: int
) -> Sequence[asyncpg.Record] | None:
    """Return up to ``limit`` entries before a position, newest first: ``at, type, id, data``; None: no such contact."""
    if not await connection.fetchval("SELECT EXISTS (SELECT FROM contact WHERE id = $1)", contact_id):
        return None
    start = before or _END
    rows: Sequence[asyncpg.Record] = await connection.fetch(_READ, contact_id, start.at, start.type, start.id, limit)
    return rows
