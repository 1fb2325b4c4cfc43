"""May the next message leave now? Facts in, a decision out; ``now`` is an argument."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache

from app.domain.followup.sequence import Progress, Sequence, Step, next_step
from app.domain.followup.texts import MissingVariableError, has_variables, render

DAY = timedelta(hours=24)
INSTANT = timedelta(microseconds=1)
"""PostgreSQL's smallest step: what makes 'more than the interval' out of 'the interval'."""


class Reason(StrEnum):
    """Why a look at an enrollment did not send."""

    INTERVAL = "interval"
    WAITING_REPLY = "waiting_reply"
    OUTSIDE_WINDOW = "outside_window"
    DAILY_CAP = "daily_cap"
    MIN_GAP = "min_gap"
    MUTED = "muted"
    DO_NOT_CONTACT = "do_not_contact"
    CONFIG_INACTIVE = "config_inactive"
    NO_SCRIPT = "no_script"
    NO_MATCHING_CONFIG = "no_matching_config"
    PAUSED = "paused"
    HUMAN_TAKEOVER = "human_takeover"
    NEEDS_REVIEW = "needs_review"
    SEND_UNKNOWN = "send_unknown"
    INBOX_UNREACHABLE = "inbox_unreachable"
    MISSING_VARIABLE = "missing_variable"
    GATEWAY_UNREACHABLE = "gateway_unreachable"
    GATEWAY_BUSY = "gateway_busy"
    PERSON_UNREACHABLE = "person_unreachable"
    SEND_FAILED = "send_failed"


@dataclass(slots=True)
class Facts:
    """What is known of a person in a sequence at the moment of a look.

    Nobody changes them. Not frozen, as ``Send``, because thousands a second are made and that costs five times as much.
    """

    progress: Progress
    opening_pending: bool
    opening_at: datetime | None
    """When the opening of this enrollment left."""
    enrolled_at: datetime
    last_sent_at: datetime | None
    """When the last message left for this person, automatic or by hand."""
    last_automatic_at: datetime | None
    """When the last opening or script left for this person; null where that was more than a day ago, or never."""
    recent_sends: tuple[datetime, ...]
    """Moments of the messages of the last 24 hours, oldest first, those by hand included."""
    unknown_until: datetime | None
    """End of the pause that an uncertain send causes; null where there is none."""
    review_hold_until: datetime | None
    takeover_until: datetime | None
    muted: bool
    do_not_contact: bool
    name: str | None
    position: str | None


def _always_open(now: datetime) -> datetime | None:
    return now


@dataclass(frozen=True, slots=True)
class Limits:
    """The settings that automatic messages obey."""

    first_wait: timedelta = timedelta(seconds=30)
    min_gap: timedelta = timedelta(seconds=60)
    """Floor between two automatic messages, at most a day; messages by hand do not count."""
    daily_cap: int = 5
    opens_at: Callable[[datetime], datetime | None] = _always_open
    """The first moment from the given one on at which messages may leave; None: never."""


