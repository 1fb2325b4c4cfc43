"""Hours and redials of call tasks: what is taken, and which place is named for what is not."""

import pytest

from app.domain.calls import NOT_REDIALLED, NUMBER_STATUS_TEXTS, NumberStatus
from app.domain.tasks import (
    END_ACTION_TEXTS,
    STRATEGY_TEXTS,
    Day,
    Detail,
    EndAction,
    RedialDay,
    Strategy,
    hours_fault,
    rule_fault,
)


def days(*given: tuple[int, list[str]]) -> list[Day]:
    """Return the days of ``(week, ["9:00-12:00"])``."""
    return [
        Day(week, [(begin, end) for begin, _, end in (each.partition("-") for each in times)]) for week, times in given
    ]


@pytest.mark.parametrize(
    "given",
    [
        [(1, ["9:00-12:00", "13:00-18:00"]), (2, ["09:30-12:30"])],
        [(0, ["0:00-24:00"]), (6, ["00:00-0:01", "23:59-24:00"])],
        [(1, ["13:00-18:00", "9:00-13:00"])],  # not in order, and end to end
        [(1, ["9:59-10:00", "10:00-10:01"])],
        [(1, []), (2, ["9:00-10:00"])],
    ],
)
def test_hours_that_can_be(given: list[tuple[int, list[str]]]) -> None:
    assert hours_fault(days(*given)) is None


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ([], ()),
        ([(1, []), (2, [])], ()),
        ([(7, ["9:00-12:00"])], (0, "week")),
        ([(-1, ["9:00-12:00"])], (0, "week")),
        ([(1, ["9:00-12:00"]), (2, ["9:00-12:00"]), (1, ["13:00-14:00"])], (2, "week")),
        ([(1, ["12:00-9:00"])], (0, "times", 0)),
        ([(1, ["12:00-12:00"])], (0, "times", 0)),
        ([(1, ["9:00-09:00"])], (0, "times", 0)),
        ([(1, ["22:00-6:00"])], (0, "times", 0)),
        ([(1, ["9:00-12:00", "11:59-13:00"])], (0, "times", 1)),
        ([(1, ["9:00-12:00", "8:00-9:01"])], (0, "times", 1)),
        ([(1, ["9:00-12:00", "10:00-11:00"])], (0, "times", 1)),
        ([(1, ["9:00-12:00", "8:00-13:00"])], (0, "times", 1)),
        ([(1, ["9:00-12:00", "09:00-12:00"])], (0, "times", 1)),
        ([(1, ["9:00-12:00"]), (0, ["8:00-9:00", "13:00-14:00", "8:30-8:45"])], (1, "times", 2)),
    ],
)
def test_the_place_of_what_is_wrong_with_hours(
    given: list[tuple[int, list[str]]], place: tuple[str | int, ...]
) -> None:
    fault = hours_fault(days(*given))
    assert fault is not None
    assert fault.place == place
    assert fault.message


AT_TIMES = [RedialDay(1, ["9:30", "15:00"]), RedialDay(0, ["9:30"])]


@pytest.mark.parametrize(
    ("kind", "details", "configs"),
    [
        (1, [], None),
        (1, [(2, 0), (12, 0)], None),
        (1, [(4, 50)], None),
        (1, [(4, 25), (8, 25), (11, 0), (1, 0)], None),
        (2, [(4, 3)], AT_TIMES),
    ],
)
def test_rules_that_can_be(kind: int, details: list[tuple[int, int]], configs: list[RedialDay] | None) -> None:
    assert rule_fault(kind, [Detail(*each) for each in details], configs, final=NOT_REDIALLED) is None


@pytest.mark.parametrize(
    ("kind", "details", "configs", "place"),
    [
        (1, [(4, 1), (8, 1), (4, 1)], None, ("details", 2, "number_status")),
        (1, [(4, 25), (8, 26)], None, ("details",)),
        (1, [(4, 51)], None, ("details",)),
        (1, [(4, 1), (1, 1)], None, ("details", 1, "time")),
        (1, [(11, 1)], None, ("details", 0, "time")),
        (1, [(12, 1)], None, ("details", 0, "time")),
        (1, [], AT_TIMES, ("configs",)),
        (1, [], [], ("configs",)),
        (2, [], None, ("configs",)),
        (2, [], [], ("configs",)),
        (2, [], [RedialDay(1, [])], ("configs",)),
        (2, [], [RedialDay(7, ["9:00"])], ("configs", 0, "week")),
        (2, [], [RedialDay(1, ["9:00"]), RedialDay(1, ["10:00"])], ("configs", 1, "week")),
        (2, [], [RedialDay(1, ["9:00", "10:00", "09:00"])], ("configs", 0, "times", 2)),
    ],
)
def test_the_place_of_what_is_wrong_with_a_rule(
    kind: int, details: list[tuple[int, int]], configs: list[RedialDay] | None, place: tuple[str | int, ...]
) -> None:
    fault = rule_fault(kind, [Detail(*each) for each in details], configs, final=NOT_REDIALLED)
    assert fault is not None
    assert fault.place == place
    assert fault.message


def test_the_words_of_the_contract() -> None:
    assert {int(key): text for key, text in STRATEGY_TEXTS.items()} == {1: "平均", 2: "顺序", 3: "随机"}
    assert [int(action) for action in END_ACTION_TEXTS] == [1, 2, 0]
    assert set(STRATEGY_TEXTS) == set(Strategy)
    assert set(END_ACTION_TEXTS) == set(EndAction)
    assert set(NUMBER_STATUS_TEXTS) == set(NumberStatus)
