"""Planned rounds of calls to the parties of mediations: found, made, claimed, settled."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import asyncpg

from app.repositories.calls import Row

_MEDIATIONS = """
    SELECT m.id, m.case_id, m.node_id, m.mediation_type, m.agree_content, k.title, k.closed_at, n.task_name,
           n.call_type, n.max_rounds, n.call_interval, n.scripts, n.dial_window, n.skip_holiday
    FROM mediation m JOIN mediation_case k ON k.id = m.case_id JOIN mediation_node n ON n.id = m.node_id
    WHERE m.id = ANY($1::bigint[])
"""
_PARTIES = """
    SELECT id, mediation_id, contact_id, person_id, person_type, name, honorific, phone
    FROM mediation_party WHERE mediation_id = ANY($1::bigint[]) ORDER BY mediation_id, position, id
"""

# The newest round of each party at the node; an open one is always the newest.
_LATEST = """
    SELECT r.id, r.mediation_id, r.party_id, r.node_id, r.round, r.state, r.is_series, r.due_at, r.reason, r.failures
    FROM unnest($1::bigint[]) AS i(party_id)
    CROSS JOIN LATERAL (
        SELECT * FROM mediation_record m
        WHERE m.party_id = i.party_id AND m.node_id = $2 AND (m.deleted_at IS NULL OR m.state IN ('planned', 'calling'))
        ORDER BY m.id DESC LIMIT 1
        FOR NO KEY UPDATE
    ) AS r
"""
_HISTORY = """
    SELECT r.party_id, r.node_id, count(DISTINCT r.id) FILTER (WHERE r.state = 'done')::int AS rounds_done,
           coalesce(bool_or(c.is_reached), false) AS is_reached,
           max(c.ended_at) FILTER (WHERE c.is_counted) AS last_ended_at
    FROM unnest($1::bigint[], $2::int[]) AS i(party_id, node_id)
    JOIN mediation_record r ON r.party_id = i.party_id AND r.node_id = i.node_id
    LEFT JOIN outbound_call c ON c.record_id = r.id AND c.ended_at IS NOT NULL
    GROUP BY r.party_id, r.node_id
"""
_INSERT = """
    INSERT INTO mediation_record (mediation_id, node_id, party_id, round, is_series, creator, created_at)
    SELECT $1, $2, i.party_id, i.round, $3, 'system', $4 FROM unnest($5::bigint[], $6::smallint[]) AS i(party_id, round)
    ON CONFLICT DO NOTHING
    RETURNING id, mediation_id, party_id, node_id, round, state, is_series, due_at, reason, failures
"""

_CLAIM = """
    WITH due AS (
        SELECT id FROM mediation_record WHERE due_at <= $1 ORDER BY due_at, id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE mediation_record r SET due_at = $3 FROM due WHERE r.id = due.id RETURNING r.id
"""
_CONTACTS_OF = """
    SELECT p.contact_id FROM mediation_record r JOIN mediation_party p ON p.id = r.party_id
    WHERE r.id = ANY($1::bigint[]) AND p.contact_id IS NOT NULL
"""
_LOCK_CLAIMED = """
    SELECT id, mediation_id, party_id, node_id, round, state, is_series, due_at, reason, failures
    FROM mediation_record WHERE id = ANY($1::bigint[]) AND state = 'planned' AND due_at = $2
    ORDER BY id FOR NO KEY UPDATE
"""

_SETTLE = """
    UPDATE mediation_record r
    SET state = i.state, is_series = i.is_series, due_at = i.due_at, reason = i.reason, reason_until = i.until
    FROM unnest($1::bigint[], $2::text[], $3::bool[], $4::timestamptz[], $5::text[], $6::timestamptz[])
        AS i(id, state, is_series, due_at, reason, until)
    WHERE r.id = i.id
"""

# Only of a round that still waits for this call; a call that was given up late moves nothing.
_RELEASE = """
    UPDATE mediation_record r
    SET state = i.state, due_at = CASE WHEN i.state = 'planned' THEN i.due_at END, reason = i.reason,
        reason_until = i.due_at, failures = i.failures, remark = i.remark
    FROM unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::text[], $5::smallint[], $6::text[])
        AS i(id, state, due_at, reason, failures, remark)
    WHERE r.id = i.id AND r.state = 'calling'
"""

_OF_CALLS = """
    SELECT r.id, r.round, r.is_series, r.reason, n.call_interval, n.max_rounds, r.failures, p.contact_id,
           m.node_id = r.node_id AND k.closed_at IS NULL AS is_current,
           (SELECT count(*) FROM outbound_call c WHERE c.record_id = r.id AND c.ended_at IS NOT NULL
               AND NOT c.is_counted AND c.placement <> 'not_placed')::int AS faults
    FROM mediation_record r
    JOIN mediation_node n ON n.id = r.node_id
    JOIN mediation m ON m.id = r.mediation_id
    JOIN mediation_case k ON k.id = m.case_id
    JOIN mediation_party p ON p.id = r.party_id
    WHERE r.id = ANY($1::bigint[]) AND r.state = 'calling'
"""
_FINISH = """
    UPDATE mediation_record r
    SET state = i.state, due_at = CASE WHEN i.state = 'planned' THEN i.due_at END, reason = i.reason,
        reason_until = CASE WHEN i.state = 'planned' THEN i.due_at END, result = i.result, remark = i.remark
    FROM unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::text[])
        AS i(id, state, due_at, reason, result, remark)
    WHERE r.id = i.id AND r.state = 'calling'
