"""Tasks, their numbers and their imports as the family tells them."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from app.domain.calls import NUMBER_STATUS_TEXTS, NumberStatus
from app.domain.dialing import TEXTS, Reason
from app.domain.tasks import TASK_STATE_TEXTS, TaskState, WaitReason, why_waiting
from app.models import OutboundCall, TaskImport, TaskNumber
from app.schemas.agent.base import local, local_or_none
from app.services.agent.imports import state_of
from app.services.agent.numbers import Added, NumberView
from app.services.agent.tasks import Counts, TaskView

Told = dict[str, Any]

_NEVER_DIALLED = datetime(1970, 1, 1, tzinfo=UTC)
_WAITS = {
    WaitReason.START_TIME: "未到开始时间",
    WaitReason.OUTSIDE_WINDOW: "不在呼叫时间内",
    WaitReason.NO_LINE: "线路均未启用或已过期",
}


def task(view: TaskView, zone: ZoneInfo, now: datetime) -> Told:
    """Tell a task with all that belongs to it."""
    row = view.task
    return {
        "id": row.id,
        "user_id": row.account_id,
        "name": row.name,
        "status": row.status,
        "status_str": TASK_STATE_TEXTS[TaskState(row.status)],
        **_wait(view, zone, now),
        "destination_extension": row.destination_extension,
        "dial_time_id": row.dial_time_id,
        "maximumcall": row.maximumcall,
        "bridge_group_id": row.bridge_group_id,
        "auto_recycle_rule_id": row.auto_recycle_rule_id,
        "end_action": row.end_action,
        "llm_intention_id": row.llm_intention_id,
        "call_notify_url": row.call_notify_url,
        "task_extras": _extras(view, zone),
        "script_groups": [{"id": group_id, "weight": weight} for group_id, weight in view.scripts],
        "numbers": _counts(view.counts),
        "started_at": local_or_none(row.started_at, zone),
        "ended_at": local_or_none(row.ended_at, zone),
        "stopped_by": row.stopped_by,
        "created_at": local(row.created_at, zone),
        "updated_at": local(row.updated_at, zone),
    }


def added(results: list[Added]) -> Told:
    """Tell what became of given numbers, each in its place."""
    kinds = [each.result for each in results]
    return {
        "created": kinds.count("created"),
        "duplicates": kinds.count("duplicate"),
        "malformed": kinds.count("malformed"),
        "results": [
            {
                "phone": each.phone,
                "result": each.result,
                "id": each.id,
                "is_repeat": each.is_repeat,
                "message": each.message,
                "warning": each.warning,
            }
            for each in results
        ],
    }


def number(row: TaskNumber, zone: ZoneInfo) -> Told:
    """Tell a number and how far it is."""
    is_redial = row.due_at is not None and row.due_at > _NEVER_DIALLED
    return {
        "id": row.id,
        "phone": row.phone if row.phone.startswith("+") else "",
        "is_repeat": row.is_repeat,
        "name": row.name,
        "variables": row.words,
        "state": row.state,
        "number_status": row.number_status,
        "number_status_str": _status(row.number_status),
        "reason": row.reason,
        "reason_str": _reason(row.reason),
        "next_call_at": local_or_none(row.due_at if is_redial else None, zone),
        "calls": row.calls,
        "redials": sum(row.redials.values()),
        "intention": row.intention,
        "group_id": row.group_id,
        "last_call_at": local_or_none(row.last_call_at, zone),
        "created_at": local(row.created_at, zone),
        "updated_at": local(row.updated_at, zone),
    }


def number_detail(view: NumberView, zone: ZoneInfo) -> Told:
    """Tell a number with the calls to it."""
    return number(view.number, zone) | {"attempts": [_attempt(call, zone) for call in view.attempts]}


def imported(row: TaskImport, zone: ZoneInfo, now: datetime) -> Told:
    """Tell how far a file is read."""
    state, problem = state_of(row, now)
    return {
        "id": row.id,
        "state": state,
        "lines": row.lines,
        "imported": row.imported,
        "duplicates": row.duplicates,
        "rejected": row.rejected,
        "errors": row.errors,
        "problem": problem,
        "created_at": local(row.created_at, zone),
        "updated_at": local(row.updated_at, zone),
    }


def _wait(view: TaskView, zone: ZoneInfo, now: datetime) -> Told:
    """Tell why a task waits, and until when."""
    row = view.task
    waiting = why_waiting(TaskState(row.status), row.start_time, row.due_at, view.line_terms, now)
    if waiting is None:
        return {"wait_reason": None, "wait_reason_str": None, "wait_until": None}
    until = local_or_none(waiting.until, zone)
    return {"wait_reason": waiting.reason, "wait_reason_str": _WAITS[waiting.reason], "wait_until": until}


def _extras(view: TaskView, zone: ZoneInfo) -> Told:
    row = view.task
    return {
        "start_time": local_or_none(row.start_time, zone),
        "stop_time": local_or_none(row.stop_time, zone),
        "line": view.lines,
        "holiday": row.holidays,
        "pop_mode": row.pop_mode,
        "redial_interval": row.redial_interval,
        "redial_max_times": row.redial_max_times,
        "redial_conditions": {"number_status": row.redial_statuses},
    }


def _counts(counts: Counts) -> Told:
    return {
        "total": sum(counts.states.values()),
        **{state: counts.states.get(state, 0) for state in ("waiting", "calling", "done", "refused")},
        "by_status": [
            {"number_status": status, "number_status_str": _status(status), "count": count}
            for status, count in sorted(counts.statuses.items())
        ],
    }


def _attempt(call: OutboundCall, zone: ZoneInfo) -> Told:
    return {
        "id": call.id,
        "status": call.status,
        "number_status": call.number_status,
        "number_status_str": None if call.number_status is None else _status(call.number_status),
        "intention": call.intention,
        "line_id": call.line_id,
        "created_at": local(call.created_at, zone),
        "answered_at": local_or_none(call.answered_at, zone),
        "ended_at": local_or_none(call.ended_at, zone),
    }


def _status(status: int) -> str:
    return NUMBER_STATUS_TEXTS[NumberStatus(status)]


def _reason(reason: str | None) -> str | None:
    return TEXTS[Reason(reason)] if reason in set(Reason) else reason
