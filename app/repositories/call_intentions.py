"""Talks that are to be read, and what was read from them."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, TypeAlias

import asyncpg

Rows: TypeAlias = Sequence[asyncpg.Record]

_ADD = """
    INSERT INTO call_intention (call_id, config_id, due_at)
    SELECT i.call_id, i.config_id, $1 FROM unnest($2::bigint[], $3::bigint[]) AS i(call_id, config_id)
    ON CONFLICT (call_id) DO NOTHING
"""
# What a number shows is the level of its last talk, whichever is read last.
_WRITE_LEVELS = """
    WITH level AS (
        SELECT i.call_id, i.level FROM unnest($2::bigint[], $3::smallint[]) AS i(call_id, level)
    ), call AS (
        UPDATE outbound_call c SET intention = level.level FROM level
        WHERE c.id = level.call_id
        RETURNING c.id, c.number_id, c.intention
    )
    UPDATE task_number n SET intention = call.intention, updated_at = $1
    FROM call
    WHERE n.id = call.number_id AND NOT EXISTS (
        SELECT FROM outbound_call later
        WHERE later.number_id = n.id AND later.id > call.id AND later.intention IS NOT NULL
    )
"""
# New talks and those that wait for a model are claimed apart: nobody's refusal waits for a slow model.
_CLAIM = """
    WITH due AS (
        SELECT call_id FROM call_intention
        WHERE state = 'pending' AND due_at <= $1 AND attempts = $4
        ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED
    ), claimed AS (
        UPDATE call_intention i SET due_at = $2 FROM due WHERE i.call_id = due.call_id
        RETURNING i.call_id, i.config_id
    )
    SELECT claimed.call_id, claimed.config_id, c.task_id, c.phone, c.contact_id, c.conversations, f.llm_type, f.phrases
    FROM claimed
    JOIN outbound_call c ON c.id = claimed.call_id
    LEFT JOIN llm_intention_config f ON f.id = claimed.config_id
    ORDER BY claimed.call_id
"""
_LEAVE_TO_MODEL = """
    UPDATE call_intention SET attempts = 1, due_at = $1 WHERE call_id = ANY($2::bigint[]) AND state = 'pending'
"""
# Calls before numbers, each by id; of an erased call only counts are kept.
_LOCK_CALLS = """
    SELECT id, number_id, conversations IS NULL AS is_erased FROM outbound_call
    WHERE id = ANY($1::bigint[]) ORDER BY id FOR NO KEY UPDATE
"""
_LOCK_NUMBERS = "SELECT id FROM task_number WHERE id = ANY($1::bigint[]) ORDER BY id FOR NO KEY UPDATE"
_SETTLE = """
    UPDATE call_intention t
    SET state = i.state, level = i.level, tags = i.tags::jsonb, evidence = i.evidence::jsonb, model = i.model,
        problem = i.problem, analysed_at = $1
    FROM unnest($2::bigint[], $3::text[], $4::smallint[], $5::text[], $6::text[], $7::text[], $8::text[])
        AS i(call_id, state, level, tags, evidence, model, problem)
    WHERE t.call_id = i.call_id AND t.state = 'pending'
    RETURNING t.call_id
"""


class Settled(NamedTuple):
    """What was read from a talk; without a level where nobody asked for one, or nothing could be read."""

    call_id: int
    state: str
    """``done`` or ``failed``."""
    level: int | None
    tags: Sequence[str]
    evidence: Sequence[str]
    model: str | None
    problem: str | None


async def add(connection: asyncpg.Connection, now: datetime, talks: Sequence[tuple[int, int | None]]) -> None:
    """Have talks read: (call, config) each."""
    await connection.execute(_ADD, now, *zip(*talks, strict=True))


async def write_levels(connection: asyncpg.Connection, now: datetime, call_ids: Sequence[int], level: int) -> None:
    """Give calls that the caller has locked, and their numbers, a level that no talk was needed for."""
    await connection.execute(_WRITE_LEVELS, now, list(call_ids), [level] * len(call_ids))


async def claim(
    connection: asyncpg.Connection, now: datetime, lease_end: datetime, limit: int, *, for_model: bool
) -> Rows:
    """Claim talks that are due until ``lease_end``.

    Rows ``call_id, config_id``, ``task_id`` (null: a mediation's call), ``phone, contact_id``, ``conversations`` (null:
    erased), ``llm_type, phrases`` of the config (null where there is none).
    """
    rows: Rows = await connection.fetch(_CLAIM, now, lease_end, limit, int(for_model))
    return rows


async def leave_to_model(connection: asyncpg.Connection, now: datetime, call_ids: Sequence[int]) -> None:
    """Have a model read claimed talks that were read for refusals."""
    if call_ids:
        await connection.execute(_LEAVE_TO_MODEL, now, list(call_ids))


async def settle(connection: asyncpg.Connection, now: datetime, settled: Sequence[Settled]) -> list[int]:
    """Write what was read from talks; returns the calls for which nobody else had done so.

    Of a call that was erased meanwhile no sentence is kept.
    """
    if not settled:
        return []
    locked = await connection.fetch(_LOCK_CALLS, [each.call_id for each in settled])
    erased = {row["id"] for row in locked if row["is_erased"]}
    await connection.fetch(_LOCK_NUMBERS, [row["number_id"] for row in locked if row["number_id"] is not None])
    kept = [each._replace(evidence=()) if each.call_id in erased else each for each in settled]
    # As texts: lists within an array of PostgreSQL would be its second dimension.
    written_out = [each._replace(tags=_dumped(each.tags), evidence=_dumped(each.evidence)) for each in kept]
    written = {row["call_id"] for row in await connection.fetch(_SETTLE, now, *zip(*written_out, strict=True))}
    levels = [(each.call_id, each.level) for each in kept if each.call_id in written and each.level is not None]
    if levels:
        await connection.execute(_WRITE_LEVELS, now, *zip(*levels, strict=True))
    return sorted(written)


def _dumped(texts: Sequence[str]) -> str:
    return json.dumps(list(texts), ensure_ascii=False)
