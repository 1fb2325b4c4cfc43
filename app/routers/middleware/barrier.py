"""The last stop of errors that nobody foresaw: logged once, answered in the dialect of the family.

The framework's own last handler stands outside of all middlewares: its answers would lack request id and headers, and
it raises the error again, which the server would log a second time.
"""

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.routers.errors import answer_unforeseen


class BarrierMiddleware:
    """Answers 500 unless the answer has begun; then the connection is cut, so that nobody takes half for all."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on and answer what it breaks."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def answer(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except Exception as error:
            if has_begun:
                raise
            response = answer_unforeseen(Request(scope), error)
            await response(scope, receive, send)
