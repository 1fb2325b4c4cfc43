"""Call tasks of accounts: what they are made of, who is on them, and what they use."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Row, delete, exists, func, insert, literal, or_, select, true, union
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import (
    AuditEntry,
    AutoRecycleRule,
    BridgeGroup,
    CallerLine,
    CallTask,
    CallTaskLine,
    CallTaskScript,
    DialTimeGroup,
    LineHold,
    LlmIntentionConfig,
    OutboundCall,
    OutboundGroup,
    OutboundGroupLine,
    TaskNumber,
)
from app.repositories.agent import Property

NAMED = 5
"""So many of the tasks that use something are named; more are only told of."""


async def page(
    session: AsyncSession, account_id: str, status: int | None, *, offset: int, limit: int
) -> tuple[int, Sequence[CallTask]]:
    """Return how many tasks an account has, of one status or of all, and a page of them, the newest first."""
    mine = [CallTask.account_id == account_id, CallTask.deleted_at.is_(None)]
    if status is not None:
        mine.append(CallTask.status == status)
    total = (await session.execute(select(func.count()).select_from(CallTask).where(*mine))).scalar_one()
    rows = await session.scalars(select(CallTask).where(*mine).order_by(CallTask.id.desc()).offset(offset).limit(limit))
    return total, rows.all()


async def lines_of(session: AsyncSession, task_ids: Sequence[int]) -> Sequence[Row[int, str]]:
    """Return (task, line) of these tasks, in their order."""
    query = (
        select(CallTaskLine.task_id, CallTaskLine.line_id)
        .where(CallTaskLine.task_id.in_(task_ids))
        .order_by(CallTaskLine.task_id, CallTaskLine.position)
    )
    return (await session.execute(query)).all()


async def scripts_of(session: AsyncSession, task_ids: Sequence[int]) -> Sequence[Row[int, int, int]]:
    """Return (task, group of scripts, weight) of those of these tasks that compare several, in their order."""
    query = (
        select(CallTaskScript.task_id, CallTaskScript.group_id, CallTaskScript.weight)
        .where(CallTaskScript.task_id.in_(task_ids))
        .order_by(CallTaskScript.task_id, CallTaskScript.position)
    )
    return (await session.execute(query)).all()


async def times_of_lines(
    session: AsyncSession, task_ids: Sequence[int]
) -> Sequence[Row[int, datetime | None, datetime | None]]:
    """Return (task, since when, until when) of each line over which these tasks may call."""
    compared = exists().where(
        CallTaskScript.task_id == CallTask.id, CallTaskScript.group_id == OutboundGroupLine.group_id
    )
    has_own = exists().where(CallTaskLine.task_id == CallTask.id)
    of_scripts = (
        select(CallTask.id.label("task_id"), OutboundGroupLine.line_id)
        .join(OutboundGroupLine, or_(OutboundGroupLine.group_id == CallTask.destination_extension, compared))
        .where(CallTask.id.in_(task_ids), ~has_own)
    )
    own = select(CallTaskLine.task_id, CallTaskLine.line_id).where(CallTaskLine.task_id.in_(task_ids))
    used = union(own, of_scripts).subquery()
    query = (
        select(used.c.task_id, CallerLine.begin_at, CallerLine.deadline_at)
        .join(CallerLine, CallerLine.id == used.c.line_id)
        .where(CallerLine.call_line > 0)
    )
    return (await session.execute(query)).all()


async def counts(session: AsyncSession, task_ids: Sequence[int]) -> Sequence[Row[int, str, int, int]]:
    """Return (task, state, number status, how many numbers) of these tasks."""
    kinds = (TaskNumber.task_id, TaskNumber.state, TaskNumber.number_status)
    query = select(*kinds, func.count()).where(TaskNumber.task_id.in_(task_ids)).group_by(*kinds).order_by(*kinds)
    return (await session.execute(query)).all()


async def set_lines(session: AsyncSession, task_id: int, line_ids: Sequence[str]) -> None:
    """Give a task these lines, in this order, and no others."""
    await session.execute(delete(CallTaskLine).where(CallTaskLine.task_id == task_id))
    rows = [{"task_id": task_id, "line_id": line_id, "position": place} for place, line_id in enumerate(line_ids)]
    if rows:
        await session.execute(insert(CallTaskLine), rows)


async def set_scripts(session: AsyncSession, task_id: int, scripts: Sequence[tuple[int, int]]) -> None:
    """Have a task compare these groups of scripts, (id, weight) each, and no others."""
    await session.execute(delete(CallTaskScript).where(CallTaskScript.task_id == task_id))
    rows = [
        {"task_id": task_id, "group_id": group_id, "weight": weight, "position": place}
        for place, (group_id, weight) in enumerate(scripts)
    ]
    if rows:
        await session.execute(insert(CallTaskScript), rows)


async def known_groups(session: AsyncSession, account_id: str, group_ids: Sequence[int]) -> frozenset[int]:
    """Return which of these groups of scripts are the account's own."""
    query = select(OutboundGroup.id).where(
        OutboundGroup.account_id == account_id, OutboundGroup.deleted_at.is_(None), OutboundGroup.id.in_(group_ids)
    )
    return frozenset(await session.scalars(query))


