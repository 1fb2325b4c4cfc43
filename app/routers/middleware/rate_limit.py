"""How many requests a key may make in a minute; in each process by itself.

Counted are callers who came with a key: signed calls and links have limits of their own kind, and a laptop without
keys needs none.
"""

import math
import time
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import TooManyRequestsError
from app.routers.dialects import dialect_of
from app.routers.grants import grant_of

_MINUTE = 60.0
_BURST_SECONDS = 10.0


class RateLimiter:
    """A bucket of tokens for each caller: it holds ten seconds' worth and fills steadily."""

    def __init__(self, per_minute: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_minute / _MINUTE
        self._most = max(1.0, self._per_second * _BURST_SECONDS)
        self._monotonic = monotonic
        self._buckets: dict[str, tuple[float, float]] = {}

    def wait(self, caller: str) -> int:
        """Take a token; returns 0 if there was one, else for how many seconds there will be none."""
        now = self._monotonic()
        tokens, seen = self._buckets.get(caller, (self._most, now))
        tokens = min(self._most, tokens + (now - seen) * self._per_second)
        if tokens < 1.0:
            self._buckets[caller] = (tokens, now)
            return max(1, math.ceil((1.0 - tokens) / self._per_second))
        self._buckets[caller] = (tokens - 1.0, now)
        return 0


class RateLimitMiddleware:
    """Answers 429 in the dialect of the family when a key asks too often."""

    def __init__(self, app: ASGIApp, limiter: RateLimiter) -> None:
        self._app = app
        self._limiter = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request or pass it on."""
        grant = grant_of(scope) if scope["type"] == "http" else None
        seconds = self._limiter.wait(grant.caller) if grant is not None and grant.is_key else 0
        if seconds:
            refusal = TooManyRequestsError(
                f"请求过多,请在 {seconds} 秒后重试 (too many requests with this key, try again in {seconds} s)",
                retry_after=seconds,
            )
            await dialect_of(scope["path"]).error(refusal)(scope, receive, send)
            return
        await self._app(scope, receive, send)
