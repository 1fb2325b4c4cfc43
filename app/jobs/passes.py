"""The recurring work of the service: one coroutine per pass, each safe to run in any number of processes at once."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.domain.chat import WINDOW_SECONDS
from app.repositories import chat, faq_questions, idempotency, maintenance
from app.repositories.records import fold_tally
from app.repositories.results import mark_lost
from app.services.context import Context
from app.services.dispatch.dispatcher import Dispatcher
from app.services.events import add_events
from app.services.outbox import deliver_events
from app.services.rearm import rearm

BATCH = 1000
KEYS_KEPT = timedelta(days=7)
TOMBSTONES_KEPT = timedelta(days=1)
SIGNATURES_KEPT = timedelta(seconds=2 * WINDOW_SECONDS)
SIGNATURES_BATCH = 200_000


@dataclass(frozen=True, slots=True)
class Passes:
    """The passes and what they work with."""

    context: Context
    dispatcher: Dispatcher
    rearmed: dict[int, datetime] = field(default_factory=dict)
    """Marks of configs whose first round this process has done."""

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
        """Keep the tallies of records and of users short."""
        async with self.context.database.transaction() as connection:
            await fold_tally(connection)
        async with self.context.database.transaction() as connection:
            await chat.fold_users(connection)

    async def forget(self) -> None:
        """Delete what is kept for a time only, in bounded batches: idempotency keys, audit rows, used signatures."""
        now = self.context.clock.now()
        audit_kept = timedelta(days=self.context.settings.retention_audit_days)
        async with self.context.database.transaction() as connection:
            await idempotency.purge(connection, before=now - KEYS_KEPT, limit=BATCH)
        async with self.context.database.transaction() as connection:
            await maintenance.forget_audit(connection, before=now - audit_kept, limit=BATCH)
        async with self.context.database.transaction() as connection:
            await chat.forget_signatures(connection, now - SIGNATURES_KEPT, SIGNATURES_BATCH)
