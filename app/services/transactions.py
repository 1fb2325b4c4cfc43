"""A transaction that survives meeting another one, or a database that is away for a moment."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import asyncpg
import structlog

from app.errors import UnavailableError
from app.services.context import Context

log = structlog.get_logger(__name__)

ATTEMPTS = 6
_PAUSE_SECONDS = 0.01
WRITE_PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0)
"""Seconds between tries to write what the outside world said; it is known only here."""
Result = TypeVar("Result")
Item = TypeVar("Item")


class RacedError(Exception):
    """Somebody else wrote meanwhile what this transaction counted on; it is to be repeated from its beginning."""


async def in_transaction(
    context: Context, work: Callable[[asyncpg.Connection], Awaitable[Result]], *, dry_run: bool = False
) -> Result:
    """Run ``work`` in a transaction of its own; again where it and another one were in each other's way.

    Args:
        context: Whose database.
        work: What to do; called again with a fresh connection after a deadlock or a ``RacedError``.
        dry_run: Undo everything at the end.

    Raises:
        UnavailableError: it met another transaction every time.
    """
    for attempt in range(ATTEMPTS):
        if attempt:
            # Of different length, so that two who were in each other's way do not meet again; 0.3 s in all.
            await asyncio.sleep(_PAUSE_SECONDS * 2 ** (attempt - 1) * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
        try:
            return await _once(context, work, dry_run)
        except (asyncpg.DeadlockDetectedError, RacedError):
            continue
    raise UnavailableError(
        "多个操作互相冲突,请稍后重试 (too many changes at once, try again in a moment)", retry_after=1
    )


async def _once(context: Context, work: Callable[[asyncpg.Connection], Awaitable[Result]], dry_run: bool) -> Result:
    async with context.database.connection() as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            result = await work(connection)
        except BaseException:
            await transaction.rollback()
            raise
        await (transaction.rollback() if dry_run else transaction.commit())
        return result


async def one_by_one(items: Sequence[Item], work: Callable[[Sequence[Item]], Awaitable[list[Result]]]) -> list[Result]:
    """Run ``work`` on a whole batch; where that fails, on each item alone, so that a bad one holds up no other.

    Raises:
        Exception: what ``work`` raised, where the database is away or the batch was a single item.
    """
    try:
        return await work(items)
    except (OSError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError, UnavailableError):
        raise
    except Exception:
        if len(items) == 1:
            raise
        log.exception("a batch failed and is done one by one", items=len(items))
    results: list[Result] = []
    for item in items:
        try:
            results += await work([item])
        except Exception:
            log.exception("one of a batch failed")
    return results


async def patiently(work: Callable[[], Awaitable[Result]], complaint: str) -> Result:
    """Run ``work``, which writes what would else be lost, again and again while the database is away."""
    for pause in WRITE_PAUSES:
        try:
            return await work()
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.warning(complaint, error=repr(error))
            await asyncio.sleep(pause)
    return await work()
