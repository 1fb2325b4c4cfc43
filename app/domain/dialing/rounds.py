"""What follows from an attempt: the next round, the same one again, or nothing."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.dialing.gate import Reason

MAX_FAULTS = 3
"""How often a round is tried again after ends that were the line's or the provider's fault."""
FIRST_FAULT_PAUSE = timedelta(minutes=1)
FAULT_GROWTH = 5.0
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that is over, and the round that it belonged to."""

    ended_at: datetime
    is_counted: bool
    is_reached: bool
    is_certain: bool
    """It is known how it ended; a call that the provider forgot is not."""
    is_blocked: bool
    """The provider said that the number does not want calls."""
    is_cancelled: bool
    """A person asked that it be given up."""
    is_series: bool
    """The scheduler goes on with this round and the next ones by itself."""
    round: int
    faults: int
    """Attempts of this round that did not count, this one included."""
    provider_back_at: datetime | None = None
    """When the provider's own limit for the number ends, where it was that which prevented the call."""


@dataclass(frozen=True, slots=True)
class Following:
    """What becomes of the round (``done``, ``planned``, ``refused``, ``cancelled``), and when which one is due.

    ``due_at``: of this round where it is ``planned`` again, None: only a request places it; of the next round where
    this one is ``done``, None: there is no next one.
    """

    state: str
    due_at: datetime | None
    reason: Reason | None = None


def after(attempt: Attempt, *, interval: timedelta, max_rounds: int, scale: float, now: datetime) -> Following:
    """Say what follows from an attempt.

    Args:
        attempt: How it went.
        interval: From the end of one round to the next, as the provider's world counts (already scaled).
        max_rounds: How many rounds there may be.
        scale: Of the provider's time; pauses shrink with it.
        now: The moment of the decision.
    """
    if attempt.is_cancelled and not attempt.is_reached:
        # Whoever gave a call up did not want it placed again behind their back.
        return Following("done" if attempt.is_counted else "cancelled", None, Reason.CANCELLED)
    if attempt.is_counted:
        return _after_counted(attempt, interval, max_rounds)
    if attempt.faults > MAX_FAULTS:
        return Following("refused", None, Reason.LINE_FAULT)
    if not attempt.is_series:
        return Following("planned", None, Reason.LINE_FAULT)
    due = max(now + fault_pause(attempt.faults, scale), attempt.provider_back_at or now)
    return Following("planned", due, Reason.LINE_FAULT)


def fault_pause(faults: int, scale: float) -> timedelta:
    """Return the growing pause after so many ends in a row that were the line's or the provider's fault."""
    return FIRST_FAULT_PAUSE * FAULT_GROWTH ** min(max(0, faults - 1), MAX_FAULTS - 1) * scale


def _after_counted(attempt: Attempt, interval: timedelta, max_rounds: int) -> Following:
    if attempt.is_reached:
        return Following("done", None)
    if not attempt.is_certain:
        # The person may have answered: what nobody knows is not tried again by itself.
        return Following("done", None, Reason.CALL_UNKNOWN)
    if attempt.is_blocked:
        return Following("done", None, Reason.BLOCKED_NUMBER)
    if not attempt.is_series or attempt.round >= max_rounds:
        return Following("done", None)
    return Following("done", attempt.ended_at + interval)


def after_refusal_of_provider(
    *, failures: int, retry_after: int | None, is_final: bool, is_series: bool, now: datetime
) -> Following:
    """Say what follows where the provider certainly did not take a call.

    Args:
        failures: Such tries in a row, this one included.
        retry_after: Seconds that the provider asked for.
        is_final: Trying again will not help.
        is_series: The scheduler goes on by itself.
        now: The moment of the decision.
    """
    if is_final:
        return Following("refused", None, Reason.PROVIDER_REFUSED)
    return Following("planned", retry_at(failures, retry_after, now) if is_series else None, Reason.PROVIDER_AWAY)


def retry_at(failures: int, retry_after: int | None, now: datetime) -> datetime:
    """Return when a call that was certainly not taken may be tried again."""
    if retry_after is not None:
        return now + timedelta(seconds=retry_after)
    return now + min(FIRST_PAUSE * (1 << min(max(failures - 1, 0), 16)), LONGEST_PAUSE)
