"""OutboundBot through its official SDK, against a server that speaks its answers and counts what it is asked."""

import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from app.clock import ManualClock
from app.config import Settings
from app.domain.calls import Action, JobStatus, Speaker, TaskStatus
from app.gateways.dialer import (
    CallRef,
    Dial,
    Dialer,
    DialerError,
    NotPlaced,
    Placed,
    PlacementUnknown,
    ThrottledError,
)
from app.gateways.dialer.aliyun.reading import TASK_STATUSES
from app.gateways.dialer.factory import make_dialer
from tests.outboundbot import KEY_ID, KEY_SECRET, Fault, OutboundBot, refusal

TIMEOUT = 0.5
RUBBISH = Fault(200, b"<html>gateway</html>")


def aliyun(endpoint: str, clock: ManualClock, **fields: Any) -> Dialer:
    given: dict[str, Any] = {
        "dial_provider": "aliyun",
        "aliyun_access_key_id": SecretStr(KEY_ID),
        "aliyun_access_key_secret": SecretStr(KEY_SECRET),
        "aliyun_endpoint": endpoint,
        "aliyun_protocol": "http",
        "gateway_timeout_seconds": TIMEOUT,
    }
    return make_dialer(Settings(**given | fields), clock)


@pytest.fixture
async def bot() -> AsyncIterator[OutboundBot]:
    async with OutboundBot() as opened:
        yield opened


@pytest.fixture
async def dialer(bot: OutboundBot, clock: ManualClock) -> AsyncIterator[Dialer]:
    opened = aliyun(bot.endpoint, clock)
    yield opened
    await opened.close()


def dial(number: int = 1, **fields: Any) -> Dial:
    given: dict[str, Any] = {
        "job_id": f"1772706600{number:03d}-4d90-ab26-a10656d79a73",
        "phone": f"+86138{number:08d}",
        "instance_id": "instance",
        "script_id": "script",
        "name": "周明远",
        "honorific": "先生",
        "variables": {"agreement": "分两期支付,每期 1500 元。"},
    }
    return Dial(**given | fields)


def ref(clock: ManualClock, made: Dial, job_id: str | None = None, **fields: Any) -> CallRef:
    return CallRef(
        job_id=made.job_id,
        phone=made.phone,
        instance_id=made.instance_id,
        provider_job_id=job_id,
        job_group_id=None,
        provider_task_id=None,
        created_at=clock.now(),
        placed_at=clock.now(),
        **fields,
    )


# --- placing -------------------------------------------------------------------------------------------------


async def test_call_is_placed_with_reference_and_variables_and_is_signed(bot: OutboundBot, dialer: Dialer) -> None:
    [placement] = await dialer.place([dial()])
    job = bot.job(dial().job_id)
    assert placement == Placed(job.job_id, "group-1")
    assert job.contact == {
        "phoneNumber": "13800000001",
        "name": "周明远",
        "honorific": "先生",
        "referenceId": dial().job_id,
    }
    assert job.extras == [{"key": "agreement", "value": "分两期支付,每期 1500 元。"}]
    assert bot.actions == {"CreateJobGroup": 1, "AssignJobs": 1}
    for _, _, headers in bot.seen:
        assert headers["authorization"].startswith(f"ACS3-HMAC-SHA256 Credential={KEY_ID},SignedHeaders=")
        assert headers["x-acs-version"] == "2019-12-26"


async def test_wrong_secret_is_noticed_by_the_server_and_places_nothing(bot: OutboundBot, clock: ManualClock) -> None:
    stranger = aliyun(bot.endpoint, clock, aliyun_access_key_secret=SecretStr("another"))
    [placement] = await stranger.place([dial()])
    await stranger.close()
    assert isinstance(placement, NotPlaced)
    assert (placement.is_final, placement.retry_after) == (False, 300)
    assert not bot.jobs


async def test_strategy_lets_the_provider_try_once_and_not_for_longer_than_the_watchdog(
    bot: OutboundBot, dialer: Dialer, clock: ManualClock
) -> None:
    await dialer.place([dial()])
    start = int(clock.now().timestamp() * 1000)
    assert bot.groups[0]["StrategyJson"] == (
        f'{{"repeatBy": "Once", "maxAttemptsPerDay": 1, "minAttemptInterval": 30, '
        f'"startTime": {start}, "endTime": {start + 30 * 60_000}}}'
    )


