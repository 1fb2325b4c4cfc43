"""Deleting what is too old, in batches, each table in the order of its ids; on raw asyncpg.

Ids grow as rows are written, so that a walk over the primary key meets the oldest first and needs no index of its own.
It passes over what must stay and what somebody else holds at the moment, never waits for a lock of a row, and comes
back to those in its next round.
"""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

import asyncpg

from app.domain.retention import Kind, Walk

BATCH = 500
"""Rows that are looked at in one transaction."""

_HEAD_INPUT = f"""
    head AS MATERIALIZED (
        SELECT id, coalesce({{moment}} < $2, false) AS is_old FROM {{table}} WHERE id > $1 ORDER BY id LIMIT {BATCH}
    )
"""
_OLD = "t.id = ANY(ARRAY(SELECT id FROM head WHERE is_old))"
_RESULT_INPUT = f"""
    SELECT (SELECT count(*) FROM gone) AS gone,
           coalesce((SELECT max(id) FROM head WHERE is_old), $1) AS place,
           (SELECT count(*) < {BATCH} OR NOT coalesce(bool_or(is_old), false) FROM head) AS is_at_end
"""


def _deleting(table: str, moment: str, condition: str) -> str:
    return f"""
        WITH {_HEAD_INPUT.format(table=table, moment=moment)}, gone AS (
            DELETE FROM {table} WHERE id = ANY(ARRAY(
                SELECT t.id FROM {table} t WHERE {_OLD} AND {condition} FOR UPDATE OF t SKIP LOCKED
            ))
            RETURNING id
        )
        {_RESULT_INPUT}
    """


def _emptying(table: str, moment: str, condition: str, changes: str, also: str = "") -> str:
    return f"""
        WITH {_HEAD_INPUT.format(table=table, moment=moment)}, gone AS (
            UPDATE {table} SET {changes} WHERE id = ANY(ARRAY(
                SELECT t.id FROM {table} t WHERE {_OLD} AND {condition} FOR NO KEY UPDATE OF t SKIP LOCKED
            ))
            RETURNING id
        ){also}
        {_RESULT_INPUT}
    """


def digest_of(name: str) -> str:
    """Return the SQL for what stands for a message id in ``message_tombstone``."""
    return f"substr(sha256(convert_to({name}, 'UTF8')), 1, 16)"


# A person's messages are numbered without gaps, and pages and totals live on that: only what begins with the very
# first one goes. The ids stay behind as digests, so that a message that is delivered once more is no new answer.
_MESSAGES = f"""
    WITH {_HEAD_INPUT.format(table="chat_message", moment="created_at")}, old AS MATERIALIZED (
        SELECT t.id, t.contact_id, t.ordinal FROM chat_message t WHERE {_OLD} FOR UPDATE OF t SKIP LOCKED
    ), run AS MATERIALIZED (
        SELECT id, contact_id, ordinal + 1 - row_number() OVER (PARTITION BY contact_id ORDER BY ordinal) AS begins
        FROM old
    ), first AS MATERIALIZED (
        SELECT p.contact_id, (
            SELECT f.ordinal FROM chat_message f WHERE f.contact_id = p.contact_id ORDER BY f.ordinal LIMIT 1
        ) AS ordinal
        FROM (SELECT DISTINCT contact_id FROM old) AS p
    ), gone AS (
        DELETE FROM chat_message WHERE id = ANY(ARRAY(
            SELECT r.id FROM run r JOIN first f ON f.contact_id = r.contact_id AND f.ordinal = r.begins
        ))
        RETURNING id, bot_id, external_id
    ), tombstone AS (
        INSERT INTO message_tombstone (bot_id, digest, at)
        SELECT bot_id, {digest_of("external_id")}, $3::timestamptz FROM gone WHERE external_id IS NOT NULL
        ON CONFLICT DO NOTHING
    )
    {_RESULT_INPUT}
"""
# The row stays: it counts, it says when somebody was last written to, and no step is sent twice because of it. Of what
# is about to leave, or may have left, the text stays until that is settled.
_RECORD_TEXTS = _emptying(
    "follow_up_record",
    "reserved_at",
    """t.status NOT IN ('reserved', 'unknown')
       AND (t.content <> '' OR t.error IS NOT NULL OR (t.reply_content IS NOT NULL AND t.replied_at < $2))""",
    "content = '', error = NULL, reply_content = CASE WHEN replied_at < $2 THEN NULL ELSE reply_content END",
)
# Links lead nowhere from this commit on; the file is deleted by the pass that copies, and tried until it is gone.
_RECORDINGS = _emptying(
    "outbound_call",
    "ended_at",
    "t.recording_state = 'stored'",
    "recording_state = 'removed', recording_due_at = $3::timestamptz, recording_attempts = 0",
)
# A talk that nobody has read yet may hold a refusal.
_TRANSCRIPTS = _emptying(
    "outbound_call",
    "ended_at",
    """t.conversations IS NOT NULL
       AND NOT EXISTS (SELECT FROM call_intention i WHERE i.call_id = t.id AND i.state = 'pending')""",
    "conversations = NULL",
    """, evidence AS (
        UPDATE call_intention i SET evidence = '[]', problem = NULL FROM gone WHERE i.call_id = gone.id
    )""",
)
_CALL_EVENTS = _deleting("call_event", "at", "true")
# What waits is still to be told, unless there is nobody left who would be.
_CALL_NOTICES = _deleting(
    "call_notice",
    "created_at",
    """(t.status <> 'pending'
        OR EXISTS (SELECT FROM call_task k WHERE k.id = t.task_id AND k.deleted_at IS NOT NULL))""",
)
_EVENTS = _deleting(
    "outbox_event",
    "created_at",
    """(t.status <> 'pending' OR NOT EXISTS (
           SELECT FROM bot b WHERE b.id = t.bot_id AND b.event_url IS NOT NULL AND b.deleted_at IS NULL))""",
)
_IMPORTS = _deleting("task_import", "updated_at", "true")

