"""Telling open streams that a person's history grew, whichever process wrote it.

One small query a moment over the people that are being watched in this process, however many streams watch them:
the counter on the contact's row says whether there is anything new. Nothing is sent by writers, so a bulk of messages
costs nothing, and no notification can be lost.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from app.repositories import history
from app.repositories.database import Database

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.5
PING_SECONDS = 15.0


class Watch:
    """What one stream waits on."""

    def __init__(self, contact_id: int) -> None:
        self.contact_id = contact_id
        self.changed = asyncio.Event()

    async def wait(self, stopping: asyncio.Event) -> None:
        """Wait until something changed, the service stops, or it is time to see whether the reader is still there."""
        waits = [asyncio.create_task(self.changed.wait()), asyncio.create_task(stopping.wait())]
        try:
            await asyncio.wait(waits, timeout=PING_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


class LiveHistory:
    """Looks after all watches of a process; idle while there are none."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._watches: set[Watch] = set()
        self._counts: dict[int, int] = {}
        self._looker: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def watch(self, contact_id: int) -> AsyncIterator[Watch]:
        """Watch one person's history for as long as the block runs."""
        watch = Watch(contact_id)
        self._watches.add(watch)
        if self._looker is None or self._looker.done():
            self._looker = asyncio.create_task(self._look(), name="live-history")
        try:
            yield watch
        finally:
            self._watches.discard(watch)

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
                log.warning("live history could not be read", error=repr(error))
            await asyncio.sleep(LOOK_SECONDS)
        self._counts.clear()

    async def _look_once(self) -> None:
        watched = Counter(watch.contact_id for watch in self._watches)
        async with self._database.connection() as connection:
            counts = await history.message_counts(connection, list(watched))
        for watch in self._watches:
            count = counts.get(watch.contact_id)
            if count != self._counts.get(watch.contact_id):
                watch.changed.set()
        self._counts = {contact_id: counts.get(contact_id, -1) for contact_id in watched}
