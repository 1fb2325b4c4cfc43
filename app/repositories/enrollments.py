"""People's places in sequences: enrolling many at once, lists, single changes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

_LOCK = "SELECT FROM contact WHERE id = ANY($1::bigint[]) ORDER BY id FOR NO KEY UPDATE"
_CANDIDATES = """
    SELECT c.id, c.bot_id, c.position_key, c.do_not_contact,
           (SELECT b.deleted_at IS NOT NULL FROM bot b WHERE b.id = c.bot_id) AS is_without_bot,
           c.opening_sent_at IS NOT NULL OR EXISTS (
               SELECT FROM follow_up_record r
               WHERE r.contact_id = c.id AND r.kind = 'opening' AND r.status IN ('reserved', 'unknown', 'sent')
           ) AS had_opening,
           n.id AS newest_id, n.state AS newest_state, coalesce(n.was_converted, false)
               OR EXISTS (SELECT FROM contact_record d WHERE d.contact_id = c.id) AS was_converted
    FROM contact c
    LEFT JOIN LATERAL (
        SELECT e.id, e.state, bool_or(e.state = 'converted') OVER () AS was_converted
        FROM follow_up_enrollment e WHERE e.contact_id = c.id ORDER BY e.id DESC LIMIT 1
    ) AS n ON true
    WHERE c.id = ANY($1::bigint[])
"""
_BY_POSITION = "SELECT id FROM contact WHERE position_key = $1 AND id > $2 ORDER BY id LIMIT $3"
_INSERT = """
    INSERT INTO follow_up_enrollment (contact_id, bot_id, config_id, state, reason, due_at, opening_pending,
                                      enrolled_at)
    SELECT contact_id, bot_id, config_id, state, reason, CASE WHEN state = 'active' THEN $1::timestamptz END,
           opening_pending, $1
    FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::bool[])
        AS i(contact_id, bot_id, config_id, state, reason, opening_pending)
    RETURNING id, contact_id
"""
_COLUMNS = """
    e.id, e.contact_id, e.bot_id, e.config_id, e.state, e.reason, e.reason_until, e.due_at, e.day, e.sequence,
    e.opening_pending, e.opening_at, e.enrolled_at, e.ended_at, e.open_record_id, c.name, c.position, c.last_sent_at
"""
_ONE = f"SELECT {_COLUMNS} FROM follow_up_enrollment e JOIN contact c ON c.id = e.contact_id WHERE e.id = $1"
_CHANGE = """
    UPDATE follow_up_enrollment
    SET state = $2::text, reason = $3, reason_until = NULL, due_at = $4, claim_token = NULL,
        ended_at = CASE WHEN $2::text = 'stopped' THEN $5::timestamptz ELSE ended_at END
    WHERE id = $1
"""
_LOOKED_AT = """
    SELECT e.id, e.contact_id, e.bot_id, e.config_id, e.state, e.reason, e.reason_until, e.due_at, e.opening_pending,
           e.opening_at, e.day, e.after_order, e.after_script_id, e.rotation_order, e.rotation_script_id, e.sequence,
           e.open_record_id, e.enrolled_at,
           c.name, c.position, c.muted, c.do_not_contact, c.last_sent_at, c.takeover_until, c.review_hold_until,
           r.status AS open_status, r.reserved_at AS open_reserved_at, r.script_id AS open_script_id,
           r.day_number AS open_day_number
    FROM follow_up_enrollment e
    JOIN contact c ON c.id = e.contact_id
    LEFT JOIN follow_up_record r ON r.id = e.open_record_id
    WHERE e.id = $1
"""
# Who stands still because of the config, and who waits for an interval that may have changed; a claim is left alone.
_REARM = """
    UPDATE follow_up_enrollment SET due_at = $2
    WHERE id IN (
        SELECT id FROM follow_up_enrollment
        WHERE config_id = $1 AND state = 'active' AND id > $3 AND claim_token IS NULL AND open_record_id IS NULL
          AND (due_at IS NULL AND reason IN ('config_inactive', 'missing_variable')
               OR due_at > $2 AND reason IN ('interval', 'min_gap'))
        ORDER BY id LIMIT $4 FOR NO KEY UPDATE
    )
    RETURNING id
"""
_STOP_OF_DELETED = """
    UPDATE follow_up_enrollment
    SET state = 'stopped', reason = 'config_inactive', reason_until = NULL, due_at = NULL, claim_token = NULL,
        ended_at = $2
    WHERE id IN (
        SELECT id FROM follow_up_enrollment
        WHERE config_id = $1 AND state IN ('active', 'paused') AND id > $3
        ORDER BY id LIMIT $4 FOR NO KEY UPDATE
    )
    RETURNING id, contact_id
"""
_WAITING = """
    SELECT e.id, c.position_key
    FROM follow_up_enrollment e JOIN contact c ON c.id = e.contact_id
    WHERE e.config_id IS NULL AND e.state = 'waiting' AND ($1 = '' OR c.position_key = $1) AND e.id > $2
    ORDER BY e.id LIMIT $3
    FOR NO KEY UPDATE OF e
"""
_ACTIVATE = """
    UPDATE follow_up_enrollment e SET config_id = i.config_id, state = 'active', reason = NULL, due_at = $1
    FROM unnest($2::bigint[], $3::bigint[]) AS i(id, config_id) WHERE e.id = i.id
