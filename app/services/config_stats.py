"""What came of a config's messages, rolled up by script and by day of the sequence.

Of the openings and scripts (messages by hand and tests do not count): *sent* is what left or may have left,
*delivered* what certainly left, *unknown* the rest; *replied* counts the messages that were answered, *details* those
whose answer led to contact details. Rates are shares of *sent*, null where nothing was sent.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

from app.errors import NotFoundError
from app.repositories import config_stats
from app.services.context import Context

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Counts of messages."""

    sent: int = 0
    delivered: int = 0
    unknown: int = 0
    failed: int = 0
    replied: int = 0
    details: int = 0

    @classmethod
    def sum(cls, rows: Iterable[Mapping[str, Any]]) -> Self:
        """Add up rows that have a column for each count."""
        listed = list(rows)
        return cls(**{field.name: sum(row[field.name] for row in listed) for field in fields(cls)})

    @property
    def delivery_rate(self) -> float | None:
        """The share of what was sent that certainly left."""
        return self._share(self.delivered)

    @property
    def reply_rate(self) -> float | None:
        """The share of what was sent that was answered."""
        return self._share(self.replied)

    @property
    def details_rate(self) -> float | None:
        """The share of what was sent that led to contact details."""
        return self._share(self.details)

    def _share(self, part: int) -> float | None:
        return round(part / self.sent, 4) if self.sent else None


@dataclass(frozen=True, slots=True)
class ScriptOutcome:
    """What came of one script, or of the opening (``script_id`` null)."""

    script_id: int | None
    day_number: int | None
    content: str | None
    is_deleted: bool
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class DayOutcome:
    """What came of one day of the sequence, or of the opening (``day_number`` null)."""

    day_number: int | None
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class ConfigStats:
    """What came of a config; ``states`` counts its enrollments."""

    config_id: int
    enrolled: int
    states: Mapping[str, int]
    total: Outcome
    by_script: list[ScriptOutcome]
    by_day: list[DayOutcome]


async def read_stats(context: Context, config_id: int) -> ConfigStats:
    """Return the figures of a config; 404 when there is none."""
    async with context.database.connection() as connection:
        states = await config_stats.states(connection, config_id)
        if states is None:
            raise NotFoundError(f"没有 id 为 {config_id} 的复聊配置 (there is no config {config_id})")
        rows = await config_stats.outcomes(connection, config_id)
    return ConfigStats(
        config_id=config_id,
        enrolled=sum(states.values()),
        states=states,
        total=Outcome.sum(rows),
        by_script=_by_script(rows),
        by_day=_by_day(rows),
    )


def _by_script(rows: Rows) -> list[ScriptOutcome]:
    groups = {row["script_id"]: row for row in reversed(rows)}
    return [
        ScriptOutcome(
            script_id,
            groups[script_id]["script_day"],
            groups[script_id]["content"],
            groups[script_id]["is_deleted"],
            Outcome.sum(row for row in rows if row["script_id"] == script_id),
        )
        for script_id in dict.fromkeys(row["script_id"] for row in rows)
    ]


def _by_day(rows: Rows) -> list[DayOutcome]:
    sent = [row for row in rows if row["script_id"] is None or row["day_number"] is not None]
    days = sorted({row["day_number"] for row in sent}, key=lambda day: (day is not None, day))
    return [DayOutcome(day, Outcome.sum(row for row in sent if row["day_number"] == day)) for day in days]
