"""What will be sent to a person, and when, if nobody answers: the decision run against a moving clock."""

from dataclasses import dataclass, replace
from datetime import datetime

from app.domain.followup.decision import DAY, End, Facts, Limits, Reason, Send, decide
from app.domain.followup.sequence import Sequence

_LOOKS_PER_SEND = 64
"""More waits than this in a row before one message means that it will not leave."""


@dataclass(frozen=True, slots=True)
class PlannedSend:
    """One message of the future: ``day_number`` and ``script_id`` are null for the opening."""

    at: datetime
    day_number: int | None
    script_id: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Simulation:
    """The sends that are foreseen, and what ends the run (None: it goes on)."""

    sends: tuple[PlannedSend, ...]
    end: Reason | None


def simulate(facts: Facts, sequence: Sequence, limits: Limits, start: datetime, *, count: int = 10) -> Simulation:
    """Foresee the next ``count`` sends from ``start`` on, with the very rules that send."""
    sends: list[PlannedSend] = []
    now = start
    while len(sends) < count:
        outcome = _until_send(facts, sequence, limits, now)
        if isinstance(outcome, Reason):
            return Simulation(tuple(sends), outcome)
        now, sent = outcome
        sends.append(_planned(now, sent))
        facts = _after(facts, sent, now)
    return Simulation(tuple(sends), None)


def _until_send(facts: Facts, sequence: Sequence, limits: Limits, now: datetime) -> tuple[datetime, Send] | Reason:
    for _look in range(_LOOKS_PER_SEND):
        decision = decide(facts, sequence, limits, now)
        if isinstance(decision, Send):
            return now, decision
        if isinstance(decision, End) or decision.until is None:
            return decision.reason
        now = decision.until
    return Reason.OUTSIDE_WINDOW


def _planned(now: datetime, sent: Send) -> PlannedSend:
    script = sent.step.script
    return PlannedSend(now, sent.step.day_number, script.id if script else None, sent.text)


def _after(facts: Facts, sent: Send, now: datetime) -> Facts:
    is_opening = sent.step.script is None
    return replace(
        facts,
        progress=sent.step.following,
        opening_pending=False,
        opening_at=now if is_opening else facts.opening_at,
        last_sent_at=now,
        last_automatic_at=now,
        recent_sends=(*(moment for moment in facts.recent_sends if moment > now - DAY), now),
    )
