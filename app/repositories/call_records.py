"""Pages of planned rounds, each with the calls that were made for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import asyncpg

State = Literal["planned", "calling", "done", "refused", "cancelled"]
Placement = Literal["reserved", "placed", "unknown", "not_placed"]

_TABLES = """
    mediation_record r
    JOIN mediation m ON m.id = r.mediation_id
    JOIN mediation_party p ON p.id = r.party_id
    JOIN mediation_node n ON n.id = r.node_id
"""
_COLUMNS = """
    r.id, r.mediation_id, m.case_id, r.node_id, n.task_name, p.person_id, p.person_type, p.contact_id, m.mediation_type,
    r.round, r.state, r.is_series, r.due_at, r.reason, r.reason_until, r.result, r.remark, r.creator, r.created_at,
    r.modifier, r.modified_at,
    (SELECT coalesce(jsonb_agg(jsonb_build_object(
         'jobId', c.job_id, 'callStatus', c.status, 'placement', c.placement, 'result', c.result,
         'remark', c.remark, 'isAutomatic', c.is_automatic) ORDER BY c.id), '[]')
     FROM outbound_call c WHERE c.record_id = r.id) AS calls
"""


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """Which rounds are meant: all of what is given must fit."""

    case_id: str | None = None
    mediation_id: int | None = None
    person_id: str | None = None
    state: State | None = None
    placement: Placement | None = None

    def conditions(self) -> str:
        """Return the WHERE clause, its parameters numbered from 1 on."""
        given = (
            ("m.case_id", self.case_id),
            ("r.mediation_id", self.mediation_id),
            ("p.person_id", self.person_id),
            ("r.state", self.state),
        )
        names = [name for name, value in given if value is not None]
        parts = ["r.deleted_at IS NULL", *(f"{name} = ${number}" for number, name in enumerate(names, start=1))]
        if self.placement is not None:
            # In the text, so that the planner can use the partial index on the rare one.
            parts.append(f"r.id IN (SELECT c.record_id FROM outbound_call c WHERE c.placement = '{self.placement}')")
        return " AND ".join(parts)

    def values(self) -> list[Any]:
        """Return the values of the conditions, in the order of their parameters."""
        given = (self.case_id, self.mediation_id, self.person_id, self.state)
        return [value for value in given if value is not None]


async def page(
    connection: asyncpg.Connection, wanted: RecordFilter, *, offset: int, limit: int
) -> tuple[int, Sequence[asyncpg.Record]]:
    """Return how many rounds there are and one page of them, newest first; ``calls`` as the wire has them."""
    values = wanted.values()
    count, rows = _statements(wanted.conditions(), len(values))
    total: int = await connection.fetchval(count, *values)
    return total, await connection.fetch(rows, *values, limit, offset)


@lru_cache(maxsize=128)
def _statements(conditions: str, values: int) -> tuple[str, str]:
    # Only the rows of the page are joined with their calls.
    return (
        f"SELECT count(*) FROM {_TABLES} WHERE {conditions}",
        f"""
        SELECT {_COLUMNS} FROM {_TABLES} WHERE {conditions}
        ORDER BY r.id DESC LIMIT ${values + 1} OFFSET ${values + 2}
        """,
    )
