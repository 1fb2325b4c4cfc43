"""When a provider is asked again about a call that is under way."""

from dataclasses import dataclass
from datetime import datetime, timedelta

RINGING_SECONDS = 2.0
TALKING_SECONDS = 5.0
JITTER = 0.1
FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=1)
_SLOWEST = 16.0
_RECOVERY = 0.8
_RECOVERY_PAUSE = timedelta(seconds=5)
_GOLDEN = 0.6180339887498949


def poll_after(*, is_talking: bool, scale: float, slowness: float, draw: float) -> timedelta:
    """Return how long to wait before asking about a call again.

    Args:
        is_talking: The phone was picked up.
        scale: How long a second of the provider's world takes, in seconds.
        slowness: From 1 on: how much less often the provider wants to be asked.
        draw: 0..1, spreads calls that began together.
    """
    seconds = (TALKING_SECONDS if is_talking else RINGING_SECONDS) * scale * slowness
    return timedelta(seconds=seconds * (1 - JITTER + 2 * JITTER * draw))


def pause_after(failures: int) -> timedelta:
    """Return the growing pause after answers that could not be used, or that did not know the call."""
    return min(FIRST_PAUSE * (1 << min(max(failures - 1, 0), 16)), LONGEST_PAUSE)


def draw_of(call_id: int, polls: int) -> float:
    """Return 0..1, evenly spread over calls and over the polls of one call; no chance, so that tests repeat."""
    return (call_id * _GOLDEN + polls * _GOLDEN * _GOLDEN) % 1.0


@dataclass(slots=True)
class Slowness:
    """How much less often a provider is asked after it said "too many"; recovers step by step."""

    factor: float = 1.0
    paused_until: datetime | None = None
    changed_at: datetime | None = None

    def throttled(self, retry_after: int, now: datetime) -> None:
        """Note that the provider wants a pause of so many seconds; several answers of one moment count once."""
        until = now + timedelta(seconds=retry_after)
        if not self.is_paused(now):
            self.factor = min(self.factor * 2, _SLOWEST)
        self.paused_until = until if self.paused_until is None else max(self.paused_until, until)
        self.changed_at = self.paused_until

    def answered(self, now: datetime) -> None:
        """Note that the provider answered; every few seconds it is then asked a little more often again."""
        if self.changed_at is not None and now >= self.changed_at + _RECOVERY_PAUSE:
            self.factor = max(1.0, self.factor * _RECOVERY)
            self.changed_at = now if self.factor > 1.0 else None

    def is_paused(self, now: datetime) -> bool:
        """Tell whether nothing is to be asked now."""
        return self.paused_until is not None and now < self.paused_until
