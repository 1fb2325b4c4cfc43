"""How many requests a key may make in a minute; in each process by itself.

Counted are callers who came with a key: signed calls and links have limits of their own kind, and a laptop without
keys needs none.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import TooManyRequestsError
from app.routers.dialects import dialect_of
from app.routers.grants import grant_of
from app.routers.rate_limiter import RateLimiter


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
