"""Script groups compared: intervals against tables, and a verdict that does not guess."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.tasks.comparison import FLOOR, OUTCOME_TEXTS, Arm, Outcome, Verdict, compare, wilson


def arm(group_id: int, calls: int, interested: int) -> Arm:
    return Arm(group_id, calls, calls // 2, calls // 3, interested)


@pytest.mark.parametrize(
    ("successes", "total", "low", "high"),
    [
        # Wilson's interval as R's prop.test(correct=FALSE) and statsmodels give it.
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (5, 10, 0.2366, 0.7634),
        (1, 100, 0.0018, 0.0545),
        (40, 100, 0.3094, 0.4980),
        (400, 1000, 0.3701, 0.4307),
    ],
)
def test_intervals(successes: int, total: int, low: float, high: float) -> None:
    rate = wilson(successes, total)
    assert rate.value == successes / total
    assert rate.low == pytest.approx(low, abs=1e-4)
    assert rate.high == pytest.approx(high, abs=1e-4)


def test_without_calls_there_is_no_rate() -> None:
    rate = wilson(0, 0)
    assert (rate.value, rate.low, rate.high) == (None, None, None)


@pytest.mark.parametrize(
    ("arms", "outcome", "winner"),
    [
        ([], Outcome.NOTHING_TO_COMPARE, None),
        ([arm(1, 1000, 500)], Outcome.NOTHING_TO_COMPARE, None),
        ([arm(1, FLOOR - 1, 90), arm(2, 1000, 1)], Outcome.TOO_FEW, None),
        ([arm(1, 1000, 500), arm(2, 0, 0)], Outcome.TOO_FEW, None),
        ([arm(1, FLOOR, 90), arm(2, FLOOR, 1)], Outcome.CLEAR, 1),
        ([arm(1, 1000, 100), arm(2, 1000, 110)], Outcome.OVERLAP, None),
        ([arm(1, 1000, 100), arm(2, 1000, 100)], Outcome.OVERLAP, None),
        ([arm(1, 1000, 0), arm(2, 1000, 0)], Outcome.OVERLAP, None),
        ([arm(1, 1000, 100), arm(2, 1000, 200)], Outcome.CLEAR, 2),
        ([arm(1, 1000, 100), arm(2, 1000, 200), arm(3, 1000, 195)], Outcome.OVERLAP, None),
        ([arm(1, 1000, 300), arm(2, 1000, 200), arm(3, 1000, 195)], Outcome.CLEAR, 1),
        ([arm(1, 1000, 300), arm(2, 1000, 200), arm(3, 99, 1)], Outcome.TOO_FEW, None),
    ],
)
def test_verdicts(arms: list[Arm], outcome: Outcome, winner: int | None) -> None:
    assert compare(arms) == Verdict(outcome, winner)
    assert compare(arms[::-1]) == Verdict(outcome, winner), "the order of the arms says nothing"
    assert OUTCOME_TEXTS[outcome]


@given(st.integers(0, 5000), st.integers(0, 5000))
def test_an_interval_holds_its_share_and_stays_within_bounds(successes: int, misses: int) -> None:
    rate = wilson(successes, successes + misses)
    if rate.value is None or rate.low is None or rate.high is None:
        assert successes + misses == 0
        return
    assert 0 <= rate.low <= rate.value <= rate.high <= 1


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), min_size=2, max_size=4))
def test_a_winner_has_enough_calls_and_stands_above_all_others(counts: list[tuple[int, int]]) -> None:
    arms = [arm(place, calls + wanted, wanted) for place, (calls, wanted) in enumerate(counts)]
    verdict = compare(arms)
    assert (verdict.winner is not None) is (verdict.outcome is Outcome.CLEAR)
    if verdict.winner is None:
        return
    assert all(each.calls >= FLOOR for each in arms)
    rates = {each.group_id: wilson(each.interested, each.calls) for each in arms}
    best = rates.pop(verdict.winner)
    assert all((best.low or 0.0) > (rate.high or 0.0) for rate in rates.values())
