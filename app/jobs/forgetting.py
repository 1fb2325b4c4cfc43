"""Deleting what is kept for a time only: in small transactions, with pauses, in any number of processes at once."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from app.domain import retention as rules
from app.domain.chat import WINDOW_SECONDS
from app.domain.retention import Kind, Policy
from app.repositories import retention
from app.repositories.maintenance import Passing, forget
from app.services.context import Context

BATCH = 1000
BATCHES = 1000
"""Batches of one kind in one run."""
RECORDINGS = 4000
"""Recordings in one run: each is a file that the pass which copies recordings deletes, and fresh ones wait behind."""
RUN_SECONDS = 300.0
"""After that a run takes one batch of each kind that is left, so that it is over before the next one is due."""
PAUSE_SECONDS = 0.02
"""Between two batches, so that the disk and the pool are left to others."""
KEYS_KEPT = timedelta(days=7)
SIGNATURES_KEPT = timedelta(seconds=2 * WINDOW_SECONDS)
MESSAGE_IDS_KEPT = timedelta(days=730)
"""Longer than any channel delivers a message once more."""
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

Count = Callable[[str, int], None]
"""Told of a kind and how many rows of it are gone."""


class _Step(NamedTuple):
    gone: int
    has_more: bool


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
            Passing.TOMBSTONES: ("message_ids", MESSAGE_IDS_KEPT),
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
        gone = 0
        for _ in range(BATCHES):
            step = await self._step(kind, before)
            if step is None:
                return
            gone += step.gone
            if not step.has_more or self._is_over(ends) or (kind is Kind.RECORDINGS and gone >= RECORDINGS):
                return
            await asyncio.sleep(PAUSE_SECONDS)

    def _is_over(self, ends: float) -> bool:
        return self.context.stopping.is_set() or asyncio.get_running_loop().time() >= ends

    async def _step(self, kind: Kind, before: datetime) -> _Step | None:
        """Take a batch of a kind; None while another process is at it."""
        now = self.context.clock.now()
        async with self.context.database.transaction() as connection:
            walk = await retention.hold(connection, kind)
            if walk is None:
                return None
            taken = await retention.batch(connection, kind, walk.place, before, now)
            following = rules.walk_after(walk, taken.place, now, is_at_end=taken.is_at_end)
            await retention.go_on(connection, kind, following)
        self.count(kind.value, taken.gone)
        return _Step(taken.gone, has_more=not taken.is_at_end or following.began_at != walk.began_at)
