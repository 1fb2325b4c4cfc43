"""Calls being placed: numbers, lines, reservations and what the provider said to them; for a whole batch each."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypeAlias

import asyncpg

from app.domain.calls import UNKNOWN_RESULT, TaskStatus

Row: TypeAlias = asyncpg.Record

# In the order of the keys, so that two who want the same numbers wait instead of blocking each other.
_HOLD_NUMBERS = """
    SELECT pg_advisory_xact_lock(key)
    FROM (SELECT DISTINCT hashtextextended('call:' || phone, 0) AS key FROM unnest($1::text[]) AS i(phone) ORDER BY key)
"""

# From a number's calls to what became of their talks, whatever the statistics say (hence the OFFSET): the other way
# round all talks that were ever read are walked for each number, as long as their index entries are not vacuumed.
_NUMBERS = f"""
    SELECT i.phone,
        ARRAY(
            SELECT c.created_at FROM outbound_call c
            WHERE c.phone = i.phone AND c.created_at > $2 AND c.is_counted ORDER BY c.created_at
        ) AS recent,
        EXISTS (
            SELECT FROM outbound_call c
            WHERE c.phone = i.phone AND c.created_at > $3 AND c.task_status = {int(TaskStatus.CONTACT_BLOCK_LIST)}
        ) AS is_blocked,
        EXISTS (
            SELECT FROM outbound_call c CROSS JOIN LATERAL (
                SELECT state, attempts FROM call_intention WHERE call_id = c.id OFFSET 0
            ) AS t
            WHERE c.phone = i.phone AND c.created_at > $2 AND t.state = 'pending' AND t.attempts = 0
        ) AS is_unread
    FROM unnest($1::text[]) AS i(phone)
"""

# The bound on `created_at` is there for the index; the watchdog gives a call up within four days.
_UNCERTAIN = f"""
    SELECT phone, party_id, node_id, number_id, ended_at FROM outbound_call
    WHERE phone = ANY($1::text[]) AND created_at > $2::timestamptz - interval '5 days' AND ended_at > $2
      AND is_counted AND result = '{UNKNOWN_RESULT}'
"""

_ACTIVE = """
    SELECT id, phone, party_id, node_id, placement, status, job_group_id FROM outbound_call
    WHERE ended_at IS NULL AND phone = ANY($1::text[])
    UNION
    SELECT id, phone, party_id, node_id, placement, status, job_group_id FROM outbound_call
    WHERE ended_at IS NULL AND party_id = ANY($2::bigint[])
"""

# Mediation calls go over the house's own lines: those of an account are for its tasks.
_MEANT_FILTER = "(l.id = ANY($1::text[]) OR ($2 AND l.account_id IS NULL))"
_LOCK_LINES = f"SELECT FROM caller_line l WHERE {_MEANT_FILTER} ORDER BY l.id FOR NO KEY UPDATE"
# A task that holds slots has no calls any more: what is held is nobody's.
_LINES = f"""
    SELECT l.id, l.call_number, l.account_id IS NULL AS is_house, l.call_line
        - (SELECT count(*) FROM outbound_call c WHERE c.line_id = l.id AND c.ended_at IS NULL)
        - (SELECT coalesce(sum(h.slots), 0) FROM line_hold h WHERE h.line_id = l.id) AS free
    FROM caller_line l
    WHERE {_MEANT_FILTER} AND coalesce(l.begin_at <= $3, true) AND coalesce(l.deadline_at > $3, true)
    ORDER BY l.id
"""
_FREE_SLOTS = f"SELECT coalesce(sum(greatest(0, free)), 0)::int FROM ({_LINES}) AS line"
_OF_TASKS = """
    SELECT t.id, (
        SELECT count(*) FROM outbound_call c WHERE c.task_id = t.id AND c.ended_at IS NULL
    )::int AS calls
    FROM unnest($1::bigint[]) AS t(id)
