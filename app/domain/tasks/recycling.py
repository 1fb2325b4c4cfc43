"""Rules for dialling again: how often by number status, and at which times of the week."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from app.domain.tasks.faults import Fault, Place, padded, week_fault
from app.domain.tasks.words import MAX_RECYCLES, RecycleType


class Detail(NamedTuple):
    """How often a number with this status is dialled again."""

    number_status: int
    time: int


class RedialDay(NamedTuple):
    """At which times of one day of the week (0 is Sunday) numbers are dialled again."""

    week: int
    times: Sequence[str]


def rule_fault(
    kind: int, details: Sequence[Detail], configs: Sequence[RedialDay] | None, *, final: Collection[int]
) -> Fault | None:
    """Return the first thing wrong with a rule and its place; None: it is fine.

    Args:
        kind: 1 (after the task's pause) or 2 (at the times of ``configs``).
        details: At most `MAX_RECYCLES` redials in all: a number can come by all of these statuses.
        configs: Only rules of type 2 have them, and they must.
        final: Statuses after which nobody is dialled again, however often a rule asks for it.
    """
    return _details_fault(details, final) or _configs_fault(kind, configs)


def _details_fault(details: Sequence[Detail], final: Collection[int]) -> Fault | None:
    earlier: set[int] = set()
    total = 0
    for number, (status, time) in enumerate(details):
        place: Place = ("details", number)
        if status in earlier:
            return Fault(
                (*place, "number_status"), f"number_status {status} 重复 (number_status {status} is there twice)"
            )
        if status in final and time > 0:
            return Fault(
                (*place, "time"),
                f"number_status {status} 的号码不会重呼,time 须为 0 "
                f"(numbers with number_status {status} are never dialled again, time must be 0)",
            )
        earlier.add(status)
        total += time
        if total > MAX_RECYCLES:
            return Fault(("details",), f"重呼次数合计不能超过 {MAX_RECYCLES} (at most {MAX_RECYCLES} redials in all)")
    return None


def _configs_fault(kind: int, configs: Sequence[RedialDay] | None) -> Fault | None:
    if kind != RecycleType.AT_TIMES:
        return None if configs is None else Fault(("configs",), "只有 type 2 才有 configs (only type 2 has configs)")
    if not configs or not any(day.times for day in configs):
        return Fault(("configs",), "type 2 需要至少一个重呼时间 (type 2 needs at least one time)")
    earlier: set[int] = set()
    for number, day in enumerate(configs):
        place: Place = ("configs", number)
        fault = week_fault((*place, "week"), day.week, earlier) or _times_fault((*place, "times"), day.times)
        if fault is not None:
            return fault
    return None


def _times_fault(place: Place, times: Sequence[str]) -> Fault | None:
    earlier: set[str] = set()
    for number, time in enumerate(times):
        if padded(time) in earlier:
            return Fault((*place, number), f"时间 {time} 重复 ({time} is there twice)")
        earlier.add(padded(time))
    return None
