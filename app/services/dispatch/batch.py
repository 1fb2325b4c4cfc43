"""A batch of due enrollments, looked at together: everything it needs is read in a handful of statements."""

from collections.abc import Sequence as Rows
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from app.config import Settings
from app.domain.followup import End, Limits, Progress, Send, Sequence, Step, Wait
from app.repositories import dispatch as store
from app.repositories import sequences as sequence_store
from app.repositories.dispatch import Move, Outgoing, Row, Settled
from app.services.dispatch.looks import NOTHING_RECENT, Look, OpenSend, Rules, look, place_after
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
    rules = Rules(limits, timedelta(hours=settings.unknown_hold_hours), is_idempotent)
    opens = await _open_sends(connection, [row["open_record_id"] for row in rows if row["open_record_id"]])
    looks = [
        (
            row,
            look(
                row,
                sequences.get(row["config_id"]),
                rules,
                recent.get(row["contact_id"], NOTHING_RECENT),
                opens.get(row["open_record_id"]) if opens else None,
                now,
            ),
        )
        for row in rows
    ]
    return Assessed(looks, sequences)


async def _open_sends(connection: asyncpg.Connection, record_ids: Rows[int]) -> dict[int | None, OpenSend]:
    if not record_ids:
        return {}
    records = await store.open_records(connection, record_ids)
    script_ids = [record.script_id for record in records.values() if record.script_id is not None]
    scripts = await sequence_store.load_scripts(connection, script_ids)
    texts = {script_id: script_of(row) for script_id, row in scripts.items()}
    return {record.id: OpenSend(record, texts.get(record.script_id or 0)) for record in records.values()}


def settled_of(row: Row, decision: Wait | End) -> Settled:
    """Return how a refusal is written down."""
    has_changed = row["reason"] != decision.reason
    if isinstance(decision, End):
        return Settled(row["id"], row["contact_id"], decision.state, decision.reason, None, None, has_changed)
    return Settled(
        row["id"], row["contact_id"], row["state"], decision.reason, decision.until, decision.until, has_changed
    )


class Moves:
    """The steps that the messages of a batch take; people at the same step share one."""

    def __init__(self, sequences: dict[int, Sequence], limits: Limits, now: datetime) -> None:
        self._sequences = sequences
        self._limits = limits
        self._now = now
        self._numbers: dict[tuple[int, int | None, int | None, Progress], int] = {}
        self.all: list[Move] = []

    def number_of(self, config_id: int, step: Step) -> int:
        """Return the number, from 1, of the move that an enrollment of ``config_id`` makes with this step."""
        script_id = step.script.id if step.script else None
        key = (config_id, script_id, step.day_number, step.following)
        number = self._numbers.get(key)
        if number is None:
            place = place_after(step, self._sequences[config_id], self._limits, self._now)
            kind = "script" if step.script else "opening"
            self.all.append(Move(config_id, script_id, step.day_number, kind, step.content, place))
            number = self._numbers[key] = len(self.all)
        return number

    def outgoing(self, row: Row, decision: Send, key: str) -> Outgoing:
        """Return the record that a decision to send makes; ``key`` is a UUID in hexadecimal digits."""
        step, text = decision.step, decision.text
        return Outgoing(
            row["id"],
            row["contact_id"],
            row["sequence"] + 1,
            key,
            None if text is step.content else text,
            self.number_of(row["config_id"], step),
        )


__all__ = ["Assessed", "Moves", "assess", "settled_of"]
