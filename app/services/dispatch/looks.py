"""One look at one enrollment: from the stored row to what is to be done with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.domain.followup import (
    Decision,
    End,
    Facts,
    Limits,
    Progress,
    Reason,
    Script,
    Sequence,
    Step,
    Wait,
    after_send,
    blockers,
    decide,
    passed,
)
from app.repositories.dispatch import NextPlace, Recent

Row = Mapping[str, Any]
NOTHING_RECENT = Recent()

_HOLDS_REPEATS = frozenset({Reason.NEEDS_REVIEW, Reason.HUMAN_TAKEOVER, Reason.OUTSIDE_WINDOW})
"""What holds up a repeat too; intervals and caps do not, because they count the message that is being repeated."""


@dataclass(frozen=True, slots=True)
class Uncertain:
    """A message was under way when its process ended: nobody knows whether it arrived."""

    record_id: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Retry:
    """An uncertain message of a gateway that declared itself idempotent: the same record goes out again."""

    record_id: int
    place: NextPlace
    """Where the enrollment stands once it left."""


@dataclass(frozen=True, slots=True)
class CountsAsSent:
    """Nobody settled an uncertain message within its pause: it counts as sent and the sequence goes on."""

    place: NextPlace


Look = Decision | Uncertain | Retry | CountsAsSent


@dataclass(frozen=True, slots=True)
class Rules:
    """What a look needs beside the row."""

    limits: Limits
    unknown_hold: timedelta
    is_idempotent: bool


def progress_of(row: Row) -> Progress:
    """Read how far an enrollment is."""
    after = None if row["after_script_id"] is None else (row["after_order"], row["after_script_id"])
    rotation = None if row["rotation_script_id"] is None else (row["rotation_order"], row["rotation_script_id"])
    return Progress(row["day"], after, rotation)


def facts_of(row: Row, recent: Recent, unknown_until: datetime | None = None) -> Facts:
    """Read what the rules want to know of an enrollment and its person."""
    return Facts(
        progress=progress_of(row),
        opening_pending=row["opening_pending"],
        opening_at=row["opening_at"],
        enrolled_at=row["enrolled_at"],
        last_sent_at=row["last_sent_at"],
        last_automatic_at=recent.last_automatic_at,
        recent_sends=recent.moments,
        unknown_until=unknown_until,
        review_hold_until=row["review_hold_until"],
        takeover_until=row["takeover_until"],
        muted=row["muted"],
        do_not_contact=row["do_not_contact"],
        name=row["name"],
        position=row["position"],
    )


def look(
    row: Row,
    sequence: Sequence | None,
    rules: Rules,
    recent: Recent,
    open_script: Script | None,
    now: datetime,
) -> Look:
    """Decide what to do with a due enrollment; ``open_script`` is the script of its uncertain record, if any."""
    if sequence is None:
        return Wait(Reason.NO_MATCHING_CONFIG, None)
    unknown_until = None
    if row["open_record_id"] is not None and row["open_status"] in {"reserved", "unknown"}:
        unknown_until = row["open_reserved_at"] + rules.unknown_hold
        settled = _settle_open(row, sequence, rules, open_script, unknown_until, now)
        if settled is not None:
            return settled
    return decide(facts_of(row, recent, unknown_until), sequence, rules.limits, now)


def _settle_open(
    row: Row,
    sequence: Sequence,
    rules: Rules,
    open_script: Script | None,
    until: datetime,
    now: datetime,
) -> Look | None:
    if rules.is_idempotent and now < until:
        for barrier in blockers(facts_of(row, NOTHING_RECENT), sequence, rules.limits, now):
            if isinstance(barrier, End) or barrier.until is None or barrier.reason in _HOLDS_REPEATS:
                return barrier
        return Retry(row["open_record_id"], place_after_open(row, sequence, rules.limits, open_script, now))
    if row["open_status"] == "reserved":
        return Uncertain(row["open_record_id"], max(until, now))
    if now < until:
        return None
    return CountsAsSent(place_after_open(row, sequence, rules.limits, open_script, now))


def place_after_open(
    row: Row, sequence: Sequence, limits: Limits, open_script: Script | None, now: datetime
) -> NextPlace:
    """Return where an enrollment stands once its open record counts as sent; it is looked at again at once.

    The interval runs from when the record was tried, and may be over: the next look decides.
    """
    progress = progress_of(row)
    if open_script is not None:
        progress = passed(progress, row["open_day_number"], open_script, sequence)
    step = Step(open_script, row["open_day_number"], "", progress)
    return place_after(step, sequence, limits, now)._replace(due_at=now)


def place_after(step: Step, sequence: Sequence, limits: Limits, now: datetime) -> NextPlace:
    """Return where an enrollment stands after ``step`` left at ``now``, and when it is looked at again."""
    wait = after_send(step, sequence, limits, now)
    after = step.following.after or (None, None)
    rotation = step.following.rotation or (None, None)
    return NextPlace(
        day=step.following.day,
        after_order=after[0],
        after_script_id=after[1],
        rotation_order=rotation[0],
        rotation_script_id=rotation[1],
        due_at=wait.until,
        reason=wait.reason,
    )
