"""From a database that answers to a service that answers: the server, and what it tells its starter.

Apart from the command line because all of this is slow to import: ``app.__main__`` lets PostgreSQL start meanwhile.
"""

import asyncio
import gc
import math
import socket
from collections.abc import Callable

import structlog
import uvicorn
import uvloop
from fastapi import FastAPI
from pydantic import SecretStr

from app.config import Settings
from app.connections import BoundedProtocol
from app.errors import StartupError
from app.main import create_app
from app.repositories.database import Database
from app.routers.openapi import TITLE, VERSION
from app.services.keys import KeyRing
from app.upkeep import configure_logs, require_revision, say

log = structlog.get_logger(__name__)

_EVERYWHERE = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - compared with, not listened on
_LOOPBACK = ("127.", "::1", "localhost")


def run(settings: Settings, url: str, listeners: list[socket.socket], asked_to_stop: Callable[[], bool]) -> None:
    """Serve on ``listeners`` until SIGTERM or SIGINT.

    Args:
        settings: Those given by the user; without ``database_url`` the database is the embedded one.
        url: Where the database is.
        listeners: Bound and listening.
        asked_to_stop: Whether a signal came before the server took over the signals.

    Raises:
        StartupError: the database cannot be reached or is at another revision.
    """
    configure_logs(settings)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, url, listeners, asked_to_stop))


async def _serve(
    settings: Settings, url: str, listeners: list[socket.socket], asked_to_stop: Callable[[], bool]
) -> None:
    try:
        # Invented people belong into a database of ours unless somebody asks for them in theirs.
        demo = settings.database_url is None if settings.demo is None else settings.demo
        app = create_app(settings.model_copy(update={"database_url": SecretStr(url), "demo": demo}))
    except ValueError as error:
        raise StartupError(str(error)) from error
    database: Database = app.state.context.database
    try:
        await require_revision(database, is_ours=settings.database_url is None)
    except BaseException:
        await database.close()
        raise
    if asked_to_stop():
        await database.close()
        return
    calm_collector()
    await _Server(app, settings, listeners).serve(listeners)


def calm_collector() -> None:
    """Take what was imported out of the garbage collector's sight, and let it look less often.

    It would walk a hundred thousand objects that live as long as the process again and again: a fifth of the
    dispatcher's processor time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


class _Server(uvicorn.Server):
    """Uvicorn as this service wants it, one process; tells where it listens once it does."""

    def __init__(self, app: FastAPI, settings: Settings, listeners: list[socket.socket]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=BoundedProtocol,
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                # Who the client is decides who may call; app/routers/access.py reads proxies' headers itself.
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=math.ceil(settings.grace_seconds),
            )
        )
        self._app = app
        self._settings = settings
        self._port = listeners[0].getsockname()[1]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell."""
        await super().startup(sockets)
        keys: KeyRing = self._app.state.keys
        say(_greeting(self._settings, self._port, has_keys=bool(self._settings.api_keys) or keys.has_any))
        log.info("the service listens", host=self._settings.host, port=self._port, version=VERSION)


def _greeting(settings: Settings, port: int, *, has_keys: bool) -> str:
    host = "localhost" if settings.host in _EVERYWHERE else settings.host
    base = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    lines = [
        f"{TITLE} {VERSION} listens on {base}",
        f"  docs     {base}/docs",
        f"  metrics  {base}/metrics",
    ]
    if has_keys:
        lines.append("  Every call needs a key: Authorization: Bearer …, X-API-Key, or as password in a browser.")
    else:
        lines.append("  There are no keys: only direct calls from this machine are answered.")
        lines.append("  Behind a proxy, also one on this machine, or for other machines: make a key with")
        lines.append("  `python -m app keys create`, or set HUIYIN_API_KEYS.")
        if not settings.host.startswith(_LOOPBACK):
            lines.append(f"  It listens on {settings.host}, but will refuse every other machine until there are keys.")
    lines.append("  Stop with Ctrl-C.")
    return "\n".join(lines)