async def test_batch_is_cut_at_25_and_one_group_is_made_for_each_script(bot: OutboundBot, dialer: Dialer) -> None:
    dials = [dial(number, variables={}) for number in range(60)] + [dial(99, script_id="another")]
    placements = await dialer.place(dials)
    assert {bot.jobs[p.provider_job_id].reference for p in placements if isinstance(p, Placed)} == {
        d.job_id for d in dials
    }
    assert bot.actions["CreateJobGroup"] == 2
    assert sorted(sum(1 for k in query if k.startswith("JobsJson.")) for action, query, _ in bot.seen if query) == [
        *[0] * (bot.actions["CreateJobGroup"] + bot.actions["ListJobs"]),
        1,
        10,
        25,
        25,
    ]


async def test_long_texts_travel_in_more_requests_because_they_stand_in_the_url(
    bot: OutboundBot, dialer: Dialer
) -> None:
    dials = [dial(number, variables={"agreement": "分期支付" * 100}) for number in range(6)]
    placements = await dialer.place(dials)
    assert all(isinstance(placement, Placed) for placement in placements)
    assert bot.actions["AssignJobs"] == 6
    assert bot.assigned == {d.job_id: 1 for d in dials}


async def test_calls_of_a_batch_get_their_own_ids_whatever_their_order(bot: OutboundBot, dialer: Dialer) -> None:
    bot.shuffles = True
    dials = [dial(number, variables={}) for number in range(5)]
    for made, placement in zip(dials, await dialer.place(dials), strict=True):
        assert isinstance(placement, Placed)
        assert bot.jobs[placement.provider_job_id].reference == made.job_id


async def test_batch_whose_ids_cannot_be_told_apart_is_in_doubt_and_found_later(
    bot: OutboundBot, dialer: Dialer, clock: ManualClock
) -> None:
    bot.fail("ListJobs", refusal(503, "ServiceUnavailable"))
    dials = [dial(number, variables={}) for number in range(3)]
    placements = await dialer.place(dials)
    assert all(isinstance(placement, PlacementUnknown) for placement in placements)
    found = [await dialer.find(ref(clock, made)) for made in dials]
    assert found == [Placed(bot.job(made.job_id).job_id, "group-1") for made in dials]


async def test_partial_batch_leaves_only_the_missing_call_in_doubt(bot: OutboundBot, dialer: Dialer) -> None:
    bot.fail("AssignJobs", Fault(200, b'{"Code":"OK","Success":true,"JobsId":["job-1","job-2"]}', is_late=True))
    first, second, third = await dialer.place([dial(number, variables={}) for number in range(3)])
    assert (first, second) == (Placed("job-1", "group-1"), Placed("job-2", "group-1"))
    assert isinstance(third, PlacementUnknown)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (refusal(400, "Throttling.User"), NotPlaced("Throttling.User: no", 30)),
        (refusal(400, "Throttling.User", x_acs_retry_after="1500"), NotPlaced("Throttling.User: no", 2)),
        (refusal(503, "Throttling"), NotPlaced("Throttling: no", 30)),
        (refusal(400, "InvalidParameter"), NotPlaced("InvalidParameter: no", None, is_final=True)),
        (refusal(403, "Forbidden.RAM"), NotPlaced("Forbidden.RAM: no", 300)),
        (refusal(500, "InternalError"), PlacementUnknown("InternalError: no")),
        (refusal(400, "SystemBusy"), PlacementUnknown("SystemBusy: no")),
        (Fault(502, b"<html>bad gateway</html>"), None),
        (RUBBISH, None),
        (Fault(200, b"{"), None),
        (Fault(200, b'{"Code":"OK","Success":true}'), None),
        (Fault(200, b'{"Code":"OK","Success":true,"JobsId":"x"}'), None),
        (Fault(200, b'[{"Code":"OK"}]'), None),
        (Fault(404, b"not here"), None),
        (Fault(200, is_cut=True), None),
        (Fault(200, b'{"Code":"OK","Success":true,"JobsId":["job-1"]}', is_cut=True), None),
    ],
)
async def test_what_an_answer_to_assign_jobs_means(
    bot: OutboundBot, dialer: Dialer, fault: Fault, expected: NotPlaced | PlacementUnknown | None
) -> None:
    bot.fail("AssignJobs", fault)
    [placement] = await dialer.place([dial()])
    if expected is None:
        assert isinstance(placement, PlacementUnknown)
    else:
        assert placement == expected
    assert bot.actions["AssignJobs"] == 1


