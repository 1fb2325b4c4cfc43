"""How much a gateway is trusted with at a time: a slow start, and a circuit that opens when it fails.

A gateway that hangs turns everything in flight into uncertain sends that people must sort out by hand. So a gateway
starts with a few messages at a time, gets twice as many after each batch that went well, and after failures nothing
until a pause is over, then a single message to see.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

FIRST_BATCH = 16
FAILURES_TO_OPEN = 5
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=5)


@dataclass(slots=True)
class Circuit:
    """The state of one gateway as this process sees it."""

    allowed: int = FIRST_BATCH
    failures: int = 0
    opened: int = 0
    closed_until: datetime | None = None

    def batch_limit(self, now: datetime, most: int) -> int:
        """Return how many messages may be under way now; 0 while the circuit is open."""
        if self.closed_until is not None and now < self.closed_until:
            return 0
        return 1 if self.opened else min(self.allowed, most)

    @property
    def is_trying(self) -> bool:
        """Whether it failed, and has given no proof yet that it works again."""
        return self.opened > 0

    def record(self, *, successes: int, failures: int, now: datetime) -> None:
        """Learn from a batch: how many got an answer, how many got none."""
        if failures == 0:
            if successes:
                self.allowed = min(self.allowed * 2, 100_000)
                self.failures = self.opened = 0
                self.closed_until = None
            return
        self.allowed = FIRST_BATCH
        self.failures = failures if successes else self.failures + failures
        if self.failures >= FAILURES_TO_OPEN or self.opened:
            self.closed_until = now + min(FIRST_PAUSE * 2**self.opened, LONGEST_PAUSE)
            self.opened = min(self.opened + 1, 16)
