"""What an ended attempt says about the number and the person.

Source: the table of task statuses in Alibaba Cloud OutboundBot 2019-12-26, mapped to ``number_status`` of the agent
family.
An end that is the line's or the provider's fault does not count as an attempt on the person.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.calls.statuses import NUMBER_STATUS_TEXTS, Action, NumberStatus, Speaker, TaskStatus

UNKNOWN_RESULT = "结果未知"
"""Of an attempt of which nobody can know how it ended."""
_CONNECTED = "已接通"
_TALKED = frozenset(
    {
        TaskStatus.SUCCEEDED_FINISH,
        TaskStatus.SUCCEEDED_CLIENT_HANG_UP,
        TaskStatus.SUCCEEDED_TRANSFER_BY_INTENT,
        TaskStatus.SUCCEEDED_TRANSFER_AFTER_NO_ANSWER,
    }
)
"""Ends in which a person can have been reached; a Dialogue of the contact must stand in the talk too."""
_PASSED_ON = frozenset({TaskStatus.SUCCEEDED_TRANSFER_BY_INTENT, TaskStatus.SUCCEEDED_TRANSFER_AFTER_NO_ANSWER})
_INTERCEPTED = frozenset(
    {
        TaskStatus.SUCCEEDED_SPECIAL_INTERCEPT_VOICE,
        TaskStatus.SUCCEEDED_RECORDING_INTERCEPT_VOICE,
        TaskStatus.SUCCEEDED_INTERCEPT_VOICE,
    }
)
_LINE_AT_FAULT = frozenset(
    {TaskStatus.HIGH_RISK_SIP_CODE, TaskStatus.CALLER_NOT_REGISTERED, TaskStatus.CALLING_NUMBER_NOT_EXIST}
)
_NOT_CALLED = frozenset(
    {
        TaskStatus.CANCELLED,
        TaskStatus.TERMINATED,
        TaskStatus.VERIFICATION_CANCELLED,
        TaskStatus.PER_DAY_CALL_COUNT_LIMIT,
    }
)
_NUMBER = {
    TaskStatus.NO_ANSWER: NumberStatus.NO_ANSWER,
    TaskStatus.BUSY: NumberStatus.BUSY,
    TaskStatus.POWERED_OFF: NumberStatus.POWERED_OFF,
    TaskStatus.OUT_OF_SERVICE: NumberStatus.SUSPENDED,
    TaskStatus.OUT_OF_SERVICE_NO_CALL: NumberStatus.SUSPENDED,
    TaskStatus.IN_ARREARS: NumberStatus.IN_ARREARS,
    TaskStatus.IN_ARREARS_NO_CALL: NumberStatus.IN_ARREARS,
    TaskStatus.NOT_EXIST: NumberStatus.EMPTY_NUMBER,
    TaskStatus.EMPTY_NUMBER: NumberStatus.EMPTY_NUMBER,
    TaskStatus.CONTACT_BLOCK_LIST: NumberStatus.BLOCKED,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one ended attempt means."""

    number_status: NumberStatus
    is_counted: bool
    """It counts as an attempt on the person, for rounds and caps."""
    is_reached: bool
    """A connected end with at least one Dialogue of the contact."""
    result: str
    """For people: 已接通, 无应答, 占线, …"""


def outcome_of(task_status: TaskStatus | None, actions: Sequence[tuple[Speaker, Action]], *, has_rung: bool) -> Outcome:
    """Read an ended attempt.

    Args:
        task_status: How the provider says that it ended; None where it never said.
        actions: Who did what in the talk, in its order; empty without a talk.
        has_rung: The phone is known to have rung.
    """
    is_connected = task_status is not None and task_status >= TaskStatus.SUCCEEDED_FINISH
    if task_status in _INTERCEPTED or task_status in _LINE_AT_FAULT:
        return _not_counted(NumberStatus.INTERCEPTED)
    if is_connected:
        has_spoken = (Speaker.CONTACT, Action.DIALOGUE) in actions
        return Outcome(NumberStatus.ANSWERED, True, task_status in _TALKED and has_spoken, _CONNECTED)
    if task_status in _NOT_CALLED:
        return _not_counted(NumberStatus.WAITING, "未呼出")
    if task_status in {TaskStatus.NOT_CONNECTED, TaskStatus.FAILED}:
        return _counted(NumberStatus.NO_ANSWER) if has_rung else _not_counted(NumberStatus.WAITING, "呼叫失败")
    if task_status in _NUMBER:
        return _counted(_NUMBER[task_status])
    # Executing, or no word at all, of a call that is over: nobody can know, so it counts against calling again.
    return Outcome(NumberStatus.WAITING, True, False, UNKNOWN_RESULT)


def asks_for_person(task_status: TaskStatus | None, actions: Sequence[tuple[Speaker, Action]]) -> bool:
    """Tell whether a talk was to be passed on to a seat, by how it ended or by what was done in it."""
    return task_status in _PASSED_ON or any(action is Action.TRANSFER_TO_AGENT for _, action in actions)


def _counted(status: NumberStatus) -> Outcome:
    return Outcome(status, True, False, NUMBER_STATUS_TEXTS[status])


def _not_counted(status: NumberStatus, result: str | None = None) -> Outcome:
    return Outcome(status, False, False, result or NUMBER_STATUS_TEXTS[status])
