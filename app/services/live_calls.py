"""Telling open streams that a call's status changed, whichever process wrote it.

One small query a moment while anybody listens; each stream then reads what it wants from where it stands. Nothing is
sent by writers, so a bulk of calls costs nothing, and no notification can be lost.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
import structlog

from app.repositories import call_events
from app.repositories.call_events import Place
from app.repositories.database import Database

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.5
BATCH = 200
_LAST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which calls a stream tells of; nothing given: all of them."""

    case_id: str | None = None
    job_id: str | None = None


class LiveCalls:
    """Looks for changes of calls for all streams of a process; idle while there are none."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._watches: set[asyncio.Event] = set()
        self._newest: Place | None = None
        self._looker: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[asyncio.Event]:
        """Lend an event that is set whenever something changed, for as long as the block runs."""
        changed = asyncio.Event()
        self._watches.add(changed)
        if self._looker is None or self._looker.done():
            self._looker = asyncio.create_task(self._look(), name="live-calls")
        try:
            yield changed
        finally:
            self._watches.discard(changed)

    async def present(self) -> Place:
        """Return the place behind which everything is new."""
        async with self._database.connection() as connection:
            return Place(await call_events.horizon(connection) - 1, _LAST_ID)

    async def after(self, place: Place, wanted: Wanted) -> tuple[Sequence[asyncpg.Record], Place]:
        """Return up to ``BATCH`` changes behind a place, in order, and the place behind them."""
        async with self._database.connection() as connection:
            below = await call_events.horizon(connection)
            rows = await call_events.after(
                connection, place, below, case_id=wanted.case_id, job_id=wanted.job_id, limit=BATCH
            )
        if len(rows) == BATCH:
            return rows, Place(rows[-1]["transaction_id"], rows[-1]["id"])
        # Nothing that fits lies between the last row and the horizon, and nothing can appear there.
        return rows, max(place, Place(below - 1, _LAST_ID))

    async def close(self) -> None:
        """Stop looking."""
        if self._looker is not None:
            self._looker.cancel()
            await asyncio.gather(self._looker, return_exceptions=True)

    async def _look(self) -> None:
        while self._watches:
            try:
                await self._look_once()
            except Exception as error:  # noqa: BLE001 - the database may be away for a while; streams stay open
                log.warning("changes of calls could not be read", error=repr(error))
            await asyncio.sleep(LOOK_SECONDS)
        self._newest = None

    async def _look_once(self) -> None:
        async with self._database.connection() as connection:
            newest = await call_events.newest(connection, await call_events.horizon(connection))
        if newest != self._newest:
            for changed in self._watches:
                changed.set()
        self._newest = newest
