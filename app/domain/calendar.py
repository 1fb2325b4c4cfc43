"""Statutory holidays with 调休: what the library knows, and what the table adds or overrides.

The State Council announces a year's days late in the year before; the library has them from 2004 on, and a release
later than the announcement. A year that nobody knows anything about is closed: nobody is reached on a day that is not
known to be open.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

WARN_FROM_MONTH = 11
"""From this month on, the next year's holidays should be known."""


@dataclass(frozen=True, slots=True)
class Year:
    """What was written down for one year."""

    holidays: frozenset[date] = frozenset()
    """Dates on which nobody is reached."""
    workdays: frozenset[date] = frozenset()
    """Dates that are open whatever the library says; weekends that are worked (调休)."""


@dataclass(frozen=True, slots=True)
class Holidays:
    """Tells which dates are statutory holidays."""

    written: Mapping[int, Year] = field(default_factory=dict)
    """Years of the table; each goes before the library, date by date."""

    def is_holiday(self, day: date) -> bool:
        """Tell whether a date is a statutory holiday; plain weekends are none, every date of an unknown year is one."""
        year = self.written.get(day.year)
        if year is not None and day in year.holidays:
            return True
        if year is not None and day in year.workdays:
            return False
        built_in = _built_in(day)
        return year is None if built_in is None else built_in

    def is_known(self, year: int) -> bool:
        """Tell whether anything is known about a year."""
        return year in self.written or is_built_in(year)

    def closed_dates(self, year: int) -> list[date]:
        """Return the holidays of a known year, in order; none of an unknown one, all of whose dates are closed."""
        first = date(year, 1, 1)
        days = (date(year + 1, 1, 1) - first).days
        dates = (first + timedelta(days=number) for number in range(days))
        return [day for day in dates if self.is_holiday(day)] if self.is_known(year) else []

    def missing_year(self, today: date) -> int | None:
        """Return the year whose holidays should be known by now and are not: this one, or from November on the next."""
        years = [today.year, today.year + 1] if today.month >= WARN_FROM_MONTH else [today.year]
        return next((year for year in years if not self.is_known(year)), None)


def is_built_in(year: int) -> bool:
    """Tell whether the library knows a year."""
    return _built_in(date(year, 1, 1)) is not None


def _built_in(day: date) -> bool | None:
    """Ask the library; None for a year that it does not have."""
    import chinese_calendar  # noqa: PLC0415 - slow to import, and only needed where holidays matter

    try:
        is_free, name = chinese_calendar.get_holiday_detail(day)
    except NotImplementedError:  # the library's way to say that it does not have that year
        return None
    return bool(is_free and name is not None)
