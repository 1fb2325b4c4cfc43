"""What follows from calls of tasks that are over, for a whole batch in their transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import asyncpg

from app.domain.calls import NOT_REDIALLED, NumberStatus
from app.domain.dialing import MAX_FAULTS, fault_pause
from app.domain.tasks import (
    Attempt,
    Detail,
    Following,
    Plan,
    RecycleType,
    RedialDay,
    Seat,
    after_attempt,
    at_times,
    choose_seat,
    own_plan,
    rule_plan,
    share_of,
)
from app.repositories import audit
from app.repositories import task_dialing as store
from app.repositories.calls import Row
from app.repositories.task_dialing import Finished
from app.services.agent.aftermath import EndedCall, after_calls
from app.services.calls.desk import Desk
from app.services.calls.source import Ended

SCHEDULER = "scheduler"


async def finish(connection: asyncpg.Connection, desk: Desk, now: datetime, ended: Mapping[int, Ended]) -> None:
    """Write what became of numbers whose calls are over; ``ended``: by number id."""
    numbers = await store.of_calls(connection, ended)
    if not numbers:
        return
    tasks = await store.plans(connection, {number["task_id"] for number in numbers.values()})
    plans = {task_id: _plan(task, desk) for task_id, task in tasks.items()}
    following = {
        key: _following(number, ended[key], plans[number["task_id"]], desk, now) for key, number in numbers.items()
    }
    finished = [_finished(numbers[key], ended[key], what) for key, what in following.items()]
    await store.finish(connection, now, finished)
    await _bridge(connection, [(tasks[number["task_id"]], ended[key]) for key, number in numbers.items()])
    entries = [
        audit.Entry(reason=what.reason, detail={"task_id": numbers[key]["task_id"], "number_id": key})
        for key, what in following.items()
        if what.reason is not None
    ]
    await audit.write(connection, now, actor=SCHEDULER, action="call_ended", entries=entries)
    await after_calls(
        connection, now, [_told(tasks[number["task_id"]], number, ended[key]) for key, number in numbers.items()]
    )


def _plan(task: Row, desk: Desk) -> Plan:
    """Return the redials of a task: its rule's, where it has one in use, else its own."""
    pause = timedelta(minutes=task["redial_interval"]) * desk.dialer.time_scale
    if task["type"] is None:
        return own_plan(task["redial_statuses"], task["redial_max_times"], pause)
    details = [Detail(detail["number_status"], detail["time"]) for detail in task["details"]]
    if task["type"] == RecycleType.AT_TIMES:
        days = [RedialDay(day["week"], day["times"]) for day in task["configs"]]
        return rule_plan(details, at_times(days, desk.context.settings.zone))
    return rule_plan(details, lambda ended_at: ended_at + pause)


def _following(number: Row, ended: Ended, plan: Plan, desk: Desk, now: datetime) -> Following:
    outcome = ended.outcome
    faults = _faults(number, ended)
    attempt = Attempt(
        status=outcome.number_status,
        ended_at=ended.ended_at,
        is_counted=outcome.is_counted,
        is_final=outcome.number_status in NOT_REDIALLED,
        is_certain=ended.is_certain,
        is_blocked=ended.is_blocked,
        is_cancelled=ended.is_cancelled,
        faults=faults,
        redials=number["redials"],
        provider_back_at=ended.provider_back_at,
    )
    pause = fault_pause(faults, desk.dialer.time_scale)
    return after_attempt(attempt, plan, max_faults=MAX_FAULTS, fault_pause=pause, now=now)


def _faults(number: Row, ended: Ended) -> int:
    return 0 if ended.outcome.is_counted else min(number["faults"] + 1, 1000)


def _finished(number: Row, ended: Ended, what: Following) -> Finished:
    redials = dict(number["redials"])
    if what.cause is not None:
        redials[what.cause] = redials.get(what.cause, 0) + 1
    status = ended.outcome.number_status
    return Finished(
        number["id"],
        what.state,
        what.due_at,
        what.reason,
        None if status is NumberStatus.WAITING else status,
        int(ended.outcome.is_counted),
        redials,
        _faults(number, ended),
        ended.ended_at if _is_attempt(ended) else None,
    )


def _is_attempt(ended: Ended) -> bool:
    """Tell whether the number may have been called; not so where it was certainly not."""
    return ended.outcome.is_counted or ended.outcome.number_status is not NumberStatus.WAITING


def _told(task: Row, number: Row, ended: Ended) -> EndedCall:
    return EndedCall(
        call_id=ended.call_id,
        task_id=task["id"],
        number_id=number["id"],
        number_status=ended.outcome.number_status,
        is_attempt=_is_attempt(ended),
        has_talk=ended.has_spoken,
        config_id=task["llm_intention_id"],
        wants_notice=task["wants_notice"],
    )


async def _bridge(connection: asyncpg.Connection, ended: Sequence[tuple[Row, Ended]]) -> None:
    """Choose the seats of talks that ask for a person; counted behind the rows of the seats, so evenly."""
    asking = [
        (task["bridge_group_id"], what)
        for task, what in ended
        if what.wants_person
        and task["bridge_group_id"] is not None
        and what.outcome.number_status is NumberStatus.ANSWERED
    ]
    if not asking:
        return
    rows = await store.lock_seats(connection, {group_id for group_id, _ in asking})
    seats = {group_id: [Seat(row["seat_id"], row["talks"]) for row in own] for group_id, own in rows.items()}
    chosen = []
    for group_id, what in sorted(asking, key=lambda item: item[1].call_id):
        if group_id not in seats:
            continue
        seat = choose_seat(rows[group_id][0]["strategy"], seats[group_id], share_of("seat", what.call_id))
        if seat is not None:
            seat.talks += 1
            chosen.append((what.call_id, seat.id))
    talks = [(group_id, seat.id, seat.talks) for group_id, own in seats.items() for seat in own]
    await store.pass_on(connection, talks, chosen)
