"""Hours in which people may be reached: week windows and holidays, in local time.

Shared by automatic messages and calls. Moments go in and out zone-aware in UTC; the rules are read in the zone.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_WEEK = timedelta(days=7)
_HORIZON_DAYS = 400
"""How far ahead an opening is looked for; longer means never."""

Range = tuple[int, int]
"""Minutes of a day, the end not included."""


@dataclass(frozen=True, slots=True)
class Window:
    """The open minutes of each day of the week (0 is Sunday); no days at all means always open."""

    zone: ZoneInfo
    days: Mapping[int, tuple[Range, ...]]
    is_holiday: Callable[[date], bool] | None = None
    """Says whether a date is closed; None: holidays do not matter."""

    def opens_at(self, now: datetime) -> datetime | None:
        """Return the first open moment from ``now`` on (``now`` itself when open), or None for never."""
        if not self.days and self.is_holiday is None:
            return now
        today = now.astimezone(self.zone).date()
        for offset in range(_HORIZON_DAYS):
            moment = self._opens_on(today + timedelta(days=offset), now)
            if moment is not None:
                return moment
        return None

    def closes_at(self, now: datetime) -> datetime | None:
        """Return the end of the open time in which ``now`` lies (``now`` itself when closed), or None: not for a week.

        Ranges that touch or overlap are one, over midnight too.
        """
        if not self.days and self.is_holiday is None:
            return None
        moment = now
        while moment < now + _WEEK:
            day = moment.astimezone(self.zone).date()
            around = (*self._spans(day - timedelta(days=1)), *self._spans(day))
            closing = max((closing for opening, closing in around if opening <= moment < closing), default=None)
            if closing is None:
                return moment
            moment = closing
        return None

    def _opens_on(self, day: date, now: datetime) -> datetime | None:
        for opening, closing in self._spans(day):
            if now < closing and opening < closing:
                return max(now, opening)
        return None

    def _spans(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        """Yield when a day's ranges begin and end, in their order."""
        if self.is_holiday is not None and self.is_holiday(day):
            return
        ranges = self.days.get(day.isoweekday() % 7, ()) if self.days else ((0, 24 * 60),)
        for begin, end in sorted(ranges):
            # An end that the clock skips in spring is read as the earlier of its two meanings: rather too short.
            yield self._moment(day, begin), min(self._moment(day, end), self._moment(day, end, fold=1))

    def _moment(self, day: date, minutes: int, fold: int = 0) -> datetime:
        days, minute = divmod(minutes, 24 * 60)
        local = datetime.combine(day + timedelta(days=days), time(minute // 60, minute % 60, fold=fold), self.zone)
        return local.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Bounded:
    """A window that counts from one moment on and until another."""

    window: Window
    begins_at: datetime | None = None
    ends_at: datetime | None = None
    """Not included."""

    def opens_at(self, now: datetime) -> datetime | None:
        """Return the first open moment from ``now`` on (``now`` itself when open), or None for never."""
        opens = self.window.opens_at(now if self.begins_at is None else max(now, self.begins_at))
        return None if opens is None or (self.ends_at is not None and opens >= self.ends_at) else opens

    def closes_at(self, now: datetime) -> datetime | None:
        """Return the end of the open time in which ``now`` lies, or None: not for a week."""
        ends = (self.window.closes_at(now), self.ends_at)
        return min((moment for moment in ends if moment is not None), default=None)


def minutes_of(clock_time: str) -> int:
    """Return the minutes since midnight of ``H:MM`` or ``HH:MM``."""
    hours, minutes = clock_time.split(":")
    return int(hours) * 60 + int(minutes)
