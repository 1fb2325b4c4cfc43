"""Pages and exports of the records: what was sent, or tried, newest first.

Totals come from the tally that a trigger keeps (exact within the statement's snapshot, nothing is counted) where the
filters allow, else from a count under the same conditions, in the same statement as the page.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

import asyncpg

from app.repositories.database import Database
from app.repositories.json_sql import array_of, as_bytes, moment, object_of, plain, sure, text

Status = Literal["reserved", "sent", "failed", "unknown", "not_sent"]
_STATUSES: tuple[Status, ...] = ("reserved", "sent", "failed", "unknown", "not_sent")

EXPORT_BATCH = 1000
_FAR = 1000
"""From this row on a page is worth a look at which end of the list is nearer."""

_FIELDS = {
    "id": sure("r.id"),
    "contact_id": sure("r.contact_id"),
    "config_id": plain("r.config_id"),
    "script_id": plain("r.script_id"),
    "day_number": plain("r.day_number"),
    "content": text("r.content"),
    "sent_at": moment("r.sent_at"),
    "got_reply": sure("r.got_reply"),
    "reply_content": text("r.reply_content"),
    "replied_at": moment("r.replied_at"),
    "kind": text("r.kind"),
    "status": text("r.status"),
    "error": text("r.error"),
    "enrollment_id": plain("r.enrollment_id"),
}
EXPORT_COLUMNS = tuple(_FIELDS)


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """Which records are meant; ``sent_from`` is included, ``sent_to`` is not."""

    statuses: tuple[Status, ...] = ("sent", "unknown")
    contact_id: int | None = None
    config_id: int | None = None
    got_reply: bool | None = None
    sent_from: datetime | None = None
    sent_to: datetime | None = None

    @property
    def is_tallied(self) -> bool:
        """Whether the tally knows how many records these are."""
        return self.contact_id is None and self.sent_from is None and self.sent_to is None

    def values(self) -> list[Any]:
        """Return the values of the conditions, in the order of their parameters."""
        given = (self.contact_id, self.config_id, self.got_reply, self.sent_from, self.sent_to)
        return [value for value in given if value is not None]

    def conditions(self, first: int) -> str:
        """Return the WHERE clause, its parameters numbered from ``first`` on."""
        given = (
            ("contact_id =", self.contact_id),
            ("config_id =", self.config_id),
            ("got_reply =", self.got_reply),
            ("sent_at >=", self.sent_from),
            ("sent_at <", self.sent_to),
        )
        present = [comparison for comparison, value in given if value is not None]
        parameters = [f"{comparison} ${number}" for number, comparison in enumerate(present, start=first)]
        # The statuses stand in the text: the planner can then use the partial indexes on them.
        names = ", ".join(f"'{status}'" for status in _STATUSES if status in self.statuses)
        return " AND ".join([f"status IN ({names})", *parameters])


async def records_json(connection: asyncpg.Connection, wanted: RecordFilter, *, page: int, page_size: int) -> bytes:
    """Return the finished answer ``{total, page, page_size, results}`` for one page of records."""
    offset = (page - 1) * page_size
    statement = _page_statement(wanted.conditions(4), is_tallied=wanted.is_tallied, is_far=offset >= _FAR)
    answer: bytes = await connection.fetchval(statement, page, page_size, offset, *wanted.values())
    return answer


@lru_cache(maxsize=256)
def _page_statement(conditions: str, *, is_tallied: bool, is_far: bool) -> str:
    """Put a page's statement together.

    ``LIMIT (SELECT …)`` keeps the planner from planning each call anew: with a bare parameter it holds the plan
    for the very number to be cheaper than the general one, and planning costs more than reading the page.
    """
    counted = (
        f"SELECT coalesce(sum(delta), 0)::bigint AS total FROM follow_up_record_tally WHERE {conditions}"
        if is_tallied
        else f"SELECT count(*) AS total FROM follow_up_record WHERE {conditions}"
    )  # `conditions` are texts of this file, values travel as parameters
    head = {"total": "t.total::text", "page": "$1::bigint::text", "page_size": "$2::bigint::text"}
    answer = object_of(head | {"results": "p.results"})
    near = f"""
        SELECT * FROM follow_up_record WHERE {conditions} AND $3::bigint < t.total
        ORDER BY id DESC LIMIT (SELECT $2::bigint) OFFSET (SELECT $3::bigint)
    """
    rows = near if not is_far else _from_nearer_end(conditions)
    return f"""
        WITH t AS ({counted})
        SELECT {as_bytes(answer)}
        FROM t, LATERAL (SELECT {array_of(object_of(_FIELDS), "r.id DESC")} AS results FROM ({rows}) r) p
    """


def _from_nearer_end(conditions: str) -> str:
    """Read a page from the front or from the back, whichever is nearer; the other branch is never run."""
    return f"""
        (SELECT * FROM follow_up_record WHERE {conditions} AND $3::bigint * 2 < t.total
         ORDER BY id DESC LIMIT (SELECT $2::bigint) OFFSET (SELECT $3::bigint))
        UNION ALL
        (SELECT * FROM follow_up_record WHERE {conditions} AND $3::bigint * 2 >= t.total AND $3::bigint < t.total
         ORDER BY id LIMIT greatest(least($2::bigint, t.total - $3::bigint), 0)
         OFFSET greatest(t.total - $3::bigint - $2::bigint, 0))
    """


async def record_batches(database: Database, wanted: RecordFilter) -> AsyncIterator[Sequence[asyncpg.Record]]:
    """Give all records, newest first, in batches; no transaction stays open between two batches."""
    statement = f"""
        SELECT {", ".join(f"r.{name}" for name in EXPORT_COLUMNS)} FROM follow_up_record r
        WHERE id < $1 AND {wanted.conditions(2)} ORDER BY id DESC LIMIT {EXPORT_BATCH}
    """
    before = 2**63 - 1
    while True:
        async with database.connection() as connection:
            batch = await connection.fetch(statement, before, *wanted.values())
        if batch:
            yield batch
        if len(batch) < EXPORT_BATCH:
            return
        before = batch[-1]["id"]
