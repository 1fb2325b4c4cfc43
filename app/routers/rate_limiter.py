"""Buckets of tokens: how often each of many callers may do something, in each process by itself."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable

_MINUTE = 60.0
_BURST_SECONDS = 10.0
MOST_CALLERS = 10_000
"""Whoever came least recently is forgotten beyond; their bucket is full again by then, or nearly."""


class RateLimiter:
    """A bucket for each caller: it holds ten seconds' worth and fills steadily."""

    def __init__(self, per_minute: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_minute / _MINUTE
        self._most = max(1.0, self._per_second * _BURST_SECONDS)
        self._monotonic = monotonic
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, caller: str) -> int:
        """Take a token; returns 0 if there was one, else for how many seconds there will be none."""
        now = self._monotonic()
        tokens, seen = self._buckets.pop(caller, (self._most, now))
        tokens = min(self._most, tokens + (now - seen) * self._per_second)
        has_one = tokens >= 1.0
        self._buckets[caller] = (tokens - 1.0 if has_one else tokens, now)
        if len(self._buckets) > MOST_CALLERS:
            self._buckets.popitem(last=False)
        return 0 if has_one else max(1, math.ceil((1.0 - tokens) / self._per_second))
