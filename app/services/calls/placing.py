"""From a reserved row to the provider's answer: at most once, whatever dies when.

Right before a call leaves, its row is read once more and marked; a reservation that is half a lease old is not placed
any more. A request to the provider ends within the other half. So at the end of the lease nothing of this process is on
its way: what was never marked goes back, and about the rest the provider can be asked (``lookups.py``).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from typing import TypeAlias

import asyncpg
import structlog

from app.domain.dialing import Reason, draw_of, poll_after
from app.domain.dialing.gate import DAY
from app.gateways.dialer import DialerError, NotPlaced, Placed, Placement, PlacementUnknown
from app.gathering import Gathering
from app.repositories import audit
from app.repositories import calls as store
from app.repositories.calls import Row
from app.services.calls.desk import MOST_AT_ONCE, Desk
from app.services.calls.foreign import is_id, storable
from app.services.calls.refs import ref_of
from app.services.calls.source import Release, Reserved
from app.services.transactions import patiently

log = structlog.get_logger(__name__)

CHUNK = 25
"""Calls in one request; what one lost answer makes uncertain."""
LOOK_UP_AFTER = timedelta(seconds=5)
_WITHDRAWN = "withdrawn before it was placed"


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The call was not placed: something changed since it was reserved."""

    reason: Reason | None = None
    """What changed; None: the reservation is too old, so that it is tried again at once."""
    until: datetime | None = None
    """When it may be placed after all; None with a reason: never by itself."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of a reserved call."""

    outcome: Placement | Withdrawn
    again_at: datetime | None = None
    """When a call that was not taken may be tried again."""


_KeptBack: TypeAlias = dict[int, Withdrawn]
_Outcomes: TypeAlias = list[tuple[Reserved, Placement | Withdrawn]]
_Written: TypeAlias = tuple[dict[int, Answered], Sequence[Row]] | Exception


async def place(desk: Desk, reserved: Sequence[Reserved]) -> dict[int, Answered]:
    """Ask the provider for calls whose rows are committed, write its answers and return them by call id.

    A call is missing from the answer where even writing failed; it is looked up at the end of its lease.
    """
    looking = Gathering(partial(_let_leave, desk), most=MOST_AT_ONCE, name="last looks")
    writing = Gathering(partial(_write_all, desk), most=MOST_AT_ONCE, name="answers to placing")
    chunks = _chunks(reserved)
    parts = await asyncio.gather(*(_chunk(desk, chunk, looking, writing) for chunk in chunks), return_exceptions=True)
    found: dict[int, Answered] = {}
    for part in parts:
        if isinstance(part, BaseException):
            log.error("calls were left reserved and will be looked up", exc_info=part)
        else:
            found |= part
    return found


def _chunks(reserved: Sequence[Reserved]) -> list[Sequence[Reserved]]:
    """Cut calls into requests, each to one script."""

    def script(item: Reserved) -> tuple[str, str, str]:
        return item.dial.instance_id, item.dial.script_id, item.dial.calling_number or ""

    groups = [list(group) for _, group in groupby(sorted(reserved, key=script), key=script)]
    return [group[start : start + CHUNK] for group in groups for start in range(0, len(group), CHUNK)]


async def _chunk(
    desk: Desk,
    reserved: Sequence[Reserved],
    looking: Gathering[Sequence[Reserved], _KeptBack],
    writing: Gathering[_Outcomes, _Written],
) -> dict[int, Answered]:
    async with desk.request():
        half = desk.lease / 2
        kept_back = await looking(reserved)
        # A process that was stopped right here goes by what was true before, and others take its calls for their own.
        if desk.context.clock.now() - min(item.created_at for item in reserved) >= half:
            kept_back = {item.call_id: Withdrawn() for item in reserved} | kept_back
        leaving = [item for item in reserved if item.call_id not in kept_back]
        placements = await _ask(desk, leaving, half) if leaving else []
    outcomes: _Outcomes = list(zip(leaving, placements, strict=True))
    outcomes += [(item, kept_back[item.call_id]) for item in reserved if item.call_id in kept_back]
    desk.learn(list(placements), desk.context.clock.now())
    written = await writing(outcomes)
    if isinstance(written, Exception):
        raise written
    answered, unwanted = written
    await give_up(desk, unwanted)
    return answered


async def _let_leave(desk: Desk, chunks: Sequence[Sequence[Reserved]]) -> list[_KeptBack]:
    """Mark the calls of chunks that leave at this moment; tells, by call id, which may not, and why."""
    reserved = [item for chunk in chunks for item in chunk]
    async with desk.context.database.connection() as connection:
        now = desk.context.clock.now()
        kept_back = {item.call_id: why for item in reserved if (why := _after_hours(item, now)) is not None}
        ids = [item.call_id for item in reserved if item.call_id not in kept_back]
        leaving = await store.leave(connection, ids, created_after=now - desk.lease / 2, now=now)
    for call_id in ids:
        if call_id not in leaving:
            kept_back[call_id] = Withdrawn()
        elif (reason := leaving[call_id]) is not None:
            kept_back[call_id] = Withdrawn(Reason(reason))
    return [kept_back] * len(chunks)


