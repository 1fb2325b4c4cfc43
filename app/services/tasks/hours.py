"""The hours of a task: its dial times, its own holidays, and the time for which it was made."""

from collections.abc import Iterable
from datetime import date

import asyncpg

from app.domain.calendar import Holidays
from app.domain.windows import Bounded
from app.repositories.calls import Row
from app.services.calls.desk import Desk
from app.services.calls.hours import Hours


async def load_hours(connection: asyncpg.Connection, desk: Desk, tasks: Iterable[Row]) -> Hours:
    """Return what the hours of tasks are read with; the calendar is read only where one of them asks for it."""
    settings = desk.context.settings
    for task in tasks:
        skips = task["skip_holiday"]
        if settings.dial_skip_holiday if skips is None else skips:
            return await Hours.load(connection, settings, desk.dialer)
    return Hours(settings, desk.dialer, Holidays())


def hours_of(task: Row, hours: Hours) -> Bounded | None:
    """Return when a task may dial; None: its hours cannot be read or are gone, so no call.

    Args:
        task: With ``dial_time_id``, its group or the account's default one (``hours_id, content, skip_holiday``),
            ``holidays``, ``start_time``, ``stop_time``.
        hours: Of this batch.
    """
    has_group = task["hours_id"] is not None
    if (task["dial_time_id"] is not None and not has_group) or (has_group and not task["content"]):
        return None
    try:
        closed = frozenset(date.fromisoformat(day) for day in task["holidays"])
    except (TypeError, ValueError):
        return None
    window = hours.window(task["content"], skip_holiday=task["skip_holiday"], closed=closed)
    return None if window is None else Bounded(window, task["start_time"], task["stop_time"])
