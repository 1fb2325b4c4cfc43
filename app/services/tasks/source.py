"""Numbers of call tasks, as a source of calls.

Running tasks share lines: whoever has the fewest calls gets the next free slot, so that a huge task does not starve a
small one. What a look finds free is a guess; what counts is seen behind the locks of the lines (``calls.reserve``).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import asyncpg

from app.domain.dialing import Reason, after_refusal_of_provider
from app.domain.tasks import Claimant, share_out
from app.repositories import audit, protection
from app.repositories import calls as calls_store
from app.repositories import task_dialing as store
from app.repositories.calls import Row
from app.repositories.task_dialing import Released, Settled, Share
from app.services.calls.desk import Desk
from app.services.calls.hours import Hours
from app.services.calls.reserve import reserve
from app.services.calls.source import Ended, Refused, Release, Reserved, Said, Verdict
from app.services.tasks.ends import end_those_that_are_over, move_on
from app.services.tasks.following import finish
from app.services.tasks.hours import hours_of, load_hours
from app.services.tasks.wanted import said_of, wanted_of

SCHEDULER = "scheduler"
SOON = timedelta(seconds=1)
"""When a number is looked at again whose line, or task, was taken by somebody else in the last moment."""
LOOK_AT_DUE = timedelta(seconds=1)
"""How often it is looked which tasks are to run, rest or end, however often lines become free meanwhile."""
LOOK_AT_ALL = timedelta(minutes=1)
"""How often tasks are looked at whose hours have not come: somebody may have changed the hours."""


class TaskSource:
    """Implements ``Source`` for ``task_number``; made once for each desk."""

    def __init__(self) -> None:
        self._turn = 0
        self._looked_at: datetime | None = None
        self._looked_at_all: datetime | None = None

    def key_of(self, call: Row) -> int | None:
        """Return the number of a call."""
        number_id: int | None = call["number_id"]
        return number_id

    async def prepare(self, desk: Desk) -> None:
        """Let tasks run, rest and end; whether one is open now, every claim sees itself."""
        now = desk.context.clock.now()
        if _is_within(self._looked_at, now, LOOK_AT_DUE):
            return
        looks_at_all = not _is_within(self._looked_at_all, now, LOOK_AT_ALL)
        await move_on(desk, with_resting=looks_at_all)
        await end_those_that_are_over(desk)
        self._looked_at = now
        if looks_at_all:
            self._looked_at_all = now

    async def claim(
        self, connection: asyncpg.Connection, desk: Desk, now: datetime, room: int, lease_end: datetime
    ) -> list[int]:
        """Claim numbers of running tasks that are open now, as many as their lines have room for."""
        tasks = await store.running(connection, now)
        if not tasks:
            return []
        hours = await load_hours(connection, desk, tasks)
        dialling = [task for task in tasks if _is_open(task, hours, now) and task["active"] < task["maximumcall"]]
        lines = {task["id"]: task["lines"] or list(dict.fromkeys(task["script_lines"])) for task in dialling}
        free = await calls_store.free_lines(connection, {line for own in lines.values() for line in own}, now)
        slots = sum(number for number in free.values() if number > 0)
        if slots < 1:
            return []
        limit = min(room, slots)
        due = await store.due(connection, lines, now, limit)
        claimants = [
            Claimant(task["id"], task["active"], task["maximumcall"], due[task["id"]], lines[task["id"]])
            for task in dialling
        ]
        self._turn += 1
        shares = share_out(claimants, free, limit, turn=self._turn)
        modes = {task["id"]: task["pop_mode"] for task in dialling}
        wanted = [Share(task_id, number, modes[task_id]) for task_id, number in shares.items()]
        return await store.claim(connection, wanted, now, lease_end) if wanted else []

    async def reserve(
        self, connection: asyncpg.Connection, desk: Desk, keys: Sequence[int], lease_end: datetime, now: datetime
    ) -> list[Reserved]:
        """Reserve claimed numbers; what the gate refuses is due again when it says, or never."""
        tasks = await store.lock_tasks(connection, keys)
        await protection.keep_list(connection)
        numbers = await store.lock_claimed(connection, keys, lease_end)
        wanted = await wanted_of(connection, desk, tasks, numbers)
        verdicts = await reserve(connection, desk, wanted, now, actor=SCHEDULER)
        looks = list(zip(numbers, verdicts, strict=True))
        await store.settle(connection, now, [_settled(number, verdict, now) for number, verdict in looks])
        await _write_reasons(connection, now, looks)
        return [verdict for verdict in verdicts if isinstance(verdict, Reserved)]

    async def release(
        self, connection: asyncpg.Connection, now: datetime, released: Mapping[int, Release]
    ) -> Mapping[int, datetime]:
        """Let numbers wait again whose calls were certainly not taken."""
        rows = await store.of_calls(connection, released)
        found = {key: _released(row, released[key], now) for key, row in rows.items()}
        await store.release(connection, now, list(found.values()))
        entries = [
            audit.Entry(reason=found[key].reason, detail={"task_id": row["task_id"], "number_id": key})
            for key, row in rows.items()
            if found[key].reason not in {None, row["reason"]}
        ]
        await audit.write(connection, now, actor="provider", action="no_call", entries=entries)
        return {key: what.due_at or now for key, what in found.items()}

    async def finish(
        self, connection: asyncpg.Connection, desk: Desk, now: datetime, ended: Mapping[int, Ended]
    ) -> None:
        """Write what became of numbers, when they are dialled again, and who takes talks that ask for a person."""
        await finish(connection, desk, now, ended)

    async def said(self, connection: asyncpg.Connection, calls: Sequence[Row]) -> Mapping[int, Said]:
        """Put together once more what calls were placed with; nothing for numbers that were erased."""
        numbers = await store.names(connection, {row["number_id"] for row in calls})
        return {row["id"]: said_of(numbers[row["number_id"]]) for row in calls if row["number_id"] in numbers}


def _is_within(last: datetime | None, now: datetime, pause: timedelta) -> bool:
    return last is not None and last <= now < last + pause


def _is_open(task: Row, hours: Hours, now: datetime) -> bool:
    window = hours_of(task, hours)
    return window is not None and window.opens_at(now) == now


def _settled(number: Row, verdict: Verdict, now: datetime) -> Settled:
    """Return where a number stands after a look."""
    if isinstance(verdict, Reserved):
        return Settled(number["id"], "calling", None, None, None, verdict.wanted.subject.group_id)
    refusal = verdict.refusal
    if refusal.reason is Reason.TASK_PAUSED:
        return Settled(number["id"], "waiting", now, refusal.reason, None, None)
    if refusal.until is None:
        return Settled(number["id"], "refused", None, refusal.reason, None, None)
    until = now + SOON if refusal.reason is Reason.NO_LINE else refusal.until
    return Settled(number["id"], "waiting", until, refusal.reason, until, None)


def _released(row: Row, release: Release, now: datetime) -> Released:
    if release.until is not None:
        return Released(row["id"], "waiting", release.until, release.reason, row["failures"])
    if release.reason is Reason.TASK_PAUSED:
        # Not at once: by another machine's clock the task may have been started in a moment that is still to come.
        return Released(row["id"], "waiting", now + SOON, release.reason, row["failures"])
    if release.reason is None and release.answer is None:
        return Released(row["id"], "waiting", now, None, row["failures"])
    if release.reason is not None or release.answer is None:
        return Released(row["id"], "refused", None, release.reason, row["failures"])
    failures = min(row["failures"] + 1, 1000)
    answer = release.answer
    what = after_refusal_of_provider(
        failures=failures, retry_after=answer.retry_after, is_final=answer.is_final, is_series=True, now=now
    )
    return Released(row["id"], "refused" if what.due_at is None else "waiting", what.due_at, what.reason, failures)


async def _write_reasons(connection: asyncpg.Connection, now: datetime, looks: Sequence[tuple[Row, Verdict]]) -> None:
    """Write an audit row for each refusal whose reason is new, but for lines that others took in the last moment."""
    entries = [
        audit.Entry(reason=verdict.refusal.reason, detail={"task_id": number["task_id"], "number_id": number["id"]})
        for number, verdict in looks
        if isinstance(verdict, Refused) and verdict.refusal.reason not in {number["reason"], Reason.NO_LINE}
    ]
    await audit.write(connection, now, actor=SCHEDULER, action="no_call", entries=entries)
