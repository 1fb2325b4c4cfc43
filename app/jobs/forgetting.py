"""Deleting what is kept for a time only: in small transactions, with pauses, in any number of processes at once."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.domain import retention as rules
from app.domain.chat import WINDOW_SECONDS
from app.domain.retention import Kind, Policy, Walk
from app.repositories import retention
from app.repositories.maintenance import Passing, forget
from app.services.context import Context

BATCH = 1000
BATCHES = 1000
"""Batches of one kind in one run: a million rows every ten minutes."""
RECORDING_BATCHES = 8
"""Fewer: each row is a file that the pass which copies recordings deletes, and fresh ones wait behind them."""
RUN_SECONDS = 300.0
"""After that a run begins no further batch, so that it is over before the next one is due."""
PAUSE_SECONDS = 0.02
"""Between two batches, so that the disk and the pool are left to others."""
KEYS_KEPT = timedelta(days=7)
SIGNATURES_KEPT = timedelta(seconds=2 * WINDOW_SECONDS)
TOMBSTONES_KEPT = timedelta(days=730)
"""Longer than any channel delivers a message once more."""
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

Count = Callable[[str, int], None]
"""Told of a kind and how many rows of it are gone."""


@dataclass(frozen=True, slots=True)
class Forgetting:
    """What is deleted, and whom to tell how much it was."""

    context: Context
    count: Count

    async def run(self) -> None:
        """Delete all that is too old, as far as one run goes."""
        ends = asyncio.get_running_loop().time() + RUN_SECONDS
        settings = self.context.settings
        passing = {
            Passing.SIGNATURES: ("signatures", SIGNATURES_KEPT),
            Passing.KEYS: ("keys", KEYS_KEPT),
            Passing.AUDIT: ("audit", timedelta(days=settings.retention_audit_days)),
            Passing.TOMBSTONES: ("message_ids", TOMBSTONES_KEPT),
        }
        for what, (name, kept) in passing.items():
            await self._forget(what, name, self.context.clock.now() - kept, ends)
        policy = Policy(
            settings.retention_messages_days,
            settings.retention_recordings_days,
            settings.retention_transcripts_days,
            settings.retention_bookkeeping_days,
        )
        limits = rules.limits(policy, self.context.clock.now())
        async with self.context.database.transaction() as connection:
            await retention.ensure(connection, limits.keys(), self.context.clock.now())
        for kind, before in limits.items():
            await self._walk(kind, before, ends)

    async def _forget(self, what: Passing, name: str, before: datetime, ends: float) -> None:
        since = _LONG_AGO
        for _ in range(BATCHES):
            async with self.context.database.transaction() as connection:
                number, since = await forget(connection, what, since=since, before=before, limit=BATCH)
            self.count(name, number)
            if number < BATCH or self._is_over(ends):
                return
            await asyncio.sleep(PAUSE_SECONDS)

    async def _walk(self, kind: Kind, before: datetime, ends: float) -> None:
        for _ in range(RECORDING_BATCHES if kind is Kind.RECORDINGS else BATCHES):
            if not await self._step(kind, before) or self._is_over(ends):
                return
            await asyncio.sleep(PAUSE_SECONDS)

    def _is_over(self, ends: float) -> bool:
        return self.context.stopping.is_set() or asyncio.get_running_loop().time() >= ends

    async def _step(self, kind: Kind, before: datetime) -> bool:
        """Take a batch of a kind; returns whether there may be another one, and it is ours."""
        now = self.context.clock.now()
        async with self.context.database.transaction() as connection:
            walk = await retention.hold(connection, kind)
            if walk is None:
                return False
            walk = rules.place_now(walk, now)
            taken = await retention.batch(connection, kind, walk.place, before, now)
            place = walk.place if taken.place is None else taken.place
            await retention.go_on(connection, kind, Walk(place, walk.began_at))
        self.count(kind.value, taken.gone)
        return taken.place is not None and not taken.is_last
