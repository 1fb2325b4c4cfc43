"""May the next message leave now? Tables of facts and decisions."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.domain.followup import (
    End,
    Facts,
    Limits,
    Progress,
    Reason,
    Send,
    Sequence,
    Wait,
    after_send,
    blockers,
    current_step,
    decide,
)
from app.domain.followup.decision import earliest
from tests.unit.domain.followup_examples import (
    DAY,
    HOUR,
    MOMENT,
    NOON,
    OPENING,
    SECOND,
    enrolled,
    known,
    opened,
    script,
    sequence,
    written_to,
)

LIMITS = Limits()
FIRST, SECOND_OF_ONE, TWO, TAIL = script(1, 1, 1), script(2, 1, 2), script(3, 2), script(9, 0, hours=72)
STEPS = sequence(FIRST, SECOND_OF_ONE, TWO, TAIL)
LONG_AFTER = NOON + 400 * DAY


def sent(facts: Facts, now: datetime, steps: Sequence = STEPS, limits: Limits = LIMITS) -> tuple[int | None, str]:
    """Return day and text of what leaves now; fails where nothing does."""
    decision = decide(facts, steps, limits, now)
    assert isinstance(decision, Send), decision
    return decision.step.day_number, decision.text


def due(facts: Facts, reason: Reason, moment: datetime, steps: Sequence = STEPS, limits: Limits = LIMITS) -> None:
    """Check that the next message waits for ``moment`` and not an instant longer."""
    assert decide(facts, steps, limits, moment - MOMENT) == Wait(reason, moment)
    assert isinstance(decide(facts, steps, limits, moment), Send)


# Opening and first wait (rules 2 to 4)


def test_the_opening_leaves_at_once_and_moves_no_counter() -> None:
    assert sent(enrolled(), NOON) == (None, OPENING)
    step = current_step(enrolled(), STEPS)
    assert step is not None
    assert (step.script, step.following) == (None, Progress())


def test_the_opening_leaves_even_where_there_is_no_script() -> None:
    assert sent(enrolled(), NOON, sequence()) == (None, OPENING)


def test_the_opening_keeps_its_distance_to_what_the_service_sent_before() -> None:
    before = NOON - 10 * SECOND
    due(enrolled(last_sent_at=before, last_automatic_at=before), Reason.MIN_GAP, NOON + 50 * SECOND)
    # By hand, a moment ago: the floor is between automatic messages.
    facts = enrolled(last_sent_at=NOON - MOMENT, last_automatic_at=NOON - HOUR)
    assert sent(facts, NOON) == sent(enrolled(last_sent_at=NOON - MOMENT), NOON) == (None, OPENING)


def test_the_first_script_of_day_1_is_due_when_the_wait_after_the_opening_ends() -> None:
    due(opened(), Reason.WAITING_REPLY, NOON + 30 * SECOND)
    assert sent(opened(), NOON + 30 * SECOND) == (1, "话术1")


def test_the_wait_is_a_setting_and_shorter_or_longer_than_the_gap_it_is_the_wait_that_counts() -> None:
    for wait in (timedelta(0), 5 * SECOND, 3 * HOUR):
        if wait:
            due(opened(), Reason.WAITING_REPLY, NOON + wait, limits=Limits(first_wait=wait))
        assert sent(opened(), NOON + wait, limits=Limits(first_wait=wait)) == (1, "话术1")


def test_every_other_script_obeys_its_own_interval() -> None:
    second = opened(progress=Progress(1, FIRST.place), last_sent_at=NOON + 30 * SECOND)
    due(second, Reason.INTERVAL, NOON + 30 * SECOND + DAY + MOMENT)


@pytest.mark.parametrize("first_day", [2, 5])
def test_the_exception_is_for_scripts_of_day_1_alone(first_day: int) -> None:
    due(opened(), Reason.INTERVAL, NOON + DAY + MOMENT, sequence(script(1, first_day)))


def test_a_day_0_script_after_the_opening_obeys_its_interval() -> None:
    due(opened(), Reason.INTERVAL, NOON + 72 * HOUR + MOMENT, sequence(TAIL))


def test_a_message_by_hand_between_opening_and_first_script_makes_the_interval_apply() -> None:
    by_hand = NOON + 10 * SECOND
    due(opened(last_sent_at=by_hand), Reason.INTERVAL, by_hand + DAY + MOMENT)


def test_without_a_wait_the_exception_is_still_for_one_script() -> None:
    second = opened(progress=Progress(1, FIRST.place))
    assert decide(second, STEPS, Limits(first_wait=timedelta(0)), NOON) == Wait(Reason.INTERVAL, NOON + DAY + MOMENT)


def test_with_a_message_by_hand_and_no_interval_the_wait_still_holds() -> None:
    facts = opened(last_sent_at=NOON + 10 * SECOND)
    limits = Limits(first_wait=5 * HOUR, min_gap=timedelta(0))
    due(facts, Reason.WAITING_REPLY, NOON + 5 * HOUR, sequence(script(1, 1, hours=0)), limits)


def test_no_gap_between_opening_and_first_script_even_with_a_message_by_hand_in_between() -> None:
    facts = opened(last_sent_at=NOON + 10 * SECOND)
    due(facts, Reason.WAITING_REPLY, NOON + 30 * SECOND, sequence(script(1, 1, hours=0)))
    due(facts, Reason.MIN_GAP, NOON + 60 * SECOND, sequence(script(1, 2, hours=0)))
    of_another_sequence = opened(last_sent_at=NOON + 10 * SECOND, last_automatic_at=NOON + 5 * SECOND)
    due(of_another_sequence, Reason.MIN_GAP, NOON + 65 * SECOND, sequence(script(1, 1, hours=0)))


# The interval (rule 4)


@pytest.mark.parametrize("hours", [1, 24, 72, 8760])
def test_strictly_more_than_the_interval_must_have_passed(hours: int) -> None:
    steps = sequence(script(1, 2, hours=hours))
    end = NOON + hours * HOUR
    assert decide(written_to(), steps, LIMITS, end) == Wait(Reason.INTERVAL, end + MOMENT)
    assert sent(written_to(), end + MOMENT, steps) == (2, "话术1")


def test_an_interval_of_0_hours_leaves_the_gap() -> None:
    steps = sequence(script(1, 2, hours=0))
    due(written_to(), Reason.MIN_GAP, NOON + 60 * SECOND, steps)
    due(written_to(), Reason.INTERVAL, NOON + MOMENT, steps, Limits(min_gap=timedelta(0)))


def test_a_message_by_hand_starts_the_interval_and_no_gap() -> None:
    steps = sequence(script(1, 2, hours=0))
    by_hand = NOON + HOUR
    due(written_to(last_sent_at=by_hand), Reason.INTERVAL, by_hand + MOMENT, steps)
    due(written_to(last_sent_at=NOON + 10 * SECOND), Reason.MIN_GAP, NOON + 60 * SECOND, steps)
    due(written_to(last_sent_at=by_hand, last_automatic_at=None), Reason.INTERVAL, by_hand + MOMENT, steps)


def test_the_gap_is_a_floor_and_the_interval_may_be_longer() -> None:
    limits = Limits(min_gap=48 * HOUR)
    due(written_to(), Reason.MIN_GAP, NOON + 48 * HOUR, limits=limits)
    due(written_to(), Reason.INTERVAL, NOON + DAY + MOMENT, limits=Limits(min_gap=23 * HOUR))


def test_without_an_opening_the_interval_runs_from_the_last_message_known() -> None:
    before = NOON - 10 * HOUR
    due(known(last_sent_at=before), Reason.INTERVAL, before + DAY + MOMENT)


def test_and_without_any_message_from_the_enrolment() -> None:
    due(known(), Reason.INTERVAL, NOON + DAY + MOMENT)
    due(known(), Reason.INTERVAL, NOON + MOMENT, sequence(script(1, 1, hours=0)))


@pytest.mark.parametrize("away", [DAY + MOMENT, 3 * DAY, 400 * DAY])
def test_after_downtime_of_any_length_one_message_leaves(away: timedelta) -> None:
    now = NOON + away
    decision = decide(written_to(), STEPS, LIMITS, now)
    assert isinstance(decision, Send)
    assert decision.text == "话术3"
    later = written_to(now, progress=decision.step.following, recent_sends=(now,))
    due(later, Reason.INTERVAL, now + 72 * HOUR + MOMENT)


# What stands in the way (rules 5, 10, 13, 14)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"do_not_contact": True}, End("stopped", Reason.DO_NOT_CONTACT)),
        ({"muted": True}, Wait(Reason.MUTED, None)),
        ({"unknown_until": LONG_AFTER + MOMENT}, Wait(Reason.SEND_UNKNOWN, LONG_AFTER + MOMENT)),
        ({"review_hold_until": LONG_AFTER + HOUR}, Wait(Reason.NEEDS_REVIEW, LONG_AFTER + HOUR)),
        ({"takeover_until": LONG_AFTER + HOUR}, Wait(Reason.HUMAN_TAKEOVER, LONG_AFTER + HOUR)),
    ],
)
def test_what_holds_a_person_back(change: dict[str, Any], expected: Wait | End) -> None:
    assert decide(written_to(**change), STEPS, LIMITS, LONG_AFTER) == expected
    assert decide(enrolled(**change), STEPS, LIMITS, LONG_AFTER) == expected, "the opening too"


@pytest.mark.parametrize("field", ["unknown_until", "review_hold_until", "takeover_until"])
def test_a_hold_ends_at_its_moment(field: str) -> None:
    assert sent(written_to(**{field: LONG_AFTER}), LONG_AFTER) == (2, "话术3")


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (sequence(TWO, is_active=False), Wait(Reason.CONFIG_INACTIVE, None)),
        (sequence(TWO, is_deleted=True), End("stopped", Reason.CONFIG_INACTIVE)),
        (sequence(TWO, is_deleted=True, is_active=False), End("stopped", Reason.CONFIG_INACTIVE)),
        (sequence(FIRST), End("finished", Reason.NO_SCRIPT)),
        (sequence(), End("finished", Reason.NO_SCRIPT)),
    ],
)
def test_what_the_config_says(steps: Sequence, expected: Wait | End) -> None:
    assert decide(written_to(), steps, LIMITS, LONG_AFTER) == expected


def test_the_first_of_several_blockers_decides_and_all_are_named_in_order() -> None:
    until = LONG_AFTER + HOUR
    facts = written_to(
        LONG_AFTER,
        do_not_contact=True,
        muted=True,
        unknown_until=until,
        review_hold_until=until,
        takeover_until=until,
        name=None,
        recent_sends=(LONG_AFTER,),
    )
    limits = Limits(daily_cap=1, opens_at=lambda _now: until)
    steps = sequence(script(3, 2, content="{{name}}您好"), is_active=False, is_deleted=True)
    found = blockers(facts, steps, limits, LONG_AFTER)
    assert [blocker.reason for blocker in found] == [
        Reason.DO_NOT_CONTACT,
        Reason.CONFIG_INACTIVE,
        Reason.CONFIG_INACTIVE,
        Reason.MUTED,
        Reason.SEND_UNKNOWN,
        Reason.NEEDS_REVIEW,
        Reason.HUMAN_TAKEOVER,
        Reason.INTERVAL,
        Reason.DAILY_CAP,
        Reason.OUTSIDE_WINDOW,
        Reason.MISSING_VARIABLE,
    ]
    assert decide(facts, steps, limits, LONG_AFTER) == found[0]


def test_a_sequence_at_its_end_has_no_other_blocker() -> None:
    assert blockers(written_to(name=None), sequence(), LIMITS, NOON) == (End("finished", Reason.NO_SCRIPT),)


def test_nothing_stands_in_the_way_of_what_leaves() -> None:
    assert blockers(written_to(), STEPS, LIMITS, NOON + DAY) == (Wait(Reason.INTERVAL, NOON + DAY + MOMENT),)
    assert blockers(written_to(), STEPS, LIMITS, NOON + DAY + MOMENT) == ()


# The cap of a day


def test_the_cap_ends_when_the_oldest_of_the_last_n_is_24_hours_old() -> None:
    steps = sequence(script(1, 2, hours=0))
    moments = tuple(NOON - hours * HOUR for hours in (20, 9, 5, 2))
    facts = written_to(moments[-1], recent_sends=moments)
    due(facts, Reason.DAILY_CAP, moments[1] + DAY, steps, Limits(daily_cap=3))
    assert sent(facts, NOON, steps, Limits(daily_cap=5)) == (2, "话术1")
    assert decide(facts, steps, Limits(daily_cap=1), NOON) == Wait(Reason.DAILY_CAP, moments[-1] + DAY)


def test_what_is_24_hours_old_does_not_count() -> None:
    steps = sequence(script(1, 2, hours=0))
    facts = written_to(NOON - HOUR, recent_sends=(NOON - DAY, NOON - HOUR))
    assert sent(facts, NOON, steps, Limits(daily_cap=2)) == (2, "话术1")
    assert isinstance(decide(facts, steps, Limits(daily_cap=2), NOON - MOMENT), Wait)


def test_the_opening_counts_and_is_counted() -> None:
    facts = enrolled(last_sent_at=NOON - HOUR, recent_sends=(NOON - HOUR,))
    assert decide(facts, STEPS, Limits(daily_cap=1), NOON) == Wait(Reason.DAILY_CAP, NOON + 23 * HOUR)


# Hours, and texts


@pytest.mark.parametrize("opens_at", [lambda now: now + 5 * HOUR, lambda _now: None])
def test_outside_the_hours_nothing_leaves(opens_at: Callable[[datetime], datetime | None]) -> None:
    expected = Wait(Reason.OUTSIDE_WINDOW, opens_at(LONG_AFTER) or LONG_AFTER + DAY)
    assert decide(written_to(), STEPS, Limits(opens_at=opens_at), LONG_AFTER) == expected


def test_a_missing_value_blocks_and_a_fallback_does_not() -> None:
    nameless = written_to(name=None)
    assert decide(nameless, sequence(script(1, 2, content="{{name}}您好")), LIMITS, LONG_AFTER) == Wait(
        Reason.MISSING_VARIABLE, None
    )
    assert sent(nameless, LONG_AFTER, sequence(script(1, 2, content="{{name|您}}好"))) == (2, "您好")
    assert sent(written_to(), LONG_AFTER, sequence(script(1, 2, content="{{name}}:{{position}}"))) == (
        2,
        "林小满:Python开发",
    )
    assert decide(enrolled(position=""), sequence(opening="{{position}}"), LIMITS, NOON) == Wait(
        Reason.MISSING_VARIABLE, None
    )


# When to look again


@pytest.mark.parametrize(
    ("following", "limits", "expected"),
    [
        pytest.param([FIRST], LIMITS, Wait(Reason.WAITING_REPLY, NOON + 30 * SECOND), id="first script of day 1"),
        pytest.param([TWO], LIMITS, Wait(Reason.INTERVAL, NOON + DAY + MOMENT), id="a later day"),
        pytest.param([TAIL], LIMITS, Wait(Reason.INTERVAL, NOON + 72 * HOUR + MOMENT), id="day 0"),
        pytest.param([], LIMITS, Wait(Reason.INTERVAL, NOON + 60 * SECOND), id="nothing: soon, to say so"),
        pytest.param(
            [script(1, 2, hours=0)],
            Limits(first_wait=2 * HOUR),
            Wait(Reason.WAITING_REPLY, NOON + 2 * HOUR),
            id="the wait for a reply is longer than interval and gap",
        ),
        pytest.param(
            [script(1, 2, hours=0)],
            Limits(first_wait=HOUR, min_gap=2 * HOUR),
            Wait(Reason.MIN_GAP, NOON + 2 * HOUR),
            id="the gap is the longest",
        ),
    ],
)
def test_after_the_opening(following: list[Any], limits: Limits, expected: Wait) -> None:
    step = current_step(enrolled(), sequence(*following))
    assert step is not None
    assert after_send(step, sequence(*following), limits, NOON) == expected


@pytest.mark.parametrize(
    ("limits", "hours", "expected"),
    [
        (LIMITS, 24, Wait(Reason.INTERVAL, NOON + DAY + MOMENT)),
        (LIMITS, 0, Wait(Reason.MIN_GAP, NOON + 60 * SECOND)),
        (Limits(min_gap=timedelta(0)), 0, Wait(Reason.INTERVAL, NOON + MOMENT)),
        (Limits(first_wait=DAY), 0, Wait(Reason.MIN_GAP, NOON + 60 * SECOND)),
    ],
)
def test_after_a_script(limits: Limits, hours: int, expected: Wait) -> None:
    steps = sequence(FIRST, script(2, 1, 2, hours=hours))
    step = current_step(opened(), steps)
    assert step is not None
    assert after_send(step, steps, limits, NOON) == expected


def test_after_the_last_script_the_end_is_found_at_the_next_look() -> None:
    steps = sequence(FIRST)
    step = current_step(opened(), steps)
    assert step is not None
    wait = after_send(step, steps, LIMITS, NOON)
    assert wait == Wait(Reason.INTERVAL, NOON + 60 * SECOND)
    assert decide(written_to(progress=step.following), steps, LIMITS, NOON) == End("finished", Reason.NO_SCRIPT)


def test_the_earliest_moment_says_which_rule_sets_it() -> None:
    step = current_step(opened(), STEPS)
    assert step is not None
    assert earliest(opened(), step, LIMITS) == (Reason.WAITING_REPLY, NOON + 30 * SECOND)
    assert earliest(known(), step, LIMITS) == (Reason.INTERVAL, NOON + DAY + MOMENT)
