"""Whatever the sequence, the facts and the settings: what the follow-up rules promise."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import assume, given
from hypothesis import strategies as st

from app.domain.followup import (
    End,
    Facts,
    Limits,
    PlannedSend,
    Progress,
    Reason,
    Script,
    Send,
    Sequence,
    Wait,
    after_send,
    current_step,
    decide,
    passed,
    simulate,
)
from app.domain.windows import Window
from tests.unit.domain.followup_examples import DAY, HOUR, MOMENT, NOON, enrolled, script, sequence

HOURS = st.sampled_from([0, 1, 2, 12, 23, 24, 25, 72])
SECONDS = st.sampled_from([0, 1, 30, 59, 60, 61, 3600, 90_000]).map(lambda seconds: timedelta(seconds=seconds))
AGO = st.integers(0, 4 * 86_400).map(lambda seconds: timedelta(seconds=seconds))


@st.composite
def sequences(draw: st.DrawFn) -> Sequence:
    """Draw a config: up to eight scripts on days 0 to 6, several a day, day 0 with at least an hour."""
    days = draw(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 2), HOURS), max_size=8))
    scripts = [
        script(number, day, order, hours=hours if day else max(hours, 1))
        for number, (day, order, hours) in enumerate(days, start=1)
    ]
    return sequence(*scripts)


@st.composite
def limits(draw: st.DrawFn) -> Limits:
    """Draw the settings of a service that is open all day."""
    return Limits(draw(SECONDS), draw(SECONDS), draw(st.integers(1, 5)))


def weekly(begin: int, length: int, days: frozenset[int]) -> Window:
    """Return hours that open at the same time on some days."""
    return Window(ZoneInfo("Asia/Shanghai"), {day: ((begin, min(begin + length, 1440)),) for day in days})


WINDOWS = st.builds(weekly, st.integers(0, 1400), st.integers(5, 600), st.frozensets(st.integers(0, 6), min_size=1))


@st.composite
def people(draw: st.DrawFn, steps: Sequence) -> Facts:
    """Draw somebody who is somewhere in the sequence and was written to at some times."""
    is_new = draw(st.booleans())
    moments = sorted(draw(st.lists(AGO.map(lambda ago: NOON - ago), max_size=6)))
    automatic = [moment for moment in moments if draw(st.booleans())]
    facts = enrolled(
        opening_pending=is_new,
        enrolled_at=NOON - draw(AGO),
        last_sent_at=moments[-1] if moments else None,
        last_automatic_at=automatic[-1] if automatic else None,
        recent_sends=tuple(moment for moment in moments if moment > NOON - DAY),
    )
    if is_new:
        return facts
    progress = Progress()
    for _ in range(draw(st.integers(0, 12))):
        step = current_step(replace(facts, progress=progress), steps)
        if step is None:
            break
        progress = step.following
    had_opening = draw(st.booleans())
    return replace(facts, progress=progress, opening_at=automatic[0] if automatic and had_opening else None)


@dataclass(frozen=True, slots=True)
class Case:
    """A person, a sequence and the settings of a service."""

    facts: Facts
    steps: Sequence
    limits: Limits


@st.composite
def cases(draw: st.DrawFn, *, with_hours: bool = False) -> Case:
    """Draw a case."""
    steps = draw(sequences())
    settings = draw(limits())
    if with_hours and draw(st.booleans()):
        settings = replace(settings, opens_at=draw(WINDOWS).opens_at)
    return Case(draw(people(steps)), steps, settings)


def after(facts: Facts, sent: Send, now: datetime) -> Facts:
    """Return what is known once a message left, written down anew."""
    is_opening = sent.step.script is None
    changes: dict[str, Any] = {"opening_at": now} if is_opening else {}
    return replace(
        facts,
        progress=sent.step.following,
        opening_pending=False,
        last_sent_at=now,
        last_automatic_at=now,
        recent_sends=(*facts.recent_sends, now),
        **changes,
    )


def keeps_distance(facts: Facts, planned: PlannedSend, case: Case) -> bool:
    """Read the rules on distances straight: to the last message, and to the last automatic one."""
    scripts = {text.id: text for day in case.steps.days.values() for text in day}
    scripts |= {text.id: text for text in case.steps.tail}
    last, automatic, opening = facts.last_sent_at, facts.last_automatic_at, facts.opening_at
    keeps_gap = automatic is None or planned.at - automatic >= case.limits.min_gap
    if planned.script_id is None:
        return keeps_gap
    text: Script = scripts[planned.script_id]
    is_first = text.day_number == 1 and facts.progress[:2] == (1, None)
    if is_first and opening is not None and last == opening:
        return planned.at - opening >= case.limits.first_wait
    keeps_gap |= is_first and opening is not None and automatic == opening
    return keeps_gap and (last is None or planned.at - last > text.interval_hours * HOUR)


@given(cases(with_hours=True))
def test_a_plan_never_breaks_a_rule(case: Case) -> None:
    plan = simulate(case.facts, case.steps, case.limits, NOON)
    facts = case.facts
    moments = list(case.facts.recent_sends)
    for planned in plan.sends:
        assert planned.at >= NOON
        assert keeps_distance(facts, planned, case), planned
        assert sum(planned.at - DAY < moment for moment in moments) < case.limits.daily_cap
        assert case.limits.opens_at(planned.at) == planned.at
        moments.append(planned.at)
        step = current_step(facts, case.steps)
        assert step is not None
        facts = after(facts, Send(step, planned.text), planned.at)
    assert (plan.end is None) == (len(plan.sends) == 10)


@given(cases(with_hours=True))
def test_a_plan_is_what_decisions_make_one_after_another_and_nothing_leaves_later_than_it_may(case: Case) -> None:
    facts, earlier = case.facts, NOON
    for planned in simulate(case.facts, case.steps, case.limits, NOON, count=6).sends:
        if planned.at - MOMENT >= earlier:
            assert not isinstance(decide(facts, case.steps, case.limits, planned.at - MOMENT), Send)
        decision = decide(facts, case.steps, case.limits, planned.at)
        assert isinstance(decision, Send)
        assert (decision.step.day_number, decision.text) == (planned.day_number, planned.text)
        facts, earlier = after(facts, decision, planned.at), planned.at


@given(cases(with_hours=True))
def test_a_wait_always_leads_on(case: Case) -> None:
    now = NOON
    for _look in range(40):
        decision = decide(case.facts, case.steps, case.limits, now)
        if not isinstance(decision, Wait) or decision.until is None:
            return
        assert decision.until > now, "an end in the past would be looked at again at once, for ever"
        now = decision.until
    raise AssertionError(f"forty waits and nothing came of them: {decision}")


@given(cases())
def test_the_due_time_after_a_send_is_the_next_decisions_own(case: Case) -> None:
    now, facts = NOON, case.facts
    roomy = replace(case.limits, daily_cap=1000)
    for _message in range(6):
        decision = decide(facts, case.steps, roomy, now)
        while isinstance(decision, Wait) and decision.until is not None:
            now = decision.until
            decision = decide(facts, case.steps, roomy, now)
        if not isinstance(decision, Send):
            return
        stored = after_send(decision.step, case.steps, roomy, now)
        facts = after(facts, decision, now)
        following = decide(facts, case.steps, roomy, now)
        if isinstance(following, End):
            assert stored == Wait(Reason.INTERVAL, now + roomy.min_gap)
        elif isinstance(following, Send):
            assert stored.until == now, "nothing is in the way: it is looked at again at once"
        else:
            assert following == stored


@given(cases(with_hours=True), st.integers(0, 400 * 24))
def test_after_any_downtime_at_most_one_message_leaves(case: Case, hours: int) -> None:
    now = NOON + hours * HOUR
    decision = decide(case.facts, case.steps, case.limits, now)
    assume(isinstance(decision, Send))
    assert isinstance(decision, Send)
    again = decide(after(case.facts, decision, now), case.steps, case.limits, now)
    no_wait = case.limits.first_wait == timedelta(0) and decision.step.script is None
    assert not isinstance(again, Send) or no_wait


@given(st.data())
def test_what_counts_as_sent_later_stands_where_it_would_have_stood(data: st.DataObject) -> None:
    steps = data.draw(sequences())
    progress = data.draw(people(steps)).progress
    step = current_step(enrolled(opening_pending=False, progress=progress), steps)
    assume(step is not None)
    assert step is not None
    assert step.script is not None
    assert step.day_number is not None
    assert passed(progress, step.day_number, step.script, steps) == step.following


@given(cases(), st.sampled_from(["muted", "do_not_contact"]))
def test_nobody_is_written_to_against_a_flag(case: Case, flag: str) -> None:
    change: dict[str, Any] = {flag: True}
    facts = replace(case.facts, **change)
    assert not isinstance(decide(facts, case.steps, case.limits, NOON + 100 * DAY), Send)


@given(sequences())
def test_a_run_visits_each_day_in_order_and_each_script_of_a_day_once(steps: Sequence) -> None:
    progress = Progress()
    days: list[int] = []
    ids: list[int] = []
    for _message in range(20):
        step = current_step(enrolled(opening_pending=False, progress=progress), steps)
        if step is None:
            break
        assert step.script is not None
        assert step.day_number is not None
        days.append(step.day_number)
        ids.extend([step.script.id] if step.script.day_number else [])
        progress = step.following
    assert days == sorted(days)
    assert len(ids) == len(set(ids))
    specific = [text.id for day in steps.day_numbers for text in steps.days[day]]
    assert ids == specific[: len(ids)]
    assert len(ids) == len(specific)
