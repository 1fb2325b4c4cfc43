"""Calls of which nobody knows whether the provider took them: looked up by our reference, never placed again blindly.

Here too come reserved calls whose process died: their lease ended. Those that never left are given back. What the
provider has is polled like any other. What it says that it does not have, long after anything could still be on its
way, ends at once, so that its line is free: it stays unknown, counts, is listed for a person and is never placed again
by itself, for a request may have arrived. All else stays unknown until the watchdog ends it the same way.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from app.domain.dialing import pause_after
from app.gateways.dialer import DialerError, Placed, ThrottledError
from app.repositories import call_polls
from app.repositories import calls as store
from app.repositories.calls import Row
from app.services.calls.desk import Desk
from app.services.calls.ending import Over, end_calls
from app.services.calls.foreign import is_id
from app.services.calls.placing import give_up, release, write_unknown
from app.services.calls.refs import ref_of
from app.services.calls.source import Release

log = structlog.get_logger(__name__)

_DIED = "the process ended before the provider's answer was known"
_NEVER_LEFT = "the process ended before the call left for the provider"
_NOT_THERE = "服务商查无此通话,未能确认是否呼出 (the provider does not have it; it is not known whether it was placed)"


async def look_up(desk: Desk, rows: Sequence[Row]) -> None:
    """Ask the provider for calls that may have been placed, and write what it knows."""
    now = desk.context.clock.now()
    died = [row["id"] for row in rows if row["placement"] == "reserved"]
    async with desk.context.database.transaction() as connection:
        never_left = await store.lock_never_left(connection, died)
        await release(connection, desk, now, [Release(call_id, _NEVER_LEFT, None) for call_id in never_left])
        await write_unknown(connection, now, [(call_id, _DIED, now + desk.lease) for call_id in died])
    doubtful = [row for row in rows if row["id"] not in set(never_left)]
    answers = await asyncio.gather(*(_find(desk, row) for row in doubtful))
    await _write(desk, list(zip(doubtful, answers, strict=True)))
    if never_left:
        log.info("calls that never left were given back", calls=len(never_left))


async def _find(desk: Desk, row: Row) -> Placed | DialerError | None:
    try:
        async with desk.request():
            return await desk.dialer.find(ref_of(row))
    except DialerError as error:
        return error


async def _write(desk: Desk, answers: Sequence[tuple[Row, Placed | DialerError | None]]) -> None:
    now = desk.context.clock.now()
    placed: list[tuple[int, str, str, datetime]] = []
    missing: list[Over] = []
    later: list[tuple[int, datetime, int]] = []
    for row, answer in answers:
        settles_at = row["created_at"] + 2 * desk.lease
        match answer:
            case Placed(provider_job_id, group) if is_id(provider_job_id) and is_id(group):
                placed.append((row["id"], provider_job_id, group, now))
            case None if now >= settles_at:
                missing.append(Over(row["id"], None, _NOT_THERE))
            case None:
                later.append((row["id"], settles_at, 0))
            case ThrottledError():
                desk.slowness.throttled(answer.retry_after, now)
                later.append((row["id"], now + timedelta(seconds=answer.retry_after), 0))
            case DialerError() | Placed():
                later.append((row["id"], now + pause_after(row["failures"] + 1), 1))
    async with desk.context.database.transaction() as connection:
        unwanted = await store.write_placed(connection, now, placed)
        await call_polls.postpone(connection, later)
    await give_up(desk, unwanted)
    if missing:
        await end_calls(desk, missing)
    log.info("uncertain calls were looked up", found=len(placed), not_there=len(missing), later=len(later))
