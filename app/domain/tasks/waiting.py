"""Why a started task calls nobody just now, and until when."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from app.domain.tasks.words import TaskState


class WaitReason(StrEnum):
    """What a task waits for."""

    START_TIME = "start_time"
    OUTSIDE_WINDOW = "outside_window"
    NO_LINE = "no_line"


class Term(NamedTuple):
    """The time in which a line may be used, its end excluded; None: without a bound."""

    begin: datetime | None
    end: datetime | None

    def holds(self, now: datetime) -> bool:
        """Tell whether a moment lies in it."""
        return (self.begin is None or self.begin <= now) and (self.end is None or now < self.end)


class Waiting(NamedTuple):
    """A reason, and the moment at which it ends where that is known."""

    reason: WaitReason
    until: datetime | None


def why_waiting(
    state: TaskState, start_time: datetime | None, due_at: datetime | None, lines: Iterable[Term], now: datetime
) -> Waiting | None:
    """Return what a task waits for: its beginning, else its hours, which open when it is due; or any line at all.

    Args:
        state: Of the task; one that is paused waits for nothing.
        start_time: Before which it does not call.
        due_at: When it is looked at next.
        lines: The terms of all lines over which it may call.
        now: The moment.
    """
    if state is TaskState.PAUSED:
        return None
    if state is TaskState.WAITING:
        is_early = start_time is not None and start_time > now
        return Waiting(WaitReason.START_TIME, start_time) if is_early else Waiting(WaitReason.OUTSIDE_WINDOW, due_at)
    terms = list(lines)
    if any(term.holds(now) for term in terms):
        return None
    begins = (term.begin for term in terms if term.begin is not None and term.begin > now)
    return Waiting(WaitReason.NO_LINE, min(begins, default=None))
