"""Call tasks: writing them, starting, stopping and copying them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.tasks import TaskState, Term
from app.errors import ConflictError, InvalidInputError, TaskStartedError
from app.models import Account, AutoRecycleRule, BridgeGroup, CallTask, DialTimeGroup, LlmIntentionConfig
from app.repositories import agent as store
from app.repositories import agent_groups
from app.repositories import tasks as repository
from app.services.agent.bridge_groups import BRIDGE_GROUPS
from app.services.agent.dial_times import DIAL_TIMES
from app.services.agent.lines import LINES
from app.services.agent.notices import check_receiver
from app.services.agent.outbound_groups import OUTBOUND_GROUPS
from app.services.agent.owners import Owner, reading, writing
from app.services.agent.rules import INTENTIONS, RECYCLE_RULES
from app.services.agent.shelf import Shelf
from app.services.context import Context

_STARTED: Final = "任务启动中,请先停止任务"
_COPY: Final = "-副本"
_MAX_NAME: Final = 128
_MAX_ACTOR: Final = 64
_COPIED: Final = (
    "account_id",
    "destination_extension",
    "dial_time_id",
    "maximumcall",
    "bridge_group_id",
    "auto_recycle_rule_id",
    "end_action",
    "llm_intention_id",
    "call_notify_url",
    "start_time",
    "stop_time",
    "holidays",
    "pop_mode",
    "redial_interval",
    "redial_max_times",
    "redial_statuses",
)
_REFERENCES: Final[tuple[tuple[str, type[store.Property], str], ...]] = (
    ("dial_time_id", DialTimeGroup, DIAL_TIMES.noun),
    ("bridge_group_id", BridgeGroup, BRIDGE_GROUPS.noun),
    ("auto_recycle_rule_id", AutoRecycleRule, RECYCLE_RULES.noun),
    ("llm_intention_id", LlmIntentionConfig, INTENTIONS.noun),
)


@dataclass(slots=True)
class Counts:
    """How many numbers a task has, by state and by number status."""

    states: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    statuses: dict[int, int] = field(default_factory=lambda: defaultdict(int))


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task with its lines and the groups of scripts that it compares, in their order, and its numbers counted."""

    task: CallTask
    lines: Sequence[str]
    scripts: Sequence[tuple[int, int]]
    """(id, weight) each."""
    counts: Counts
    line_terms: Sequence[Term] = ()
    """When each line may be used over which it calls; of a running task."""


