"""The hours of a task: its dial times, its own holidays, and the time for which it was made."""

from datetime import date

from app.domain.windows import Bounded
from app.repositories.calls import Row
from app.services.calls.hours import Hours


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
