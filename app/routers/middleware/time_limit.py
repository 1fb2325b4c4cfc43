"""How long a request may take until its answer begins.

What it had committed by then stays, and nobody can say how far it came: the answer says so, and is no 503, after which
clients try again by themselves. Reading the body counts, so that nobody holds a connection by sending a byte a minute.
Streams begin at once and then have no limit; imports have none at all.
"""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import TimedOutError
from app.routers.dialects import dialect_of

_UNLIMITED = "/import"


class TimeLimitMiddleware:
    """Gives a request up and answers 504 in the dialect of the family."""

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on and wait for its answer to begin."""
        if scope["type"] != "http" or scope["path"].endswith(_UNLIMITED):
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def answer(message: Message) -> None:
            nonlocal has_begun
            if not has_begun and not limit.expired():
                limit.reschedule(None)
            has_begun = True
            await send(message)

        try:
            async with asyncio.timeout(self._seconds) as limit:
                await self._app(scope, receive, answer)
        except TimeoutError:
            if has_begun or not limit.expired():
                raise
            response = dialect_of(scope["path"]).error(
                TimedOutError(
                    f"处理超过 {self._seconds:g} 秒,已放弃;已提交的修改仍然有效,重试之前请先查询 (given up after "
                    f"{self._seconds:g} s; what had been committed stays, so look before you try again)"
                )
            )
            # The rest of the body may be on its way, and nobody will read it.
            response.headers["Connection"] = "close"
            await response(scope, receive, send)
