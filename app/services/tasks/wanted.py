"""Claimed numbers as calls that are wanted: with script, lines and words, and with the rules of their task."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import asyncpg

from app.domain.dialing import Reason, Rules, Script
from app.domain.tasks import choose_group
from app.repositories import task_dialing as store
from app.repositories.calls import Row
from app.repositories.rounds import History
from app.services.calls.desk import Desk
from app.services.calls.hours import Hours
from app.services.calls.source import Said, Subject, TaskLines, Wanted
from app.services.tasks.ends import PAUSED
from app.services.tasks.hours import hours_of, load_hours

CALL_TYPE = "task"
_BUSY_PAUSE = timedelta(minutes=1)
"""When a number is looked at again that is called by somebody else just now."""
_NO_ROUNDS = 1 << 30
_NOTHING_BEFORE = History()


async def wanted_of(
    connection: asyncpg.Connection, desk: Desk, tasks: Mapping[int, Row], numbers: Sequence[Row]
) -> list[Wanted]:
    """Return the calls that locked numbers stand for, in their order; ``tasks``: theirs, locked too."""
    groups = await store.groups(connection, {group for task in tasks.values() for group in _groups(task)})
    hours = await load_hours(connection, desk, tasks.values())
    rules = {task_id: _rules(task, desk, hours) for task_id, task in tasks.items()}
    lines = {task_id: _all_lines(task, groups) for task_id, task in tasks.items()}
    wanted = []
    for number in numbers:
        task = tasks[number["task_id"]]
        group_id = _group_of(number, task)
        group = groups.get(group_id)
        mine = tuple(task["lines"] or (group["lines"] if group is not None else ()))
        wanted.append(
            Wanted(
                subject=Subject(CALL_TYPE, task_id=task["id"], number_id=number["id"], group_id=group_id),
                phone=number["phone"],
                said=said_of(number),
                script=None if group is None else Script(group["instance_id"], group["script_id"]),
                rules=rules[task["id"]],
                history=_NOTHING_BEFORE,
                is_automatic=True,
                withdrawn=_withdrawn(task),
                why=f"call {number['calls'] + 1} to a number of a task",
                lines=TaskLines(task["id"], task["maximumcall"], mine, lines[task["id"]].union(mine)),
            )
        )
    return wanted


def said_of(number: Row) -> Said:
    """Return what a call to a number is placed with."""
    name = number["name"] or ""
    words = {key: str(value) for key, value in number["words"].items() if value is not None}
    return Said(name, words.get("honorific"), None, {"name": name, **words} if name else words)


def _groups(task: Row) -> Sequence[int]:
    return task["groups"] or [task["destination_extension"]]


def _group_of(number: Row, task: Row) -> int:
    """Return the group of scripts of a number: the one that it was given, as long as the task has it."""
    given: int | None = number["group_id"]
    if given is not None and given in _groups(task):
        return given
    if not task["groups"]:
        only: int = task["destination_extension"]
        return only
    return choose_group(list(zip(task["groups"], task["weights"], strict=True)), number["id"])


def _all_lines(task: Row, groups: Mapping[int, Row]) -> frozenset[str]:
    if task["lines"]:
        return frozenset(task["lines"])
    return frozenset(line for group_id in _groups(task) if group_id in groups for line in groups[group_id]["lines"])


def _rules(task: Row, desk: Desk, hours: Hours) -> Rules:
    window = hours_of(task, hours)
    return Rules(
        opens_at=None if window is None else window.opens_at,
        interval=_BUSY_PAUSE * desk.dialer.time_scale,
        max_rounds=_NO_ROUNDS,
        daily_cap=desk.context.settings.daily_call_cap,
        closes_at=None if window is None else window.closes_at,
        unknown_hold=timedelta(hours=desk.context.settings.unknown_hold_hours),
    )


def _withdrawn(task: Row) -> Reason | None:
    if task["deleted_at"] is not None:
        return Reason.TASK_DELETED
    return Reason.TASK_PAUSED if task["status"] == PAUSED else None
