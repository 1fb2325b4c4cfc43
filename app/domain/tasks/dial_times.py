"""Hours in which a task may dial: ranges of a day, by day of the week."""

from collections.abc import Sequence
from typing import NamedTuple

from app.domain.tasks.faults import Fault, Place, padded, week_fault


class Day(NamedTuple):
    """The hours of a day of the week (0 is Sunday): (begin, end) each, ``H:MM`` or ``HH:MM``, the end not included."""

    week: int
    times: Sequence[tuple[str, str]]


def hours_fault(days: Sequence[Day]) -> Fault | None:
    """Return the first thing wrong with the hours of a group, its place within ``content``; None: they are fine.

    Args:
        days: Times are well-formed already; no hours at all would never dial, so that is a fault too.
    """
    earlier: set[int] = set()
    for number, day in enumerate(days):
        place: Place = (number,)
        fault = week_fault((*place, "week"), day.week, earlier) or _ranges_fault((*place, "times"), day.times)
        if fault is not None:
            return fault
    if not any(day.times for day in days):
        return Fault((), "至少需要一个呼叫时间段 (give at least one range of hours)")
    return None


def _ranges_fault(place: Place, ranges: Sequence[tuple[str, str]]) -> Fault | None:
    for number, (begin, end) in enumerate(ranges):
        if padded(begin) >= padded(end):
            return Fault(
                (*place, number),
                f"开始时间 {begin} 须早于结束时间 {end},跨零点请在 24:00 处分开 "
                "(begin_time must be before end_time; split a night at 24:00)",
            )
        for other_begin, other_end in ranges[:number]:
            if padded(begin) < padded(other_end) and padded(other_begin) < padded(end):
                return Fault(
                    (*place, number),
                    f"时间段 {begin}-{end} 与 {other_begin}-{other_end} 重叠 (these ranges overlap)",
                )
    return None
