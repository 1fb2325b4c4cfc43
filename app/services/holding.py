"""Whether automatic messages and calls are held back because this database may be behind what people were told.

A restored database does not know whom the service wrote to, who answered and who said no after the backup was made.
Going on by itself would write to people twice. So a database that was moved, and one whose service is told to by
``HUIYIN_HOLD``, sends and calls nothing by itself until a person releases it; all else works.

So it is while the clock of this machine and that of the database do not agree: one of them is wrong, and hours and
intervals are kept by it. That ends by itself when they agree again.
"""

import asyncio
from datetime import datetime, timedelta

import asyncpg
import structlog

from app.clock import SystemClock
from app.repositories import home
from app.services.context import Context

log = structlog.get_logger(__name__)

BY_SETTING = "已按 HUIYIN_HOLD 暂停自动发送和外呼 (automatic messages and calls are held by HUIYIN_HOLD)"
MOVED = (
    "数据库来自备份,自动发送和外呼已暂停;核对后运行 python -m app release"
    " (this database was restored or moved: automatic messages and calls are held until `python -m app release`)"
)
CLOCK_OFF = (
    "本机时钟与数据库时钟相差过大,自动发送和外呼已暂停,请校准时钟"
    " (the clocks of this machine and of the database do not agree: automatic messages and calls are held)"
)
CLOCKS_AGREE = timedelta(seconds=30)
"""How far the clocks may be apart; far less than the shortest interval, far more than clocks that are kept in time."""
NOT_KNOWN = "尚未核对数据库 (the database was not looked at yet)"


class Holding:
    """What holds automatic messages and calls back; ``reason`` is None when nothing does."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.reason: str | None = BY_SETTING if context.settings.hold else NOT_KNOWN
        self._seen: tuple[datetime, float] | None = None

    def is_current(self) -> bool:
        """Tell whether the clock of this machine went on evenly since the last look; after a jump look again."""
        if self._seen is None or not isinstance(self._context.clock, SystemClock):
            return True
        wall, even = self._seen
        elapsed = timedelta(seconds=asyncio.get_running_loop().time() - even)
        return abs(self._context.clock.now() - wall - elapsed) <= CLOCKS_AGREE

    async def look(self) -> None:
        """Compare where the database is with where it was; a new one is written down.

        Raises:
            OSError, asyncpg.PostgresError, asyncpg.InterfaceError: the database did not answer; what held goes on.
        """
        if self._context.settings.hold:
            return
        async with self._context.database.connection() as connection:
            known, here = await home.known_place(connection), await home.place(connection)
            off = await self._clocks_differ(connection)
        before, self.reason = self.reason, None if known in {None, here} else MOVED
        if self.reason is None and off > CLOCKS_AGREE:
            self.reason = CLOCK_OFF
        self._tell(before, was=known, now=here, seconds_off=round(off.total_seconds()))
        if known is None:
            await self._settle()

    async def _clocks_differ(self, connection: asyncpg.Connection) -> timedelta:
        """Return how far the clocks are apart for certain, however long the answer took."""
        clock = self._context.clock
        if not isinstance(clock, SystemClock):
            return timedelta(0)
        asked_at, even = clock.now(), asyncio.get_running_loop().time()
        theirs = await home.clock(connection)
        self._seen = asked_at, even
        took = timedelta(seconds=asyncio.get_running_loop().time() - even)
        return max(asked_at - theirs, theirs - asked_at - took, timedelta(0))

    def _tell(self, before: str | None, *, was: str | None, now: str, seconds_off: int) -> None:
        if self.reason == MOVED != before:
            log.error("automatic messages and calls are held: the database was restored or moved", was=was, now=now)
        if self.reason == CLOCK_OFF != before:
            log.error("automatic messages and calls are held: the clocks do not agree", seconds_off=seconds_off)
        if self.reason is None and before == MOVED:
            log.info("automatic messages and calls go on: a person released them")
        if self.reason is None and before == CLOCK_OFF:
            log.info("automatic messages and calls go on: the clocks agree")

    async def _settle(self) -> None:
        try:
            async with self._context.database.transaction() as connection:
                await home.settle(connection)
        except asyncpg.InsufficientPrivilegeError:
            log.warning("a restored copy of this database could not be told: its tables belong to another role")
