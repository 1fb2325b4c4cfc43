"""The years of the holiday table."""

from collections.abc import Collection
from datetime import date, datetime

import asyncpg

_YEARS = "SELECT year, holidays, workdays, updated_at FROM calendar_year"
_PUT = """
    INSERT INTO calendar_year (year, holidays, workdays, updated_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (year) DO UPDATE SET holidays = $2, workdays = $3, updated_at = $4
"""


async def years(connection: asyncpg.Connection) -> list[asyncpg.Record]:
    """Return every year of the table: ``year``, ``holidays`` and ``workdays`` as ISO dates, ``updated_at``."""
    rows: list[asyncpg.Record] = await connection.fetch(_YEARS)
    return rows


async def find(connection: asyncpg.Connection, year: int) -> asyncpg.Record | None:
    """Return one year of the table, or None."""
    return await connection.fetchrow(f"{_YEARS} WHERE year = $1", year)


async def put(
    connection: asyncpg.Connection, year: int, holidays: Collection[date], workdays: Collection[date], now: datetime
) -> None:
    """Write a year, in place of what stood there."""
    await connection.execute(_PUT, year, _written(holidays), _written(workdays), now)


def _written(dates: Collection[date]) -> list[str]:
    return [day.isoformat() for day in sorted(set(dates))]
