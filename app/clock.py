"""The one place that reads the time; everything else is handed a ``now`` or a ``Clock``."""

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Says what time it is, zone-aware and in UTC."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        return datetime.now(UTC)


class ManualClock:
    """A clock that stands still until it is moved; for tests, previews and simulations."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        """Return the moment that the clock was set to."""
        return self._now

    def advance(self, step: timedelta) -> datetime:
        """Move the clock forward by ``step`` and return the new moment."""
        self._now += step
        return self._now

    def set(self, moment: datetime) -> None:
        """Set the clock to ``moment``."""
        self._now = moment
