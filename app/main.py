"""The composition root: one function makes the whole service from its settings."""

import asyncio
import importlib
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, fields
from types import FrameType

import structlog
from fastapi import FastAPI

from app.clock import Clock, SystemClock
from app.config import Settings
from app.errors import UnavailableError
from app.gateways.analyst import make_analyst
from app.gateways.dialer import Dialer
from app.gateways.dialer.factory import make_dialer
from app.gateways.http import HttpClient
from app.gateways.messenger import WebhookMessenger
from app.gateways.receivers import Receivers
from app.gateways.recordings import RecordingStore, make_store
from app.gateways.telemetry import telemetry
from app.ids import IdSource, RandomIds
from app.jobs.runner import Runner
from app.repositories.database import Database
from app.routers import (
    bots,
    calendar,
    chat_page,
    contact_records,
    contacts,
    docs,
    enrollments,
    followup_configs,
    followup_records,
    followup_scripts,
    health,
    late,
    messages,
    protection,
    sends,
    webchat,
)
from app.routers.errors import install_error_handlers
from app.routers.guard import require_rules
from app.routers.late import AGENT, CHATBOT, OUTBOUND
from app.routers.middleware import middlewares
from app.routers.openapi import complete_document, document_texts
from app.routers.rate_limiter import RateLimiter
from app.services import demo
from app.services.agent.intentions import TalkReader
from app.services.agent.notices import reach_of
from app.services.agent.notifier import Notifier
from app.services.calls.desk import Desk
from app.services.calls.opening import open_desk
from app.services.chatbot.conversation import Conversations
from app.services.chatbot.doors import Doors
from app.services.chatbot.knowledge import Knowledge
from app.services.context import Context
from app.services.keys import KeyRing
from app.services.live import LiveHistory
from app.services.live_calls import LiveCalls
from app.services.metrics import Metrics

log = structlog.get_logger(__name__)

# In this order a request looks for its route: what is asked most stands first. A `LateFamily` or `FamilyRouter` that is
# not meant costs a microsecond, any other router a microsecond for each of its routes.
_ROUTERS = (
    followup_records.router,
    followup_configs.router,
    CHATBOT,
    followup_scripts.router,
    sends.router,
    enrollments.router,
    contacts.router,
    protection.router,
    contact_records.router,
    bots.router,
    messages.router,
    webchat.router,
    OUTBOUND,
    AGENT,
    calendar.router,
    health.router,
    chat_page.router,
    docs.router,
)


@dataclass(frozen=True, slots=True)
class _Parts:
    """What belongs to one service beside its context; each stands under its name in ``app.state``."""

    desk: Desk
    live: LiveHistory
    live_calls: LiveCalls
    knowledge: Knowledge
    conversations: Conversations
    doors: Doors
    recordings: RecordingStore
    receivers: Receivers
    reader: TalkReader
    notifier: Notifier
    runner: Runner | None
    metrics: Metrics
    keys: KeyRing

    async def close(self) -> None:
        """Finish what is under way, the scheduler first: it uses the others."""
        if self.runner is not None:
            await self.runner.stop()
        await self.receivers.close()
        await self.reader.close()
        await self.live.close()
        await self.live_calls.close()
        await self.doors.aclose()
        await self.conversations.aclose()
        await self.knowledge.close()
        await self.keys.aclose()


def _parts(context: Context) -> _Parts:
    settings = context.settings
    desk, recordings = open_desk(context), make_store(settings)
    receivers = Receivers(
        reach_of(context),
        timeout_seconds=settings.gateway_timeout_seconds,
        max_connections=2 * settings.notify_concurrency,
    )
    reader = TalkReader(context, make_analyst(settings, context.clock, context.ids))
    notifier = Notifier(context, receivers)
    metrics = Metrics(context.database, context.clock)
    return _Parts(
        desk=desk,
        live=LiveHistory(context.database),
        live_calls=LiveCalls(context.database),
        knowledge=Knowledge(context.database),
        conversations=Conversations(context),
        doors=Doors(context),
        recordings=recordings,
        receivers=receivers,
        reader=reader,
        notifier=notifier,
        runner=(
            Runner(context, desk, recordings, reader=reader, notifier=notifier, metrics=metrics)
            if settings.jobs
            else None
        ),
        metrics=metrics,
        keys=KeyRing(context.database, context.clock),
    )


