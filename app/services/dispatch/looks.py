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
from app.repositories.dispatch import NextPlace, OpenRecord, Recent

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

    record: OpenRecord
    place: NextPlace
    """Where the enrollment stands once it left."""


@dataclass(frozen=True, slots=True)
class CountsAsSent:
    """Nobody settled an uncertain message within its pause: it counts as sent and the sequence goes on."""

    place: NextPlace


Look = Decision | Uncertain | Retry | CountsAsSent


OpenPlace = tuple[Script | None, int | None]
"""Script (as it is now; none for an opening) and day of a record that is open."""


@dataclass(frozen=True, slots=True)
class OpenSend:
    """What stands between an enrollment and its next step."""

    record: OpenRecord
    script: Script | None

    @property
    def place(self) -> OpenPlace:
        """What the sequence moves past when it counts as sent."""
        return self.script, self.record.day_number


@dataclass(frozen=True, slots=True)
class Rules:
    """What a look needs beside the row."""

    limits: Limits
    unknown_hold: timedelta
    is_idempotent: bool


def progress_of(row: Row) -> Progress:
    """Read how far an enrollment is."""
    after_id, rotation_id = row["after_script_id"], row["rotation_script_id"]
    after = None if after_id is None else (row["after_order"], after_id)
    rotation = None if rotation_id is None else (row["rotation_order"], rotation_id)
    return Progress(row["day"], after, rotation)


def facts_of(row: Row, recent: Recent, unknown_until: datetime | None = None) -> Facts:
    """Read what the rules want to know of an enrollment and its person."""
    # In the order of the fields: names would double what this costs.
    return Facts(
        progress_of(row),
        row["opening_pending"],
        row["opening_at"],
        row["enrolled_at"],
        row["last_sent_at"],
        recent.last_automatic_at,
        recent.moments,
        unknown_until,
        row["review_hold_until"],
        row["takeover_until"],
        row["muted"],
        row["do_not_contact"],
        row["name"],
        row["position"],
    )


def look(
    row: Row,
    sequence: Sequence | None,
    rules: Rules,
    recent: Recent,
    open_send: OpenSend | None,
    now: datetime,
) -> Look:
    """Decide what to do with a due enrollment; ``open_send`` stands between it and its next step, if anything does."""
    if sequence is None:
        return Wait(Reason.NO_MATCHING_CONFIG, None)
    unknown_until = None
    if open_send is not None and open_send.record.status in {"reserved", "unknown"}:
        unknown_until = open_send.record.reserved_at + rules.unknown_hold
        settled = _settle_open(row, sequence, rules, open_send, unknown_until, now)
        if settled is not None:
            return settled
    return decide(facts_of(row, recent, unknown_until), sequence, rules.limits, now)


def _settle_open(
    row: Row,
    sequence: Sequence,
    rules: Rules,
    open_send: OpenSend,
    until: datetime,
    now: datetime,
) -> Look | None:
    record = open_send.record
    if rules.is_idempotent and now < until:
        for barrier in blockers(facts_of(row, NOTHING_RECENT), sequence, rules.limits, now):
            if isinstance(barrier, End) or barrier.until is None or barrier.reason in _HOLDS_REPEATS:
                return barrier
        return Retry(record, place_after_open(row, open_send.place, sequence, rules.limits, now))
    if record.status == "reserved":
        return Uncertain(record.id, max(until, now))
    if now < until:
        return None
    return CountsAsSent(place_after_open(row, open_send.place, sequence, rules.limits, now))


def place_after_open(row: Row, place: OpenPlace, sequence: Sequence, limits: Limits, now: datetime) -> NextPlace:
    """Return where an enrollment stands once its open record counts as sent; it is looked at again at once.

    The interval runs from when the record was tried, and may be over: the next look decides.
    """
    script, day_number = place
    progress = progress_of(row)
    if script is not None and day_number is not None:
        progress = passed(progress, day_number, script, sequence)
    step = Step(script, day_number, "", progress)
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
