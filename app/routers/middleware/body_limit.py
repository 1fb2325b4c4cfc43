"""The largest body that is read at all; more is refused before it fills the memory.

Under the web chat's paths the token is looked up when the body has been read, so everybody can send one: there the
limit is what a person's message can need. The signed door of the chatbot proves its callers before it reads.
"""

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import PayloadTooLargeError
from app.routers.dialects import dialect_of

_MOST_DIGITS = 18
_WEB_CHAT = "/api/webchat/"
_MOST_OF_A_PERSON = 64 * 1024
"""The longest message with every character escaped: 5,000 times twelve bytes."""


def too_large(limit: int) -> PayloadTooLargeError:
    """Return the error that says how much is read."""
    return PayloadTooLargeError(f"请求体过大,上限 {limit} 字节 (the body is larger than {limit} bytes)")


class BodyLimitMiddleware:
    """Refuses by the announced length at once, and by the counted length where none is announced or it is wrong."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request or count what is read of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = min(self._limit, _MOST_OF_A_PERSON) if scope["path"].startswith(_WEB_CHAT) else self._limit
        announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if announced.isdigit() and (len(announced) > _MOST_DIGITS or int(announced) > limit):
            response = dialect_of(scope["path"]).error(too_large(limit))
            # The rest of the body is on its way and nobody will read it.
            response.headers["Connection"] = "close"
            await response(scope, receive, send)
            return
        await self._app(scope, _counting(receive, limit), send)


def _counting(receive: Receive, limit: int) -> Receive:
    total = 0

    async def count() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > limit:
            # Only this class passes through FastAPI's reading of bodies; the error handler speaks the dialect.
            error = too_large(limit)
            raise HTTPException(error.status, error.message, {"Connection": "close"})
        return message

    return count