"""

# A unique index that objects (the same party or number meanwhile) leaves the call out instead of failing the batch.
_INSERT = """
    WITH call AS (
        INSERT INTO outbound_call (provider, created_at, gives_up_at, job_id, instance_id, script_id, call_type,
                                   case_id, mediation_id, node_id, party_id, person_id, record_id, contact_id, phone,
                                   line_id, is_automatic, task_id, number_id, group_id)
        SELECT $1, $2, $3, t.*
        FROM unnest($5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::bigint[], $11::int[],
                    $12::bigint[], $13::text[], $14::bigint[], $15::bigint[], $16::text[], $17::text[], $18::bool[],
                    $19::bigint[], $20::bigint[], $21::bigint[])
            AS t
        ON CONFLICT DO NOTHING
        RETURNING id, job_id
    ), poll AS (
        INSERT INTO call_poll (call_id, next_poll_at) SELECT id, $4 FROM call
    )
    SELECT id, job_id FROM call
"""

# What may have changed between the reservation and this moment: the person refused, was erased, the case moved on, the
# task was stopped, or was stopped, changed and started again: then the call was reserved under other hours and scripts.
# What leaves is marked in the same statement, so that of a process that dies it is known what certainly never left.
# Where hours or holidays were changed since, a call is left out: it is looked at again under those that hold now. A
# change in the time to come is another machine's clock, and would keep calls back until then.
_LEAVE = """
    WITH looked AS (
        SELECT c.id, CASE
            WHEN c.cancel_requested_at IS NOT NULL OR c.phone LIKE 'erased-%' THEN 'cancelled'
            WHEN (c.contact_id IS NOT NULL AND p.do_not_contact IS NOT FALSE)
                OR EXISTS (SELECT FROM do_not_contact d WHERE d.kind = 'phone' AND d.value = c.phone)
                THEN 'do_not_contact'
            WHEN k.closed_at IS NOT NULL THEN 'case_closed'
            WHEN c.mediation_id IS NOT NULL AND m.node_id IS DISTINCT FROM c.node_id THEN 'node_left'
            WHEN c.task_id IS NOT NULL AND (t.id IS NULL OR t.deleted_at IS NOT NULL) THEN 'task_deleted'
            WHEN c.task_id IS NOT NULL AND (t.status = 1 OR t.started_at > c.created_at) THEN 'task_paused'
            WHEN c.number_id IS NOT NULL AND n.phone IS DISTINCT FROM c.phone THEN 'erased'
            END AS reason
        FROM outbound_call c
        LEFT JOIN contact p ON p.id = c.contact_id
        LEFT JOIN mediation m ON m.id = c.mediation_id
        LEFT JOIN mediation_case k ON k.id = m.case_id
        LEFT JOIN call_task t ON t.id = c.task_id
        LEFT JOIN task_number n ON n.id = c.number_id
        WHERE c.id = ANY($1::bigint[])
    )
    UPDATE outbound_call c SET left_at = CASE WHEN l.reason IS NULL THEN $3::timestamptz END
    FROM looked l
    WHERE c.id = l.id AND c.placement = 'reserved' AND c.left_at IS NULL AND c.ended_at IS NULL AND c.created_at > $2
      AND NOT EXISTS (SELECT FROM calendar_year y WHERE y.updated_at > c.created_at AND y.updated_at <= $3)
      AND NOT EXISTS (
          SELECT FROM mediation_node o WHERE o.id = c.node_id AND o.updated_at > c.created_at AND o.updated_at <= $3)
      AND NOT EXISTS (
          SELECT FROM dial_time_group g JOIN call_task t ON t.account_id = g.account_id
          WHERE t.id = c.task_id AND g.updated_at > c.created_at AND g.updated_at <= $3)
    RETURNING c.id, l.reason
"""
_LOCK_NEVER_LEFT = """
    SELECT id FROM outbound_call
    WHERE id = ANY($1::bigint[]) AND placement = 'reserved' AND left_at IS NULL AND ended_at IS NULL
    ORDER BY id FOR NO KEY UPDATE
