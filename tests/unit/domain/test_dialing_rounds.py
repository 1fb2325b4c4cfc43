"""What follows from an attempt, which script and words a call gets, how often a provider is asked."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from app.domain.dialing import (
    Attempt,
    Following,
    Named,
    Reason,
    Script,
    Slowness,
    after,
    after_refusal_of_provider,
    draw_of,
    job_id,
    pause_after,
    poll_after,
    retry_at,
    script_for,
    words_for,
)

NOW = datetime(2026, 3, 5, 2, 30, tzinfo=UTC)
ENDED = NOW - timedelta(seconds=3)
INTERVAL = timedelta(minutes=30)
MINUTE = timedelta(minutes=1)
NOBODY = Attempt(
    ended_at=ENDED,
    is_counted=True,
    is_reached=False,
    is_certain=True,
    is_blocked=False,
    is_cancelled=False,
    is_series=True,
    round=1,
    faults=0,
)
FAULT = replace(NOBODY, is_counted=False, faults=1)
TOMORROW = NOW + timedelta(hours=13)


@pytest.mark.parametrize(
    ("attempt", "expected"),
    [
        (NOBODY, Following("done", ENDED + INTERVAL)),
        (replace(NOBODY, round=2), Following("done", ENDED + INTERVAL)),
        (replace(NOBODY, round=3), Following("done", None)),
        (replace(NOBODY, round=4), Following("done", None)),
        (replace(NOBODY, is_series=False), Following("done", None)),
        (replace(NOBODY, is_reached=True), Following("done", None)),
        (replace(NOBODY, is_certain=False), Following("done", None, Reason.CALL_UNKNOWN)),
        (replace(NOBODY, is_blocked=True), Following("done", None, Reason.BLOCKED_NUMBER)),
        (replace(NOBODY, is_cancelled=True), Following("done", None, Reason.CANCELLED)),
        (replace(NOBODY, is_cancelled=True, is_reached=True), Following("done", None)),
        (replace(FAULT, is_cancelled=True), Following("cancelled", None, Reason.CANCELLED)),
        (FAULT, Following("planned", NOW + MINUTE, Reason.LINE_FAULT)),
        (replace(FAULT, faults=2), Following("planned", NOW + 5 * MINUTE, Reason.LINE_FAULT)),
        (replace(FAULT, faults=3), Following("planned", NOW + 25 * MINUTE, Reason.LINE_FAULT)),
        (replace(FAULT, faults=4), Following("refused", None, Reason.LINE_FAULT)),
        (replace(FAULT, is_series=False), Following("planned", None, Reason.LINE_FAULT)),
        (replace(FAULT, is_series=False, faults=4), Following("refused", None, Reason.LINE_FAULT)),
        (replace(FAULT, round=3), Following("planned", NOW + MINUTE, Reason.LINE_FAULT)),
        (replace(FAULT, provider_back_at=TOMORROW), Following("planned", TOMORROW, Reason.LINE_FAULT)),
    ],
)
def test_what_follows(attempt: Attempt, expected: Following) -> None:
    assert after(attempt, interval=INTERVAL, max_rounds=3, scale=1.0, now=NOW) == expected


def test_pauses_shrink_with_the_simulated_world() -> None:
    assert after(FAULT, interval=INTERVAL, max_rounds=3, scale=0.02, now=NOW).due_at == NOW + MINUTE * 0.02


@pytest.mark.parametrize(
    ("failures", "retry_after", "is_final", "is_series", "expected"),
    [
        (1, None, False, True, Following("planned", NOW + timedelta(seconds=5), Reason.PROVIDER_AWAY)),
        (2, None, False, True, Following("planned", NOW + timedelta(seconds=10), Reason.PROVIDER_AWAY)),
        (99, None, False, True, Following("planned", NOW + timedelta(hours=1), Reason.PROVIDER_AWAY)),
        (1, 7, False, True, Following("planned", NOW + timedelta(seconds=7), Reason.PROVIDER_AWAY)),
        (1, 7, False, False, Following("planned", None, Reason.PROVIDER_AWAY)),
        (1, None, True, True, Following("refused", None, Reason.PROVIDER_REFUSED)),
    ],
)
def test_the_provider_did_not_take_it(
    failures: int, retry_after: int | None, is_final: bool, is_series: bool, expected: Following
) -> None:
    found = after_refusal_of_provider(
        failures=failures, retry_after=retry_after, is_final=is_final, is_series=is_series, now=NOW
    )
    assert found == expected


def test_retry_pauses_never_shrink() -> None:
    pauses = [retry_at(failures, None, NOW) for failures in range(40)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == NOW + timedelta(hours=1)


def test_job_id_is_the_one_of_the_seed() -> None:
    moment = datetime.fromtimestamp(1770463000, UTC) + timedelta(microseconds=471_999)
    uuid = UUID("0a541bee-0d6d-447e-96ea-97523c61189b")
    assert job_id(moment, uuid) == "1770463000471-447e-96ea-97523c61189b"
    assert job_id(datetime.fromtimestamp(0, UTC), uuid) == "0000000000000-447e-96ea-97523c61189b"


PARTIES = [Named(0, "王小明", "先生"), Named(1, "李大海", None), Named(0, "赵二", "女士"), Named(0, "钱三", None)]
ENTRY = {"personType": 0, "instanceId": "i0", "scriptId": "s0"}
SECOND = {"personType": 0, "instanceId": "i1", "scriptId": "s1"}
ANYBODY = {"personType": None, "instanceId": "any", "scriptId": "all"}


@pytest.mark.parametrize(
    ("scripts", "expected"),
    [
        ([], [None, None, None, None]),
        ([ENTRY], ["s0", None, "s0", "s0"]),
        ([ENTRY, SECOND], ["s0", None, "s1", "s0"]),
        ([ENTRY, SECOND, ANYBODY], ["s0", "all", "s1", "s0"]),
        ([ANYBODY], ["all", "all", "all", "all"]),
        ([{**ENTRY, "scriptId": ""}], [None, None, None, None]),
        ([{"instanceId": "any", "scriptId": "all"}], ["all", "all", "all", "all"]),
    ],
)
def test_scripts_by_role(scripts: list[dict[str, object]], expected: list[str | None]) -> None:
    found = [script_for(scripts, PARTIES, index) for index in range(len(PARTIES))]
    assert [script and script.script_id for script in found] == expected


def test_the_instance_comes_with_its_script() -> None:
    assert script_for([ENTRY, SECOND], PARTIES, 2) == Script("i1", "s1")


def test_words_for_a_script() -> None:
    assert words_for(PARTIES, 0, title="工资纠纷", task_name="履约回访", agreement="分期支付") == {
        "name": "王小明",
        "honorific": "先生",
        "otherName": "李大海",
        "agreement": "分期支付",
        "title": "工资纠纷",
        "taskName": "履约回访",
    }
    assert words_for(PARTIES[1:2], 0, title="工资纠纷", task_name="履约回访", agreement=None) == {
        "name": "李大海",
        "title": "工资纠纷",
        "taskName": "履约回访",
    }


def test_quick_while_it_rings_and_slower_in_talk() -> None:
    def wait(*, is_talking: bool, scale: float = 1.0, slowness: float = 1.0, draw: float = 0.5) -> float:
        return poll_after(is_talking=is_talking, scale=scale, slowness=slowness, draw=draw).total_seconds()

    assert wait(is_talking=False) == 2
    assert wait(is_talking=True) == 5
    assert wait(is_talking=True, scale=0.02) == pytest.approx(0.1)
    assert wait(is_talking=False, slowness=4) == 8
    assert [round(wait(is_talking=False, draw=draw), 6) for draw in (0, 1)] == [1.8, 2.2]


def test_draws_are_spread() -> None:
    tenths = [int(draw_of(call_id, 3) * 10) for call_id in range(1000)]
    assert all(80 <= tenths.count(tenth) <= 120 for tenth in range(10))
    assert len({draw_of(7, polls) for polls in range(50)}) == 50


def test_a_throttled_provider_is_asked_less_and_recovers() -> None:
    slowness = Slowness()
    assert not slowness.is_paused(NOW)
    slowness.throttled(10, NOW)
    slowness.throttled(3, NOW)
    assert (slowness.factor, slowness.paused_until) == (2.0, NOW + timedelta(seconds=10)), "the longer pause holds"
    assert slowness.is_paused(NOW + timedelta(seconds=9))
    assert not slowness.is_paused(NOW + timedelta(seconds=10))
    for minute in range(1, 9):
        slowness.throttled(1, NOW + minute * MINUTE)
    assert slowness.factor == 16.0
    last = NOW + 8 * MINUTE
    slowness.answered(last + timedelta(seconds=5))
    assert slowness.factor == 16.0, "not while the pause is hardly over"
    for second in range(6, 120):
        slowness.answered(last + timedelta(seconds=second))
        slowness.answered(last + timedelta(seconds=second))
    assert slowness.factor == 1.0


def test_pauses_after_useless_answers() -> None:
    assert [pause_after(failures).total_seconds() for failures in (1, 2, 3, 6, 99)] == [2, 4, 8, 60, 60]