@pytest.mark.parametrize(
    "fault", [refusal(500, "InternalError"), RUBBISH, Fault(200, is_cut=True), Fault(200, seconds=2 * TIMEOUT)]
)
async def test_without_a_group_nothing_was_placed_whatever_happened(
    bot: OutboundBot, dialer: Dialer, fault: Fault
) -> None:
    bot.fail("CreateJobGroup", fault)
    [placement] = await dialer.place([dial()])
    assert isinstance(placement, NotPlaced)
    assert not placement.is_final
    assert bot.actions == {"CreateJobGroup": 1}


@pytest.mark.parametrize(
    "fault",
    [
        Fault(200, b"", seconds=4 * TIMEOUT, is_late=True),
        Fault(200, is_cut=True, is_late=True),
        Fault(200, b"{}", is_cut=True, is_late=True),
        replace(refusal(500, "InternalError"), is_late=True),
        replace(RUBBISH, is_late=True),
    ],
)
async def test_lost_answer_is_found_again_by_reference_and_rings_once(
    bot: OutboundBot, dialer: Dialer, clock: ManualClock, fault: Fault
) -> None:
    bot.fail("AssignJobs", fault)
    bot.add("another call on this number", "13800000001")
    [placement] = await dialer.place([dial()])
    assert isinstance(placement, PlacementUnknown)
    assert await dialer.find(ref(clock, dial())) == Placed(bot.job(dial().job_id).job_id, "group-1")
    assert bot.assigned == {dial().job_id: 1}
    assert bot.rung == {"13800000001": 1}
    assert bot.actions["AssignJobs"] == 1


async def test_refused_connection_places_nothing(clock: ManualClock) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        dialer = aliyun(f"127.0.0.1:{free.getsockname()[1]}", clock)
        [placement] = await dialer.place([dial()])
        with pytest.raises(DialerError, match="no connection"):
            await dialer.reports([ref(clock, dial(), "job-1")])
        await dialer.close()
    assert placement == NotPlaced("no job group: no connection to OutboundBot")


async def test_errors_never_repeat_the_url_with_its_names_and_numbers(bot: OutboundBot, dialer: Dialer) -> None:
    bot.fail("AssignJobs", Fault(200, is_cut=True))
    [placement] = await dialer.place([dial()])
    assert isinstance(placement, PlacementUnknown)
    assert placement.error == "no answer from OutboundBot"


# --- finding -------------------------------------------------------------------------------------------------


async def test_call_that_is_not_there_is_absent_only_when_it_cannot_be_on_its_way(
    dialer: Dialer, clock: ManualClock
) -> None:
    call = ref(clock, dial())
    with pytest.raises(DialerError, match="may be on its way"):
        await dialer.find(call)
    clock.advance(timedelta(minutes=2))
    assert await dialer.find(call) is None


async def test_call_is_found_on_a_later_page_and_among_jobs_that_hide_their_references(
    bot: OutboundBot, dialer: Dialer, clock: ManualClock
) -> None:
    for number in range(150):
        bot.add(f"older {number}")
    wanted = bot.add(dial().job_id)
    wanted.reference = None
    assert bot.actions["DescribeJob"] == 0
    clock.advance(timedelta(minutes=2))
    late = ref(clock, dial())
    clock.advance(timedelta(minutes=2))
    assert await dialer.find(late) is None
    assert bot.actions["DescribeJob"] == 1
    wanted.reference = dial().job_id
    assert await dialer.find(late) == Placed(wanted.job_id, "group")


