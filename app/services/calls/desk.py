"""The provider as this process sees it: how much it is trusted with, and how many requests are under way."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from app.domain.dialing import Slowness
from app.gateways.circuit import FIRST_PAUSE, Circuit
from app.gateways.dialer import Dialer, NotPlaced, Placed, Placement, PlacementUnknown
from app.services.calls.source import Source
from app.services.context import Context

MOST_AT_ONCE = 500
"""Calls that one batch reserves; it holds the lines while it is written."""


class Desk:
    """Made once by ``create_app``; requests and the scheduler place calls through the same one."""

    def __init__(self, context: Context, sources: Sequence[Source]) -> None:
        self.context = context
        self.dialer: Dialer = context.dialer
        self.sources = tuple(sources)
        self.slowness = Slowness()
        """Of polls; a throttled provider is asked less often."""
        self.placing = 0
        """Calls that are reserved and whose answer is awaited by this process."""
        self._circuit = Circuit()
        self._throttled_until: datetime | None = None
        self._requests = asyncio.Semaphore(context.settings.call_concurrency)

    @property
    def lease(self) -> timedelta:
        """How long a claim or a reservation belongs to the process that made it."""
        return timedelta(seconds=self.context.settings.lease_seconds)

    @property
    def gives_up_after(self) -> timedelta:
        """When the watchdog ends a call; in a simulated world earlier, but never before what is lost is looked up."""
        watchdog = timedelta(minutes=self.context.settings.call_watchdog_minutes) * self.dialer.time_scale
        return max(watchdog, 4 * self.lease)

    def room(self, now: datetime) -> int:
        """Return how many more calls the provider may be trusted with now."""
        if self._is_throttled(now):
            return 0
        return max(0, self._circuit.batch_limit(now, MOST_AT_ONCE) - self.placing)

    def back_at(self, now: datetime, taken: int = 0) -> datetime | None:
        """Return when a provider that is away or wants a pause is tried again; None: it is there, or to be tried.

        One call shows whether a provider that was away is there again; what comes beside it, of this process and of
        the ``taken`` ones of one batch, waits for what becomes of it.
        """
        if self._is_throttled(now):
            return self._throttled_until
        if self._circuit.batch_limit(now, 1) == 0:
            return self._circuit.closed_until
        return now + FIRST_PAUSE if self._circuit.is_trying and self.placing + taken > 0 else None

    def learn(self, placements: list[Placement], now: datetime) -> None:
        """Learn from the provider's answers to calls that were placed."""
        failures = sum(_is_down(placement) for placement in placements)
        self._circuit.record(successes=len(placements) - failures, failures=failures, now=now)
        for placement in placements:
            if isinstance(placement, NotPlaced) and placement.retry_after is not None:
                until = now + timedelta(seconds=placement.retry_after)
                self._throttled_until = max(self._throttled_until or until, until)

    @asynccontextmanager
    async def request(self) -> AsyncIterator[None]:
        """Wait for a place among the requests to the provider that are under way."""
        async with self._requests:
            yield

    def _is_throttled(self, now: datetime) -> bool:
        return self._throttled_until is not None and now < self._throttled_until


def _is_down(placement: Placement) -> bool:
    match placement:
        case PlacementUnknown():
            return True
        case NotPlaced(retry_after=None, is_final=False):
            return True
        case NotPlaced() | Placed():
            return False
