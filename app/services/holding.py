"""Whether automatic messages and calls are held back because this database may be behind what people were told.

A restored database does not know whom the service wrote to, who answered and who said no after the backup was made.
Going on by itself would write to people twice. So a database that was moved, and one whose service is told to by
``HUIYIN_HOLD``, sends and calls nothing by itself until a person releases it; all else works.
"""

import asyncpg
import structlog

from app.repositories import home
from app.services.context import Context

log = structlog.get_logger(__name__)

BY_SETTING = "已按 HUIYIN_HOLD 暂停自动发送和外呼 (automatic messages and calls are held by HUIYIN_HOLD)"
MOVED = (
    "数据库来自备份,自动发送和外呼已暂停;核对后运行 python -m app release"
    " (this database was restored or moved: automatic messages and calls are held until `python -m app release`)"
)
NOT_KNOWN = "尚未核对数据库 (the database was not looked at yet)"


class Holding:
    """What holds automatic messages and calls back; ``reason`` is None when nothing does."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.reason: str | None = BY_SETTING if context.settings.hold else NOT_KNOWN

    async def look(self) -> None:
        """Compare where the database is with where it was; a new one is written down.

        Raises:
            OSError, asyncpg.PostgresError, asyncpg.InterfaceError: the database did not answer; what held goes on.
        """
        if self._context.settings.hold:
            return
        async with self._context.database.connection() as connection:
            known, here = await home.known_place(connection), await home.place(connection)
        before, self.reason = self.reason, None if known in {None, here} else MOVED
        if self.reason is not None and self.reason != before:
            log.error("automatic messages and calls are held: the database was restored or moved", was=known, now=here)
        if before == MOVED and self.reason is None:
            log.info("automatic messages and calls go on: a person released them")
        if known is None:
            await self._settle()

    async def _settle(self) -> None:
        try:
            async with self._context.database.transaction() as connection:
                await home.settle(connection)
        except asyncpg.InsufficientPrivilegeError:
            log.warning("a restored copy of this database could not be told: its tables belong to another role")
