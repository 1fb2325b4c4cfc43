"""A batch of due enrollments, looked at together: everything it needs is read in a handful of statements."""

from collections.abc import Sequence as Rows
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from app.config import Settings
from app.domain.followup import Decision, End, Limits, Send, Sequence, Wait
from app.repositories import dispatch as store
from app.repositories import sequences as sequence_store
from app.repositories.dispatch import NextPlace, Outgoing, Row, Settled
from app.services.dispatch.looks import Look, Rules, look, place_after
from app.services.sequences import load_sequences, script_of

DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Assessed:
    """The looks of a batch, in the order of its rows, and the sequences that they followed."""

    looks: Rows[tuple[Row, Look]]
    sequences: dict[int, Sequence]


async def assess(
    connection: asyncpg.Connection,
    rows: Rows[Row],
    settings: Settings,
    limits: Limits,
    *,
    is_idempotent: bool,
    now: datetime,
) -> Assessed:
    """Look at every row of a batch."""
    sequences = await load_sequences(
        connection, {row["config_id"] for row in rows}, default_opening=settings.opening_message
    )
    written_to = [row["contact_id"] for row in rows if row["last_sent_at"] and row["last_sent_at"] > now - DAY]
    recent = await store.recent_sends(connection, written_to, now - DAY)
    open_ids = [row["open_script_id"] for row in rows if row["open_script_id"] is not None]
    scripts = await sequence_store.load_scripts(connection, open_ids) if open_ids else {}
    rules = Rules(limits, timedelta(hours=settings.unknown_hold_hours), is_idempotent)
    looks = []
    for row in rows:
        script_row = scripts.get(row["open_script_id"])
        looks.append(
            (
                row,
                look(
                    row,
                    sequences.get(row["config_id"]),
                    rules,
                    recent.get(row["contact_id"], ()),
                    script_of(script_row) if script_row else None,
                    now,
                ),
            )
        )
    return Assessed(looks, sequences)


def settled_of(row: Row, decision: Wait | End) -> Settled:
    """Return how a refusal is written down."""
    has_changed = row["reason"] != decision.reason
    if isinstance(decision, End):
        return Settled(row["id"], row["contact_id"], decision.state, decision.reason, None, None, has_changed)
    return Settled(
        row["id"], row["contact_id"], row["state"], decision.reason, decision.until, decision.until, has_changed
    )


def outgoing_of(row: Row, decision: Send, key: object) -> Outgoing:
    """Return the record that a decision to send makes."""
    script = decision.step.script
    return Outgoing(
        enrollment_id=row["id"],
        contact_id=row["contact_id"],
        config_id=row["config_id"],
        script_id=script.id if script else None,
        day_number=decision.step.day_number,
        kind="script" if script else "opening",
        key=key,  # type: ignore[arg-type]  # a UUID from the id source
        content=decision.text,
        sequence=row["sequence"] + 1,
    )


class Places:
    """Next places of a batch; people at the same step share one."""

    def __init__(self, sequences: dict[int, Sequence], limits: Limits, now: datetime) -> None:
        self._sequences = sequences
        self._limits = limits
        self._now = now
        self._known: dict[tuple[int, int | None, int | None, object], NextPlace] = {}

    def after(self, config_id: int, decision: Send) -> NextPlace:
        """Return where an enrollment of ``config_id`` stands after this message."""
        step = decision.step
        key = (config_id, step.script.id if step.script else None, step.day_number, step.following)
        place = self._known.get(key)
        if place is None:
            place = place_after(step, self._sequences[config_id], self._limits, self._now)
            self._known[key] = place
        return place


def is_refusal(found: Look) -> bool:
    """Tell whether a look ended in a reason not to send."""
    return isinstance(found, (Wait, End))


__all__ = ["Assessed", "Decision", "Places", "assess", "is_refusal", "outgoing_of", "settled_of"]
