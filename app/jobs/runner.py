"""The scheduler of a process: one table of passes on APScheduler, woken early when work came in, drained on stop."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from app.gateways.recordings import RecordingStore
from app.jobs.passes import Passes
from app.services.agent.intentions import TalkReader
from app.services.agent.notifier import Notifier
from app.services.calls.caller import Caller
from app.services.calls.desk import Desk
from app.services.calls.recordings import BATCH as RECORDINGS_BATCH
from app.services.calls.recordings import copy_due
from app.services.context import Context
from app.services.dispatch.dispatcher import Dispatcher
from app.services.holding import Holding
from app.services.metrics import Metrics

log = structlog.get_logger(__name__)

_HELD = frozenset({"dispatch", "sweep", "rounds", "forget"})
"""Passes that reach people by themselves, or delete for ever by what the clock says."""

Pass = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class Heartbeat:
    """When a pass last came to its end, by the service's clock, for the readiness check."""

    every_seconds: float
    last_end: float = 0.0
    failures: int = 0


@dataclass(slots=True)
class _Entry:
    run: Pass
    seconds: float
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Runner:
    """Runs the passes until it is stopped.

    APScheduler only ticks: what is due stands in PostgreSQL, so a pass that is skipped or cut anywhere loses nothing.
    """

    def __init__(
        self,
        context: Context,
        desk: Desk,
        recordings: RecordingStore,
        *,
        reader: TalkReader,
        notifier: Notifier,
        metrics: Metrics,
    ) -> None:
        self._context = context
        self._metrics = metrics
        self.holding = Holding(context)
        self.dispatcher = Dispatcher(context, context.messenger)
        self.caller = Caller(desk)
        self._recordings = recordings
        self.notifier = notifier
        self.reader = reader
        passes = Passes(context, self.dispatcher, metrics.forgotten)
        tick = context.settings.tick_seconds
        self._table = {
            "dispatch": _Entry(passes.dispatch, tick),
            "rearm": _Entry(passes.rearm, tick),
            "events": _Entry(passes.events, tick),
            "rounds": _Entry(self.caller.rounds, tick),
            "polls": _Entry(self.caller.polls, tick),
            "watchdog": _Entry(self.caller.watchdog, 10.0),
            "recordings": _Entry(self._copy_recordings, tick),
            "intentions": _Entry(reader.read_new, tick),
            "models": _Entry(reader.tick, tick),
            "notices": _Entry(notifier.tick, tick),
            "sweep_polls": _Entry(self.caller.sweep, 30.0),
            "sweep": _Entry(passes.sweep, 30.0),
            "lost_sends": _Entry(passes.lost_sends, 30.0),
            "tombstones": _Entry(passes.tombstones, 600.0),
            "deleted_tasks": _Entry(passes.deleted_tasks, 30.0),
            "fold": _Entry(passes.fold, 15.0),
            "home": _Entry(self._look_at_home, 10.0),
            "calendar": _Entry(passes.calendar, 600.0),
            "forget": _Entry(passes.forget, 600.0),
        }
        self.heartbeats = {name: Heartbeat(entry.seconds) for name, entry in self._table.items()}
        self._scheduler = AsyncIOScheduler(timezone="UTC")
        self._wakers: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to tick."""
        await self._run("home")
        now = asyncio.get_running_loop().time()
        for name, entry in self._table.items():
            self.heartbeats[name].last_end = now
            self._scheduler.add_job(
                self._run,
                IntervalTrigger(seconds=entry.seconds, timezone="UTC"),
                args=(name,),
                id=name,
                max_instances=1,
                coalesce=True,
                misfire_grace_time=None,
            )
        self._scheduler.start()
        for event, names in (
            (self._context.wake, ("rearm", "dispatch", "events")),
            (self._context.wake_calls, ("rounds",)),
        ):
            self._wakers.append(asyncio.create_task(self._wake(event, names), name="wake"))

    async def stop(self) -> None:
        """Claim nothing more, let what is under way finish within the grace time, then let go."""
        self._context.stopping.set()
        if self._scheduler.running:
            self._scheduler.pause()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._context.settings.grace_seconds):
                await asyncio.gather(
                    self.dispatcher.idle(), self.caller.idle(), self.notifier.idle(), self.reader.idle()
                )
                for entry in self._table.values():
                    async with entry.lock:
                        pass
        for waker in self._wakers:
            waker.cancel()
        await asyncio.gather(*self._wakers, return_exceptions=True)
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    async def _copy_recordings(self) -> None:
        """Copy recordings of calls that are over, and delete those that were removed."""
        while (
            not self._context.stopping.is_set()
            and await copy_due(self._context, self._context.dialer, self._recordings) == RECORDINGS_BATCH
        ):
            pass

    async def _look_at_home(self) -> None:
        """Find out whether sends are held; while that is not known they are."""
        try:
            await self.holding.look()
        finally:
            self._metrics.held(is_held=self.holding.reason is not None)

    async def _wake(self, event: asyncio.Event, names: Sequence[str]) -> None:
        """Run quick passes at once when something was enrolled, answered or changed, or a line became free."""
        while True:
            await event.wait()
            event.clear()
            for name in names:
                await self._run(name)

    async def _run(self, name: str) -> None:
        entry, heartbeat = self._table[name], self.heartbeats[name]
        async with entry.lock:
            start = asyncio.get_running_loop().time()
            try:
                if name in _HELD and not self.holding.is_current():
                    await self._look_at_home()
                if name not in _HELD or self.holding.reason is None:
                    await entry.run()
                heartbeat.failures = 0
            except Exception as error:  # noqa: BLE001 - a loop must survive whatever the database does; it tries again
                heartbeat.failures += 1
                log.warning("a pass failed and will be tried again", name=name, error=repr(error))
            heartbeat.last_end = asyncio.get_running_loop().time()
            self._metrics.loop(name, heartbeat.last_end - start, is_failure=heartbeat.failures > 0)
