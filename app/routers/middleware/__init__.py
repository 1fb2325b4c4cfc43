"""What every request passes on its way in and out, as small pure ASGI wrappers, outermost first.

They are wrappers and not FastAPI dependencies because they also stand before paths that no route matches. An answer
that one of them gives passes those outside of it, so every answer has a request id, a log line and security headers.
"""

from starlette.middleware import Middleware

from app.config import Settings
from app.routers.access import Access, AccessMiddleware
from app.routers.middleware.access_log import AccessLogMiddleware
from app.routers.middleware.barrier import BarrierMiddleware
from app.routers.middleware.body_limit import BodyLimitMiddleware
from app.routers.middleware.request_id import RequestIdMiddleware
from app.routers.middleware.security_headers import SecurityHeadersMiddleware
from app.routers.middleware.urls import UrlMiddleware
from app.services.keys import KeyRing
from app.services.metrics import Metrics


def middlewares(settings: Settings, metrics: Metrics, ring: KeyRing) -> list[Middleware]:
    """Return the wrappers of the service in the order in which a request meets them."""
    return [
        Middleware(RequestIdMiddleware),
        Middleware(AccessLogMiddleware, metrics=metrics),
        Middleware(SecurityHeadersMiddleware),
        Middleware(BarrierMiddleware),
        Middleware(AccessMiddleware, access=Access(settings, ring)),
        Middleware(UrlMiddleware),
        Middleware(BodyLimitMiddleware, limit=settings.max_body_bytes),
    ]
