"""Single records: read, made by hand, settled."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

_COLUMNS = """
    id, bot_id, contact_id, enrollment_id, config_id, script_id, day_number, kind, status, content,
    date_trunc('second', sent_at) AS sent_at, got_reply, reply_content,
    date_trunc('second', replied_at) AS replied_at, error, key, reserved_at
"""
_OPEN_PLACES = """
    SELECT e.id, e.config_id, e.state, e.day, e.after_order, e.after_script_id, e.rotation_order,
           e.rotation_script_id, r.script_id AS open_script_id, r.day_number AS open_day_number
    FROM follow_up_record r JOIN follow_up_enrollment e ON e.open_record_id = r.id
    WHERE r.id = ANY($1::bigint[])
    ORDER BY e.id FOR NO KEY UPDATE OF e
"""
_INSERT = """
    INSERT INTO follow_up_record (bot_id, contact_id, config_id, script_id, day_number, kind, status, key, content,
                                  reserved_at, attempts)
    SELECT $1, $2, config_id, script_id, NULL, $3, 'reserved', key, content, $4, 1
    FROM unnest($5::bigint[], $6::bigint[], $7::uuid[], $8::text[]) WITH ORDINALITY
        AS i(config_id, script_id, key, content, place)
    ORDER BY place
    RETURNING id
"""
_NOT_SENT = """
    WITH record AS (
        UPDATE follow_up_record SET status = $3::text, sent_at = NULL, error = coalesce($4, error)
        WHERE id = $1 RETURNING id, contact_id, kind
    ), kept AS (
        SELECT m.contact_id, m.ordinal, m.created_at FROM chat_message m
        WHERE m.contact_id = (SELECT contact_id FROM record) ORDER BY m.ordinal LIMIT 1
    ), person AS (
        -- It had counted as sent; now the last message is the one before it. What was written by hand and deleted for
        -- its age came no later than the first message that is left.
        UPDATE contact c
        SET last_sent_at = greatest(
                (SELECT max(coalesce(o.sent_at, o.reserved_at)) FROM follow_up_record o
                 WHERE o.contact_id = c.id AND o.id <> record.id
                   AND o.status IN ('sent', 'unknown', 'reserved')),
                (SELECT max(m.sent_at) FROM chat_message m
                 WHERE m.contact_id = c.id AND m.direction = 'outbound' AND m.service = 'agent'),
                CASE WHEN c.message_count > 0 AND kept.ordinal IS DISTINCT FROM 1
                     THEN coalesce(kept.created_at, c.last_message_at) END),
            opening_sent_at = CASE WHEN record.kind = 'opening' THEN NULL ELSE c.opening_sent_at END
        FROM record LEFT JOIN kept ON kept.contact_id = record.contact_id WHERE c.id = record.contact_id
    )
    UPDATE follow_up_enrollment e
    SET open_record_id = NULL, due_at = CASE WHEN e.state = 'active' THEN $2::timestamptz END, claim_token = NULL,
        reason = CASE WHEN e.state = 'active' THEN NULL ELSE e.reason END, reason_until = NULL
    FROM record WHERE e.open_record_id = record.id
"""
_UNKNOWN_BY_HAND = """
    UPDATE follow_up_record SET status = 'unknown', error = $2, sent_at = coalesce(sent_at, $3)
    WHERE id = $1 AND status = 'reserved'
"""
_MAY_LEAVE = """
    SELECT EXISTS (
        SELECT FROM follow_up_record r JOIN contact c ON c.id = r.contact_id AND NOT c.do_not_contact
        WHERE r.id = $1 AND r.status = 'reserved'
    )
