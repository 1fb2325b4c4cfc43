"""Changes of calls' statuses, in an order in which none is missed.

Ids alone do not do: a transaction that began earlier may commit later, and its events would stand before the place that
a reader has reached. What lies below the oldest running transaction is complete and stays so, and is read in the order
of transactions.
"""

from collections.abc import Sequence
from typing import NamedTuple

import asyncpg

_HORIZON = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
_NEWEST = """
    SELECT transaction_id, id FROM call_event WHERE transaction_id < $1 ORDER BY transaction_id DESC, id DESC LIMIT 1
"""
_AFTER = """
    SELECT e.transaction_id, e.id, e.status, e.at, c.job_id, c.case_id, c.mediation_id, c.node_id, c.person_id,
           c.call_type, c.phone, c.placement, c.result, c.is_reached
    FROM call_event e JOIN outbound_call c ON c.id = e.call_id
    WHERE (e.transaction_id, e.id) > ($1, $2) AND e.transaction_id < $3
      AND ($4::text IS NULL OR c.case_id = $4) AND ($5::text IS NULL OR c.job_id = $5)
    ORDER BY e.transaction_id, e.id LIMIT $6
"""


class Place(NamedTuple):
    """Where a reader stands: behind this event."""

    transaction_id: int
    event_id: int


async def horizon(connection: asyncpg.Connection) -> int:
    """Return the transaction below which nothing new can appear."""
    lowest: int = await connection.fetchval(_HORIZON)
    return lowest


async def newest(connection: asyncpg.Connection, below: int) -> Place | None:
    """Return the newest event below a transaction, or None."""
    row = await connection.fetchrow(_NEWEST, below)
    return None if row is None else Place(row["transaction_id"], row["id"])


async def after(
    connection: asyncpg.Connection, place: Place, below: int, *, case_id: str | None, job_id: str | None, limit: int
) -> Sequence[asyncpg.Record]:
    """Return events behind a place and below a transaction, in order, with what is known of their calls now."""
    rows: Sequence[asyncpg.Record] = await connection.fetch(_AFTER, *place, below, case_id, job_id, limit)
    return rows
