"""OutboundBot's words for jobs and talks, read into this service's.

A *job* of OutboundBot is one of our calls; its *tasks* are attempts. Jobs are placed for one attempt, so the last task
tells of the call.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog

from app.domain.calls import Action, JobStatus, Speaker, TaskStatus
from app.gateways.dialer.protocol import Report, TalkLine, Transcript

log = structlog.get_logger(__name__)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNNAMED_SUCCESS: Final = {"Succeeded": TaskStatus.SUCCEEDED_FINISH, "1": TaskStatus.SUCCEEDED_FINISH}
"""Older answers say only that somebody picked up."""
TASK_STATUSES: Final = {
    "Executing": TaskStatus.EXECUTING,
    "NoAnswer": TaskStatus.NO_ANSWER,
    "NotExist": TaskStatus.NOT_EXIST,
    "Busy": TaskStatus.BUSY,
    "Cancelled": TaskStatus.CANCELLED,
    "Failed": TaskStatus.FAILED,
    "NotConnected": TaskStatus.NOT_CONNECTED,
    "PoweredOff": TaskStatus.POWERED_OFF,
    "OutOfService": TaskStatus.OUT_OF_SERVICE,
    "InArrears": TaskStatus.IN_ARREARS,
    "EmptyNumber": TaskStatus.EMPTY_NUMBER,
    "PerDayCallCountLimit": TaskStatus.PER_DAY_CALL_COUNT_LIMIT,
    "ContactBlockList": TaskStatus.CONTACT_BLOCK_LIST,
    "CallerNotRegistered": TaskStatus.CALLER_NOT_REGISTERED,
    "Terminated": TaskStatus.TERMINATED,
    "VerificationCancelled": TaskStatus.VERIFICATION_CANCELLED,
    "OutOfServiceNoCall": TaskStatus.OUT_OF_SERVICE_NO_CALL,
    "InArrearsNoCall": TaskStatus.IN_ARREARS_NO_CALL,
    "CallingNumberNotExist": TaskStatus.CALLING_NUMBER_NOT_EXIST,
    "SucceededFinish": TaskStatus.SUCCEEDED_FINISH,
    "SucceededChatbotHangUpAfterNoAnswer": TaskStatus.SUCCEEDED_CHATBOT_HANG_UP_AFTER_NO_ANSWER,
    "SucceededChatbotHangUpAfterSilence": TaskStatus.SUCCEEDED_CHATBOT_HANG_UP_AFTER_SILENCE,
    "SucceededClientHangUpAfterNoAnswer": TaskStatus.SUCCEEDED_CLIENT_HANG_UP_AFTER_NO_ANSWER,
    "SucceededClientHangUp": TaskStatus.SUCCEEDED_CLIENT_HANG_UP,
    "SucceededTransferByIntent": TaskStatus.SUCCEEDED_TRANSFER_BY_INTENT,
    "SucceededTransferAfterNoAnswer": TaskStatus.SUCCEEDED_TRANSFER_AFTER_NO_ANSWER,
    "SucceededInoInterAction": TaskStatus.SUCCEEDED_INO_INTER_ACTION,
    "SucceededError": TaskStatus.SUCCEEDED_ERROR,
    "SucceededSpecialInterceptVoiceAssistant": TaskStatus.SUCCEEDED_SPECIAL_INTERCEPT_VOICE,
    "SucceededSpecialInterceptExtensionNumberTransfer": TaskStatus.SUCCEEDED_RECORDING_INTERCEPT_VOICE,
    "SucceededSpecialInterceptCustomSpecialIntercept": TaskStatus.SUCCEEDED_INTERCEPT_VOICE,
    "HighRiskSipCode": TaskStatus.HIGH_RISK_SIP_CODE,
}
_BY_WORD: Final = TASK_STATUSES | _UNNAMED_SUCCESS | {str(int(status)): status for status in TaskStatus}
_HAS_RUNG: Final = frozenset({TaskStatus.NO_ANSWER})
_NOT_OVER: Final = frozenset({None, TaskStatus.EXECUTING})
_WAITING: Final = (JobStatus.SCHEDULING, JobStatus.PAUSED)
_LAST_MOMENT: Final = 10**14
"""Milliseconds; whatever lies beyond is no time of a call."""
_PLACES: Final = {Action.BEGIN_DIALOGUE: 0, Action.END_DIALOGUE: 2}
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
"""What PostgreSQL takes in no text: NUL, and halves of a surrogate pair."""
_MAX_ID: Final = 128
_MAX_FAILURE: Final = 500


def task_status(word: Any) -> TaskStatus | None:
    """Read how an attempt ended, from its name or its number; None: not said, or a word that nobody knows."""
    if word is None or word == "":
        return None
    status = _BY_WORD.get(str(word))
    if status is None:
        log.warning("OutboundBot says a task status that is not known", status=str(word)[:64])
    return status


def references(job: Any) -> set[str]:
    """Return every reference of ours that a job carries."""
    found = [job.reference_id, *(contact.reference_id for contact in job.contacts or ())]
    return {str(reference) for reference in found if reference}


def last_task(job: Any) -> Any | None:
    """Return the newest attempt of a job, if there was any."""
    tasks = list(job.tasks or ())
    return max(tasks, key=lambda task: _number(task.actual_time) or _number(task.planed_time) or 0, default=None)


def report_of(job: Any) -> Report | None:
    """Read how a job stands; None if it has a status that nobody knows."""
    task = last_task(job)
    ended = None if task is None else task_status(task.status)
    status = _job_status(job.status, ended)
    if status is None:
        return None
    return Report(
        status=status,
        task_status=ended,
        is_talking=status is JobStatus.EXECUTING and bool(task is not None and task.conversation),
        provider_task_id=None if task is None else known_id(task.task_id),
    )


def waits_to_redial(job: Any) -> bool:
    """Tell whether a job had its attempt and is kept by the provider for another one."""
    task = last_task(job)
    return job.status in _WAITING and task is not None and task_status(task.status) not in _NOT_OVER


def transcript_of(job: Any) -> Transcript | None:
    """Read everything about a job that is over; None if it is not."""
    task = last_task(job)
    ended = None if task is None else task_status(task.status)
    status = _job_status(job.status, ended)
    if status is None or not status.is_final:
        return None
    if task is None and status is JobStatus.FAILED:
        ended = TaskStatus.FAILED  # without any attempt: nobody's phone has rung
    lines = [] if task is None else _lines(task.conversation or ())
    return Transcript(
        status=status,
        task_status=ended,
        lines=lines,
        has_rung=_is_connected(ended) or ended in _HAS_RUNG or _has_rung(task),
        answered_at=_moment(lines[0].timestamp) if lines else None,
        ended_at=_moment(_number(getattr(task, "end_time", None)) or (lines[-1].timestamp if lines else None)),
        provider_task_id=None if task is None else known_id(task.task_id),
        has_recording=_is_connected(ended),
        failure=_cut(_text(job.failure_reason)),
    )


def _job_status(word: Any, ended: TaskStatus | None) -> JobStatus | None:
    """Read a job's status; one attempt is all there is, so a job whose attempt failed is over whatever it waits for."""
    try:
        status = JobStatus(word)
    except ValueError:
        log.warning("OutboundBot says a job status that is not known", status=str(word)[:64])
        return None
    is_over = ended not in _NOT_OVER and ended is not TaskStatus.CANCELLED
    if is_over and status in {*_WAITING, JobStatus.CANCELLED}:
        return JobStatus.SUCCEEDED if _is_connected(ended) else JobStatus.FAILED
    return status


