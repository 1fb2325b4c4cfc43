"""The simulated world: the same story to everybody, believable courses, talks like the real ones."""

from collections import Counter
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.clock import ManualClock
from app.domain.calls import Action, JobStatus, NumberStatus, Speaker, outcome_of
from app.gateways.dialer import (
    DialerError,
    NotPlaced,
    Placed,
)
from app.gateways.dialer.simulator import Simulator
from app.gateways.dialer.simulator.fates import ENDINGS, NUMBERS, Fate, fate_of
from app.gateways.dialer.simulator.stories import MAX_SECONDS, story_of
from tests.unit.simulator.helpers import LONG, SCRIPTS, START, at, call, courses, dial, told


async def test_every_replica_tells_the_same_story_also_after_a_restart() -> None:
    calls = [call(number, f"+86138{number:08d}") for number in range(300)]
    one, other = at(START + LONG), at(START + 2 * LONG)
    assert await one.reports(calls) == await other.reports(calls)
    assert [await one.transcript(ref) for ref in calls] == [await other.transcript(ref) for ref in calls]
    assert await one.place([dial(ref) for ref in calls]) == [await other.find(ref) for ref in calls]


async def test_another_seed_is_another_world() -> None:
    calls = [call(number, f"+86138{number:08d}") for number in range(100)]
    worlds = [await at(START + LONG, seed=seed).reports(calls) for seed in (1, 2)]
    assert worlds[0] != worlds[1]


async def test_all_ids_are_different() -> None:
    placements = await at(START).place([dial(call(number)) for number in range(1000)])
    assert len({placement.provider_job_id for placement in placements if isinstance(placement, Placed)}) == 1000


async def test_what_belongs_to_a_number_stays_and_what_belongs_to_an_attempt_changes() -> None:
    numbers = [f"+86138{number:08d}" for number in range(2000)]
    lasting = {Fate.EMPTY_NUMBER, Fate.OUT_OF_SERVICE, Fate.IN_ARREARS}
    first = {phone: fate_of(1, call(1).job_id, phone) for phone in numbers}
    second = {phone: fate_of(1, call(2).job_id, phone) for phone in numbers}
    assert {phone for phone, fate in first.items() if fate in lasting} == {
        phone for phone, fate in second.items() if fate in lasting
    }
    assert sum(first[phone] != second[phone] for phone in numbers) > 1000


def test_world_is_believable() -> None:
    fates = Counter(fate_of(1, call(number).job_id, f"+86138{number:08d}") for number in range(20_000))
    assert set(fates) == set(Fate)
    answered = sum(count for fate, count in fates.items() if ENDINGS[fate].is_answered)
    assert 0.5 < answered / 20_000 < 0.65
    assert 0.15 < fates[Fate.NO_ANSWER] / 20_000 < 0.25


@given(st.integers(0, 10**13 - 1), st.text(max_size=12), st.integers(0, 10**8 - 1))
def test_no_call_ends_before_it_began_or_lasts_for_ever(milliseconds: int, rest: str, number: int) -> None:
    story = story_of(1, f"{milliseconds:013d}{rest}", f"+86138{number:08d}")
    assert story is not None
    assert 0 < story.dialled < (story.answered or story.ended) <= story.ended <= MAX_SECONDS
    assert all((story.answered or 0) <= second <= story.ended for second, _ in story.turns)


@pytest.mark.parametrize("job_id", ["", "x", "177270660047-a", "١٧٧٢٧٠٦٦٠٠٤٧١-a", "job-1772706600471"])
async def test_call_without_the_time_of_its_making_is_not_placed(job_id: str) -> None:
    ref = call(job_id=job_id)
    [placement] = await at(START).place([dial(ref)])
    assert isinstance(placement, NotPlaced)
    assert placement.is_final
    assert await at(START).find(ref) is None
    assert await at(START).reports([ref]) == {}


@pytest.mark.parametrize("scale", [1.0, 0.02])
async def test_course_of_an_answered_call(scale: float) -> None:
    clock = ManualClock(START)
    simulator = Simulator(clock, time_scale=scale)
    seen = await courses(call(), simulator, clock, timedelta(milliseconds=500 * scale))
    assert seen == [
        (JobStatus.SCHEDULING, False),
        (JobStatus.EXECUTING, False),
        (JobStatus.EXECUTING, True),
        (JobStatus.SUCCEEDED, False),
    ]
    transcript = await simulator.transcript(call())
    assert START < (transcript.answered_at or START) < (transcript.ended_at or START) <= clock.now()
    assert (clock.now() - START).total_seconds() < MAX_SECONDS * scale


