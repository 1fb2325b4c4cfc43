"""The hours in which calls may be placed: those of a node, else the setting's, else nine to nine."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any

import asyncpg
from pydantic import TypeAdapter, ValidationError

from app.config import Settings, WeekWindow
from app.domain.calendar import Holidays
from app.domain.windows import Window, minutes_of
from app.gateways.dialer import Dialer
from app.services import calendar

_NINE_TO_NINE: dict[int, tuple[tuple[int, int], ...]] = dict.fromkeys(range(7), ((9 * 60, 21 * 60),))
_WEEK = TypeAdapter(tuple[WeekWindow, ...])


class Hours:
    """The hours of one batch, with the calendar as it stands now."""

    def __init__(self, settings: Settings, dialer: Dialer, holidays: Holidays) -> None:
        self._settings = settings
        self._dialer = dialer
        self._holidays = holidays

    @classmethod
    async def load(cls, connection: asyncpg.Connection, settings: Settings, dialer: Dialer) -> "Hours":
        """Read the calendar."""
        return cls(settings, dialer, await calendar.load(connection))

    def window(
        self,
        dial_window: Sequence[dict[str, Any]] | None,
        *,
        skip_holiday: bool | None,
        closed: frozenset[date] = frozenset(),
    ) -> Window | None:
        """Return the hours of a node or a group; None: they cannot be read, so no call.

        Args:
            dial_window: ``[{week, times: [{begin_time, end_time}]}]``; null or empty: the setting's.
            skip_holiday: Whether statutory holidays are closed; null: the setting's.
            closed: Dates that are closed besides.
        """
        try:
            weeks = _WEEK.validate_python(dial_window) if dial_window else self._settings.dial_window
        except ValidationError:
            return None
        days = _days(weeks) if weeks else self._default
        skips = self._settings.dial_skip_holiday if skip_holiday is None else skip_holiday
        is_holiday = self._holidays.is_holiday if skips else None
        return Window(self._settings.zone, days, _closing(closed, is_holiday) if closed else is_holiday)

    @property
    def _default(self) -> dict[int, tuple[tuple[int, int], ...]]:
        """All day where nobody is reached."""
        return _NINE_TO_NINE if self._dialer.reaches_people else {}


def _closing(closed: frozenset[date], is_holiday: Callable[[date], bool] | None) -> Callable[[date], bool]:
    return lambda day: day in closed or (is_holiday is not None and is_holiday(day))


def _days(weeks: Iterable[WeekWindow]) -> dict[int, tuple[tuple[int, int], ...]]:
    days: dict[int, tuple[tuple[int, int], ...]] = {}
    for entry in weeks:
        ranges = tuple((minutes_of(times.begin_time), minutes_of(times.end_time)) for times in entry.times)
        days[entry.week] = days.get(entry.week, ()) + ranges
    return days
