"""What /metrics asks the database: heads of indexes, short tallies and what is under way; never a walk over a table."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

import asyncpg

from app.repositories.call_notices import TASKS_WITH_NOTICES

# Each is the head of an index, or a sum over a table that is kept short or bounded by the number of lines. The time is
# bounded where an index's head is a graveyard of entries that an old snapshot keeps alive: figures are worth no more.
_BOUND = "SET LOCAL statement_timeout = '1s'"
# What waits is counted no further than a rule needs it.
MOST_COUNTED = 10_000
_FIGURES = f"""
    WITH RECURSIVE {TASKS_WITH_NOTICES}
    SELECT (
        SELECT min(head.due_at) FROM bot b CROSS JOIN LATERAL (
            SELECT e.due_at FROM follow_up_enrollment e
            WHERE e.bot_id = b.id AND e.due_at IS NOT NULL ORDER BY e.due_at, e.id LIMIT 1
        ) AS head WHERE b.deleted_at IS NULL
    ) AS oldest_due, (
        SELECT p.next_poll_at FROM call_poll p ORDER BY p.next_poll_at, p.call_id LIMIT 1
    ) AS oldest_poll, (
        SELECT o.due_at FROM outbox_event o WHERE o.status = 'pending' ORDER BY o.due_at LIMIT 1
    ) AS oldest_event, (
        SELECT min(head.due_at) FROM waiting w CROSS JOIN LATERAL (
            SELECT n.due_at FROM call_notice n
            WHERE n.status = 'pending' AND n.task_id = w.task_id ORDER BY n.due_at, n.id LIMIT 1
        ) AS head
    ) AS oldest_notice, (
        SELECT count(*) FROM (SELECT FROM outbox_event WHERE status = 'pending' LIMIT {MOST_COUNTED}) AS o
    ) AS events, (
        SELECT count(*) FROM (SELECT FROM call_notice WHERE status = 'pending' LIMIT {MOST_COUNTED}) AS n
    ) AS notices, (
        SELECT count(*) FROM (
            SELECT FROM outbound_call WHERE recording_due_at IS NOT NULL AND recording_state = 'removed'
            LIMIT {MOST_COUNTED}
        ) AS c
    ) AS removals, (
        SELECT jsonb_object_agg(t.status, t.number) FROM (
            SELECT status, sum(delta) AS number FROM follow_up_record_tally GROUP BY status
        ) AS t
    ) AS records, (
        SELECT jsonb_object_agg(c.placement, c.number) FROM (
            SELECT placement, count(*) AS number FROM outbound_call WHERE ended_at IS NULL GROUP BY placement
        ) AS c
    ) AS calls
"""


class Figures(NamedTuple):
    """The state of the work as the database knows it; moments are None where nothing waits."""

    oldest_due: datetime | None
    """When the follow-up that waits longest was or will be due."""
    oldest_poll: datetime | None
    """When the call that waits longest was or will be due to be asked about."""
    oldest_event: datetime | None
    """When the event that waits longest was or will be due for delivery."""
    oldest_notice: datetime | None
    """When the notice that waits longest was or will be due for delivery."""
    waiting: Mapping[str, int]
    """Events and notices not told yet, removed recordings that the store still has; at most ``MOST_COUNTED`` each."""
    records: Mapping[str, int]
    """Messages of sequences ever written, by status."""
    calls: Mapping[str, int]
    """Calls that are not over, by how their placing went."""


async def read(connection: asyncpg.Connection) -> Figures:
    """Read all figures within a second; belongs in a transaction of its own."""
    await connection.execute(_BOUND)
    row = await connection.fetchrow(_FIGURES)
    moments = (row["oldest_due"], row["oldest_poll"], row["oldest_event"], row["oldest_notice"])
    waiting = {"event": row["events"], "notice": row["notices"], "removal": row["removals"]}
    return Figures(*moments, waiting=waiting, records=row["records"] or {}, calls=row["calls"] or {})
