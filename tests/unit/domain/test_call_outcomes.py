"""What an ended attempt means, code by code (the table of task statuses of OutboundBot 2019-12-26)."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.calls import Action, NumberStatus, Speaker, TaskStatus, asks_for_person, outcome_of
from app.domain.dialing import Active, Facts, Reason, Room, Rules, refusals
from app.domain.identifiers import masked_phone, national_phone

TALK = [(Speaker.ROBOT, Action.BROADCAST), (Speaker.CONTACT, Action.DIALOGUE)]


@pytest.mark.parametrize(
    ("code", "has_rung", "number_status", "is_counted"),
    [
        (2, True, NumberStatus.NO_ANSWER, True),
        (3, False, NumberStatus.EMPTY_NUMBER, True),
        (4, True, NumberStatus.BUSY, True),
        (5, False, NumberStatus.WAITING, False),
        (6, False, NumberStatus.WAITING, False),
        (6, True, NumberStatus.NO_ANSWER, True),
        (7, False, NumberStatus.WAITING, False),
        (7, True, NumberStatus.NO_ANSWER, True),
        (8, False, NumberStatus.POWERED_OFF, True),
        (9, False, NumberStatus.SUSPENDED, True),
        (10, False, NumberStatus.IN_ARREARS, True),
        (11, False, NumberStatus.EMPTY_NUMBER, True),
        (12, False, NumberStatus.WAITING, False),
        (13, False, NumberStatus.BLOCKED, True),
        (14, False, NumberStatus.INTERCEPTED, False),
        (15, False, NumberStatus.WAITING, False),
        (16, False, NumberStatus.WAITING, False),
        (17, False, NumberStatus.SUSPENDED, True),
        (18, False, NumberStatus.IN_ARREARS, True),
        (19, False, NumberStatus.INTERCEPTED, False),
        (29, True, NumberStatus.INTERCEPTED, False),
        (30, True, NumberStatus.INTERCEPTED, False),
        (31, True, NumberStatus.INTERCEPTED, False),
        (32, False, NumberStatus.INTERCEPTED, False),
    ],
)
def test_attempts_without_a_talk(code: int, has_rung: bool, number_status: NumberStatus, is_counted: bool) -> None:
    outcome = outcome_of(TaskStatus(code), [], has_rung=has_rung)
    assert (outcome.number_status, outcome.is_counted, outcome.is_reached) == (number_status, is_counted, False)
    assert outcome.result


@pytest.mark.parametrize("code", range(20, 29))
def test_who_is_reached_has_spoken_in_a_talk_that_came_about(code: int) -> None:
    said = outcome_of(TaskStatus(code), TALK, has_rung=True)
    silent = outcome_of(TaskStatus(code), TALK[:1], has_rung=True)
    assert (said.number_status, said.is_counted, said.result) == (NumberStatus.ANSWERED, True, "已接通")
    assert said.is_reached is (code in {20, 24, 25, 26})
    assert silent.is_reached is False


@pytest.mark.parametrize("status", [None, TaskStatus.EXECUTING])
def test_what_nobody_knows_counts(status: TaskStatus | None) -> None:
    outcome = outcome_of(status, [], has_rung=False)
    assert (outcome.is_counted, outcome.is_reached, outcome.result) == (True, False, "结果未知")


def test_phones_as_they_are_shown() -> None:
    assert [national_phone(phone) for phone in ("+8613800138000", "+8602887654321", "+447400123456", "000")] == [
        "13800138000",
        "02887654321",
        "+447400123456",
        "000",
    ]
    assert [masked_phone(phone) for phone in ("13800138000", "110", "")] == ["138****8000", "****10", ""]


def test_everything_that_stands_in_the_way_is_told_in_its_order() -> None:
    now = datetime(2026, 3, 5, 10, 30, tzinfo=UTC)
    facts = Facts(
        phone=None,
        is_protected=True,
        withdrawn=Reason.CASE_CLOSED,
        is_blocked=True,
        has_script=False,
        recent_calls=(now,) * 5,
        active=Active(is_own=True, is_unknown=True),
        rounds_done=3,
        is_reached=True,
        last_ended_at=now,
        is_automatic=True,
    )
    rules = Rules(opens_at=lambda _now: None, interval=timedelta(minutes=30), max_rounds=3, daily_cap=5)
    found = [refusal.reason for refusal in refusals(facts, rules, Room(0, now), now)]
    assert found == [
        Reason.DO_NOT_CONTACT,
        Reason.CASE_CLOSED,
        Reason.NO_PHONE,
        Reason.BLOCKED_NUMBER,
        Reason.NO_SCRIPT,
        Reason.OUTSIDE_WINDOW,
        Reason.DAILY_CAP,
        Reason.ROUND_LIMIT,
        Reason.ALREADY_REACHED,
        Reason.CALL_UNKNOWN,
        Reason.INTERVAL,
        Reason.PROVIDER_AWAY,
        Reason.NO_LINE,
    ]
    unread = Rules(opens_at=None, interval=timedelta(minutes=30), max_rounds=3, daily_cap=5)
    assert Reason.NO_WINDOW in {refusal.reason for refusal in refusals(facts, unread, Room(0, now), now)}


@pytest.mark.parametrize(
    ("status", "actions", "asks"),
    [
        (TaskStatus.SUCCEEDED_TRANSFER_BY_INTENT, [], True),
        (TaskStatus.SUCCEEDED_TRANSFER_AFTER_NO_ANSWER, TALK, True),
        (TaskStatus.SUCCEEDED_FINISH, [*TALK, (Speaker.ROBOT, Action.TRANSFER_TO_AGENT)], True),
        (TaskStatus.SUCCEEDED_FINISH, [*TALK, (Speaker.ROBOT, Action.TRANSFER_TO_IVR)], False),
        (TaskStatus.SUCCEEDED_FINISH, TALK, False),
        (None, [], False),
    ],
)
def test_talks_that_ask_for_a_person(
    status: TaskStatus | None, actions: list[tuple[Speaker, Action]], asks: bool
) -> None:
    assert asks_for_person(status, actions) == asks