"""


@dataclass(frozen=True, slots=True)
class ByHand:
    """A text that an operator sends now."""

    content: str
    key: uuid.UUID
    config_id: int | None = None
    script_id: int | None = None


async def find_record(connection: asyncpg.Connection, record_id: int) -> asyncpg.Record | None:
    """Return one record with all its columns, or None."""
    return await connection.fetchrow(f"SELECT {_COLUMNS} FROM follow_up_record WHERE id = $1", record_id)


async def find_records(connection: asyncpg.Connection, record_ids: Sequence[int]) -> list[asyncpg.Record]:
    """Return records in the order of their ids."""
    rows: list[asyncpg.Record] = await connection.fetch(
        f"SELECT {_COLUMNS} FROM follow_up_record WHERE id = ANY($1::bigint[]) ORDER BY id", record_ids
    )
    return rows


async def one_per_contact(connection: asyncpg.Connection, record_ids: Sequence[int]) -> list[list[int]]:
    """Split records, oldest first, into lists of which each has at most one record of each contact."""
    rows = await connection.fetch(
        """
        SELECT array_agg(id ORDER BY id) AS ids
        FROM (
            SELECT id, row_number() OVER (PARTITION BY contact_id ORDER BY id) AS turn
            FROM follow_up_record WHERE id = ANY($1::bigint[])
        ) AS r
        GROUP BY turn ORDER BY turn
        """,
        record_ids,
    )
    return [row["ids"] for row in rows]


async def open_places(connection: asyncpg.Connection, record_ids: Sequence[int]) -> list[asyncpg.Record]:
    """Lock and return the enrollments that wait for these records."""
    rows: list[asyncpg.Record] = await connection.fetch(_OPEN_PLACES, record_ids)
    return rows


async def insert_by_hand(
    connection: asyncpg.Connection, bot_id: int, contact_id: int, kind: str, texts: Sequence[ByHand], now: datetime
) -> list[int]:
    """Write reserved records (``manual`` or ``test``) and return their ids in order."""
    columns = (
        ([], [], [], [])
        if not texts
        else zip(*((text.config_id, text.script_id, text.key, text.content) for text in texts), strict=True)
    )
    rows = await connection.fetch(_INSERT, bot_id, contact_id, kind, now, *columns)
    return [row["id"] for row in rows]


async def write_not_sent(
    connection: asyncpg.Connection, record_id: int, now: datetime, *, status: str = "not_sent", error: str | None = None
) -> None:
    """Settle a record as ``not_sent`` or ``failed``: it counts no more, and a step that it was is due again at once."""
    await connection.execute(_NOT_SENT, record_id, now, status, error)


async def write_unknown_by_hand(connection: asyncpg.Connection, record_id: int, error: str, now: datetime) -> None:
    """Write that nobody knows whether a message made by hand left."""
    await connection.execute(_UNKNOWN_BY_HAND, record_id, error, now)


async def may_leave(connection: asyncpg.Connection, record_id: int) -> bool:
    """Tell whether a reserved message made by hand may still leave: its person is there and not protected."""
    found: bool = await connection.fetchval(_MAY_LEAVE, record_id)
    return found


async def touch_last_sent(connection: asyncpg.Connection, contact_id: int, now: datetime) -> None:
    """Restart the interval clock of a person."""
    await connection.execute(
        "UPDATE contact SET last_sent_at = greatest(last_sent_at, $2) WHERE id = $1", contact_id, now
    )


async def fold_tally(connection: asyncpg.Connection) -> int:
    """Fold the changes of the record totals together; returns how many rows were folded away.

    One folder at a time (an advisory lock); writers are never waited for, and readers see the same sums throughout.
    """
    if not await connection.fetchval("SELECT pg_try_advisory_xact_lock(hashtext('follow_up_record_tally'))"):
        return 0
    folded: int = await connection.fetchval(
        """
        WITH gone AS (
            DELETE FROM follow_up_record_tally
            WHERE (SELECT count(*) FROM follow_up_record_tally) > 64
            RETURNING config_id, status, got_reply, delta
        ), kept AS (
            INSERT INTO follow_up_record_tally (config_id, status, got_reply, delta)
            SELECT config_id, status, got_reply, sum(delta) FROM gone
            GROUP BY 1, 2, 3 HAVING sum(delta) <> 0
        )
        SELECT count(*) FROM gone
        """
    )
    return folded
