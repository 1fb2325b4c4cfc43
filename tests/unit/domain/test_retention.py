"""What is too old, and where a walk over a table goes on."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.retention import ROUND, Kind, Policy, Walk, limits, walk_after

NOW = datetime(2026, 3, 5, 10, 30, tzinfo=UTC)
DAY = timedelta(days=1)
BOOKKEEPING = {Kind.CALL_EVENTS, Kind.CALL_NOTICES, Kind.EVENTS, Kind.IMPORTS}


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (Policy(None, None, None, 90), dict.fromkeys(BOOKKEEPING, 90)),
        (Policy(7, None, None, 90), dict.fromkeys(BOOKKEEPING, 90) | {Kind.MESSAGES: 7, Kind.RECORD_TEXTS: 7}),
        (Policy(None, 1, None, 90), dict.fromkeys(BOOKKEEPING, 90) | {Kind.RECORDINGS: 1}),
        (Policy(None, None, 30, 7), dict.fromkeys(BOOKKEEPING, 7) | {Kind.TRANSCRIPTS: 30}),
        (
            Policy(36_500, 36_500, 36_500, 36_500),
            dict.fromkeys(Kind, 36_500),
        ),
    ],
)
def test_only_what_has_a_limit_is_ever_too_old(policy: Policy, expected: dict[Kind, int]) -> None:
    assert limits(policy, NOW) == {kind: NOW - number * DAY for kind, number in expected.items()}


def test_every_kind_can_have_a_limit() -> None:
    assert set(limits(Policy(1, 1, 1, 1), NOW)) == set(Kind)


@pytest.mark.parametrize(
    ("began", "expected"),
    [
        (NOW, Walk(99, NOW)),
        (NOW - ROUND + timedelta(microseconds=1), Walk(99, NOW - ROUND + timedelta(microseconds=1))),
        (NOW - ROUND, Walk(0, NOW)),
        (NOW - 30 * ROUND, Walk(0, NOW)),
        (NOW + timedelta(seconds=1), Walk(0, NOW)),
    ],
    ids=["just begun", "nearly over", "over", "long over", "clock set back"],
)
def test_a_walk_that_came_to_its_end_begins_anew_when_its_round_is_over(began: datetime, expected: Walk) -> None:
    assert walk_after(Walk(77, began), 99, NOW, is_at_end=True) == expected
    assert walk_after(Walk(77, began), 99, NOW, is_at_end=False) == Walk(99, began), "what lies behind has its turn"