async def _write_all(desk: Desk, chunks: Sequence[_Outcomes]) -> list[_Written]:
    """Write the answers to chunks in one transaction; where that is not possible, each chunk for itself."""
    complaint = "what became of calls could not be written yet"
    if len(chunks) > 1:
        together = [outcome for chunk in chunks for outcome in chunk]
        try:
            answered, unwanted = await _write(desk, together)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.warning(complaint, error=repr(error))
        else:
            return [(answered, unwanted if place == 0 else ()) for place in range(len(chunks))]
    written: list[_Written] = []
    for chunk in chunks:
        try:
            written.append(await patiently(partial(_write, desk, chunk), complaint))
        except Exception as error:  # noqa: BLE001 - raised by whoever waits for this chunk
            written.append(error)
    return written


def _after_hours(item: Reserved, now: datetime) -> Withdrawn | None:
    if item.dial.latest is None or now < item.dial.latest:
        return None
    opens_at = item.wanted.rules.opens_at
    return Withdrawn(Reason.OUTSIDE_WINDOW, (opens_at and opens_at(now)) or now + DAY)


async def _ask(desk: Desk, leaving: Sequence[Reserved], within: timedelta) -> Sequence[Placement]:
    try:
        async with asyncio.timeout(within.total_seconds()):
            placements = await desk.dialer.place([item.dial for item in leaving])
    except TimeoutError:
        return [PlacementUnknown("no answer in time")] * len(leaving)
    except Exception as error:
        # A provider's fault that nobody foresaw: the phone may ring, and the rows must say so.
        log.exception("placing calls failed")
        return [PlacementUnknown(repr(error)[:200])] * len(leaving)
    return placements


async def give_up(desk: Desk, unwanted: Sequence[Row]) -> None:
    """Tell the provider to give up calls that it took and that nobody wants any more."""
    await asyncio.gather(*(_give_up(desk, row) for row in unwanted))


async def _give_up(desk: Desk, row: Row) -> None:
    try:
        async with desk.request():
            is_in_time = await desk.dialer.cancel(ref_of(row))
    except DialerError as error:
        log.warning("the provider could not be told to give a call up", call_id=row["id"], error=str(error))
    else:
        log.info("a call was given up right after it was placed", call_id=row["id"], is_in_time=is_in_time)


async def _write(desk: Desk, outcomes: _Outcomes) -> tuple[dict[int, Answered], Sequence[Row]]:
    """Write what became of calls; returns that, and which of them the provider is to give up."""
    now = desk.context.clock.now()
    scale = desk.dialer.time_scale
    placed: list[tuple[int, str, str, datetime]] = []
    unknown: list[tuple[int, str, datetime]] = []
    releases: list[Release] = []
    for item, outcome in outcomes:
        match outcome:
            case Placed(provider_job_id, group) if is_id(provider_job_id) and is_id(group):
                pause = poll_after(is_talking=False, scale=scale, slowness=1.0, draw=draw_of(item.call_id, 0))
                placed.append((item.call_id, provider_job_id, group, now + pause))
            case Placed():
                unknown.append((item.call_id, "placed under an id that cannot be kept", now + LOOK_UP_AFTER))
            case PlacementUnknown(error):
                unknown.append((item.call_id, storable(error), now + LOOK_UP_AFTER))
            case NotPlaced(error):
                releases.append(Release(item.call_id, storable(error), outcome))
            case Withdrawn(reason, until):
                releases.append(Release(item.call_id, _WITHDRAWN, None, reason, until))
    async with desk.context.database.transaction() as connection:
        unwanted = await store.write_placed(connection, now, placed)
        await write_unknown(connection, now, unknown)
        again = await release(connection, desk, now, releases)
    if unknown or releases:
        log.warning("some calls were not placed for certain", unknown=len(unknown), released=len(releases))
    return {item.call_id: Answered(outcome, again.get(item.call_id)) for item, outcome in outcomes}, unwanted


async def write_unknown(
    connection: asyncpg.Connection, now: datetime, unknown: Sequence[tuple[int, str, datetime]]
) -> None:
    """Mark calls of which nobody knows whether they were taken, and say so: (id, remark, next look) each."""
    rows = await store.write_unknown(connection, unknown)
    entries = [
        audit.Entry(row["contact_id"], reason=Reason.CALL_UNKNOWN, detail={"call_id": row["id"]}) for row in rows
    ]
    await audit.write(connection, now, actor="provider", action="call_unknown", entries=entries)


async def release(
    connection: asyncpg.Connection, desk: Desk, now: datetime, releases: Sequence[Release]
) -> dict[int, datetime]:
    """End calls that were certainly not taken; returns, by call id, when each may be tried again."""
    rows = await store.write_not_placed(connection, now, [(item.call_id, item.remark) for item in releases])
    by_call = {item.call_id: item for item in releases}
    for row in rows:
        if row["is_cancelled"]:
            by_call[row["id"]] = replace(by_call[row["id"]], reason=Reason.CANCELLED, until=None)
    again: dict[int, datetime] = {}
    for source in desk.sources:
        calls = {key: by_call[row["id"]] for row in rows if (key := source.key_of(row)) is not None}
        for key, moment in (await source.release(connection, now, calls) if calls else {}).items():
            again[calls[key].call_id] = moment
    return again
