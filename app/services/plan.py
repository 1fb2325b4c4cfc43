"""What a person will get next, when, and everything that stands in the way: the dispatcher's own rules, asked."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import asyncpg

from app.domain.followup import (
    Blocker,
    Facts,
    Limits,
    MissingVariableError,
    PlannedSend,
    Reason,
    Sequence,
    Step,
    Wait,
    blockers,
    current_step,
    passed,
    render,
    simulate,
)
from app.errors import NotFoundError
from app.repositories import dispatch as dispatch_store
from app.repositories import enrollments as store
from app.repositories import sequences as sequence_store
from app.services.context import Context
from app.services.dispatch.looks import NOTHING_RECENT, facts_of
from app.services.limits import current_limits
from app.services.sequences import load_sequences, script_of

DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class NextText:
    """The message that comes next; ``text`` is null while a variable has no value."""

    kind: str
    day_number: int | None
    script_id: int | None
    text: str | None


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of one enrollment."""

    enrollment_id: int
    contact_id: int
    state: str
    next: NextText | None
    earliest: datetime | None
    blockers: tuple[Blocker, ...]
    upcoming: tuple[PlannedSend, ...]
    ends_with: Reason | None


async def plan_of(context: Context, enrollment_id: int) -> Plan:
    """Foresee one enrollment from now on, if nobody answers."""
    now = context.clock.now()
    async with context.database.connection() as connection:
        row = await store.find_for_plan(connection, enrollment_id)
        if row is None:
            raise NotFoundError(f"没有 id 为 {enrollment_id} 的复聊序列 (no such enrollment)")
        recent = await dispatch_store.recent_sends(connection, [row["contact_id"]], now - DAY)
        sequences = await load_sequences(
            connection, [row["config_id"]], default_opening=context.settings.opening_message
        )
        open_scripts = await sequence_store.load_scripts(connection, [row["open_script_id"]])
    sequence = sequences.get(row["config_id"])
    if row["state"] != "active" or sequence is None:
        return _standing(row)
    facts = facts_of(row, recent.get(row["contact_id"], NOTHING_RECENT), _unknown_until(context, row))
    if facts.unknown_until is not None:
        facts = _behind_open(facts, row, open_scripts, sequence)
    return _foreseen(row, facts, sequence, await current_limits(context), now)


def _foreseen(row: asyncpg.Record, facts: Facts, sequence: Sequence, limits: Limits, now: datetime) -> Plan:
    step = current_step(facts, sequence)
    simulation = simulate(facts, sequence, limits, now)
    return Plan(
        enrollment_id=row["id"],
        contact_id=row["contact_id"],
        state=row["state"],
        next=_next_text(step, facts),
        earliest=simulation.sends[0].at if simulation.sends else None,
        blockers=blockers(facts, sequence, limits, now),
        upcoming=simulation.sends,
        ends_with=simulation.end,
    )


def _behind_open(facts: Facts, row: asyncpg.Record, scripts: dict[int, asyncpg.Record], sequence: Sequence) -> Facts:
    """Go on behind a message that may have arrived: nothing plans it again."""
    script = scripts.get(row["open_script_id"])
    if script is None:
        return replace(facts, opening_pending=False, opening_at=facts.last_sent_at)
    return replace(facts, progress=passed(facts.progress, row["open_day_number"], script_of(script), sequence))


def _unknown_until(context: Context, row: asyncpg.Record) -> datetime | None:
    if row["open_status"] not in {"reserved", "unknown"}:
        return None
    until: datetime = row["open_reserved_at"] + timedelta(hours=context.settings.unknown_hold_hours)
    return until


def _standing(row: asyncpg.Record) -> Plan:
    """Return the plan of an enrollment that does not move: ended, paused, or without a config."""
    known = {reason.value: reason for reason in Reason}
    fallback = Reason.NO_MATCHING_CONFIG if row["state"] == "waiting" else Reason.PAUSED
    is_open = row["state"] in {"waiting", "paused"}
    reason = known.get(row["reason"] or "", fallback)
    return Plan(
        enrollment_id=row["id"],
        contact_id=row["contact_id"],
        state=row["state"],
        next=None,
        earliest=None,
        blockers=(Wait(reason, None),) if is_open else (),
        upcoming=(),
        ends_with=known.get(row["reason"] or ""),
    )


def _next_text(step: Step | None, facts: Facts) -> NextText | None:
    if step is None:
        return None
    try:
        text = render(step.content, {"name": facts.name, "position": facts.position})
    except MissingVariableError:
        text = None
    script = step.script
    return NextText("script" if script else "opening", step.day_number, script.id if script else None, text)
