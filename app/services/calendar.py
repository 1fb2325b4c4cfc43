"""The holidays that hold now, for everything that asks whether a day is open.

Read anew for each batch and each request that needs it, so that what one process writes holds in all of them at once.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

import asyncpg

from app.domain.calendar import Holidays, Year, is_built_in
from app.errors import InvalidInputError, NotFoundError
from app.repositories import audit
from app.repositories import calendar as store
from app.services.context import Context
from app.services.transactions import in_transaction


@dataclass(frozen=True, slots=True)
class YearView:
    """A year as it was written, and what holds."""

    year: int
    holidays: list[date]
    workdays: list[date]
    is_built_in: bool
    closed_dates: list[date]
    updated_at: datetime | None


async def load(connection: asyncpg.Connection) -> Holidays:
    """Return the holidays that hold now; its ``is_holiday`` is what windows ask."""
    return Holidays(
        {row["year"]: Year(_dates(row["holidays"]), _dates(row["workdays"])) for row in await store.years(connection)}
    )


async def read(context: Context) -> Holidays:
    """Return the same on a connection of its own."""
    async with context.database.connection() as connection:
        return await load(connection)


async def warning(context: Context) -> str | None:
    """Return what is to be said about a year whose holidays should be known by now and are not."""
    today = context.clock.now().astimezone(context.settings.zone).date()
    year = (await read(context)).missing_year(today)
    if year is None:
        return None
    return (
        f"没有 {year} 年的节假日数据,设置了跳过节假日的渠道在该年不会触达任何人,请 PUT /api/calendar/{year} "
        f"(no holidays are known for {year}: what skips holidays reaches nobody in that year)"
    )


async def view(context: Context, year: int) -> YearView:
    """Return a year; 404 where nothing is known about it."""
    async with context.database.connection() as connection:
        row = await store.find(connection, year)
        holidays = await load(connection)
    if not holidays.is_known(year):
        raise NotFoundError(
            f"没有 {year} 年的节假日数据,请 PUT /api/calendar/{year} (nothing is known about {year}; PUT its days)"
        )
    return YearView(
        year,
        sorted(_dates(row["holidays"])) if row else [],
        sorted(_dates(row["workdays"])) if row else [],
        is_built_in(year),
        holidays.closed_dates(year),
        row["updated_at"] if row else None,
    )


async def put(
    context: Context, year: int, holidays: Collection[date], workdays: Collection[date], *, actor: str
) -> None:
    """Write a year's days in place of what was written before.

    Raises:
        InvalidInputError: a date of another year, a date in both lists, or a year without any holiday of which nothing
            else is known: that would open every day of it.
    """
    for name, dates in (("holidays", holidays), ("workdays", workdays)):
        foreign = sorted(day for day in dates if day.year != year)
        if foreign:
            raise InvalidInputError(f"{foreign[0]} 不在 {year} 年 (not in {year})", field=("body", name))
    both = sorted(set(holidays) & set(workdays))
    if both:
        raise InvalidInputError(
            f"{both[0]} 既是节假日又是工作日 (both a holiday and a working day)", field=("body", "workdays")
        )
    if not holidays and not is_built_in(year):
        raise InvalidInputError(
            f"{year} 年没有内置数据,请给出全部节假日 (nothing is built in for {year}: give all its holidays)",
            field=("body", "holidays"),
        )
    now = context.clock.now()

    async def work(connection: asyncpg.Connection) -> None:
        await store.put(connection, year, holidays, workdays, now)
        counts = {"year": year, "holidays": len(set(holidays)), "workdays": len(set(workdays))}
        await audit.write(connection, now, actor=actor, action="calendar", entries=[audit.Entry(detail=counts)])

    await in_transaction(context, work)
    context.wake.set()
    context.wake_calls.set()


def _dates(texts: Collection[str]) -> frozenset[date]:
    return frozenset(date.fromisoformat(text) for text in texts)
