"""What is refused or mended in a URL before any route sees it."""

from urllib.parse import unquote_to_bytes

from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import InvalidInputError
from app.routers import late
from app.routers.dialects import dialect_of, is_follow_up
from app.routers.errors import method_not_allowed
from app.routers.fixed_paths import FixedPaths


class UrlMiddleware:
    """Refuses what is no text and methods that a spelled-out path does not have; drops empty follow-up query values.

    Front ends send ``?is_active=`` for a filter that is not chosen, and an empty value is no boolean and no number.
    URLs of the chatbot family are signed as they are and stay untouched.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._fixed: tuple[int, FixedPaths] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request or pass it on with its URL mended."""
        if scope["type"] == "http":
            path: str = scope["path"]
            query: bytes = scope["query_string"]
            if not _is_text(scope.get("raw_path") or path.encode()) or not _is_text(query):
                response = dialect_of(path).error(
                    InvalidInputError("地址不是有效的 UTF-8 文本或含有 NUL (the URL must be UTF-8 without NUL)")
                )
                await response(scope, receive, send)
                return
            if methods := self._fixed_paths(scope).instead_of(scope["method"], path):
                await method_not_allowed(path, methods)(scope, receive, send)
                return
            if query and is_follow_up(path):
                scope["query_string"] = _without_empty(query)
        await self._app(scope, receive, send)

    def _fixed_paths(self, scope: Scope) -> FixedPaths:
        # Complete for whatever families are there; that of this request is.
        if self._fixed is None or self._fixed[0] != late.loaded():
            self._fixed = late.loaded(), FixedPaths(scope["app"].routes)
        return self._fixed[1]


def _is_text(quoted: bytes) -> bool:
    if b"%" not in quoted and quoted.isascii():
        return b"\x00" not in quoted
    raw = unquote_to_bytes(quoted)
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return b"\x00" not in raw


def _without_empty(query: bytes) -> bytes:
    return b"&".join(part for part in query.split(b"&") if part.partition(b"=")[2])
