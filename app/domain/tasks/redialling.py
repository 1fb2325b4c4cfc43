"""What follows from an attempt on a number of a task: another one, and when, or nothing more."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from app.domain.tasks.recycling import Detail, RedialDay
from app.domain.tasks.words import MAX_RECYCLES

FAULT = "fault"
"""Stands in ``redials`` for attempts that were the line's or the provider's fault, whatever their status."""
_WEEK_DAYS = 8
"""Today once more, a week later: its times may all be over."""

Moment = Callable[[datetime], datetime | None]
"""From the end of an attempt to the next one; None: there is none."""


class Stop(StrEnum):
    """Why a number is not dialled again, or not yet; all of them are reasons of the dialer's gate."""

    CANCELLED = "cancelled"
    CALL_UNKNOWN = "call_unknown"
    BLOCKED_NUMBER = "blocked_number"
    LINE_FAULT = "line_fault"


class Plan(NamedTuple):
    """How often and when numbers are dialled again."""

    times: Mapping[int, int]
    """How often at most, by the number status that causes it; others never."""
    most: int
    """How often at most in all, faults not counted."""
    next_at: Moment


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that is over, and how far its number was."""

    status: int
    """The number status that it left."""
    ended_at: datetime
    is_counted: bool
    """It counts as an attempt on the person; else the line or the provider was at fault."""
    is_final: bool
    """The person was reached, or does not want to be: by its status nobody is dialled again."""
    is_certain: bool
    """It is known how it ended; a call that the provider forgot is not."""
    is_blocked: bool
    """The provider said that the number does not want calls."""
    is_cancelled: bool
    """A person asked that it be given up."""
    faults: int
    """Attempts in a row that did not count, this one included."""
    redials: Mapping[str, int]
    """How often the number was dialled again already, by status and `FAULT`."""
    provider_back_at: datetime | None = None
    """When the provider's own limit for the number ends, where it was that which prevented the call."""


class Following(NamedTuple):
    """What becomes of the number (``waiting`` with ``due_at``, ``done``, ``refused``), and why."""

    state: str
    due_at: datetime | None = None
    reason: Stop | None = None
    cause: str | None = None
    """Under what the redial is counted; None: there is none."""


def own_plan(statuses: Collection[int], most: int, pause: timedelta) -> Plan:
    """Return the plan of a task without a rule: its own statuses, together so often, after its own pause."""
    times = dict.fromkeys(statuses, most) if most else {}
    return Plan(times, most, lambda ended_at: ended_at + pause)


def rule_plan(details: Sequence[Detail], next_at: Moment) -> Plan:
    """Return the plan of a rule."""
    return Plan({detail.number_status: detail.time for detail in details}, MAX_RECYCLES, next_at)


def at_times(days: Sequence[RedialDay], zone: ZoneInfo) -> Moment:
    """Return what finds the first of a week's times after a moment, as clocks in the zone show them."""
    by_day: dict[int, list[int]] = {}
    for day in days:
        by_day.setdefault(day.week, []).extend(_minutes(text) for text in day.times)

    def moments(after: datetime) -> Iterator[datetime]:
        today = after.astimezone(zone).date()
        for date in (today + timedelta(days=offset) for offset in range(_WEEK_DAYS)):
            for minutes in sorted(by_day.get(date.isoweekday() % 7, ())):
                local = datetime.combine(date, time(0), zone) + timedelta(minutes=minutes)
                yield local.astimezone(UTC)

    return lambda ended_at: next((moment for moment in moments(ended_at) if moment > ended_at), None)


def after_attempt(attempt: Attempt, plan: Plan, *, max_faults: int, fault_pause: timedelta, now: datetime) -> Following:
    """Say what follows from an attempt.

    Args:
        attempt: How it went, and what was before.
        plan: The rule's, else the task's own.
        max_faults: How often a number is tried again after faults in a row, where the plan does not say it itself.
        fault_pause: How long to wait after this fault.
        now: The moment of the decision.
    """
    if attempt.is_cancelled and not attempt.is_final:
        # Whoever gave a call up did not want it placed again behind their back.
        return Following("done" if attempt.is_counted else "refused", reason=Stop.CANCELLED)
    if not attempt.is_counted:
        return _after_fault(attempt, plan, max_faults, max(now + fault_pause, attempt.provider_back_at or now))
    if attempt.is_final:
        return Following("done", reason=Stop.BLOCKED_NUMBER if attempt.is_blocked else None)
    if not attempt.is_certain:
        # The person may have answered: what nobody knows is not tried again by itself.
        return Following("done", reason=Stop.CALL_UNKNOWN)
    return _after_counted(attempt, plan)


def _after_fault(attempt: Attempt, plan: Plan, max_faults: int, due_at: datetime) -> Following:
    allowed = plan.times.get(attempt.status, max_faults)
    if attempt.faults > allowed or sum(attempt.redials.values()) >= MAX_RECYCLES:
        return Following("refused", reason=Stop.LINE_FAULT)
    return Following("waiting", due_at, Stop.LINE_FAULT, FAULT)


def _after_counted(attempt: Attempt, plan: Plan) -> Following:
    cause = str(attempt.status)
    in_all = sum(attempt.redials.values())
    counted = in_all - attempt.redials.get(FAULT, 0)
    is_left = attempt.redials.get(cause, 0) < plan.times.get(attempt.status, 0) and counted < plan.most
    due_at = plan.next_at(attempt.ended_at) if is_left and in_all < MAX_RECYCLES else None
    return Following("done") if due_at is None else Following("waiting", due_at, cause=cause)


def _minutes(clock_time: str) -> int:
    hours, minutes = clock_time.split(":")
    return int(hours) * 60 + int(minutes)