class Tasks(Shelf[CallTask, TaskView]):
    """Whom to dial with what; the dialer holds a task's row while it calls, writers hold the account before it."""

    model = CallTask
    noun = "任务 (task)"
    parts = frozenset({"lines", "scripts"})

    async def of_account(self, session: AsyncSession, account_id: str) -> Sequence[TaskView]:
        """Return all of an account, by age."""
        return await _views(session, await store.items(session, CallTask, account_id))

    async def page(
        self, context: Context, owner: Owner, status: int | None, *, offset: int, limit: int
    ) -> tuple[int, Sequence[TaskView]]:
        """Return how many tasks there are, of one status or of all, and a page of them, the newest first."""
        async with reading(context, owner) as (session, account):
            total, rows = await repository.page(session, account.id, status, offset=offset, limit=limit)
            return total, await _views(session, rows)

    async def create(self, context: Context, owner: Owner, given: Mapping[str, Any]) -> TaskView:
        """Make a paused task."""
        check_receiver(context, given.get("call_notify_url"))
        return await super().create(context, owner, given)

    async def change(self, context: Context, owner: Owner, item_id: str | int, given: Mapping[str, Any]) -> TaskView:
        """Change a paused task."""
        check_receiver(context, given.get("call_notify_url"))
        return await super().change(context, owner, item_id, given)

    async def start(self, context: Context, owner: Owner, task_id: int, *, actor: str) -> TaskView:
        """Let a task be dialled, from its beginning of time on; one that is started already stays as it is.

        Raises:
            ConflictError: it can never dial: nothing has a line, or its end has passed.
        """
        async with writing(context, owner) as (session, account):
            task = await self.find(session, account, task_id, lock=True)
            if task.status == TaskState.PAUSED:
                now = context.clock.now()
                await _refuse_idle(session, task, now)
                await repository.free_lines(session, task.id)
                task.status, task.due_at, task.started_at = int(TaskState.RUNNING), now, now
                task.ended_at = task.stopped_by = None
                await session.flush()
                await repository.note(session, now, actor=actor, action="task_start", task_id=task.id)
            view = await self.view(session, task)
        context.wake_calls.set()
        return view

    async def stop(self, context: Context, owner: Owner, task_id: int, *, actor: str) -> TaskView:
        """Let nobody be dialled any more; calls that are under way go on. One that is paused stays as it is."""
        async with writing(context, owner) as (session, account):
            task = await self.find(session, account, task_id, lock=True)
            if task.status != TaskState.PAUSED:
                task.status, task.due_at = int(TaskState.PAUSED), None
                task.stopped_by = actor[:_MAX_ACTOR]
                await session.flush()
                await repository.note(session, context.clock.now(), actor=actor, action="task_stop", task_id=task.id)
            return await self.view(session, task)

    async def copy(self, context: Context, owner: Owner, task_id: int, *, with_numbers: bool) -> TaskView:
        """Make a paused task with the same settings, and with the same numbers, none of them dialled, where wanted."""
        async with writing(context, owner) as (session, account):
            task = await self.find(session, account, task_id)
            now = context.clock.now()
            name = f"{task.name[: _MAX_NAME - len(_COPY)]}{_COPY}"
            fields = {each: getattr(task, each) for each in _COPIED} | self.beginning(context)
            made = CallTask(**fields, name=name, created_at=now, updated_at=now)
            session.add(made)
            await session.flush()
            whole = await self.view(session, task)
            await repository.set_lines(session, made.id, whole.lines)
            await repository.set_scripts(session, made.id, whole.scripts)
            if with_numbers:
                await repository.copy_numbers(session, task.id, made.id, now)
            return await self.view(session, made)

    async def view(self, session: AsyncSession, item: CallTask) -> TaskView:
        """Return a task with all that belongs to it."""
        (found,) = await _views(session, [item])
        return found

    def beginning(self, context: Context) -> dict[str, Any]:  # noqa: ARG002 - the same for all
        """Let a new task be paused."""
        return {"status": int(TaskState.PAUSED)}

    async def hold(self, session: AsyncSession, account: Account, item_id: str | int) -> CallTask:
        """Return a task that is to be changed or deleted, which nobody starts meanwhile; refuse a started one."""
        task = await self.find(session, account, item_id, lock=True)
        if task.status != TaskState.PAUSED:
            raise TaskStartedError(_STARTED)
        return task

    async def check(self, session: AsyncSession, item: CallTask, given: Mapping[str, Any]) -> None:
        """Refuse what is not the account's own, and a task that ends before it begins."""
        for name, model, noun in _REFERENCES:
            wanted = given.get(name)
            if wanted is not None and await store.item(session, model, item.account_id, wanted) is None:
                raise _unknown(wanted, noun, name)
        lines = given.get("lines", ())
        known = await agent_groups.known_lines(session, item.account_id, lines) if lines else frozenset()
        for place, line_id in enumerate(lines):
            if line_id not in known:
                raise _unknown(line_id, LINES.noun, "task_extras", "line", place)
        await _check_scripts(session, item, given)
        if item.start_time is not None and item.stop_time is not None and item.start_time >= item.stop_time:
            raise InvalidInputError(
                "须晚于 start_time (must be later than start_time)", field=("body", "task_extras", "stop_time")
            )

    async def write_parts(self, session: AsyncSession, item: CallTask, given: Mapping[str, Any]) -> None:
        """Write lines and compared groups where they are given."""
        if "lines" in given:
            await repository.set_lines(session, item.id, given["lines"])
        if "scripts" in given:
            await repository.set_scripts(session, item.id, given["scripts"])

    async def before_removal(self, session: AsyncSession, item: CallTask) -> None:
        """Refuse while calls are under way: what follows from them is written into the task's numbers."""
        active = await repository.active_calls(session, item.id)
        if active:
            raise ConflictError(
                f"{self.noun} {item.id} 还有 {active} 个进行中的通话,请稍后再删除 "
                f"({active} calls are under way, try again when they are over)"
            )

    async def take_away(self, session: AsyncSession, item: CallTask, now: datetime) -> None:
        """Mark it as deleted: its calls are still asked for. Its lines may go, its numbers are deleted later."""
        await repository.set_lines(session, item.id, ())
        await repository.free_lines(session, item.id)
        item.deleted_at = now


