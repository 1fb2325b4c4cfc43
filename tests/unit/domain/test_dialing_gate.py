"""The gate as a table: what binds first, what waiting helps against, when to look again."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.domain.dialing import TEXTS, Active, Facts, Reason, Refusal, Room, Rules, decide, is_dialable, refusals
from app.domain.identifiers import Identifier, IdentifierKind, stored_identifier
from app.domain.windows import Window

NOW = datetime(2026, 3, 5, 2, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
MOMENT = timedelta(microseconds=1)
INTERVAL = timedelta(minutes=30)


def always(now: datetime) -> datetime | None:
    return now


FREE = Facts(
    phone="+8613800138000",
    is_protected=False,
    withdrawn=None,
    is_blocked=False,
    has_script=True,
    recent_calls=(),
    active=None,
    rounds_done=0,
    is_reached=False,
    last_ended_at=None,
    is_automatic=True,
)
RULES = Rules(opens_at=always, interval=INTERVAL, max_rounds=3, daily_cap=5)
ROOM = Room(free_slots=1)
LATER = NOW + 3 * HOUR

# In the order in which they bind: how each comes about, and what it says.
BARRIERS: list[tuple[Reason, Callable[[Facts, Rules, Room], tuple[Facts, Rules, Room]], int, datetime | None]] = [
    (Reason.DO_NOT_CONTACT, lambda f, r, o: (replace(f, is_protected=True), r, o), 1002, None),
    (Reason.CASE_CLOSED, lambda f, r, o: (replace(f, withdrawn=Reason.CASE_CLOSED), r, o), 1002, None),
    (Reason.NO_PHONE, lambda f, r, o: (replace(f, phone=None), r, o), 1002, None),
    (Reason.BLOCKED_NUMBER, lambda f, r, o: (replace(f, is_blocked=True), r, o), 1002, None),
    (Reason.NO_SCRIPT, lambda f, r, o: (replace(f, has_script=False), r, o), 1002, None),
    (Reason.OUTSIDE_WINDOW, lambda f, r, o: (f, replace(r, opens_at=lambda _now: LATER), o), 1001, LATER),
    (
        Reason.DAILY_CAP,
        lambda f, r, o: (replace(f, recent_calls=tuple(NOW - n * HOUR for n in (5, 4, 3, 2, 1))), r, o),
        1002,
        NOW + 19 * HOUR,
    ),
    (Reason.ROUND_LIMIT, lambda f, r, o: (replace(f, rounds_done=3), r, o), 1002, None),
    (Reason.ALREADY_REACHED, lambda f, r, o: (replace(f, is_reached=True), r, o), 1002, None),
    (
        Reason.ACTIVE_CALL,
        lambda f, r, o: (replace(f, active=Active(is_own=True, is_unknown=False)), r, o),
        1001,
        NOW + INTERVAL,
    ),
    (
        Reason.TALK_UNREAD,
        lambda f, r, o: (replace(f, is_unread=True), r, o),
        1001,
        NOW + timedelta(minutes=1),
    ),
    (
        Reason.CALL_UNKNOWN,
        lambda f, r, o: (replace(f, unknown_elsewhere_at=NOW - 24 * HOUR + MOMENT), r, o),
        1001,
        NOW + MOMENT,
    ),
    (
        Reason.INTERVAL,
        lambda f, r, o: (replace(f, last_ended_at=NOW - INTERVAL + MOMENT), r, o),
        1001,
        NOW + MOMENT,
    ),
    (
        Reason.PROVIDER_AWAY,
        lambda f, r, o: (f, r, replace(o, provider_back_at=NOW + timedelta(seconds=5))),
        1001,
        NOW + timedelta(seconds=5),
    ),
    (Reason.NO_LINE, lambda f, r, o: (f, r, replace(o, free_slots=0)), 1001, NOW + timedelta(minutes=1)),
]


def test_nothing_stands_in_the_way() -> None:
    assert decide(FREE, RULES, ROOM, NOW) is None
    assert list(refusals(FREE, RULES, ROOM, NOW)) == []


@pytest.mark.parametrize(("reason", "make", "code", "until"), BARRIERS, ids=[str(row[0]) for row in BARRIERS])
def test_each_barrier_by_itself(
    reason: Reason,
    make: Callable[[Facts, Rules, Room], tuple[Facts, Rules, Room]],
    code: int,
    until: datetime | None,
) -> None:
    facts, rules, room = make(FREE, RULES, ROOM)
    assert list(refusals(facts, rules, room, NOW)) == [Refusal(reason, until)]
    refusal = decide(facts, rules, room, NOW)
    assert refusal is not None
    assert (refusal.code, refusal.is_final) == (code, until is None)
    assert refusal.message


@pytest.mark.parametrize(("is_automatic", "hold"), [(True, 24 * HOUR), (False, INTERVAL)])
def test_an_uncertain_call_about_something_else_holds_the_number(is_automatic: bool, hold: timedelta) -> None:
    facts = replace(FREE, is_automatic=is_automatic, unknown_elsewhere_at=NOW)
    assert decide(facts, RULES, ROOM, NOW) == Refusal(Reason.CALL_UNKNOWN, NOW + hold)
    assert decide(facts, RULES, ROOM, NOW + hold - MOMENT) == Refusal(Reason.CALL_UNKNOWN, NOW + hold)
    assert decide(facts, RULES, ROOM, NOW + hold) is None


def test_the_order_is_that_of_the_design() -> None:
    """All barriers at once; then without the first, and so on: always the next one binds."""
    expected = [row[0] for row in BARRIERS]
    while expected:
        facts, rules, room = FREE, RULES, ROOM
        for reason, make, _, _ in BARRIERS:
            if reason in expected:
                facts, rules, room = make(facts, rules, room)
        assert [refusal.reason for refusal in refusals(facts, rules, room, NOW)] == expected
        expected.pop(0)


@pytest.mark.parametrize(
    ("phone", "expected"),
    [
        ("+8613800138000", True),
        ("+8619900000000", True),
        ("+861065529988", True),
        ("+14155552671", True),
        ("+86110", False),
        ("110", False),
        ("120", False),
        ("+911", False),
        ("10086", False),
        ("+8610086", False),
        ("13800138000", False),
        ("+861380013800", False),
        ("+8616890001234", False),
        ("+", False),
        ("+8613800138000x", False),
        ("erased-12", False),
    ],
)
def test_numbers(phone: str, expected: bool) -> None:
    assert is_dialable(phone) is expected
    refusal = decide(replace(FREE, phone=phone), RULES, ROOM, NOW)
    assert (refusal and refusal.reason) == (None if expected else Reason.UNDIALABLE_NUMBER)


def test_hours_that_cannot_be_read_mean_no_call() -> None:
    assert decide(FREE, replace(RULES, opens_at=None), ROOM, NOW) == Refusal(Reason.NO_WINDOW, NOW + 24 * HOUR)
    never = replace(RULES, opens_at=lambda _now: None)
    assert decide(FREE, never, ROOM, NOW) == Refusal(Reason.OUTSIDE_WINDOW, NOW + 24 * HOUR)


def test_window_and_holiday() -> None:
    """9:00 to 21:00 in Shanghai, and a day off tomorrow."""
    holiday = datetime(2026, 3, 6, tzinfo=UTC).date()
    window = Window(
        ZoneInfo("Asia/Shanghai"), dict.fromkeys(range(7), ((9 * 60, 21 * 60),)), lambda day: day == holiday
    )
    rules = replace(RULES, opens_at=window.opens_at)
    last = datetime(2026, 3, 5, 13, 0, tzinfo=UTC) - MOMENT
    assert decide(FREE, rules, ROOM, last) is None
    after_the_holiday = datetime(2026, 3, 7, 1, 0, tzinfo=UTC)
    assert decide(FREE, rules, ROOM, last + MOMENT) == Refusal(Reason.OUTSIDE_WINDOW, after_the_holiday)
    assert decide(FREE, rules, ROOM, after_the_holiday) is None


def test_only_the_last_24_hours_count() -> None:
    calls = tuple(NOW - n * HOUR for n in (24, 4, 3, 2, 1))
    assert decide(replace(FREE, recent_calls=calls), RULES, ROOM, NOW) is None
    calls = (NOW - 24 * HOUR + MOMENT, *calls[1:])
    assert decide(replace(FREE, recent_calls=calls), RULES, ROOM, NOW) == Refusal(Reason.DAILY_CAP, NOW + MOMENT)
    more = (NOW - 20 * HOUR, *calls)
    assert decide(replace(FREE, recent_calls=tuple(sorted(more))), RULES, ROOM, NOW) == Refusal(
        Reason.DAILY_CAP, NOW + 4 * HOUR
    ), "with one more than allowed it is the second oldest that must fall out"


def test_the_interval_ends_to_the_moment() -> None:
    ended = replace(FREE, last_ended_at=NOW - INTERVAL)
    assert decide(ended, RULES, ROOM, NOW) is None


def test_a_manual_call_may_call_somebody_who_was_reached() -> None:
    reached = replace(FREE, is_reached=True, is_automatic=False)
    assert decide(reached, RULES, ROOM, NOW) is None
    assert decide(replace(reached, rounds_done=3), RULES, ROOM, NOW) == Refusal(Reason.ROUND_LIMIT, None)


@pytest.mark.parametrize(
    ("active", "reason"),
    [
        (Active(is_own=True, is_unknown=False), Reason.ACTIVE_CALL),
        (Active(is_own=True, is_unknown=True), Reason.CALL_UNKNOWN),
        (Active(is_own=False, is_unknown=False), Reason.ACTIVE_NUMBER),
        (Active(is_own=False, is_unknown=True), Reason.ACTIVE_NUMBER),
    ],
)
def test_active_calls(active: Active, reason: Reason) -> None:
    assert decide(replace(FREE, active=active), RULES, ROOM, NOW) == Refusal(reason, NOW + INTERVAL)


def test_every_reason_has_a_text_without_a_number_of_a_person() -> None:
    assert set(TEXTS) == set(Reason)
    assert all(len(reason) <= 32 for reason in Reason)


@pytest.mark.parametrize(
    "phone", ["+8613800000001", "+862168888888", "+85291234567", "+14155552671", "+4915123456789", "+442079460958"]
)
def test_a_number_that_can_be_dialled_is_in_the_form_in_which_the_list_has_it(phone: str) -> None:
    assert is_dialable(phone)
    assert stored_identifier("phone", phone) == Identifier(IdentifierKind.PHONE, phone)
