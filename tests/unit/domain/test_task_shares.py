"""Who gets what in a task: scripts to numbers, seats to talks, slots to tasks."""

from collections import Counter

import pytest

from app.domain.tasks import Claimant, Seat, Strategy, choose_group, choose_seat, share_of, share_out


def test_groups_by_weight_and_for_good() -> None:
    groups = [(7, 1), (8, 3), (9, 0)]
    chosen = [choose_group(groups, number) for number in range(20_000)]
    assert chosen == [choose_group(groups, number) for number in range(20_000)]
    counts = Counter(chosen)
    assert set(counts) == {7, 8}
    assert 0.24 < counts[7] / 20_000 < 0.26
    assert {choose_group([(7, 5)], number) for number in range(100)} == {7}


def test_shares_are_spread_and_the_same_again() -> None:
    shares = [share_of("x", number) for number in range(10_000)]
    assert shares == [share_of("x", number) for number in range(10_000)]
    assert all(0 <= share < 1 for share in shares)
    assert all(900 < count < 1100 for count in Counter(int(share * 10) for share in shares).values())


@pytest.mark.parametrize(
    ("strategy", "talks", "draw", "expected"),
    [
        (Strategy.EVENLY, [2, 1, 1], 0.9, 1),
        (Strategy.EVENLY, [0, 0, 0], 0.9, 0),
        (Strategy.IN_ORDER, [0, 0, 0], 0.9, 0),
        (Strategy.IN_ORDER, [1, 0, 0], 0.9, 1),
        (Strategy.IN_ORDER, [2, 2, 1], 0.9, 2),
        (Strategy.IN_ORDER, [2, 2, 2], 0.9, 0),
        (Strategy.AT_RANDOM, [0, 9, 9], 0.0, 0),
        (Strategy.AT_RANDOM, [0, 9, 9], 0.99, 2),
        (Strategy.AT_RANDOM, [], 0.99, None),
    ],
)
def test_seats(strategy: int, talks: list[int], draw: float, expected: int | None) -> None:
    seat = choose_seat(strategy, [Seat(place, number) for place, number in enumerate(talks)], draw)
    assert (seat and seat.id) == expected


def claimant(task_id: int, *lines: str, active: int = 0, most: int = 100, due: int = 100) -> Claimant:
    return Claimant(task_id, active, most, due, lines)


@pytest.mark.parametrize(
    ("claimants", "free", "limit", "expected"),
    [
        ([], {"a": 5}, 9, {}),
        ([claimant(1, "a")], {"a": 5}, 9, {1: 5}),
        ([claimant(1, "a")], {"a": 5}, 3, {1: 3}),
        ([claimant(1, "a")], {"a": -2}, 3, {}),
        ([claimant(1, "a", "b")], {"a": 2, "b": 2}, 9, {1: 4}),
        ([claimant(1, "a", most=3)], {"a": 9}, 9, {1: 3}),
        ([claimant(1, "a", most=3, active=3)], {"a": 9}, 9, {}),
        ([claimant(1, "a", due=2)], {"a": 9}, 9, {1: 2}),
        ([claimant(1, "a", due=0), claimant(2, "a")], {"a": 9}, 9, {2: 9}),
        ([claimant(1, "a", due=100_000), claimant(2, "a", due=3)], {"a": 10}, 99, {1: 7, 2: 3}),
        ([claimant(1, "a"), claimant(2, "a")], {"a": 10}, 99, {1: 5, 2: 5}),
        ([claimant(1, "a", active=6), claimant(2, "a")], {"a": 4}, 99, {2: 4}),
        ([claimant(1, "a"), claimant(2, "b")], {"a": 1, "b": 4}, 99, {1: 1, 2: 4}),
        ([claimant(1)], {"a": 1}, 99, {}),
    ],
)
def test_slots(claimants: list[Claimant], free: dict[str, int], limit: int, expected: dict[int, int]) -> None:
    assert share_out(claimants, free, limit, turn=0) == expected


def test_equals_take_turns() -> None:
    three = [claimant(1, "a"), claimant(2, "a"), claimant(3, "a")]
    assert [share_out(three, {"a": 1}, 9, turn=turn) for turn in range(4)] == [{1: 1}, {2: 1}, {3: 1}, {1: 1}]