def create_app(
    settings: Settings, *, clock: Clock | None = None, ids: IdSource | None = None, dialer: Dialer | None = None
) -> FastAPI:
    """Make the service; ``settings.database_url`` must be set and its database migrated.

    ``app.state`` holds what belongs to the service: ``context``, ``metrics``, and ``readiness``, the named checks.
    """
    if settings.database_url is None:
        raise ValueError("create_app needs settings.database_url")
    http = HttpClient(
        timeout_seconds=settings.gateway_timeout_seconds, max_connections=4 * settings.gateway_concurrency
    )
    clock = clock or SystemClock()
    context = Context(
        settings=settings,
        database=Database(
            settings.database_url.get_secret_value(),
            pool_size=settings.pool_size,
            wait_seconds=settings.pool_wait_seconds,
            idle_seconds=settings.lease_seconds,
        ),
        clock=clock,
        ids=ids or RandomIds(),
        http=http,
        messenger=WebhookMessenger(http),
        dialer=dialer or make_dialer(settings, clock),
    )
    parts = _parts(context)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with _told_to_stop(context):
            # So that the first request finds it done; a database that is away is told to those who ask.
            with suppress(UnavailableError):
                await parts.keys.ready()
            is_new = bool(settings.demo) and await demo.load_people(context)
            beginning = asyncio.create_task(_begin(context, parts.runner, is_new=is_new), name="begin")
            try:
                yield
            finally:
                context.stopping.set()
                await asyncio.gather(beginning, return_exceptions=True)
                await app.state.looks.aclose()
                await parts.close()
                await http.close()
                await context.dialer.close()
                await context.database.close()

    app = FastAPI(
        **document_texts(),
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        middleware=middlewares(settings, parts.metrics, parts.keys),
        telemetry=telemetry(),
    )
    app.state.context = context
    for part in fields(parts):
        setattr(app.state, part.name, getattr(parts, part.name))
    app.state.chat_writers = RateLimiter(webchat.LINES_PER_MINUTE)
    app.state.readiness = health.default_checks(context)
    app.state.warnings = health.default_warnings(context)
    app.state.looks = health.looks_of(app.state)
    if parts.runner is not None:
        app.state.readiness["loops"] = health.loops_check(parts.runner.heartbeats)
        app.state.warnings["held"] = health.held_warning(parts.runner.holding)
    install_error_handlers(app)
    for router in _ROUTERS:
        app.include_router(router)
    require_rules(app.router, are_all=late.are_all_loaded())
    complete_document(app)
    return app


async def _begin(context: Context, runner: Runner | None, *, is_new: bool) -> None:
    """Give new demonstration people their history, then let the scheduler begin; requests are answered meanwhile.

    In this order: the demonstration's history is made with a clock of the past, and the scheduler's is of today.
    """
    try:
        if is_new:
            await importlib.import_module("app.services.demonstration").load_families(context)
            await demo.load_history(context)
    except Exception:  # without its history the demonstration is as good, and the scheduler must begin
        log.exception("the history of the demonstration could not be made")
    if runner is not None and not context.stopping.is_set():
        await runner.start()


@contextmanager
def _told_to_stop(context: Context) -> Iterator[None]:
    """Let SIGTERM and SIGINT also set ``context.stopping``.

    The server's own handlers only stop it from taking connections; it then waits for answers that are under way, and
    an open stream ends only when it is told.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def both(handler: Callable[[int, FrameType | None], object]) -> Callable[[int, FrameType | None], None]:
        def handle(number: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(context.stopping.set)
            handler(number, frame)

        return handle

    ours = {number: both(handler) for number, handler in before.items() if callable(handler)}
    for number, handler in ours.items():
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, handler in ours.items():
            if signal.getsignal(number) is handler:
                signal.signal(number, before[number])
