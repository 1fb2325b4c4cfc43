"""Exact totals of whole tables without counting: triggers write changes, readers sum them up, a pass folds them."""

from collections.abc import Collection
from typing import Literal

import asyncpg
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import RowTally

Subject = Literal["contact", "message", "filtered"]
"""People, messages that are not filtered, messages that are."""

_TOTAL = "SELECT coalesce(sum(delta), 0)::bigint FROM row_tally WHERE subject = ANY($1::text[])"
_FOLD = """
    WITH gone AS (
        DELETE FROM row_tally WHERE (SELECT count(*) FROM row_tally) > 64 RETURNING subject, delta
    )
    INSERT INTO row_tally (subject, delta)
    SELECT subject, sum(delta) FROM gone GROUP BY 1 HAVING sum(delta) <> 0
"""


async def total(connection: asyncpg.Connection, subjects: Collection[Subject]) -> int:
    """Return how many rows there are of these kinds together."""
    found: int = await connection.fetchval(_TOTAL, list(subjects))
    return found


async def people(session: AsyncSession) -> int:
    """Return how many people there are."""
    found = await session.scalar(select(func.sum(RowTally.delta)).where(RowTally.subject == "contact"))
    return int(found or 0)


async def fold(connection: asyncpg.Connection) -> None:
    """Fold the changes together; one folder at a time, nobody waits, sums stay the same."""
    if await connection.fetchval("SELECT pg_try_advisory_xact_lock(hashtext('row_tally'))"):
        await connection.execute(_FOLD)
