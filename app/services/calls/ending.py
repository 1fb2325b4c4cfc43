"""Calls that are over: what it means, and what follows, in one transaction for a whole batch."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import asyncpg
import structlog

from app.domain.calls import Action, JobStatus, NumberStatus, Speaker, TaskStatus, asks_for_person, outcome_of
from app.gateways.dialer import Transcript
from app.repositories import call_polls as store
from app.repositories.call_polls import End
from app.repositories.calls import Row
from app.services.calls.desk import Desk
from app.services.calls.foreign import is_id, storable
from app.services.calls.source import Ended
from app.services.transactions import in_transaction

log = structlog.get_logger(__name__)

NOTHING_TOLD = Transcript(
    status=JobStatus.FAILED,
    task_status=None,
    lines=(),
    has_rung=False,
    answered_at=None,
    ended_at=None,
    provider_task_id=None,
    has_recording=False,
)
"""Of a call that was given up: nobody knows what became of it, so it counts."""
_GIVEN_UP = frozenset({TaskStatus.CANCELLED, TaskStatus.TERMINATED})
_NEVER_BEGUN = _GIVEN_UP | {TaskStatus.FAILED}


@dataclass(frozen=True, slots=True)
class Over:
    """A call that the provider says is over, or that was given up (no transcript)."""

    call_id: int
    transcript: Transcript | None
    remark: str | None = None


async def end_calls(desk: Desk, over: Sequence[Over]) -> list[int]:
    """Write the ends of calls and what follows from them; returns the ids of those that were not over before."""
    by_id = {item.call_id: item for item in over}
    now = desk.context.clock.now()

    async def work(connection: asyncpg.Connection) -> list[int]:
        rows = await store.lock_active(connection, sorted(by_id))
        ends = [(row, *_read(row, by_id[row["id"]], desk.context.settings.zone, now)) for row in rows]
        await store.write_ends(connection, now, [end for _, end, _ in ends])
        for source in desk.sources:
            ended = {key: what for row, _, what in ends if (key := source.key_of(row)) is not None}
            if ended:
                await source.finish(connection, desk, now, ended)
        return [end.id for _, end, _ in ends]

    ended = await in_transaction(desk.context, work)
    if ended:
        # A line is free again.
        desk.context.wake_calls.set()
    return ended


def _read(row: Row, over: Over, zone: ZoneInfo, now: datetime) -> tuple[End, Ended]:
    told = over.transcript or NOTHING_TOLD
    status = _task_status(told)
    known = None if _is_doubtful(row, told, status) else status
    actions = [(line.speaker, line.action) for line in told.lines]
    outcome = outcome_of(known, actions, has_rung=told.has_rung)
    # Never before the call was made and never in the future, whatever the provider's clock says.
    ended_at = min(max(told.ended_at or now, row["created_at"]), now)
    remark = over.remark or (told.failure and storable(told.failure))
    end = End(
        id=row["id"],
        status=told.status,
        task_status=status,
        is_counted=outcome.is_counted,
        is_reached=outcome.is_reached,
        result=outcome.result,
        remark=remark,
        ended_at=ended_at,
        answered_at=told.answered_at,
        provider_task_id=told.provider_task_id if is_id(told.provider_task_id) else None,
        conversations=_conversations(told),
        has_recording=told.has_recording,
        number_status=outcome.number_status,
    )
    ended = Ended(
        call_id=row["id"],
        outcome=outcome,
        ended_at=ended_at,
        is_certain=known not in {None, TaskStatus.EXECUTING},
        is_blocked=status is TaskStatus.CONTACT_BLOCK_LIST,
        is_cancelled=row["cancel_requested_at"] is not None,
        provider_back_at=_midnight(now, zone) if status is TaskStatus.PER_DAY_CALL_COUNT_LIMIT else None,
        remark=remark,
        # However it ended, and where nobody knows how too: the talk may hold a refusal. An operator's voice has none.
        has_spoken=(Speaker.CONTACT, Action.DIALOGUE) in actions
        and outcome.number_status is not NumberStatus.INTERCEPTED,
        wants_person=asks_for_person(known, actions),
    )
    return end, ended


def _is_doubtful(row: Row, told: Transcript, status: TaskStatus | None) -> bool:
    """Tell whether a call is said not to have taken place that may have: then it counts, and is not tried again.

    Given up although the phone rang, whoever did so; or without an attempt although one was told of before.
    """
    if status in _GIVEN_UP and (told.has_rung or told.lines):
        return True
    if row["cancel_requested_at"] is not None:
        return False
    has_begun = row["answered_at"] is not None or row["provider_task_id"] is not None
    return status in _NEVER_BEGUN and has_begun and told.provider_task_id is None and not told.has_rung


def _task_status(told: Transcript) -> TaskStatus | None:
    """Return how the attempt ended; a cancelled call of which nothing else is told was never dialled."""
    if told.task_status is not None or told.status is not JobStatus.CANCELLED or told.has_rung or told.lines:
        return told.task_status
    return TaskStatus.CANCELLED


def _conversations(told: Transcript) -> str:
    lines = [
        {
            "timestamp": line.timestamp,
            "speaker": line.speaker,
            "script": line.script and storable(line.script),
            "action": line.action,
        }
        for line in told.lines
    ]
    return json.dumps(lines, ensure_ascii=False)


def _midnight(now: datetime, zone: ZoneInfo) -> datetime:
    """Return the end of the day: the provider's own cap for a number holds until then."""
    local = now.astimezone(zone)
    return datetime.combine(local.date() + timedelta(days=1), time(0), zone)
