"""The recurring work of the service: one coroutine per pass, each safe to run in any number of processes at once."""

import asyncio
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import structlog

from app.jobs.forgetting import PAUSE_SECONDS, Count, Forgetting
from app.repositories import chat, faq_questions, task_numbers, totals
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
TOMBSTONES_KEPT = timedelta(days=1)


def _nobody_counts(_kind: str, _number: int) -> None:
    """Where nobody wants to know how much was deleted."""


@dataclass(frozen=True, slots=True)
class Passes:
    """The passes and what they work with."""

    context: Context
    dispatcher: Dispatcher
    count: Count = _nobody_counts
    """Told how many rows of which kind were deleted for their age."""
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
            await asyncio.sleep(PAUSE_SECONDS)

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
        await Forgetting(self.context, self.count).run()