async def test_find_fails_rather_than_say_no(bot: OutboundBot, dialer: Dialer, clock: ManualClock) -> None:
    call = ref(clock, dial())
    clock.advance(timedelta(minutes=2))
    for fault in (RUBBISH, refusal(500, "InternalError"), refusal(400, "InvalidParameter")):
        bot.fail("QueryJobs", fault)
        with pytest.raises(DialerError):
            await dialer.find(call)
    bot.fail("QueryJobs", refusal(400, "Throttling.User", x_acs_retry_after="7000"))
    with pytest.raises(ThrottledError) as caught:
        await dialer.find(call)
    assert caught.value.retry_after == 7


# --- asking --------------------------------------------------------------------------------------------------


async def test_reports_of_many_calls_in_questions_of_99_and_unknown_ones_left_out(
    bot: OutboundBot, dialer: Dialer, clock: ManualClock
) -> None:
    calls = []
    for number in range(150):
        made = dial(number)
        calls.append(ref(clock, made, bot.add(made.job_id).job_id))
    calls.append(ref(clock, dial(500), "job-nobody-knows"))
    calls.append(ref(clock, dial(501)))
    reports = await dialer.reports(calls)
    assert len(reports) == 150
    assert {report.status for report in reports.values()} == {JobStatus.SCHEDULING}
    assert bot.actions["ListJobs"] == 2


async def test_call_is_followed_from_ringing_to_its_end(bot: OutboundBot, dialer: Dialer, clock: ManualClock) -> None:
    job = bot.add(dial().job_id)
    call = ref(clock, dial(), job.job_id)
    job.status = "Executing"
    assert not (await dialer.reports([call]))[call.job_id].is_talking
    bot.attempt(job, "Executing", [{"Timestamp": 1, "Speaker": "Contact", "Script": ""}])
    report = (await dialer.reports([call]))[call.job_id]
    assert (report.status, report.is_talking) == (JobStatus.EXECUTING, True)
    assert report.provider_task_id == f"task-{job.job_id}"
    bot.end(job, "SucceededClientHangUp", ActualTime=2)
    report = (await dialer.reports([call]))[call.job_id]
    assert (report.status, report.task_status) == (JobStatus.SUCCEEDED, TaskStatus.SUCCEEDED_CLIENT_HANG_UP)


@pytest.mark.parametrize(("word", "status"), [*TASK_STATUSES.items(), *((str(int(s)), s) for s in TaskStatus)])
async def test_every_task_status_is_read_by_name_and_by_number(
    bot: OutboundBot, dialer: Dialer, clock: ManualClock, word: str, status: TaskStatus
) -> None:
    job = bot.add(dial().job_id)
    bot.end(job, word)
    call = ref(clock, dial(), job.job_id)
    assert (await dialer.reports([call]))[call.job_id].task_status is status


def test_all_task_statuses_have_a_name_at_the_provider() -> None:
    assert set(TASK_STATUSES.values()) == set(TaskStatus)


async def test_unknown_words_are_not_guessed(bot: OutboundBot, dialer: Dialer, clock: ManualClock) -> None:
    job = bot.add(dial().job_id)
    call = ref(clock, dial(), job.job_id)
    bot.end(job, "SomethingNew")
    assert (await dialer.reports([call]))[call.job_id].task_status is None
    job.status = "Resting"
    assert await dialer.reports([call]) == {}


async def test_job_that_waits_to_redial_is_cancelled_and_counts_as_over(
    bot: OutboundBot, dialer: Dialer, clock: ManualClock
) -> None:
    job = bot.add(dial().job_id)
    bot.attempt(job, "NoAnswer")
    job.status = "Scheduling"
    call = ref(clock, dial(), job.job_id)
    report = (await dialer.reports([call]))[call.job_id]
    assert (report.status, report.task_status) == (JobStatus.FAILED, TaskStatus.NO_ANSWER)
    assert job.status == "Cancelled"
    transcript = await dialer.transcript(call)
    assert (transcript.status, transcript.task_status) == (JobStatus.FAILED, TaskStatus.NO_ANSWER)
    assert transcript.has_rung


async def test_job_that_waits_and_cannot_be_cancelled_is_not_reported(
    bot: OutboundBot, dialer: Dialer, clock: ManualClock
) -> None:
    job = bot.add(dial().job_id)
    bot.attempt(job, "NoAnswer")
    job.status = "Scheduling"
    bot.fail("CancelJobs", refusal(500, "InternalError"))
    with pytest.raises(DialerError):
        await dialer.reports([ref(clock, dial(), job.job_id)])