async def _views(session: AsyncSession, tasks: Sequence[CallTask]) -> list[TaskView]:
    """Return tasks with all that belongs to them, in four statements however many they are."""
    ids = [task.id for task in tasks]
    if not ids:
        return []
    lines, scripts = defaultdict(list), defaultdict(list)
    counts: dict[int, Counts] = defaultdict(Counts)
    for task_id, line_id in await repository.lines_of(session, ids):
        lines[task_id].append(line_id)
    for task_id, group_id, weight in await repository.scripts_of(session, ids):
        scripts[task_id].append((group_id, weight))
    for task_id, state, status, number in await repository.counts(session, ids):
        counts[task_id].states[state] += number
        counts[task_id].statuses[status] += number
    running = [task.id for task in tasks if task.status == TaskState.RUNNING]
    terms = defaultdict(list)
    for task_id, begin_at, deadline_at in await repository.times_of_lines(session, running) if running else ():
        terms[task_id].append(Term(begin_at, deadline_at))
    return [TaskView(task, lines[task.id], scripts[task.id], counts[task.id], terms[task.id]) for task in tasks]


async def _check_scripts(session: AsyncSession, item: CallTask, given: Mapping[str, Any]) -> None:
    """Refuse groups of scripts that are not the account's own, and a main one that is not among the compared ones."""
    if "scripts" in given:
        compared = [group_id for group_id, _ in given["scripts"]]
    elif "destination_extension" in given and item.id is not None:
        compared = [group_id for _, group_id, _ in await repository.scripts_of(session, [item.id])]
    else:
        compared = []
    main = item.destination_extension
    known = await repository.known_groups(session, item.account_id, [main, *compared])
    if main not in known:
        raise _unknown(main, OUTBOUND_GROUPS.noun, "destination_extension")
    for place, group_id in enumerate(compared):
        if group_id not in known:
            raise _unknown(group_id, OUTBOUND_GROUPS.noun, "script_groups", place, "id")
    if compared and main not in compared:
        raise InvalidInputError(
            f"须为 script_groups 之一: {compared} (must be one of script_groups)",
            field=("body", "destination_extension"),
        )


async def _refuse_idle(session: AsyncSession, task: CallTask, now: datetime) -> None:
    """Refuse to start what would never dial, with what to do about it."""
    if task.stop_time is not None and task.stop_time <= now:
        raise ConflictError("stop_time 已过,请先修改任务 (stop_time has passed: change the task first)")
    if await repository.lines_of(session, [task.id]):
        return
    scripts = await repository.scripts_of(session, [task.id])
    groups = [group_id for _, group_id, _ in scripts] or [task.destination_extension]
    silent = await repository.without_lines(session, groups)
    if silent:
        named = "、".join(f"「{name}」" for name in silent)
        raise ConflictError(
            f"没有可用的线路:任务未指定 line,话术组{named}也没有关联线路 "
            "(no line to dial over: give the task lines, or the script group)"
        )


def _unknown(item_id: str | int, noun: str, *place: str | int) -> InvalidInputError:
    return InvalidInputError(
        f"账户没有 id 为 {item_id} 的{noun} (the account has no such thing)", field=("body", *place)
    )


TASKS = Tasks()