"""
_PLAN_NEXT = """
    INSERT INTO mediation_record (mediation_id, node_id, party_id, round, is_series, due_at, reason, reason_until,
                                  created_at)
    SELECT r.mediation_id, r.node_id, r.party_id, r.round + 1, true, i.due_at, 'interval', i.due_at, $1
    FROM unnest($2::bigint[], $3::timestamptz[]) AS i(id, due_at) JOIN mediation_record r ON r.id = i.id
    ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class History:
    """What happened so far between a party and a node."""

    rounds_done: int = 0
    is_reached: bool = False
    last_ended_at: datetime | None = None


class Settled(NamedTuple):
    """Where a round stands after a look; the order of the fields is that of the statement."""

    id: int
    state: str
    is_series: bool
    due_at: datetime | None
    reason: str | None
    until: datetime | None


class Released(NamedTuple):
    """A round whose call was certainly not taken; the order of the fields is that of the statement."""

    id: int
    state: str
    due_at: datetime | None
    reason: str | None
    failures: int
    remark: str | None


class Finished(NamedTuple):
    """A round whose call is over; the order of the fields is that of the statement."""

    id: int
    state: str
    due_at: datetime | None
    reason: str | None
    result: str
    remark: str | None


async def mediations(connection: asyncpg.Connection, ids: Collection[int]) -> dict[int, Row]:
    """Return mediations with their case and the node at which they stand, by id."""
    return {row["id"]: row for row in await connection.fetch(_MEDIATIONS, list(ids))}


async def parties(connection: asyncpg.Connection, mediation_ids: Collection[int]) -> dict[int, list[Row]]:
    """Return the parties of mediations in their order, by mediation id."""
    found: dict[int, list[Row]] = {mediation_id: [] for mediation_id in mediation_ids}
    for row in await connection.fetch(_PARTIES, list(mediation_ids)):
        found[row["mediation_id"]].append(row)
    return found


async def latest(connection: asyncpg.Connection, party_ids: Sequence[int], node_id: int) -> dict[int, Row]:
    """Lock the newest round of each party at a node; by party id."""
    return {row["party_id"]: row for row in await connection.fetch(_LATEST, sorted(party_ids), node_id)}


async def history(
    connection: asyncpg.Connection, places: Collection[tuple[int, int]]
) -> dict[tuple[int, int], History]:
    """Return what happened between parties and nodes, by (party id, node id)."""
    party_ids, node_ids = [place[0] for place in places], [place[1] for place in places]
    rows = await connection.fetch(_HISTORY, party_ids, node_ids)
    return {
        (row["party_id"], row["node_id"]): History(row["rounds_done"], row["is_reached"], row["last_ended_at"])
        for row in rows
    }


async def insert(
    connection: asyncpg.Connection,
    new: Sequence[tuple[int, int]],
    *,
    mediation_id: int,
    node_id: int,
    is_series: bool,
    now: datetime,
) -> dict[int, Row]:
    """Make rounds, (party id, number) each; returns them by party id, without those that somebody else made first."""
    if not new:
        return {}
    rows = await connection.fetch(_INSERT, mediation_id, node_id, is_series, now, *zip(*new, strict=True))
    return {row["party_id"]: row for row in rows}


async def claim(connection: asyncpg.Connection, now: datetime, limit: int, lease_end: datetime) -> list[int]:
    """Claim up to ``limit`` due rounds until ``lease_end``; returns their ids."""
    return [row["id"] for row in await connection.fetch(_CLAIM, now, limit, lease_end)]


async def contacts_of(connection: asyncpg.Connection, record_ids: Sequence[int]) -> list[int]:
    """Return the ids of the people whom rounds are for."""
    return [row["contact_id"] for row in await connection.fetch(_CONTACTS_OF, record_ids)]


async def lock_claimed(connection: asyncpg.Connection, record_ids: Sequence[int], lease_end: datetime) -> Sequence[Row]:
    """Lock what this claim still holds."""
    rows: Sequence[Row] = await connection.fetch(_LOCK_CLAIMED, record_ids, lease_end)
    return rows


async def settle(connection: asyncpg.Connection, settled: Sequence[Settled]) -> None:
    """Write where rounds stand after a look."""
    if settled:
        await connection.execute(_SETTLE, *zip(*settled, strict=True))


async def release(connection: asyncpg.Connection, released: Sequence[Released]) -> None:
    """Give rounds back whose calls were certainly not taken."""
    if released:
        await connection.execute(_RELEASE, *zip(*released, strict=True))


async def of_calls(connection: asyncpg.Connection, record_ids: Collection[int]) -> dict[int, Row]:
    """Return the rounds that wait for their call, with what decides about the next one, by id."""
    return {row["id"]: row for row in await connection.fetch(_OF_CALLS, list(record_ids))}


async def finish(connection: asyncpg.Connection, finished: Sequence[Finished]) -> None:
    """Write what became of rounds whose call is over."""
    if finished:
        await connection.execute(_FINISH, *zip(*finished, strict=True))


async def plan_next(connection: asyncpg.Connection, now: datetime, following: Sequence[tuple[int, datetime]]) -> None:
    """Make the round that follows, (id of the one that is done, when it is due) each."""
    if following:
        await connection.execute(_PLAN_NEXT, now, *zip(*following, strict=True))