async def test_job_of_somebody_else_under_our_id_is_left_out(
    bot: OutboundBot, dialer: Dialer, clock: ManualClock
) -> None:
    job = bot.add("somebody else's")
    bot.end(job, "SucceededFinish")
    call = ref(clock, dial(), job.job_id)
    assert await dialer.reports([call]) == {}
    with pytest.raises(DialerError, match="another call"):
        await dialer.transcript(call)


async def test_throttled_reports_say_how_long_to_wait(bot: OutboundBot, dialer: Dialer, clock: ManualClock) -> None:
    calls = [ref(clock, dial(number), bot.add(dial(number).job_id).job_id) for number in range(120)]
    bot.fail("ListJobs", refusal(500, "InternalError"))
    bot.fail("ListJobs", refusal(400, "Throttling.User", x_acs_retry_after="4000"))
    with pytest.raises(ThrottledError) as caught:
        await dialer.reports(calls)
    assert caught.value.retry_after == 4


async def test_requests_at_a_time_are_bounded(bot: OutboundBot, clock: ManualClock) -> None:
    dialer = aliyun(bot.endpoint, clock, call_concurrency=3)
    calls = [ref(clock, dial(number), bot.add(dial(number).job_id).job_id) for number in range(800)]
    bot.latency = 0.05
    assert len(await dialer.reports(calls)) == 800
    await dialer.close()
    assert bot.most_at_once == 3


# --- talks ---------------------------------------------------------------------------------------------------

BEGAN = 1_772_706_610_000


def line(second: int, speaker: str, action: str, script: str | None = None) -> dict[str, Any]:
    return {"Timestamp": BEGAN + 1000 * second, "Speaker": speaker, "Action": action, "Script": script}


async def test_transcript_of_a_talk(bot: OutboundBot, dialer: Dialer, clock: ManualClock) -> None:
    job = bot.add(dial().job_id)
    talk = [
        line(0, "Contact", "BeginDialogue"),
        line(1, "Robot", "Broadcast", "您好!请问您是周明远先生吗?"),
        line(6, "Contact", "Dialogue", "我是我是。"),
        line(9, "Contact", "EndDialogue"),
        line(9, "Contact", "HangUp"),
    ]
    bot.end(job, "SucceededClientHangUp", talk, EndTime=str(BEGAN + 9000))
    transcript = await dialer.transcript(ref(clock, dial(), job.job_id))
    assert [(said.speaker, said.action, said.script) for said in transcript.lines] == [
        (Speaker.CONTACT, Action.BEGIN_DIALOGUE, ""),
        (Speaker.ROBOT, Action.BROADCAST, "您好!请问您是周明远先生吗?"),
        (Speaker.CONTACT, Action.DIALOGUE, "我是我是。"),
        (Speaker.CONTACT, Action.HANG_UP, None),
        (Speaker.CONTACT, Action.END_DIALOGUE, None),
    ]
    assert [said.timestamp for said in transcript.lines] == [BEGAN + 1000 * s for s in (0, 1, 6, 9, 9)]
    assert transcript.answered_at is not None
    assert transcript.answered_at.timestamp() * 1000 == BEGAN
    assert transcript.ended_at == transcript.answered_at + timedelta(seconds=9)
    assert (transcript.has_rung, transcript.has_recording) == (True, True)


@pytest.mark.parametrize("action", list(Action))
async def test_every_action_is_read(bot: OutboundBot, dialer: Dialer, clock: ManualClock, action: Action) -> None:
    job = bot.add(dial().job_id)
    bot.end(job, "SucceededFinish", [line(0, "Robot", action.value, "…")])
    [said] = (await dialer.transcript(ref(clock, dial(), job.job_id))).lines
    assert said.action is action