"""
_REARMED_CONFIGS = """
    SELECT id, position_key, is_active AND deleted_at IS NULL AS is_usable, deleted_at IS NOT NULL AS is_deleted,
           rearm_at
    FROM follow_up_config WHERE rearm_at IS NOT NULL ORDER BY rearm_at LIMIT 20
"""


async def lock_candidates(connection: asyncpg.Connection, contact_ids: Sequence[int]) -> dict[int, asyncpg.Record]:
    """Lock people and return what decides whether they can be enrolled."""
    await connection.execute(_LOCK, contact_ids)
    # A statement of its own: whom one waited for may just have answered, given details or been enrolled by another.
    return {row["id"]: row for row in await connection.fetch(_CANDIDATES, contact_ids)}


async def ids_by_position(connection: asyncpg.Connection, position_key: str, after: int, limit: int) -> list[int]:
    """Return contacts of a position by id, from an id on."""
    return [row["id"] for row in await connection.fetch(_BY_POSITION, position_key, after, limit)]


async def insert(
    connection: asyncpg.Connection,
    now: datetime,
    rows: Sequence[tuple[int, int, int | None, str, str | None, bool]],
) -> dict[int, int]:
    """Enroll people: (contact, bot, config, state, reason, opening pending) each; returns ids by contact."""
    if not rows:
        return {}
    inserted = await connection.fetch(_INSERT, now, *zip(*rows, strict=True))
    return {row["contact_id"]: row["id"] for row in inserted}


async def find(connection: asyncpg.Connection, enrollment_id: int) -> asyncpg.Record | None:
    """Return one enrollment with its person's name, or None."""
    return await connection.fetchrow(_ONE, enrollment_id)


async def find_for_plan(connection: asyncpg.Connection, enrollment_id: int) -> asyncpg.Record | None:
    """Return one enrollment with everything that a look at it reads, or None."""
    return await connection.fetchrow(_LOOKED_AT, enrollment_id)


async def change(
    connection: asyncpg.Connection,
    enrollment_id: int,
    *,
    state: str,
    reason: str | None,
    due_at: datetime | None,
    now: datetime,
) -> None:
    """Move one enrollment to another state."""
    await connection.execute(_CHANGE, enrollment_id, state, reason, due_at, now)


async def page(
    connection: asyncpg.Connection, filters: dict[str, Any], *, limit: int, offset: int
) -> tuple[int, list[asyncpg.Record]]:
    """Return the total and one page of enrollments, newest first; ``filters`` are columns and their values."""
    given = {column: value for column, value in filters.items() if value is not None}
    where = " AND ".join(f"e.{column} = ${index}" for index, column in enumerate(given, start=1)) or "true"
    total = await connection.fetchval(f"SELECT count(*) FROM follow_up_enrollment e WHERE {where}", *given.values())
    rows = await connection.fetch(
        f"""
        SELECT {_COLUMNS} FROM follow_up_enrollment e JOIN contact c ON c.id = e.contact_id
        WHERE e.id IN (
            SELECT e.id FROM follow_up_enrollment e WHERE {where}
            ORDER BY e.id DESC LIMIT (SELECT ${len(given) + 1}::bigint) OFFSET (SELECT ${len(given) + 2}::bigint)
        )
        ORDER BY e.id DESC
        """,
        *given.values(),
        limit,
        offset,
    )
    return total, rows


async def rearmed_configs(connection: asyncpg.Connection) -> list[asyncpg.Record]:
    """Return configs whose people are to be looked at again: ``id, position_key, is_usable, rearm_at``."""
    rows: list[asyncpg.Record] = await connection.fetch(_REARMED_CONFIGS)
    return rows


async def rearm(connection: asyncpg.Connection, config_id: int, now: datetime, after: int, limit: int) -> list[int]:
    """Make people of a config due whom a change of it may move, from an id on; returns their enrollments."""
    return sorted(row["id"] for row in await connection.fetch(_REARM, config_id, now, after, limit))


async def stop_of_deleted(
    connection: asyncpg.Connection, config_id: int, now: datetime, after: int, limit: int
) -> list[asyncpg.Record]:
    """End the sequences of a deleted config, from an id on: ``id, contact_id``."""
    rows = await connection.fetch(_STOP_OF_DELETED, config_id, now, after, limit)
    return sorted(rows, key=lambda row: int(row["id"]))


async def lock_waiting(
    connection: asyncpg.Connection, position_key: str, after: int, limit: int
) -> list[asyncpg.Record]:
    """Lock people who wait for a config of a position ('': of any), from an id on: ``id, position_key``."""
    rows: list[asyncpg.Record] = await connection.fetch(_WAITING, position_key, after, limit)
    return rows


async def activate(connection: asyncpg.Connection, now: datetime, chosen: Sequence[tuple[int, int]]) -> None:
    """Give waiting people their config: (enrollment, config) each."""
    if chosen:
        await connection.execute(_ACTIVATE, now, *zip(*chosen, strict=True))


async def clear_rearm(connection: asyncpg.Connection, config_id: int, seen: datetime) -> None:
    """Forget that a config's people were to be looked at, unless it was said again meanwhile."""
    await connection.execute(
        "UPDATE follow_up_config SET rearm_at = NULL WHERE id = $1 AND rearm_at = $2", config_id, seen
    )
