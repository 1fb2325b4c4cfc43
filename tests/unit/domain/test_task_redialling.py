"""What follows from an attempt on a number of a task."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.domain.dialing import Reason
from app.domain.tasks import (
    FAULT,
    Attempt,
    Detail,
    Following,
    Plan,
    RedialDay,
    Stop,
    after_attempt,
    at_times,
    own_plan,
    rule_plan,
)

NOW = datetime(2026, 3, 5, 2, 30, tzinfo=UTC)
ENDED = NOW - timedelta(seconds=3)
PAUSE = timedelta(minutes=30)
MINUTE = timedelta(minutes=1)
NO_ANSWER, BUSY, INTERCEPTED = 4, 8, 2
NOBODY = Attempt(
    status=NO_ANSWER,
    ended_at=ENDED,
    is_counted=True,
    is_final=False,
    is_certain=True,
    is_blocked=False,
    is_cancelled=False,
    faults=0,
    redials={},
)
FAULTY = replace(NOBODY, status=0, is_counted=False, faults=1)
OWN = own_plan({NO_ANSWER, BUSY}, 2, PAUSE)
RULE = rule_plan([Detail(NO_ANSWER, 3), Detail(BUSY, 1), Detail(7, 0)], lambda ended_at: ended_at + PAUSE)
AGAIN = Following("waiting", ENDED + PAUSE, None, "4")
OVER = Following("done")


def follow(attempt: Attempt, plan: Plan) -> Following:
    return after_attempt(attempt, plan, max_faults=3, fault_pause=MINUTE, now=NOW)


@pytest.mark.parametrize(
    ("attempt", "plan", "expected"),
    [
        (NOBODY, OWN, AGAIN),
        (replace(NOBODY, redials={"4": 1}), OWN, AGAIN),
        (replace(NOBODY, redials={"4": 2}), OWN, OVER),
        (replace(NOBODY, redials={"8": 1, "4": 1}), OWN, OVER),
        (replace(NOBODY, redials={"4": 1, FAULT: 9}), OWN, AGAIN),
        (replace(NOBODY, status=7), OWN, OVER),
        (NOBODY, own_plan({NO_ANSWER}, 0, PAUSE), OVER),
        (NOBODY, own_plan((), 3, PAUSE), OVER),
        (replace(NOBODY, redials={"4": 2}), RULE, AGAIN),
        (replace(NOBODY, redials={"4": 3}), RULE, OVER),
        (replace(NOBODY, redials={"8": 1}), RULE, AGAIN),
        (replace(NOBODY, status=BUSY, redials={"8": 1}), RULE, OVER),
        (replace(NOBODY, status=7), RULE, OVER),
        (replace(NOBODY, status=9), RULE, OVER),
        (NOBODY, rule_plan([Detail(NO_ANSWER, 3)], lambda _ended_at: None), OVER),
    ],
)
def test_how_often_and_when(attempt: Attempt, plan: Plan, expected: Following) -> None:
    assert follow(attempt, plan) == expected


@pytest.mark.parametrize("redials", [{"4": 50}, {"4": 20, FAULT: 30}, {"8": 50}])
def test_never_more_than_fifty_redials_in_all(redials: dict[str, int]) -> None:
    plan = rule_plan([Detail(NO_ANSWER, 1000), Detail(BUSY, 1000)], lambda ended_at: ended_at + PAUSE)
    assert follow(replace(NOBODY, redials=redials), plan) == OVER
    assert follow(replace(FAULTY, redials=redials), plan) == Following("refused", reason=Stop.LINE_FAULT)
    one_less = {cause: times - (place == 0) for place, (cause, times) in enumerate(redials.items())}
    assert follow(replace(NOBODY, redials=one_less), plan).state == "waiting"
    assert follow(replace(FAULTY, redials=one_less), plan).state == "waiting"


@pytest.mark.parametrize(
    ("attempt", "expected"),
    [
        (replace(NOBODY, status=1, is_final=True), OVER),
        (replace(NOBODY, status=1, is_final=True, is_cancelled=True), OVER),
        (replace(NOBODY, status=11, is_final=True, is_blocked=True), Following("done", None, Stop.BLOCKED_NUMBER)),
        (replace(NOBODY, is_certain=False), Following("done", None, Stop.CALL_UNKNOWN)),
        (replace(NOBODY, is_cancelled=True), Following("done", None, Stop.CANCELLED)),
        (replace(FAULTY, is_cancelled=True), Following("refused", None, Stop.CANCELLED)),
    ],
)
def test_whom_nobody_calls_again(attempt: Attempt, expected: Following) -> None:
    every_status = rule_plan([Detail(status, 4) for status in range(13)], lambda ended_at: ended_at + PAUSE)
    assert follow(attempt, every_status) == expected


def test_faults_of_the_line_do_not_count_against_the_person() -> None:
    again = Following("waiting", NOW + MINUTE, Stop.LINE_FAULT, FAULT)
    assert follow(FAULTY, OWN) == again
    assert follow(replace(FAULTY, faults=3), OWN) == again
    assert follow(replace(FAULTY, faults=4), OWN) == Following("refused", None, Stop.LINE_FAULT)
    tomorrow = NOW + timedelta(hours=13)
    assert follow(replace(FAULTY, provider_back_at=tomorrow), OWN).due_at == tomorrow


@pytest.mark.parametrize(("time", "faults", "state"), [(0, 1, "refused"), (5, 5, "waiting"), (5, 6, "refused")])
def test_a_rule_may_say_how_often_after_a_fault(time: int, faults: int, state: str) -> None:
    """Somebody who says that intercepted numbers are never to be dialled again is obeyed."""
    plan = rule_plan([Detail(INTERCEPTED, time)], lambda ended_at: ended_at + PAUSE)
    assert follow(replace(FAULTY, status=INTERCEPTED, faults=faults), plan).state == state


SHANGHAI = ZoneInfo("Asia/Shanghai")


def local(text: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        # Thursday, 5 March 2026.
        ("2026-03-05T08:00", "2026-03-05T09:00"),
        ("2026-03-05T09:00", "2026-03-05T18:05"),
        ("2026-03-05T18:05", "2026-03-08T10:00"),
        ("2026-03-07T23:59", "2026-03-08T10:00"),
        ("2026-03-08T10:00", "2026-03-12T09:00"),
    ],
)
def test_times_of_a_week(ended: str, expected: str) -> None:
    next_at = at_times([RedialDay(4, ["18:05", "9:00"]), RedialDay(0, ["10:00"])], SHANGHAI)
    assert next_at(local(ended)) == local(expected)


def test_one_time_a_week_comes_again_after_a_week() -> None:
    next_at = at_times([RedialDay(4, ["09:00"])], SHANGHAI)
    assert next_at(local("2026-03-05T09:00")) == local("2026-03-12T09:00")
    assert at_times([RedialDay(4, [])], SHANGHAI)(NOW) is None


def test_times_are_those_of_the_clocks_in_the_zone() -> None:
    """The night in which New York's clocks go forward has 23 hours."""
    zone = ZoneInfo("America/New_York")
    next_at = at_times([RedialDay(0, ["9:00"])], zone)
    assert next_at(local("2026-03-07T09:00", zone)) == datetime(2026, 3, 8, 13, 0, tzinfo=UTC)


def test_every_stop_is_a_reason_that_people_can_read() -> None:
    assert {str(stop) for stop in Stop} <= {str(reason) for reason in Reason}
