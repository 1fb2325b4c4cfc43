"""One log line and one measurement per request; never a body, a query string or a path that may hold a phone.

A caller with a key is named by the id of its key, which is no secret.
"""

import time

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.routers.grants import grant_of
from app.services.metrics import Metrics

log = structlog.get_logger(__name__)

_CLIENT_LEFT = 499
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
"""Asked every few seconds by machines: written at level debug."""


def route_template(scope: Scope) -> str:
    """Return the path as the route that answered spells it (``/api/contacts/{contact_id}``), or a dash for none."""
    # A router knows only its own prefix; the whole path is in what FastAPI keeps of the way through them.
    context = scope.get("fastapi", {}).get("effective_route_context")
    template = getattr(context, "path_format", None) or getattr(scope.get("route"), "path", None)
    return template or "-"


class AccessLogMiddleware:
    """Tells log and metrics about each request when it has been answered."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on and tell about it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = _CLIENT_LEFT
        began = time.perf_counter()

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, answer)
        finally:
            self._tell(scope, status, time.perf_counter() - began)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        route = route_template(scope)
        self._metrics.request(scope["method"], route, status, seconds)
        tell = log.debug if route in _QUIET else log.info
        grant = grant_of(scope)
        caller = {"caller": grant.caller} if grant is not None and grant.is_key else {}
        tell(
            "request answered",
            method=scope["method"],
            route=route,
            status=status,
            ms=round(seconds * 1000, 1),
            **caller,
        )