def _is_connected(ended: TaskStatus | None) -> bool:
    """Tell whether somebody or something picked up: all statuses from 20 on but the last."""
    return ended is not None and TaskStatus.SUCCEEDED_FINISH <= ended < TaskStatus.HIGH_RISK_SIP_CODE


def _lines(conversation: Sequence[Any]) -> list[TalkLine]:
    lines = [line for line in map(_line, conversation) if line is not None]
    return sorted(lines, key=lambda line: (_PLACES.get(line.action, 1), line.timestamp))


def _line(said: Any) -> TalkLine | None:
    """Read a line of a talk; one with an action that nobody knows is kept as speech if anything was said."""
    timestamp = _number(said.timestamp)
    try:
        speaker = Speaker(said.speaker)
    except ValueError:
        speaker = None
    if timestamp is None or speaker is None:
        log.warning("a line of a talk without a time or a speaker was left out", action=str(said.action)[:64])
        return None
    action, script = _action(said.action, speaker, said.script), _text(said.script)
    if action is None:
        return None
    if action is Action.BEGIN_DIALOGUE:
        return TalkLine(timestamp, speaker, "", action)
    return TalkLine(timestamp, speaker, None if action is Action.END_DIALOGUE else script, action)


def _action(word: Any, speaker: Speaker, script: Any) -> Action | None:
    try:
        return Action(word)
    except ValueError:
        log.warning("OutboundBot says an action that is not known", action=str(word)[:64])
        if not script:
            return None
        return Action.DIALOGUE if speaker is Speaker.CONTACT else Action.BROADCAST


def _has_rung(task: Any) -> bool:
    return task is not None and any(_number(value) for value in (task.real_ringing_duration, task.ringing_duration))


def _moment(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else _EPOCH + timedelta(milliseconds=milliseconds)


def known_id(value: Any) -> str | None:
    """Read an id of the provider's; None: not said, or nothing that can be kept. Half an id would be another's."""
    if value is None or value == "":
        return None
    text = str(value)
    if len(text) > _MAX_ID or _UNSTORABLE.search(text):
        log.warning("OutboundBot says an id that cannot be kept", length=len(text))
        return None
    return text


def _text(value: Any) -> str | None:
    """Read a text, without what cannot be stored: one such sign must not lose the talk."""
    return (_UNSTORABLE.sub("", value) or None) if isinstance(value, str) else None


def _cut(text: str | None) -> str | None:
    return None if text is None else text[:_MAX_FAILURE]


def _number(value: Any) -> int | None:
    """Read a count or a moment that may come as text; None and 0 mean that it is not known."""
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if 0 < number < _LAST_MOMENT else None