@dataclass(slots=True)
class Send:
    """Send ``text`` now."""

    step: Step
    text: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Do not send; look again at ``until``, or (None) when something changes from outside."""

    reason: Reason
    until: datetime | None


@dataclass(frozen=True, slots=True)
class End:
    """The sequence is over: ``state`` is ``finished`` or ``stopped``."""

    state: str
    reason: Reason


Blocker = Wait | End
Decision = Send | Wait | End


def decide(facts: Facts, sequence: Sequence, limits: Limits, now: datetime) -> Decision:
    """Decide about one enrollment: the first blocker, or the message to send."""
    step = current_step(facts, sequence)
    for blocker in _blockers(facts, sequence, limits, now, step):
        return blocker
    assert step is not None  # noqa: S101 - a missing step is a blocker; this tells the type checker
    return _message(facts, step)


def blockers(facts: Facts, sequence: Sequence, limits: Limits, now: datetime) -> tuple[Blocker, ...]:
    """Return everything that stands in the way now, in the order in which it binds."""
    step = current_step(facts, sequence)
    found = tuple(_blockers(facts, sequence, limits, now, step))
    message = None if step is None else _message(facts, step)
    return (*found, message) if isinstance(message, Wait) else found


def current_step(facts: Facts, sequence: Sequence) -> Step | None:
    """Return the message that comes next, whenever that is."""
    if facts.opening_pending:
        return Step(None, None, sequence.opening, facts.progress)
    return next_step(facts.progress, sequence)


def earliest(facts: Facts, step: Step, limits: Limits) -> tuple[Reason, datetime]:
    """Return when the intervals let a step leave, and which of them says so."""
    gap_end = None if facts.last_automatic_at is None else facts.last_automatic_at + limits.min_gap
    if step.script is None:
        return Reason.MIN_GAP, gap_end or facts.enrolled_at
    wait_end = facts.opening_at + limits.first_wait if facts.opening_at else facts.enrolled_at
    is_first = step.script.day_number == 1 and facts.progress.after is None and facts.opening_at is not None
    if is_first and facts.last_sent_at == facts.opening_at:
        return Reason.WAITING_REPLY, wait_end
    reason, moment = Reason.INTERVAL, (facts.last_sent_at or facts.enrolled_at) + _more_than(step.script.interval_hours)
    if is_first and facts.last_automatic_at == facts.opening_at:
        gap_end = None
    if gap_end is not None and gap_end > moment:
        reason, moment = Reason.MIN_GAP, gap_end
    if wait_end > moment:
        reason, moment = Reason.WAITING_REPLY, wait_end
    return reason, moment


def after_send(step: Step, sequence: Sequence, limits: Limits, now: datetime) -> Wait:
    """Return when to look again after ``step`` left at ``now``; with nothing left, as soon as the gap allows."""
    following = next_step(step.following, sequence)
    gap_end = now + limits.min_gap
    if following is None or following.script is None:
        return Wait(Reason.INTERVAL, gap_end)
    if step.script is None and following.script.day_number == 1:
        return Wait(Reason.WAITING_REPLY, now + limits.first_wait)
    reason, moment = Reason.INTERVAL, now + _more_than(following.script.interval_hours)
    if gap_end > moment:
        reason, moment = Reason.MIN_GAP, gap_end
    if step.script is None and now + limits.first_wait > moment:
        reason, moment = Reason.WAITING_REPLY, now + limits.first_wait
    return Wait(reason, moment)


@cache
def _more_than(hours: int) -> timedelta:
    return timedelta(hours=hours) + INSTANT


def _blockers(facts: Facts, sequence: Sequence, limits: Limits, now: datetime, step: Step | None) -> Iterator[Blocker]:
    if facts.do_not_contact:
        yield End("stopped", Reason.DO_NOT_CONTACT)
    if sequence.is_deleted:
        yield End("stopped", Reason.CONFIG_INACTIVE)
    if not sequence.is_active:
        yield Wait(Reason.CONFIG_INACTIVE, None)
    if facts.muted:
        yield Wait(Reason.MUTED, None)
    if facts.unknown_until or facts.review_hold_until or facts.takeover_until:
        yield from _holds(facts, now)
    if step is None:
        yield End("finished", Reason.NO_SCRIPT)
        return
    reason, moment = earliest(facts, step, limits)
    if now < moment:
        yield Wait(reason, moment)
    if len(facts.recent_sends) >= limits.daily_cap:
        yield from _cap(facts, limits, now)
    opens = limits.opens_at(now)
    if opens != now:
        # No opening in sight: settings and calendars change, so it is looked at again tomorrow.
        yield Wait(Reason.OUTSIDE_WINDOW, opens or now + DAY)


def _holds(facts: Facts, now: datetime) -> Iterator[Blocker]:
    for reason, until in (
        (Reason.SEND_UNKNOWN, facts.unknown_until),
        (Reason.NEEDS_REVIEW, facts.review_hold_until),
        (Reason.HUMAN_TAKEOVER, facts.takeover_until),
    ):
        if until is not None and now < until:
            yield Wait(reason, until)


def _cap(facts: Facts, limits: Limits, now: datetime) -> Iterator[Blocker]:
    recent = [sent for sent in facts.recent_sends if sent > now - DAY]
    if len(recent) >= limits.daily_cap:
        yield Wait(Reason.DAILY_CAP, recent[-limits.daily_cap] + DAY)


def _message(facts: Facts, step: Step) -> Send | Wait:
    """Return the message with its text filled in, or that a value for it is missing: the last of all blockers."""
    if not has_variables(step.content):
        return Send(step, step.content)
    try:
        return Send(step, render(step.content, {"name": facts.name, "position": facts.position}))
    except MissingVariableError:
        return Wait(Reason.MISSING_VARIABLE, None)