async def test_lines_that_make_no_sense_do_not_lose_the_talk(
    bot: OutboundBot, dialer: Dialer, clock: ManualClock
) -> None:
    job = bot.add(dial().job_id)
    talk = [
        line(0, "Contact", "Yodel", "啦啦啦"),
        line(1, "Robot", "Yodel", "您好"),
        line(2, "Robot", "Yodel"),
        line(3, "Nobody", "Dialogue", "?"),
        {"Speaker": "Robot", "Action": "Broadcast", "Script": "无时间"},
        {"Speaker": "Robot", "Action": "Broadcast", "Script": "太晚", "Timestamp": 10**30},
    ]
    bot.end(job, "SucceededFinish", talk, EndTime="soon")
    transcript = await dialer.transcript(ref(clock, dial(), job.job_id))
    assert [(said.action, said.script) for said in transcript.lines] == [
        (Action.DIALOGUE, "啦啦啦"),
        (Action.BROADCAST, "您好"),
    ]


async def test_transcript_of_a_call_that_goes_on_is_an_error(
    bot: OutboundBot, dialer: Dialer, clock: ManualClock
) -> None:
    job = bot.add(dial().job_id)
    bot.attempt(job, "Executing")
    with pytest.raises(DialerError, match="not over"):
        await dialer.transcript(ref(clock, dial(), job.job_id))


@pytest.mark.parametrize("status", ["PoweredOff", "HighRiskSipCode", "ContactBlockList", "Cancelled"])
async def test_attempt_that_reached_nobody_has_no_recording(
    bot: OutboundBot, dialer: Dialer, clock: ManualClock, status: str
) -> None:
    job = bot.add(dial().job_id)
    bot.end(job, status)
    transcript = await dialer.transcript(ref(clock, dial(), job.job_id))
    assert transcript.status is JobStatus.FAILED
    assert (transcript.has_rung, transcript.has_recording, transcript.answered_at) == (False, False, None)


# --- recordings, cancelling ----------------------------------------------------------------------------------


async def recorded(bot: OutboundBot, clock: ManualClock, sound: bytes) -> CallRef:
    job = bot.add(dial().job_id)
    bot.end(job, "SucceededFinish")
    bot.recordings[f"task-{job.job_id}"] = sound
    return ref(clock, dial(), job.job_id)


async def test_recording_is_fetched_by_a_fresh_link(bot: OutboundBot, dialer: Dialer, clock: ManualClock) -> None:
    sound = bytes(range(256)) * 40_000
    call = await recorded(bot, clock, sound)
    recording = await dialer.recording(call)
    assert recording is not None
    assert b"".join([piece async for piece in recording.pieces]) == sound
    assert bot.actions == {"DescribeJob": 1, "DownloadRecording": 1}


async def test_dead_link_is_tried_again_until_all_links_are_dead(
    bot: OutboundBot, dialer: Dialer, clock: ManualClock
) -> None:
    call = await recorded(bot, clock, b"sound")
    bot.dead_links = True
    with pytest.raises(DialerError, match="dead"):
        await dialer.recording(call)
    clock.advance(timedelta(hours=25))
    assert await dialer.recording(call) is None


async def test_recording_that_is_not_there_yet_is_tried_again(
    bot: OutboundBot, dialer: Dialer, clock: ManualClock
) -> None:
    call = await recorded(bot, clock, b"sound")
    bot.recordings.clear()
    with pytest.raises(DialerError, match="no link"):
        await dialer.recording(call)


async def test_recording_that_breaks_off_is_an_error(bot: OutboundBot, dialer: Dialer, clock: ManualClock) -> None:
    call = await recorded(bot, clock, b"sound")
    bot.fail("recording", Fault(200, b"x" * 1_000_000, seconds=0.2, is_cut=True))
    recording = await dialer.recording(call)
    assert recording is not None
    with pytest.raises(DialerError, match="could not be read"):
        async for _ in recording.pieces:
            pass


async def test_call_is_cancelled_also_before_its_id_is_known(
    bot: OutboundBot, dialer: Dialer, clock: ManualClock
) -> None:
    job = bot.add(dial().job_id)
    assert await dialer.cancel(ref(clock, dial()))
    assert job.status == "Cancelled"
    assert not await dialer.cancel(ref(clock, dial(), job.job_id))
    bot.fail("CancelJobs", refusal(500, "InternalError"))
    with pytest.raises(DialerError):
        await dialer.cancel(ref(clock, dial(), job.job_id))
