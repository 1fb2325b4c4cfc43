"""Taking a person out of cases and calls: what names them goes, what counts them stays."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from app.repositories import recordings

MASK = "***"
"""Stands where a name or a number stood in a text that belongs to others too."""

_PARTIES = "SELECT id, mediation_id, name, phone FROM mediation_party WHERE contact_id = $1 ORDER BY id"
# Calls to the person; and those of no contact at all to one of their numbers (a task knows numbers only).
_CALLS = """
    SELECT id, job_id, phone, provider, instance_id, script_id, provider_job_id, job_group_id, provider_task_id,
           created_at, placed_at, cancel_requested_at, placement, ended_at, recording_state
    FROM outbound_call
    WHERE contact_id = $1 OR party_id = ANY($2::bigint[]) OR (contact_id IS NULL AND phone = ANY($3::text[]))
    ORDER BY id FOR UPDATE
"""
_EMPTY_CALLS = """
    UPDATE outbound_call
    SET phone = 'erased-' || id, conversations = NULL, remark = NULL,
        person_id = CASE WHEN person_id IS NOT NULL THEN 'erased-' || coalesce(party_id, id) END,
        cancel_requested_at = CASE WHEN ended_at IS NULL THEN coalesce(cancel_requested_at, $2) ELSE cancel_requested_at
                              END
    WHERE id = ANY($1::bigint[])
"""
_EMPTY_INTENTIONS = "UPDATE call_intention SET evidence = '[]', problem = NULL WHERE call_id = ANY($1::bigint[])"
# A task knows numbers only; whoever wants to dial one of them again adds it again, and the list says no.
_EMPTY_NUMBERS = """
    UPDATE task_number
    SET phone = 'erased-' || id, name = NULL, words = '{}', state = 'refused', due_at = NULL, reason = 'erased',
        reason_until = NULL, updated_at = $2
    WHERE id IN (SELECT id FROM task_number WHERE phone = ANY($1::text[]) ORDER BY id FOR NO KEY UPDATE)
"""
_EMPTY_PARTIES = """
    UPDATE mediation_party
    SET contact_id = NULL, person_id = 'erased-' || id, name = '', honorific = NULL, phone = NULL
    WHERE id = ANY($1::bigint[])
"""
_EMPTY_ROUNDS = """
    UPDATE mediation_record
    SET remark = NULL, is_series = false, due_at = NULL,
        state = CASE WHEN state = 'planned' THEN 'cancelled' ELSE state END,
        modifier = CASE WHEN state = 'planned' THEN $2 ELSE modifier END,
        modified_at = CASE WHEN state = 'planned' THEN $3 ELSE modified_at END
    WHERE party_id = ANY($1::bigint[])
"""
_MASK_CASES = """
    UPDATE mediation_case SET title = replace(title, $2, $3)
    WHERE id IN (SELECT case_id FROM mediation WHERE id = ANY($1::bigint[])) AND strpos(title, $2) > 0
"""
_MASK_AGREEMENTS = """
    UPDATE mediation SET agree_content = replace(agree_content, $2, $3)
    WHERE id = ANY($1::bigint[]) AND strpos(agree_content, $2) > 0
"""
# Only what is said: keys, speakers and actions stay what they are, whatever somebody is called.
_MASK_TALKS = """
    UPDATE outbound_call c
    SET conversations = (
        SELECT jsonb_agg(
            CASE WHEN line->>'script' IS NULL THEN line
                 ELSE jsonb_set(line, '{script}', to_jsonb(replace(line->>'script', $2, $3))) END ORDER BY place)
        FROM jsonb_array_elements(c.conversations) WITH ORDINALITY AS talk(line, place))
    WHERE c.case_id IN (SELECT case_id FROM mediation WHERE id = ANY($1::bigint[]))
      AND strpos(c.conversations::text, $2) > 0
"""


@dataclass(frozen=True, slots=True)
class Traces:
    """Where a person stands in cases and calls."""

    parties: Sequence[asyncpg.Record]
    calls: Sequence[asyncpg.Record]
    """As they were, locked; also those that are over."""
    phones: Collection[str]
    """The numbers under which tasks may have them."""


async def find(connection: asyncpg.Connection, contact_id: int, phones: Collection[str]) -> Traces:
    """Return a locked person's parties and calls; ``phones``: every number that they are known under."""
    parties = await connection.fetch(_PARTIES, contact_id)
    calls = await connection.fetch(_CALLS, contact_id, [party["id"] for party in parties], list(phones))
    return Traces(parties, calls, phones)


async def erase(
    connection: asyncpg.Connection, traces: Traces, spoken: Collection[str], *, actor: str, now: datetime
) -> None:
    """Empty what was found.

    Args:
        connection: A raw connection inside the transaction that found it.
        traces: What was found.
        spoken: Names and numbers that may stand in texts which belong to others too; longer ones first.
        actor: Who erases.
        now: The moment of the erasure.
    """
    party_ids = [party["id"] for party in traces.parties]
    call_ids = [call["id"] for call in traces.calls]
    await connection.execute(_EMPTY_CALLS, call_ids, now)
    await recordings.remove(connection, now, call_ids)
    await connection.execute(_EMPTY_INTENTIONS, call_ids)
    await connection.execute(_EMPTY_NUMBERS, list(traces.phones), now)
    await connection.execute(_EMPTY_ROUNDS, party_ids, actor[:64], now)
    await connection.execute(_EMPTY_PARTIES, party_ids)
    mediation_ids = [party["mediation_id"] for party in traces.parties]
    for word in spoken if mediation_ids else ():
        for statement in (_MASK_CASES, _MASK_AGREEMENTS, _MASK_TALKS):
            await connection.execute(statement, mediation_ids, word, MASK)