"""

# What a provider confirmed is placed, whoever gave it up meanwhile; only what is certainly not there stays so. Told
# back: what nobody wants any more, because a person gave it up or the watchdog ended it while it was on its way.
_PLACED = """
    WITH call AS (
        UPDATE outbound_call c
        SET placement = 'placed', placed_at = coalesce(c.placed_at, $1), provider_job_id = i.provider_job_id,
            job_group_id = i.job_group_id
        FROM unnest($2::bigint[], $3::text[], $4::text[], $5::timestamptz[])
            AS i(id, provider_job_id, job_group_id, next_poll_at)
        WHERE c.id = i.id AND c.placement IN ('reserved', 'unknown')
        RETURNING c.*, i.next_poll_at
    ), poll AS (
        UPDATE call_poll p SET next_poll_at = c.next_poll_at, failures = 0 FROM call c WHERE p.call_id = c.id
    ), round AS (
        UPDATE mediation_record r SET failures = 0 FROM call c WHERE r.id = c.record_id AND r.failures > 0
    ), number AS (
        UPDATE task_number n SET failures = 0 FROM call c WHERE n.id = c.number_id AND n.failures > 0
    )
    SELECT id, job_id, phone, instance_id, script_id, provider_job_id, job_group_id, provider_task_id, created_at,
           placed_at, cancel_requested_at
    FROM call WHERE cancel_requested_at IS NOT NULL OR ended_at IS NOT NULL
"""
_UNKNOWN = """
    WITH call AS (
        UPDATE outbound_call c SET placement = 'unknown', remark = i.remark
        FROM unnest($1::bigint[], $2::text[], $3::timestamptz[]) AS i(id, remark, next_poll_at)
        WHERE c.id = i.id AND c.placement = 'reserved' AND c.ended_at IS NULL
        RETURNING c.id, c.contact_id, i.next_poll_at
    ), poll AS (
        UPDATE call_poll p SET next_poll_at = c.next_poll_at FROM call c WHERE p.call_id = c.id
    )
    SELECT id, contact_id FROM call
"""
_NOT_PLACED = """
    WITH call AS (
        UPDATE outbound_call c
        SET placement = 'not_placed', is_counted = false, result = '未呼出', remark = i.remark,
            status = CASE WHEN c.cancel_requested_at IS NULL THEN 'Failed' ELSE 'Cancelled' END,
            ended_at = greatest($1, c.created_at)
        FROM unnest($2::bigint[], $3::text[]) AS i(id, remark)
        WHERE c.id = i.id AND c.placement IN ('reserved', 'unknown') AND c.ended_at IS NULL
        RETURNING c.id, c.record_id, c.number_id, c.cancel_requested_at IS NOT NULL AS is_cancelled
    ), poll AS (
        DELETE FROM call_poll p USING call c WHERE p.call_id = c.id
    )
    SELECT id, record_id, number_id, is_cancelled FROM call
"""


class NewCall(NamedTuple):
    """A call about to be reserved; the order of the fields is that of the statement."""

    job_id: str
    instance_id: str
    script_id: str
    call_type: str
    case_id: str | None
    mediation_id: int | None
    node_id: int | None
    party_id: int | None
    person_id: str | None
    record_id: int | None
    contact_id: int | None
    phone: str
    line_id: str
    is_automatic: bool
    task_id: int | None
    number_id: int | None
    group_id: int | None


@dataclass(frozen=True, slots=True)
class Number:
    """What is known of a phone number."""

    recent: tuple[datetime, ...]
    is_blocked: bool
    is_unread: bool
    """A talk is still to be read for a refusal."""


async def hold_numbers(connection: asyncpg.Connection, phones: Collection[str]) -> None:
    """Let nobody else reserve calls to these numbers until the transaction ends."""
    await connection.execute(_HOLD_NUMBERS, list(phones))


async def numbers(
    connection: asyncpg.Connection, phones: Collection[str], *, since: datetime, blocked_since: datetime
) -> dict[str, Number]:
    """Return, by number: attempts that count since ``since``, whether one is unread, whether it was blocked lately."""
    rows = await connection.fetch(_NUMBERS, list(phones), since, blocked_since)
    return {row["phone"]: Number(tuple(row["recent"]), row["is_blocked"], row["is_unread"]) for row in rows}


async def uncertain(connection: asyncpg.Connection, phones: Collection[str], *, since: datetime) -> Sequence[Row]:
    """Return the calls to these numbers that ended since ``since`` and of which nobody knows how.

    Rows ``phone, party_id, node_id, number_id, ended_at``.
    """
    rows: Sequence[Row] = await connection.fetch(_UNCERTAIN, list(phones), since)
    return rows


async def active(connection: asyncpg.Connection, phones: Collection[str], party_ids: Collection[int]) -> Sequence[Row]:
    """Return the calls that are not over, to these numbers or parties.

    Rows ``id, phone, party_id, node_id, placement, status, job_group_id``.
    """
    rows: Sequence[Row] = await connection.fetch(_ACTIVE, list(phones), list(party_ids))
    return rows


async def lock_lines(
    connection: asyncpg.Connection, ids: Collection[str], now: datetime, *, with_house: bool
) -> Sequence[Row]:
    """Lock lines until the transaction ends; ``with_house``: those of the house too.

    Rows ``id, call_number, is_house, free`` of those that may be used now, as they are once all are locked.
    """
    await connection.execute(_LOCK_LINES, list(ids), with_house)
    # A statement of its own: it sees what others committed while this one waited for the lock.
    rows: Sequence[Row] = await connection.fetch(_LINES, list(ids), with_house, now)
    return rows


async def free_lines(connection: asyncpg.Connection, ids: Collection[str], now: datetime) -> dict[str, int]:
    """Return the free slots of lines at the moment, by id; locks nothing and promises nothing."""
    return {row["id"]: row["free"] for row in await connection.fetch(_LINES, list(ids), False, now)}


async def free_slots(connection: asyncpg.Connection, now: datetime) -> int:
    """Return how many calls the house's lines have room for at the moment; locks nothing and promises nothing."""
    free: int = await connection.fetchval(_FREE_SLOTS, [], True, now)
    return free


