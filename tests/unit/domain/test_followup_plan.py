"""What will be sent when, if nobody answers."""

from datetime import datetime, timedelta

from app.domain.followup import Limits, PlannedSend, Progress, Reason, simulate
from tests.unit.domain.followup_examples import (
    DAY,
    HOUR,
    MOMENT,
    NOON,
    OPENING,
    SECOND,
    enrolled,
    script,
    sequence,
    written_to,
)

LIMITS = Limits()
SEED = sequence(script(1, 1), script(2, 2), script(3, 0, hours=72))


def test_the_seeds_sequence_from_the_opening_on() -> None:
    plan = simulate(enrolled(), SEED, LIMITS, NOON, count=5)
    first = NOON + 30 * SECOND
    second = first + DAY + MOMENT
    assert plan.sends == (
        PlannedSend(NOON, None, None, OPENING),
        PlannedSend(first, 1, 1, "话术1"),
        PlannedSend(second, 2, 2, "话术2"),
        PlannedSend(second + 72 * HOUR + MOMENT, 3, 3, "话术3"),
        PlannedSend(second + 2 * (72 * HOUR + MOMENT), 4, 3, "话术3"),
    )
    assert plan.end is None


def test_a_sequence_that_ends_says_why() -> None:
    plan = simulate(enrolled(), sequence(script(1, 1)), LIMITS, NOON)
    assert [planned.text for planned in plan.sends] == [OPENING, "话术1"]
    assert plan.end is Reason.NO_SCRIPT


def test_a_block_without_an_end_ends_the_plan() -> None:
    assert simulate(written_to(muted=True), SEED, LIMITS, NOON).end is Reason.MUTED
    steps = sequence(script(1, 2), script(2, 3, content="{{name}}"))
    plan = simulate(written_to(name=None), steps, LIMITS, NOON)
    assert (len(plan.sends), plan.end) == (1, Reason.MISSING_VARIABLE)


def test_as_many_as_asked_for_and_ten_by_default() -> None:
    assert len(simulate(enrolled(), SEED, LIMITS, NOON).sends) == 10
    assert simulate(enrolled(), SEED, LIMITS, NOON, count=0).sends == ()


def test_what_is_overdue_leaves_once_and_the_rest_keeps_its_distance() -> None:
    now = NOON + 100 * DAY
    plan = simulate(written_to(), SEED, LIMITS, now, count=3)
    assert [planned.at for planned in plan.sends] == [
        now,
        now + 72 * HOUR + MOMENT,
        now + 2 * (72 * HOUR + MOMENT),
    ]


def test_the_cap_of_a_day_moves_later_messages() -> None:
    steps = sequence(*(script(number, 2, number, hours=1) for number in range(1, 5)))
    plan = simulate(written_to(NOON - DAY), steps, Limits(daily_cap=2), NOON)
    hour = HOUR + MOMENT
    assert [planned.at for planned in plan.sends] == [NOON, NOON + hour, NOON + DAY, NOON + hour + DAY]


def test_closed_hours_move_messages_to_the_opening() -> None:
    def opens_at(now: datetime) -> datetime:
        opening = now.replace(hour=9, minute=0, second=0, microsecond=0)
        return max(now, opening)

    plan = simulate(written_to(NOON - DAY), SEED, Limits(opens_at=opens_at), NOON - 8 * HOUR, count=1)
    assert plan.sends[0].at == NOON + MOMENT


def test_hours_that_never_settle_end_the_plan() -> None:
    plan = simulate(written_to(), SEED, Limits(opens_at=lambda now: now + SECOND), NOON)
    assert (plan.sends, plan.end) == ((), Reason.OUTSIDE_WINDOW)


def test_what_was_sent_more_than_a_day_ago_is_forgotten() -> None:
    old = tuple(NOON - DAY + timedelta(hours=hours) for hours in range(4))
    facts = written_to(old[-1], recent_sends=old, progress=Progress(1))
    steps = sequence(*(script(number, 1, number, hours=0) for number in range(1, 4)))
    plan = simulate(facts, steps, Limits(daily_cap=4, min_gap=timedelta(0)), NOON)
    assert [planned.at for planned in plan.sends] == [NOON, NOON + HOUR, NOON + 2 * HOUR]
