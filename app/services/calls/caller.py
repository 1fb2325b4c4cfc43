"""The scheduler's side of calls: places rounds that are due, polls what is under way, ends what was forgotten.

Every request to the provider runs in a task of its own, so that a slow one holds up nothing else; any number of
processes may run one of these on the same database.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import asyncpg
import structlog

from app.repositories.planner import read_by_index
from app.services.calls import lookups, polling, watchdog
from app.services.calls.desk import MOST_AT_ONCE, Desk
from app.services.calls.placing import place
from app.services.calls.source import Reserved, Source
from app.services.transactions import in_transaction, one_by_one

log = structlog.get_logger(__name__)


class Caller:
    """Made by the runner; tests and benchmarks make one by hand."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._context = desk.context
        self._turns = polling.Turns()
        self._writing = polling.Writing(desk)
        self._tasks: set[asyncio.Task[None]] = set()
        self._polls = 0

    async def rounds(self) -> None:
        """Place what is due, as far as lines and the provider have room; returns without waiting for the provider."""
        # One after the other: what one source takes of the provider's room, the next one does not count on.
        errors = []
        for source in self._desk.sources:
            try:
                await self._rounds_of(source)
            except Exception as error:  # noqa: BLE001 - raised below; the other sources have their turn before
                errors.append(error)
        if errors:
            raise errors[0]

    async def polls(self) -> None:
        """Ask about calls whose turn it is; returns without waiting for the provider."""
        most = polling.CHUNK * 2 * self._context.settings.call_concurrency
        while not self._context.stopping.is_set() and not self._desk.slowness.is_paused(self._context.clock.now()):
            limit = min(most - self._polls, polling.CHUNK * self._context.settings.call_concurrency)
            rows = await polling.claim(self._desk, self._turns, limit) if limit > 0 else []
            own = [row for row in rows if row["provider"] == self._desk.dialer.name]
            foreign = [row for row in rows if row["provider"] != self._desk.dialer.name]
            placed = [row for row in own if row["placement"] == "placed"]
            doubtful = [row for row in own if row["placement"] != "placed"]
            for chunk in polling.chunks(placed):
                self._start(polling.poll(self._desk, self._writing, chunk), "poll", len(chunk))
            if doubtful:
                self._start(lookups.look_up(self._desk, doubtful), "look-up", len(doubtful))
            if foreign:
                self._start(polling.leave_alone(self._desk, foreign), "foreign calls", len(foreign))
            if len(rows) < limit or not rows:
                return

    async def watchdog(self) -> None:
        """Give up calls that are over their time."""
        while not self._context.stopping.is_set() and await watchdog.give_up(self._desk) == watchdog.BATCH:
            pass

    async def sweep(self) -> None:
        """Begin with the oldest poll again: rows that came in late lie below the mark."""
        self._turns.mark = polling.BEGINNING

    async def idle(self) -> None:
        """Wait until everything that was started is done."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def drain(self) -> None:
        """Do everything that is due and wait for it; what a test or a command line wants."""
        await self.sweep()
        for step in (self.polls, self.watchdog, self.rounds):
            await step()
            await self.idle()

    async def _rounds_of(self, source: Source) -> None:
        await source.prepare(self._desk)
        while not self._context.stopping.is_set() and await self._round(source):
            pass

    async def _round(self, source: Source) -> bool:
        """Take one batch of a source; tells whether there may be more to take."""
        now = self._context.clock.now()
        room = min(self._desk.room(now), MOST_AT_ONCE)
        if room < 1:
            return False
        async with self._context.database.transaction() as connection:
            await read_by_index(connection)
            keys = await source.claim(connection, self._desk, now, room, now + self._desk.lease)
        if not keys:
            return False
        reserved = await one_by_one(keys, partial(self._reserve, source, now + self._desk.lease))
        if reserved:
            self._desk.placing += len(reserved)
            self._start(self._place(reserved), "placing", 0)
        # Else lines or keys are used up; a line that becomes free, and whatever becomes due, wakes this pass.
        return len(keys) == room or len(reserved) < len(keys)

    async def _reserve(self, source: Source, lease_end: datetime, keys: Sequence[int]) -> list[Reserved]:
        async def work(connection: asyncpg.Connection) -> list[Reserved]:
            return await source.reserve(connection, self._desk, keys, lease_end, self._context.clock.now())

        return await in_transaction(self._context, work)

    async def _place(self, reserved: list[Reserved]) -> None:
        try:
            await place(self._desk, reserved)
        finally:
            self._desk.placing -= len(reserved)
            # The provider may be trusted with more now.
            self._context.wake_calls.set()

    def _start(self, work: Coroutine[Any, Any, None], name: str, polls: int) -> None:
        async def run() -> None:
            try:
                await work
            except Exception:
                # What was claimed comes back by its lease.
                log.exception("work on calls ended early", name=name)
            finally:
                self._polls -= polls

        self._polls += polls
        task = asyncio.create_task(run(), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
