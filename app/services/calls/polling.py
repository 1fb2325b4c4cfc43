"""Asking the provider how calls stand: quickly while they ring, more slowly in talk, less often when it wants that."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog

from app.domain.calls import JobStatus
from app.domain.dialing import draw_of, pause_after, poll_after
from app.gateways.dialer import DialerError, Report, ThrottledError, Transcript
from app.gathering import Gathering
from app.repositories import call_polls as store
from app.repositories.call_polls import Watermark
from app.repositories.calls import Row
from app.repositories.planner import read_by_index
from app.services.calls.desk import Desk
from app.services.calls.ending import Over, end_calls
from app.services.calls.foreign import is_id
from app.services.calls.refs import ref_of
from app.services.calls.source import Said
from app.services.transactions import one_by_one

log = structlog.get_logger(__name__)

CHUNK = 99
"""Calls in one question; the most that OutboundBot lists."""
BEGINNING: Watermark = (datetime(1970, 1, 1, tzinfo=UTC), 0)
MOST_EXTENSIONS = 4
"""How many times the watchdog's time a call may last at all: a line must come free even if a provider is mistaken."""
FOREIGN_PAUSE = timedelta(minutes=10)
LATE = timedelta(seconds=0.5)
"""How far below the mark every claim looks: where a second is short, calls are due before they are committed."""


@dataclass(slots=True)
class Turns:
    """How far the due calls are taken, as this process sees it; a sweep begins with the oldest again."""

    mark: Watermark = BEGINNING
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


async def claim(desk: Desk, turns: Turns, limit: int) -> Sequence[Row]:
    """Claim up to ``limit`` calls whose turn it is."""
    now = desk.context.clock.now()
    async with turns.lock, desk.context.database.transaction() as connection:
        await read_by_index(connection)
        since = turns.mark[0] if turns.mark == BEGINNING else turns.mark[0] - LATE
        rows = await store.claim(connection, now, (since, 0), limit, now + desk.lease)
        if rows:
            newest: Watermark = max((row["next_poll_at"], row["id"]) for row in rows)
            turns.mark = max(turns.mark, newest)
    return rows


def chunks(rows: Sequence[Row]) -> list[Sequence[Row]]:
    """Cut placed calls into questions, each about one instance."""
    by_instance: dict[str, list[Row]] = {}
    for row in rows:
        by_instance.setdefault(row["instance_id"], []).append(row)
    return [own[start : start + CHUNK] for own in by_instance.values() for start in range(0, len(own), CHUNK)]


class Writing:
    """What questions that are answered at the same time write together: one transaction instead of one for each."""

    def __init__(self, desk: Desk) -> None:
        self.progress = Gathering(partial(_write_progress, desk), most=CHUNK, name="progress of calls")
        self.ends = Gathering(partial(_write_ends, desk), most=CHUNK, name="ends of calls")


async def poll(desk: Desk, writing: Writing, rows: Sequence[Row]) -> None:
    """Ask about placed calls, write what is new, end those that are over."""
    try:
        async with desk.request():
            reports = await desk.dialer.reports([ref_of(row) for row in rows])
    except DialerError as error:
        await _put_off(desk, [(row, error) for row in rows])
        return
    desk.slowness.answered(desk.context.clock.now())
    over = [row for row in rows if row["job_id"] in reports and reports[row["job_id"]].status.is_final]
    if len(over) < len(rows):
        await writing.progress((rows, reports))
    if over:
        await _end(desk, writing, over)


async def _write_progress(desk: Desk, told: Sequence[tuple[Sequence[Row], Mapping[str, Report]]]) -> list[None]:
    now = desk.context.clock.now()
    rows = [row for asked, _ in told for row in asked]
    reports = {job_id: report for _, reported in told for job_id, report in reported.items()}
    going = [(row, reports[row["job_id"]]) for row in rows if row["job_id"] in reports]
    going = [(row, report) for row, report in going if not report.status.is_final]
    lost = [row for row in rows if row["job_id"] not in reports]
    changes = [
        (
            row["id"],
            str(report.status),
            report.provider_task_id if is_id(report.provider_task_id) else None,
            report.is_talking,
        )
        for row, report in going
        if _is_news(row, report)
    ]
    async with desk.context.database.transaction() as connection:
        await store.write_changes(connection, now, changes)
        await store.keep(connection, _kept(desk, going, now))
        await store.write_progress(connection, now, [(row["id"], now + _wait(desk, row, it)) for row, it in going])
        await store.postpone(connection, [(row["id"], now + pause_after(row["failures"] + 1), 1) for row in lost])
    return [None] * len(told)