_ENSURE = """
    INSERT INTO retention_walk (kind, began_at) SELECT i.kind, $2 FROM unnest($1::text[]) AS i(kind)
    WHERE NOT EXISTS (SELECT FROM retention_walk w WHERE w.kind = i.kind) ON CONFLICT DO NOTHING
"""
_HOLD = "SELECT place, began_at FROM retention_walk WHERE kind = $1 FOR UPDATE SKIP LOCKED"
_GO_ON = "UPDATE retention_walk SET place = $2, began_at = $3 WHERE kind = $1"

_STATEMENTS: dict[Kind, str] = {
    Kind.MESSAGES: _MESSAGES,
    Kind.RECORD_TEXTS: _RECORD_TEXTS,
    Kind.RECORDINGS: _RECORDINGS,
    Kind.TRANSCRIPTS: _TRANSCRIPTS,
    Kind.CALL_EVENTS: _CALL_EVENTS,
    Kind.CALL_NOTICES: _CALL_NOTICES,
    Kind.EVENTS: _EVENTS,
    Kind.IMPORTS: _IMPORTS,
}
_TOLD_THE_MOMENT = frozenset({Kind.MESSAGES, Kind.RECORDINGS})


class Batch(NamedTuple):
    """What became of a batch."""

    gone: int
    """Rows that were deleted or emptied."""
    place: int
    """The last id that was old enough; where it began if none was."""
    is_at_end: bool
    """The table ends here, or nothing was old enough."""


async def ensure(connection: asyncpg.Connection, kinds: Collection[Kind], now: datetime) -> None:
    """Begin walks that were never begun; apart from ``hold``, which would wait for whoever does so in a batch."""
    await connection.execute(_ENSURE, sorted(kinds), now)


async def hold(connection: asyncpg.Connection, kind: Kind) -> Walk | None:
    """Hold a kind until the transaction ends and return how far it is; None while another process holds it."""
    row = await connection.fetchrow(_HOLD, kind.value)
    return None if row is None else Walk(row["place"], row["began_at"])


async def go_on(connection: asyncpg.Connection, kind: Kind, walk: Walk) -> None:
    """Write how far a held kind is."""
    await connection.execute(_GO_ON, kind.value, walk.place, walk.began_at)


async def batch(connection: asyncpg.Connection, kind: Kind, place: int, before: datetime, now: datetime) -> Batch:
    """Look at the rows behind a place of a held kind, and delete or empty those from before a moment."""
    told = (now,) if kind in _TOLD_THE_MOMENT else ()
    row = await connection.fetchrow(_STATEMENTS[kind], place, before, *told)
    return Batch(row["gone"], row["place"], row["is_at_end"])
