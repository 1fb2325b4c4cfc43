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
        limit = _Limit(self._seconds)

        async def answer(message: Message) -> None:
            nonlocal has_begun
            if not has_begun:
                has_begun = True
                limit.timer.cancel()
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except asyncio.CancelledError:
            # An answer that has begun is cut; and others may want the task to end, too: the server, when it stops.
            if not limit.is_over or has_begun or limit.task.cancelling() > 1:
                raise
        finally:
            limit.end()
        if limit.is_over and not has_begun:
            await self._give_up(scope, receive, send)

    async def _give_up(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = dialect_of(scope["path"]).error(
            TimedOutError(
                f"处理超过 {self._seconds:g} 秒,已放弃;已提交的修改仍然有效,重试之前请先查询 (given up after "
                f"{self._seconds:g} s; what had been committed stays, so look before you try again)"
            )
        )
        # The rest of the body may be on its way, and nobody will read it.
        response.headers["Connection"] = "close"
        await response(scope, receive, send)


class _Limit:
    """Cancels the task that made it when its time is over: `asyncio.timeout` at a quarter of the price (3 µs)."""

    def __init__(self, seconds: float) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a request is answered by a task
        self.task: asyncio.Task[object] = task
        self.timer = asyncio.get_running_loop().call_later(seconds, self._cancel)
        self.is_over = False

    def _cancel(self) -> None:
        self.is_over = True
        self.task.cancel()

    def end(self) -> None:
        """Stop counting, and take back the cancellation, which nobody but this limit wanted."""
        self.timer.cancel()
        if self.is_over:
            self.task.uncancel()