def _kept(desk: Desk, going: Sequence[tuple[Row, Report]], now: datetime) -> list[tuple[int, datetime]]:
    """Return when to give up calls that the provider says are under way; never more than four times the setting.

    Only those with less than half of their time left: the row of a call is not to be written at every poll.
    """
    later = now + desk.gives_up_after
    return [
        (row["id"], min(later, row["created_at"] + MOST_EXTENSIONS * desk.gives_up_after))
        for row, report in going
        if report.status is JobStatus.EXECUTING and row["gives_up_at"] - now < desk.gives_up_after / 2
    ]


def _is_news(row: Row, report: Report) -> bool:
    has_new_task = report.provider_task_id is not None and report.provider_task_id != row["provider_task_id"]
    return row["status"] != report.status or has_new_task or (report.is_talking and row["answered_at"] is None)


def _wait(desk: Desk, row: Row, report: Report) -> timedelta:
    return poll_after(
        is_talking=report.is_talking,
        scale=desk.dialer.time_scale,
        slowness=desk.slowness.factor,
        draw=draw_of(row["id"], row["polls"]),
    )


async def _end(desk: Desk, writing: Writing, rows: Sequence[Row]) -> None:
    """Fetch what was said in calls that are over, once, and write it down."""
    said: dict[int, Said] = {}
    async with desk.context.database.connection() as connection:
        for source in desk.sources:
            own = [row for row in rows if source.key_of(row) is not None]
            said |= await source.said(connection, own) if own else {}
    fetched = await asyncio.gather(*(_fetch(desk, row, said.get(row["id"])) for row in rows))
    over = [Over(row["id"], found) for row, found in zip(rows, fetched, strict=True) if isinstance(found, Transcript)]
    await writing.ends(over)
    await _put_off(
        desk, [(row, found) for row, found in zip(rows, fetched, strict=True) if isinstance(found, DialerError)]
    )


async def _write_ends(desk: Desk, parts: Sequence[Sequence[Over]]) -> list[None]:
    await one_by_one([item for part in parts for item in part], partial(end_calls, desk))
    return [None] * len(parts)


async def _fetch(desk: Desk, row: Row, said: Said | None) -> Transcript | DialerError:
    try:
        async with desk.request():
            told = await desk.dialer.transcript(ref_of(row, said))
    except DialerError as error:
        return error
    return told if told.status.is_final else DialerError("the call is over in one answer and not in the other")


async def _put_off(desk: Desk, failed: Sequence[tuple[Row, DialerError]]) -> None:
    """Ask again later; a provider that is asked too often is asked less often from now on."""
    if not failed:
        return
    now = desk.context.clock.now()
    later = []
    for row, error in failed:
        if isinstance(error, ThrottledError):
            pause = timedelta(seconds=error.retry_after)
            desk.slowness.throttled(error.retry_after, now)
            later.append((row["id"], now + pause + pause / 2 * draw_of(row["id"], row["polls"]), 0))
        else:
            later.append((row["id"], now + pause_after(row["failures"] + 1), 1))
    log.warning("the provider could not tell how calls stand", calls=len(failed), error=str(failed[0][1]))
    async with desk.context.database.connection() as connection:
        await store.postpone(connection, later)


async def leave_alone(desk: Desk, rows: Sequence[Row]) -> None:
    """Put off calls of another provider than today's; nobody here can ask about them, the watchdog ends them."""
    now = desk.context.clock.now()
    async with desk.context.database.connection() as connection:
        await store.postpone(connection, [(row["id"], now + FOREIGN_PAUSE, 1) for row in rows])