async def of_tasks(connection: asyncpg.Connection, task_ids: Collection[int]) -> dict[int, int]:
    """Return how many calls tasks have under way, by task id."""
    return {row["id"]: row["calls"] for row in await connection.fetch(_OF_TASKS, list(task_ids))} if task_ids else {}


async def reserve(
    connection: asyncpg.Connection,
    new: Sequence[NewCall],
    *,
    provider: str,
    now: datetime,
    gives_up_at: datetime,
    lease_end: datetime,
) -> dict[str, int]:
    """Write calls as ``reserved``; returns ids by job id, without those that an index refused."""
    if not new:
        return {}
    rows = await connection.fetch(_INSERT, provider, now, gives_up_at, lease_end, *zip(*new, strict=True))
    return {row["job_id"]: row["id"] for row in rows}


async def leave(
    connection: asyncpg.Connection, call_ids: Sequence[int], *, created_after: datetime, now: datetime
) -> dict[int, str | None]:
    """Mark reserved calls as leaving; returns, by id, why one may not be placed any more, None: it leaves.

    Those that are too old, whose hours were changed, or that are not reserved any more, are left out: they may not be
    placed either, for no one's reason.
    """
    return {row["id"]: row["reason"] for row in await connection.fetch(_LEAVE, call_ids, created_after, now)}


async def lock_never_left(connection: asyncpg.Connection, call_ids: Sequence[int]) -> list[int]:
    """Lock those of these calls that are reserved and never left: no one can let them leave meanwhile."""
    return [row["id"] for row in await connection.fetch(_LOCK_NEVER_LEFT, call_ids)]


async def write_placed(
    connection: asyncpg.Connection, now: datetime, placed: Sequence[tuple[int, str, str, datetime]]
) -> Sequence[Row]:
    """Complete calls that the provider took: (id, provider's job id, job group id, next poll) each.

    Returns those that the provider is to be told to give up, with what it is asked with.
    """
    if not placed:
        return []
    rows: Sequence[Row] = await connection.fetch(_PLACED, now, *zip(*placed, strict=True))
    return rows


async def write_unknown(connection: asyncpg.Connection, unknown: Sequence[tuple[int, str, datetime]]) -> Sequence[Row]:
    """Mark calls of which nobody knows whether they were taken: (id, remark, next look) each.

    Returns rows ``id, contact_id`` of those that were ``reserved`` until now.
    """
    if not unknown:
        return []
    rows: Sequence[Row] = await connection.fetch(_UNKNOWN, *zip(*unknown, strict=True))
    return rows


async def write_not_placed(
    connection: asyncpg.Connection, now: datetime, released: Sequence[tuple[int, str]]
) -> Sequence[Row]:
    """End calls that were certainly not taken: (id, remark) each.

    Returns rows ``id, record_id, number_id, is_cancelled`` of those that were open.
    """
    if not released:
        return []
    rows: Sequence[Row] = await connection.fetch(_NOT_PLACED, now, *zip(*released, strict=True))
    return rows
