"""What OutboundBot tells of calls, read: statuses, talks, recordings; and giving calls up."""

from datetime import timedelta
from typing import Any

import pytest

from app.clock import ManualClock
from app.domain.calls import Action, JobStatus, Speaker, TaskStatus
from app.gateways.dialer import (
    CallRef,
    Dialer,
    DialerError,
    ThrottledError,
)
from app.gateways.dialer.aliyun.reading import TASK_STATUSES
from tests.aliyun import aliyun, dial, ref
from tests.outboundbot import Fault, OutboundBot, refusal

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


@pytest.mark.parametrize("sign", ["\x00", "\ud800"])
async def test_signs_that_no_table_takes_do_not_lose_the_talk(
    bot: OutboundBot, dialer: Dialer, clock: ManualClock, sign: str
) -> None:
    job = bot.add(dial().job_id)
    bot.end(job, "SucceededFinish", [line(0, "Contact", "Dialogue", f"是{sign}的")], TaskId="t" * 129)
    job.failure_reason = f"x{sign}" * 2000
    call = ref(clock, dial(), job.job_id)
    assert (await dialer.reports([call]))[call.job_id].task_status is TaskStatus.SUCCEEDED_FINISH
    transcript = await dialer.transcript(call)
    assert [said.script for said in transcript.lines] == ["是的"]
    assert transcript.provider_task_id is None, "half an id would be another's"
    assert transcript.failure == "x" * 500


async def test_transcript_of_a_call_that_goes_on_is_an_error(
    bot: OutboundBot, dialer: Dialer, clock: ManualClock
) -> None:
    job = bot.add(dial().job_id)
    bot.attempt(job, "Executing")
    with pytest.raises(DialerError, match="not over"):
        await dialer.transcript(ref(clock, dial(), job.job_id))


async def test_job_that_failed_without_an_attempt_has_called_nobody(
    bot: OutboundBot, dialer: Dialer, clock: ManualClock
) -> None:
    job = bot.add(dial().job_id)
    job.status = "Failed"
    transcript = await dialer.transcript(ref(clock, dial(), job.job_id))
    assert (transcript.status, transcript.task_status) == (JobStatus.FAILED, TaskStatus.FAILED)
    assert not transcript.has_rung
    bot.end(job, "SomethingNew")
    transcript = await dialer.transcript(ref(clock, dial(), job.job_id))
    assert transcript.task_status is None, "there was an attempt, and nobody knows how it ended"


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
