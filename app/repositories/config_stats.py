"""What came of a config: two statements over its records and its enrollments."""

from collections.abc import Sequence

import asyncpg

# A group without script is the opening; scripts that never left are there with zeros.
_RECORDS = """
    SELECT coalesce(r.script_id, s.id) AS script_id, s.day_number AS script_day, s.content,
           s.deleted_at IS NOT NULL AS is_deleted, r.day_number,
           coalesce(r.sent, 0) AS sent, coalesce(r.delivered, 0) AS delivered, coalesce(r.unknown, 0) AS unknown,
           coalesce(r.failed, 0) AS failed, coalesce(r.replied, 0) AS replied, coalesce(r.details, 0) AS details
    FROM (
        SELECT r.script_id, r.day_number,
               count(*) FILTER (WHERE r.status IN ('sent', 'unknown')) AS sent,
               count(*) FILTER (WHERE r.status = 'sent') AS delivered,
               count(*) FILTER (WHERE r.status = 'unknown') AS unknown,
               count(*) FILTER (WHERE r.status = 'failed') AS failed,
               count(*) FILTER (WHERE r.got_reply) AS replied,
               count(*) FILTER (WHERE r.got_reply AND e.state = 'converted') AS details
        FROM follow_up_record r
        LEFT JOIN follow_up_enrollment e ON e.id = r.enrollment_id AND r.got_reply
        WHERE r.config_id = $1 AND r.kind IN ('opening', 'script')
        GROUP BY r.script_id, r.day_number
    ) r
    FULL JOIN (SELECT id, day_number, content, deleted_at FROM follow_up_script WHERE config_id = $1) s
      ON s.id = r.script_id
    WHERE r.sent IS NOT NULL OR s.deleted_at IS NULL
    ORDER BY s.day_number IS NOT NULL, s.day_number = 0, s.day_number, s.id, r.day_number
"""
_STATES = """
    SELECT e.state, count(e.id) AS people
    FROM follow_up_config c LEFT JOIN follow_up_enrollment e ON e.config_id = c.id
    WHERE c.id = $1 AND c.deleted_at IS NULL
    GROUP BY e.state
"""


async def states(connection: asyncpg.Connection, config_id: int) -> dict[str, int] | None:
    """Return how many enrollments of a config are in which state, or None for no such config."""
    rows = await connection.fetch(_STATES, config_id)
    return {row["state"]: row["people"] for row in rows if row["state"] is not None} if rows else None


async def outcomes(connection: asyncpg.Connection, config_id: int) -> Sequence[asyncpg.Record]:
    """Return counts of a config's automatic messages by script and by day of the sequence."""
    rows: Sequence[asyncpg.Record] = await connection.fetch(_RECORDS, config_id)
    return rows
