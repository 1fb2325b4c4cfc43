"""An account of a first start with something of everything that a call task can be made of; all of it is invented."""

from datetime import timedelta
from typing import TypeAlias

from app.domain.tasks import EndAction
from app.services.agent import accounts, initialisation, numbers
from app.services.agent.accounts import Wanted
from app.services.agent.bridge_groups import BRIDGE_GROUPS, SEATS
from app.services.agent.dial_times import DIAL_TIMES
from app.services.agent.lines import LINES
from app.services.agent.numbers import Given
from app.services.agent.outbound_groups import OUTBOUND_GROUPS
from app.services.agent.owners import Owner
from app.services.agent.rules import INTENTIONS, RECYCLE_RULES
from app.services.agent.tasks import TASKS
from app.services.context import Context

ACCOUNT = "3f7c2a10-5d1e-4b0a-9c55-6d2f8e410b77"
SUB_ACCOUNT = "c1a9e4d2-0b36-4e88-8f10-72d5b39f6a04"
"""Those of the examples in the OpenAPI document, so that they can be tried out."""

_MORNING, _AFTERNOON = ("9:00", "12:00"), ("14:00", "18:00")
_WORKDAYS, _WEEKEND = range(1, 6), (6, 0)
_ALWAYS = ("0:00", "24:00")
_Hours: TypeAlias = dict[int, tuple[tuple[str, str], ...]]
_HOURS: tuple[tuple[str, _Hours, bool], ...] = (
    ("工作日", dict.fromkeys(_WORKDAYS, (_MORNING, _AFTERNOON)), True),
    ("周末上午", dict.fromkeys(_WEEKEND, (("9:30", "12:00"),)), False),
    ("全天", dict.fromkeys(range(7), (_ALWAYS,)), False),
)
_LINES = (("演示一号线", 10, None), ("演示二号线", 5, "057100001234"))
_RULES = (
    {
        "name": "未接通重呼",
        "remark": "无应答两次,占线三次",
        "type": 1,
        "configs": None,
        "details": [{"number_status": 4, "time": 2}, {"number_status": 8, "time": 3}],
    },
    {
        "name": "次日重呼",
        "remark": "工作日上午与下午各一次",
        "type": 2,
        "configs": [{"week": week, "times": ["10:00", "15:30"]} for week in _WORKDAYS],
        "details": [{"number_status": 4, "time": 4}, {"number_status": 6, "time": 2}],
    },
)
_NUMBERS = (
    ("13912349001", "林小满"),
    ("13912349002", "周子昂"),
    ("13912349006", "吴思远"),
    ("13912349011", "郑晓彤"),
    ("13912349012", "王可欣"),
    ("13912349014", None),
)
"""Their last digits tell the simulator what happens: two talk, one asks for a person, three are not reached."""


async def load_account(context: Context) -> None:
    """Make the account and its sub account, unless there are accounts already."""
    if await accounts.accounts(context):
        return
    owner, sub = Owner(ACCOUNT), Owner(ACCOUNT, SUB_ACCOUNT)
    await accounts.create(context, Wanted("演示账户", ACCOUNT))
    await accounts.create_below(context, owner, Wanted("演示子账户", SUB_ACCOUNT))
    for name, hours, skip_holiday in _HOURS:
        await _add_hours(context, owner, name, hours, skip_holiday=skip_holiday)
    await _add_talks(context, owner)
    for rule in _RULES:
        await RECYCLE_RULES.create(context, owner, rule | {"status": True, "is_default": None})
    await INTENTIONS.create(context, owner, {"name": "意向词表", "llm_type": 1, "is_default": True})
    await _add_task(context, owner)
    await _add_hours(context, sub, None, {1: (_MORNING,)}, skip_holiday=False)


async def _add_hours(
    context: Context,
    owner: Owner,
    name: str | None,
    hours: _Hours,
    *,
    skip_holiday: bool,
) -> None:
    content = [
        {"week": week, "times": [{"end_time": end, "begin_time": begin} for begin, end in times]}
        for week, times in hours.items()
    ]
    given = {"name": name, "content": content, "skip_holiday": skip_holiday, "is_default": False}
    await DIAL_TIMES.create(context, owner, given)


async def _add_talks(context: Context, owner: Owner) -> None:
    """Make lines, the scripts that go over them, and the seats that take over."""
    deadline = context.clock.now() + timedelta(days=365)
    lines = [
        await LINES.create(
            context,
            owner,
            {"name": name, "call_line": size, "call_number": number, "description": None, "deadline_at": deadline},
        )
        for name, size, number in _LINES
    ]
    group = {"name": "履约回访话术", "instance_id": "simulator", "script_id": "follow_up", "debug": False}
    group |= {"is_default": True, "link_word_group_id": None, "tag_scene_id": None}
    await OUTBOUND_GROUPS.create(context, owner, group | {"caller_lines": [view.line.id for view in lines]})
    seats = [
        await SEATS.create(context, owner, {"name": name, "extension": extension})
        for name, extension in (("客服一号", "8001"), ("客服二号", "8002"))
    ]
    bridge = {"name": "演示转接组", "strategy": 2, "customer_service": [seat.id for seat in seats]}
    await BRIDGE_GROUPS.create(context, owner, bridge)


async def _add_task(context: Context, owner: Owner) -> None:
    """Make a paused task of all that, with numbers where no call reaches anybody."""
    choices = await initialisation.choices(context, owner)
    given = {
        "name": "演示回访任务",
        "destination_extension": choices.outbound_groups[0].group.id,
        # At all hours, so that it can be tried at any: its numbers are the simulator's.
        "dial_time_id": choices.dial_times[-1].id,
        "maximumcall": 3,
        "bridge_group_id": choices.bridge_groups[0].id,
        "auto_recycle_rule_id": choices.rules[0].id,
        "llm_intention_id": choices.intentions[0].id,
        "end_action": int(EndAction.PAUSE_AND_FREE),
    }
    task = (await TASKS.create(context, owner, given)).task
    if not context.dialer.reaches_people:
        wanted = [Given(phone, name) for phone, name in _NUMBERS]
        await numbers.add(context, owner, task.id, wanted, allow_duplicates=False)