async def without_lines(session: AsyncSession, group_ids: Sequence[int]) -> Sequence[str]:
    """Return the names of those of these groups of scripts that have no lines."""
    lines = exists().where(OutboundGroupLine.group_id == OutboundGroup.id)
    query = select(OutboundGroup.name).where(OutboundGroup.id.in_(group_ids), ~lines).order_by(OutboundGroup.id)
    return (await session.scalars(query)).all()


async def wait_for_dialer(session: AsyncSession, group_id: int) -> None:
    """Hold the started tasks that have a group of scripts, once no reservation of theirs is under way any more."""
    compared = exists().where(CallTaskScript.task_id == CallTask.id, CallTaskScript.group_id == group_id)
    using = CallTask.due_at.is_not(None) & or_(CallTask.destination_extension == group_id, compared)
    query = select(CallTask.id).where(using).order_by(CallTask.id).with_for_update(key_share=True, of=CallTask)
    await session.execute(query)


async def free_lines(session: AsyncSession, task_id: int) -> None:
    """Give back the slots that a task holds for itself."""
    await session.execute(delete(LineHold).where(LineHold.task_id == task_id))


async def active_calls(session: AsyncSession, task_id: int) -> int:
    """Return how many calls of a task are not over yet."""
    query = select(func.count()).where(OutboundCall.task_id == task_id, OutboundCall.ended_at.is_(None))
    return (await session.execute(query)).scalar_one()


async def copy_numbers(session: AsyncSession, from_task: int, to_task: int, now: datetime) -> None:
    """Give a task the numbers of another in their order, as if they had just been added; no erased ones."""
    # An erasure holds the list until its end: this waits for it, or it waits for this and finds the copies too.
    await session.execute(select(func.pg_advisory_xact_lock_shared(func.hashtext("do_not_contact"))))
    fields = ("phone", "is_repeat", "name", "words")
    numbers = (
        select(literal(to_task), *(getattr(TaskNumber, name) for name in fields), literal(now), literal(now))
        .where(TaskNumber.task_id == from_task, TaskNumber.phone.startswith("+"))
        .order_by(TaskNumber.id)
    )
    columns = ["task_id", *fields, "created_at", "updated_at"]
    await session.execute(insert(TaskNumber).from_select(columns, numbers, include_defaults=False))


async def note(session: AsyncSession, now: datetime, *, actor: str, action: str, task_id: int) -> None:
    """Write into the audit trail who did something with a task."""
    values = {"at": now, "actor": actor[:64], "action": action, "detail": {"task_id": task_id}}
    await session.execute(insert(AuditEntry).values(values))


async def users_of(session: AsyncSession, item: Property) -> Sequence[str]:
    """Return the tasks that use something, in words for a person; none: no task does."""
    found = await _names(session, _uses(item))
    told = [f"任务「{name}」" for name in found[:NAMED]]
    if isinstance(item, CallerLine):
        held = exists().where(LineHold.task_id == CallTask.id, LineHold.line_id == item.id)
        told += [f"锁定其并发的任务「{name}」" for name in (await _names(session, held))[:NAMED]]
    return [*told, "更多任务 (more tasks)"] if len(found) > NAMED else told


async def _names(session: AsyncSession, uses: ColumnElement[bool]) -> Sequence[str]:
    query = select(CallTask.name).where(CallTask.deleted_at.is_(None), uses).order_by(CallTask.id).limit(NAMED + 1)
    return (await session.scalars(query)).all()


def _uses(item: Property) -> ColumnElement[bool]:
    """Return what is true of a `CallTask` that uses something."""
    found: ColumnElement[bool] = ~true()
    match item:
        case CallerLine():
            found = exists().where(CallTaskLine.task_id == CallTask.id, CallTaskLine.line_id == item.id)
        case OutboundGroup():
            compared = exists().where(CallTaskScript.task_id == CallTask.id, CallTaskScript.group_id == item.id)
            found = or_(CallTask.destination_extension == item.id, compared)
        case DialTimeGroup():
            # Without its default an account's tasks would go over to the hours of the service, which may be wider.
            chosen = CallTask.dial_time_id == item.id
            found = or_(chosen, CallTask.dial_time_id.is_(None)) if item.is_default else chosen
        case BridgeGroup():
            found = CallTask.bridge_group_id == item.id
        case AutoRecycleRule():
            found = CallTask.auto_recycle_rule_id == item.id
        case LlmIntentionConfig():
            found = CallTask.llm_intention_id == item.id
        case _:
            pass
    return (CallTask.account_id == item.account_id) & found
