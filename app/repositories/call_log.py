"""Calls as readers ask for them: transcripts of finished ones, the newest one's status, everything about one.

The log is the hot room of the family: PostgreSQL writes the text of each answer itself, as
``app/repositories/json_sql.py`` says, with the talk as the seed has it: a JSON text inside the JSON, its keys in the
seed's order, a space behind each comma and colon. Measured for 1,000 calls of 8 lines: 30 ms, of which 5 in Python;
decoded and written again in Python 60, of which 45.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, TypeAlias

import asyncpg

from app.repositories.json_sql import object_of, text

Rows: TypeAlias = Sequence[asyncpg.Record]
READ = "phone_read"
"""What the audit trail calls somebody's look at a phone number."""
REMEMBERED = timedelta(minutes=1)
"""Looks of the same caller at the same person's number within this time are one row of the trail."""

# What speaker and action may be is fixed (`domain/calls`), so that only the script needs escaping.
_LINE = """
    '{"timestamp": ' || (line->>'timestamp') || ', "speaker": "' || (line->>'speaker')
    || '", "script": ' || coalesce((line->'script')::text, 'null') || ', "action": "' || (line->>'action') || '"}'
"""
_TALK = f"""
    coalesce((SELECT '[' || string_agg({_LINE}, ', ' ORDER BY place) || ']'
              FROM jsonb_array_elements(c.conversations) WITH ORDINALITY AS talk(line, place)), '[]')
"""
_LOG_FIELDS = {
    "callType": text("c.call_type"),
    "jobId": text("c.job_id"),
    "conversations": f"to_json({_TALK})::text",
    "callStatus": text("c.status"),
}
# The object without its end: the link to the recording is signed in Python.
_OPEN_OBJECT = object_of(_LOG_FIELDS).removesuffix(" || '}'")
_STATUS = """
    c.id, c.case_id, c.phone, c.job_id, c.status, c.job_group_id, c.instance_id, c.contact_id, c.created_at, c.polled_at
"""
_WHOLE = """
    SELECT c.*, p.polled_at AS last_polled_at, n.task_name
    FROM outbound_call c
    LEFT JOIN call_poll p ON p.call_id = c.id
    LEFT JOIN mediation_node n ON n.id = c.node_id
    WHERE c.job_id = $1
"""
_HISTORY = "SELECT status, at FROM call_event WHERE call_id = $1 ORDER BY id"


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls are meant: all of what is given must fit. ``phone`` as it is stored."""

    case_id: str | None = None
    person_id: str | None = None
    phone: str | None = None
    job_id: str | None = None

    def conditions(self, first: int) -> str:
        """Return the WHERE clause, its parameters numbered from ``first`` on.

        What never left is no call to anybody; it is told to who asks for it by its own id.
        """
        names = ("case_id", "person_id", "phone", "job_id")
        given = [name for name in names if getattr(self, name) is not None]
        parts = [f"c.{name} = ${number}" for number, name in enumerate(given, start=first)]
        return " AND ".join(parts if self.job_id else [*parts, "c.placement <> 'not_placed'"])

    def values(self) -> list[Any]:
        """Return the values of the conditions, in the order of their parameters."""
        given = (self.case_id, self.person_id, self.phone, self.job_id)
        return [value for value in given if value is not None]


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks at a number, and when."""

    actor: str
    at: datetime


async def log(connection: asyncpg.Connection, wanted: CallFilter) -> Rows:
    """Return the finished calls, newest first: ``head`` (the answer's text up to recordUrl), ``job_id``, the recording.

    ``head`` is an object without its end: ``{"callType":…,"callStatus":…``. ``is_recorded``: a recording is kept.
    """
    rows: Rows = await connection.fetch(_log_statement(wanted.conditions(1)), *wanted.values())
    return rows


@lru_cache(maxsize=16)
def _log_statement(conditions: str) -> str:
    return f"""
        SELECT {_OPEN_OBJECT} AS head, c.job_id, c.recording_state = 'stored' AS is_recorded
        FROM outbound_call c WHERE {conditions} AND c.ended_at IS NOT NULL ORDER BY c.id DESC
    """


async def status(connection: asyncpg.Connection, wanted: CallFilter, reader: Reader) -> asyncpg.Record | None:
    """Return the newest call that fits, or None; the look at its number stands in the audit trail, without it.

    ``fetched_at`` is when the provider last told of it; before the first time, when it was made.
    """
    statement = _status_statement(wanted.conditions(4), is_by_phone=wanted.values() == [wanted.phone])
    return await connection.fetchrow(statement, reader.at, reader.actor[:64], reader.at - REMEMBERED, *wanted.values())


@lru_cache(maxsize=16)
def _status_statement(conditions: str, *, is_by_phone: bool) -> str:
    """Put the statement together; the order is that of the index which finds the calls, so that one row is read."""
    order = "c.created_at DESC, c.id DESC" if is_by_phone else "c.id DESC"
    return f"""
        WITH found AS (
            SELECT {_STATUS} FROM outbound_call c WHERE {conditions} ORDER BY {order} LIMIT 1
        ), noted AS ({_note("status")})
        SELECT f.*, coalesce(p.polled_at, f.polled_at, f.created_at) AS fetched_at
        FROM found f LEFT JOIN call_poll p ON p.call_id = f.id
    """


def _note(question: str, kind: str = "call_id") -> str:
    """Write looks at the numbers of ``found`` down, unless the same caller looked at them a moment ago."""
    return f"""
        INSERT INTO audit_entry (at, actor, action, contact_id, reason, detail)
        SELECT $1::timestamptz, $2::text, '{READ}', f.contact_id, '{question}', jsonb_build_object('{kind}', f.id)
        FROM found f
        WHERE f.phone NOT LIKE 'erased-%' AND $3::timestamptz >= coalesce((
            SELECT a.at FROM audit_entry a
            WHERE a.contact_id = f.contact_id AND a.action = '{READ}' AND a.actor = $2::text
            ORDER BY a.id DESC LIMIT 1
        ), '-infinity')
    """


async def whole(connection: asyncpg.Connection, job_id: str) -> asyncpg.Record | None:
    """Return everything about a call, or None."""
    return await connection.fetchrow(_WHOLE, job_id)


async def history(connection: asyncpg.Connection, call_id: int) -> Rows:
    """Return what a call's status was, oldest first: ``status, at``."""
    rows: Rows = await connection.fetch(_HISTORY, call_id)
    return rows


_NOTE = f"WITH found AS (SELECT {_STATUS} FROM outbound_call c WHERE c.id = $4) {_note('call')}"
_PARTIES = "SELECT contact_id, mediation_id AS id, phone FROM mediation_party WHERE mediation_id = $4"
_NOTE_CASE = f"""
    WITH found AS ({_PARTIES} AND phone IS NOT NULL AND contact_id IS NOT NULL) {_note("case", "mediation_id")}
"""


async def note_look(connection: asyncpg.Connection, call_id: int, reader: Reader) -> None:
    """Write into the audit trail that somebody looked at the number of a call."""
    await connection.execute(_NOTE, reader.at, reader.actor[:64], reader.at - REMEMBERED, call_id)


async def note_case_look(connection: asyncpg.Connection, mediation_id: int, reader: Reader) -> None:
    """Write into the audit trail that somebody looked at the numbers of a case's parties."""
    await connection.execute(_NOTE_CASE, reader.at, reader.actor[:64], reader.at - REMEMBERED, mediation_id)
