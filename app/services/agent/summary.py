"""What became of the numbers of a task: counts that agree with its records, and its groups of scripts compared."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import asyncpg

from app.domain.calls import NumberStatus
from app.domain.intention import Level
from app.domain.tasks.comparison import Arm, Verdict, compare
from app.repositories import task_summary as store
from app.services.agent.owners import Owner
from app.services.agent.task_lookups import task_of
from app.services.context import Context

Key = TypeVar("Key")
_INTERESTED = frozenset({int(Level.A), int(Level.B)})


class Answered(NamedTuple):
    """How many of some calls were answered."""

    calls: int
    answered: int


@dataclass(frozen=True, slots=True)
class Script:
    """A group of scripts of a task, how many numbers have it, and what its calls led to."""

    name: str | None
    numbers: int | None
    """Null where the task has one group only, which then has all of them."""
    arm: Arm


@dataclass(frozen=True, slots=True)
class Summary:
    """All counts of a task; each adds up to ``total``."""

    total: int
    by_status: dict[int, int]
    by_intention: dict[int | None, int]
    """None: without a level."""
    by_hour: dict[int, Answered]
    """By the hour of the day, local."""
    by_line: dict[str | None, tuple[str | None, Answered]]
    """(name, calls) by line; no name: the line is gone."""
    scripts: Sequence[Script]
    verdict: Verdict


async def summary(context: Context, owner: Owner, task_id: int) -> Summary:
    """Count the records of a task; 404 where the account has no such task."""
    await task_of(context, owner, task_id)
    async with context.database.connection() as connection:
        rows = await store.counts(connection, task_id)
        scripts = await store.scripts(connection, task_id)
        numbers = await store.numbers_by_group(connection, task_id) if scripts else {}
        line_ids = sorted({row["line_id"] for row in rows if row["line_id"] is not None})
        lines = await store.names_of_lines(connection, line_ids)
        group_ids = [row["group_id"] for row in scripts]
        # Groups that were taken from the task have calls all the same.
        group_ids += sorted({row["group_id"] for row in rows if row["group_id"] is not None} - set(group_ids))
        names = await store.names_of_groups(connection, group_ids)
    arms = _arms(group_ids, rows)
    wanted = {row["group_id"] for row in scripts}
    zone = context.settings.zone
    by_hour = _answered_by(rows, lambda row: row["quarter"].astimezone(zone).hour)
    by_line = _answered_by(rows, lambda row: row["line_id"])
    return Summary(
        total=sum(row["calls"] for row in rows),
        by_status=dict(_counted(rows, "number_status")),
        by_intention=dict(_counted(rows, "intention")),
        by_hour=dict(sorted(by_hour.items())),
        by_line={
            line_id: (lines.get(line_id), by_line[line_id]) for line_id in sorted(by_line, key=lambda each: each or "")
        },
        scripts=[
            Script(names.get(arm.group_id), numbers.get(arm.group_id, 0) if scripts else None, arm) for arm in arms
        ],
        verdict=compare([arm for arm in arms if arm.group_id in wanted]),
    )


def _counted(rows: Sequence[asyncpg.Record], name: str) -> Counter[Any]:
    found: Counter[Any] = Counter()
    for row in rows:
        found[row[name]] += row["calls"]
    return found


def _answered_by(rows: Sequence[asyncpg.Record], key: Callable[[asyncpg.Record], Key]) -> dict[Key, Answered]:
    calls: Counter[Key] = Counter()
    answered: Counter[Key] = Counter()
    for row in rows:
        calls[key(row)] += row["calls"]
        answered[key(row)] += row["calls"] if row["number_status"] == NumberStatus.ANSWERED else 0
    return {each: Answered(calls[each], answered[each]) for each in calls}


def _arms(group_ids: Sequence[int], rows: Sequence[asyncpg.Record]) -> list[Arm]:
    answered = _answered_by(rows, lambda row: row["group_id"])
    reached, interested = Counter[int](), Counter[int]()
    for row in rows:
        reached[row["group_id"]] += row["calls"] if row["is_reached"] else 0
        interested[row["group_id"]] += row["calls"] if row["intention"] in _INTERESTED else 0
    return [
        Arm(group_id, *(answered.get(group_id) or (0, 0)), reached[group_id], interested[group_id])
        for group_id in group_ids
    ]
