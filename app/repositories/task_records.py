"""Records of call tasks: finished attempts, as readers ask for them."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, TypeAlias

import asyncpg

from app.repositories.database import Database

Rows: TypeAlias = Sequence[asyncpg.Record]

IS_RECORD: Final = """
    c.ended_at IS NOT NULL AND c.number_status IS NOT NULL AND (c.number_status <> 0 OR c.is_counted)
"""
"""A finished attempt: not a call that was certainly never made (status 0, not counted).

Summary, notices and lists all count by it; ``ix_outbound_call_task_id_created_at`` holds everything that it asks for.
"""
EXPORT_BATCH: Final = 1000

_TASK = "SELECT id, name FROM call_task WHERE account_id = $1 AND id = $2 AND deleted_at IS NULL"
_COLUMNS = """
    c.id, c.task_id, c.number_id, c.phone, n.name, c.number_status, c.intention, c.created_at, c.answered_at,
    c.ended_at, c.job_id, c.recording_state, c.result, c.line_id, l.name AS line_name, c.group_id,
    g.name AS group_name, c.seat_id, s.name AS seat_name, coalesce(i.tags, '[]') AS tags,
    (SELECT count(*) FROM outbound_call e
     WHERE e.number_id = c.number_id AND e.id <= c.id AND e.ended_at IS NOT NULL
       AND (e.number_status <> 0 OR e.is_counted)) AS attempt
"""
_JOINS = """
    LEFT JOIN task_number n ON n.id = c.number_id
    LEFT JOIN caller_line l ON l.id = c.line_id
    LEFT JOIN outbound_group g ON g.id = c.group_id
    LEFT JOIN customer_service s ON s.id = c.seat_id
    LEFT JOIN call_intention i ON i.call_id = c.id
"""
_ONE = f"""
    SELECT {_COLUMNS}, c.conversations, c.remark, i.state AS intention_state, i.evidence, i.model, i.problem,
           i.analysed_at
    FROM outbound_call c {_JOINS}
    WHERE c.id = $2 AND c.task_id = $1 AND {IS_RECORD}
"""


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """Which records of a task are meant: all of what is given must fit; times are those of the call's beginning."""

    task_id: int
    number_status: int | None = None
    intention: int | None = None
    begin: datetime | None = None
    end: datetime | None = None
    """Not included."""
    phone: str | None = None
    """As it is stored."""

    def conditions(self) -> str:
        """Return the WHERE clause, its parameters numbered from 1 on."""
        given = (
            ("c.number_status = ", self.number_status),
            ("c.intention = ", self.intention),
            ("c.created_at >= ", self.begin),
            ("c.created_at < ", self.end),
            ("c.phone = ", self.phone),
        )
        names = [name for name, value in given if value is not None]
        return " AND ".join([
            "c.task_id = $1", IS_RECORD, *(f"{name}${number}" for number, name in enumerate(names, start=2))
        ])  # fmt: skip

    def values(self) -> list[Any]:
        """Return the values of the conditions, in the order of their parameters."""
        given = (self.number_status, self.intention, self.begin, self.end, self.phone)
        return [self.task_id, *(value for value in given if value is not None)]


async def task(connection: asyncpg.Connection, account_id: str, task_id: int) -> asyncpg.Record | None:
    """Return a task of an account, ``id, name``, or None; a deleted one is not there."""
    return await connection.fetchrow(_TASK, account_id, task_id)


async def page(connection: asyncpg.Connection, wanted: RecordFilter, *, offset: int, limit: int) -> tuple[int, Rows]:
    """Return how many records fit and a page of them, newest first."""
    values = wanted.values()
    count, rows = _statements(wanted.conditions(), len(values))
    total: int = await connection.fetchval(count, *values)
    return total, await connection.fetch(rows, *values, limit, offset)


async def one(connection: asyncpg.Connection, task_id: int, record_id: int) -> asyncpg.Record | None:
    """Return a record with its talk and what was read from it, or None."""
    return await connection.fetchrow(_ONE, task_id, record_id)


async def batches(database: Database, wanted: RecordFilter) -> AsyncIterator[Rows]:
    """Give all records that fit, newest first, in batches; no transaction stays open between two batches."""
    values = wanted.values()
    first, following = _batch_statements(wanted.conditions(), len(values))
    last: tuple[Any, ...] = ()
    while True:
        async with database.connection() as connection:
            batch = await connection.fetch(following if last else first, *values, *last)
        if batch:
            yield batch
        if len(batch) < EXPORT_BATCH:
            return
        last = (batch[-1]["created_at"], batch[-1]["id"])


@lru_cache(maxsize=128)
def _statements(conditions: str, values: int) -> tuple[str, str]:
    # Only the rows of the page are read and joined.
    found = f"""
        SELECT c.id FROM outbound_call c WHERE {conditions}
        ORDER BY c.created_at DESC, c.id DESC LIMIT ${values + 1} OFFSET ${values + 2}
    """
    return f"SELECT count(*) FROM outbound_call c WHERE {conditions}", _joined(found)


@lru_cache(maxsize=128)
def _batch_statements(conditions: str, values: int) -> tuple[str, str]:
    order = f"ORDER BY c.created_at DESC, c.id DESC LIMIT {EXPORT_BATCH}"
    behind = f"(c.created_at, c.id) < (${values + 1}, ${values + 2})"
    return (
        _joined(f"SELECT c.id FROM outbound_call c WHERE {conditions} {order}"),
        _joined(f"SELECT c.id FROM outbound_call c WHERE {conditions} AND {behind} {order}"),
    )


def _joined(found: str) -> str:
    return f"""
        SELECT {_COLUMNS} FROM ({found}) AS found JOIN outbound_call c ON c.id = found.id {_JOINS}
        ORDER BY c.created_at DESC, c.id DESC
    """
