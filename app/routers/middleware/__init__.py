"""What every request passes on its way in and out, as small pure ASGI wrappers, outermost first.

They are wrappers and not FastAPI dependencies because they also stand before paths that no route matches. An answer
that one of them gives passes those outside of it, so every answer has a request id, a log line and security headers.
"""

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from app.config import Settings
from app.routers.access import Access, AccessMiddleware
from app.routers.late import LateMiddleware
from app.routers.middleware.access_log import AccessLogMiddleware
from app.routers.middleware.barrier import BarrierMiddleware
from app.routers.middleware.body_limit import BodyLimitMiddleware
from app.routers.middleware.rate_limit import RateLimitMiddleware
from app.routers.middleware.request_id import RequestIdMiddleware
from app.routers.middleware.security_headers import SecurityHeadersMiddleware
from app.routers.middleware.time_limit import TimeLimitMiddleware
from app.routers.middleware.urls import UrlMiddleware
from app.routers.rate_limiter import RateLimiter
from app.services.keys import KeyRing
from app.services.metrics import Metrics

_SENT = ("Authorization", "X-API-Key", "Content-Type", "Idempotency-Key", "Last-Event-ID", "X-Request-ID")
_READ = ("X-Request-ID", "Retry-After", "Content-Disposition", "Location")


def middlewares(settings: Settings, metrics: Metrics, ring: KeyRing) -> list[Middleware]:
    """Return the wrappers of the service in the order in which a request meets them."""
    return [
        Middleware(RequestIdMiddleware),
        Middleware(AccessLogMiddleware, metrics=metrics),
        Middleware(SecurityHeadersMiddleware),
        *_cors(settings),
        Middleware(BarrierMiddleware),
        Middleware(AccessMiddleware, access=Access(settings, ring)),
        *_rate_limit(settings),
        Middleware(TimeLimitMiddleware, seconds=settings.request_timeout_seconds),
        Middleware(LateMiddleware),
        Middleware(UrlMiddleware),
        Middleware(BodyLimitMiddleware, limit=settings.max_body_bytes),
    ]


def _cors(settings: Settings) -> list[Middleware]:
    """Let pages of the given origins read answers; before access, since a browser asks first and without a key.

    Who may call is not changed by it: such a page brings a key, which it holds itself. Credentials that a browser
    remembers are not sent along.
    """
    if not settings.cors_origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=("GET", "POST", "PUT", "PATCH", "DELETE"),
            allow_headers=_SENT,
            expose_headers=_READ,
        )
    ]


def _rate_limit(settings: Settings) -> list[Middleware]:
    if settings.rate_limit is None:
        return []
    return [Middleware(RateLimitMiddleware, limiter=RateLimiter(settings.rate_limit))]
