"""The recurring work of the service: one coroutine per pass, each safe to run in any number of processes at once."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import structlog

from app.domain.chat import WINDOW_SECONDS
from app.repositories import chat, faq_questions, task_numbers, totals
from app.repositories.maintenance import Passing, forget
from app.repositories.records import fold_tally
from app.repositories.results import mark_lost
from app.services import calendar
from app.services.context import Context
from app.services.dispatch.dispatcher import Dispatcher
from app.services.events import add_events
from app.services.outbox import deliver_events
from app.services.rearm import rearm

log = structlog.get_logger(__name__)

BATCH = 1000
KEYS_KEPT = timedelta(days=7)
TOMBSTONES_KEPT = timedelta(days=1)
SIGNATURES_KEPT = timedelta(seconds=2 * WINDOW_SECONDS)
FORGET_BATCHES = 1000
"""Batches of one kind in one run: a million rows every ten minutes."""
FORGET_PAUSE_SECONDS = 0.02
"""Between two batches, so that the disk and the pool are left to others."""
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Passes:
    """The passes and what they work with."""

    context: Context
    dispatcher: Dispatcher
    rearmed: dict[int, datetime] = field(default_factory=dict)
    """Marks of configs whose first round this process has done."""
    warned: set[date] = field(default_factory=set)
    """The last day on which this process wrote into the log that holidays are missing."""

    async def dispatch(self) -> None:
        """Start sending to whoever is due."""
        await self.dispatcher.tick()

    async def sweep(self) -> None:
        """Find rows below the watermarks: late commits, ended leases."""
        await self.dispatcher.sweep()
        await self.dispatcher.tick()

    async def rearm(self) -> None:
        """Look again at people whose config changed, batch by batch."""
        await rearm(self.context, self.rearmed)

    async def events(self) -> None:
        """Deliver events, batch by batch."""
        while await deliver_events(self.context, self.context.http) and not self.context.stopping.is_set():
            pass

    async def lost_sends(self) -> None:
        """List messages as unknown whose process died, and that no look comes upon."""
        now = self.context.clock.now()
        before = now - timedelta(seconds=self.context.settings.lease_seconds)
        async with self.context.database.transaction() as connection:
            lost = await mark_lost(connection, before, BATCH)
            await add_events(
                connection,
                now,
                "send_unknown",
                [(row["bot_id"], row["contact_id"], {"record_id": row["id"]}) for row in lost],
            )

    async def tombstones(self) -> None:
        """Delete tombstones of FAQ bases, batch by batch; who slept longer than they are kept reads a base anew."""
        before = self.context.clock.now() - TOMBSTONES_KEPT
        number = BATCH
        while number == BATCH and not self.context.stopping.is_set():
            async with self.context.database.transaction() as connection:
                number = await faq_questions.forget_buried(connection, before=before, limit=BATCH)

    async def fold(self) -> None:
        """Keep the tallies short: of records, of users, of whole tables."""
        async with self.context.database.transaction() as connection:
            await fold_tally(connection)
        async with self.context.database.transaction() as connection:
            await chat.fold_users(connection)
        async with self.context.database.transaction() as connection:
            await totals.fold(connection)

    async def deleted_tasks(self) -> None:
        """Delete the numbers of deleted tasks, batch by batch."""
        number = BATCH
        while number == BATCH and not self.context.stopping.is_set():
            async with self.context.database.transaction() as connection:
                number = await task_numbers.forget_deleted(connection, BATCH)
            await asyncio.sleep(FORGET_PAUSE_SECONDS)

    async def calendar(self) -> None:
        """Say in the log, once a day, that holidays are missing which should be known by now."""
        today = self.context.clock.now().astimezone(self.context.settings.zone).date()
        warning = None if today in self.warned else await calendar.warning(self.context)
        if warning is not None:
            self.warned.clear()
            self.warned.add(today)
            log.warning("holidays are missing", detail=warning)

    async def forget(self) -> None:
        """Delete what is kept for a time only, batch by batch, each in a transaction of its own."""
        audit_kept = timedelta(days=self.context.settings.retention_audit_days)
        for what, kept in (
            (Passing.SIGNATURES, SIGNATURES_KEPT),
            (Passing.KEYS, KEYS_KEPT),
            (Passing.AUDIT, audit_kept),
        ):
            await self._forget(what, self.context.clock.now() - kept)

    async def _forget(self, what: Passing, before: datetime) -> None:
        since = _LONG_AGO
        for _ in range(FORGET_BATCHES):
            async with self.context.database.transaction() as connection:
                number, since = await forget(connection, what, since=since, before=before, limit=BATCH)
            if number < BATCH or self.context.stopping.is_set():
                return
            await asyncio.sleep(FORGET_PAUSE_SECONDS)