@pytest.mark.parametrize(
    ("last", "fate"), [(last, fate) for last, fate in NUMBERS.items() if not ENDINGS[fate].is_answered]
)
async def test_course_of_a_call_that_nobody_answers(last: str, fate: Fate) -> None:
    clock, ref = ManualClock(START), call(phone=f"+861380000{last}")
    simulator = Simulator(clock)
    seen = await courses(ref, simulator, clock, timedelta(seconds=1))
    assert seen == [(JobStatus.SCHEDULING, False), (JobStatus.EXECUTING, False), (JobStatus.FAILED, False)]
    transcript = await simulator.transcript(ref)
    assert (transcript.lines, transcript.answered_at, transcript.has_recording) == ((), None, False)
    assert transcript.task_status is ENDINGS[fate].task_status
    assert await simulator.recording(ref) is None


async def test_nothing_is_told_of_a_call_that_is_not_over() -> None:
    for method in ("transcript", "recording"):
        with pytest.raises(DialerError, match="not over"):
            await getattr(at(START + timedelta(seconds=20)), method)(call())


@pytest.mark.parametrize(
    ("last", "status", "is_counted", "is_reached"),
    [
        ("9001", NumberStatus.ANSWERED, True, True),
        ("9002", NumberStatus.ANSWERED, True, True),
        ("9003", NumberStatus.ANSWERED, True, True),
        ("9004", NumberStatus.ANSWERED, True, False),
        ("9005", NumberStatus.ANSWERED, True, False),
        ("9006", NumberStatus.ANSWERED, True, True),
        ("9011", NumberStatus.NO_ANSWER, True, False),
        ("9012", NumberStatus.BUSY, True, False),
        ("9013", NumberStatus.POWERED_OFF, True, False),
        ("9014", NumberStatus.EMPTY_NUMBER, True, False),
        ("9015", NumberStatus.NO_ANSWER, True, False),
        ("9016", NumberStatus.SUSPENDED, True, False),
        ("9017", NumberStatus.IN_ARREARS, True, False),
        ("9018", NumberStatus.INTERCEPTED, False, False),
        ("9019", NumberStatus.WAITING, False, False),
    ],
)
async def test_test_numbers_mean_what_their_table_says(
    last: str, status: NumberStatus, *, is_counted: bool, is_reached: bool
) -> None:
    for number in range(20):
        transcript = await told(call(number, f"+861380000{last}"))
        actions = [(line.speaker, line.action) for line in transcript.lines]
        outcome = outcome_of(transcript.task_status, actions, has_rung=transcript.has_rung)
        assert (outcome.number_status, outcome.is_counted, outcome.is_reached) == (status, is_counted, is_reached)


@pytest.mark.parametrize("script_id", SCRIPTS)
@pytest.mark.parametrize("scale", [1.0, 0.02])
async def test_talks_look_like_the_real_ones(script_id: str, scale: float) -> None:
    for number in range(60):
        ref = call(number, f"+86138{number:08d}", script_id=script_id)
        transcript = await told(ref, time_scale=scale)
        if not transcript.lines:
            continue
        first, *middle, last = transcript.lines
        assert (first.speaker, first.action, first.script) == (Speaker.CONTACT, Action.BEGIN_DIALOGUE, "")
        assert (last.speaker, last.action, last.script) == (Speaker.CONTACT, Action.END_DIALOGUE, None)
        assert all(one.timestamp <= other.timestamp for one, other in pairwise(transcript.lines))
        assert all(line.script for line in middle if line.action in {Action.BROADCAST, Action.DIALOGUE})
        assert not any("{" in (line.script or "") for line in middle)
        if scale == 1.0:
            assert all(line.timestamp % 1000 == 0 for line in transcript.lines)


async def test_robot_says_the_name_the_form_of_address_and_the_agreement() -> None:
    spoken = "\n".join(line.script or "" for line in (await told(call())).lines)
    for word in ("周明远先生", "何小舟女士", "3200 元"):
        assert word in spoken
    twice = "\n".join(line.script or "" for line in (await told(call(name="周明远先生"))).lines)
    assert "先生先生" not in twice


async def test_robot_says_nothing_hollow_where_nothing_is_known() -> None:
    for script_id in SCRIPTS:
        ref = call(name="", honorific=None, variables={}, script_id=script_id)
        spoken = "\n".join(line.script or "" for line in (await told(ref)).lines)
        assert "{" not in spoken
        assert ":\n\n\n" not in spoken


async def test_words_do_not_change_the_course() -> None:
    with_words, without = await told(call()), await told(call(name="", honorific=None, variables={}))
    assert [line.timestamp for line in with_words.lines] == [line.timestamp for line in without.lines]


async def test_values_are_texts_and_no_templates() -> None:
    spoken = "\n".join(
        line.script or "" for line in (await told(call(variables={"agreement": "{who} {0} {agreement}"}))).lines
    )
    assert "{who} {0} {agreement}" in spoken
