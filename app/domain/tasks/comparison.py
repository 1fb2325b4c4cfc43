"""Comparing the script groups of a task: rates with their intervals, and a verdict that does not guess.

Source of the intervals: Wilson (1927), the score interval for a share, which holds for small numbers and shares near 0
too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import sqrt

FLOOR = 100
"""Calls that each arm must have before anything is said."""
_Z = 1.959963984540054
"""Of a normal distribution: 95 % lie within."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of calls, and between what the true one lies with 95 %; null without calls."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Arm:
    """What the calls with one group of scripts led to."""

    group_id: int
    calls: int
    answered: int
    reached: int
    interested: int
    """Talks of level A or B."""


class Outcome(StrEnum):
    """What a comparison says."""

    NOTHING_TO_COMPARE = "nothing_to_compare"
    TOO_FEW = "too_few"
    OVERLAP = "overlap"
    CLEAR = "clear"


OUTCOME_TEXTS: dict[Outcome, str] = {
    Outcome.NOTHING_TO_COMPARE: "只有一组话术,无可比较",
    Outcome.TOO_FEW: f"样本不足,每组至少需要 {FLOOR} 次呼叫",
    Outcome.OVERLAP: "置信区间重叠,尚无法分出优劣",
    Outcome.CLEAR: "差异明显",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which arm led to more interested people per call, if that can be said."""

    outcome: Outcome
    winner: int | None
    """Its group of scripts; only where the outcome is clear."""


def wilson(successes: int, total: int) -> Rate:
    """Return a share with its 95 % interval."""
    if total == 0:
        return Rate(None, None, None)
    share, square = successes / total, _Z * _Z
    scale = 1 + square / total
    centre = (share + square / (2 * total)) / scale
    half = _Z * sqrt(share * (1 - share) / total + square / (4 * total * total)) / scale
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == total else min(1.0, centre + half)
    return Rate(share, low, high)


def compare(arms: Sequence[Arm]) -> Verdict:
    """Name the arm with the most interested people per call; none below the floor, or while intervals overlap.

    Args:
        arms: Of one task; the interval of the winner must lie above those of all others.
    """
    if len(arms) <= 1:
        return Verdict(Outcome.NOTHING_TO_COMPARE, None)
    if any(arm.calls < FLOOR for arm in arms):
        return Verdict(Outcome.TOO_FEW, None)
    rates = [wilson(arm.interested, arm.calls) for arm in arms]
    best = max(range(len(arms)), key=lambda place: rates[place].value or 0.0)
    lowest = rates[best].low or 0.0
    others = [rate.high or 0.0 for place, rate in enumerate(rates) if place != best]
    if any(lowest <= high for high in others):
        return Verdict(Outcome.OVERLAP, None)
    return Verdict(Outcome.CLEAR, arms[best].group_id)
