"""Wire shapes of call tasks."""

from datetime import date
from typing import Annotated

from pydantic import MISSING, AfterValidator, Field, StringConstraints

from app.domain.calls import NOT_REDIALLED, NumberStatus
from app.domain.tasks import MAX_RECYCLES, EndAction, PopMode, TaskState
from app.domain.urls import MAX_URL, outgoing_url
from app.schemas.agent.base import Given, ItemId, LocalMoment, Name, Told
from app.schemas.agent.groups import Each
from app.schemas.agent.lines import LINE
from app.schemas.common import Storable

_ACCOUNT = "3f7c2a10-5d1e-4b0a-9c55-6d2f8e410b77"
REDIALLED = [int(each) for each in NumberStatus if each not in NOT_REDIALLED and each != NumberStatus.WAITING]
"""After which statuses a task may dial again."""


def once(items: list[Each]) -> list[Each]:
    """Refuse a list in which something stands twice."""
    if len(set(items)) < len(items):
        raise ValueError("同一项只能出现一次 (each only once)")
    return items


def _day(value: str) -> str:
    try:
        date.fromisoformat(value)
    except ValueError:
        raise ValueError("没有这一天 (there is no such day)") from None
    return value


def _redialled(status: int) -> int:
    if status not in REDIALLED:
        raise ValueError("不会重呼此状态的号码 (numbers with this status are never dialled again)")
    return status


GroupId = Annotated[ItemId, Field(description="话术组id (script group)", examples=[1])]
DialTimeId = Annotated[
    ItemId | None,
    Field(description="呼叫时间组id;null 为账户的默认组 (hours; null: the account's default)", examples=[1]),
]
MaximumCall = Annotated[
    int, Field(strict=True, ge=1, le=100_000, description="任务最大并发 (calls at a time)", examples=[10])
]
BridgeId = Annotated[ItemId | None, Field(description="转接组id (bridge group)", examples=[1])]
RuleId = Annotated[
    ItemId | None,
    Field(
        description="自动重呼规则id,取代任务自己的重呼设置 (rule, takes the place of the task's own redial fields)",
        examples=[1],
    ),
]
EndActionField = Annotated[
    int,
    Field(
        strict=True,
        ge=int(min(EndAction)),
        le=int(max(EndAction)),
        description="任务结束动作:0 无操作,1 暂停并释放并发,2 暂停并锁定并发 (0 none, 1 pause, 2 keep the slots)",
        examples=[0],
        json_schema_extra={"enum": [int(each) for each in EndAction]},
    ),
]
IntentionId = Annotated[ItemId | None, Field(description="意向分析配置id (intention config)", examples=[1])]
NotifyUrl = Annotated[
    Annotated[str, StringConstraints(max_length=MAX_URL), AfterValidator(outgoing_url)] | None,
    Field(description="每个通话结束后的回调地址 (gets each finished call)", examples=["https://crm.example.com/calls"]),
]
StartTime = Annotated[
    LocalMoment | None, Field(description="开始时间 (nobody is dialled before)", examples=["2026-03-06 09:00:00"])
]
StopTime = Annotated[
    LocalMoment | None,
    Field(description="停止时间,到时任务暂停 (the task is paused then)", examples=["2026-03-31 18:00:00"]),
]
TaskLines = Annotated[
    list[Annotated[Storable, Field(max_length=64)]],
    AfterValidator(once),
    Field(
        max_length=200,
        description="线路id,按使用顺序;空为话术组的线路 (lines in their order; none: those of the script group)",
        examples=[[LINE]],
        json_schema_extra={"uniqueItems": True},
    ),
]
Holidays = Annotated[
    list[Annotated[str, StringConstraints(pattern=r"^20[0-9]{2}-[0-9]{2}-[0-9]{2}$"), AfterValidator(_day)]],
    AfterValidator(once),
    Field(
        max_length=400,
        description="不呼叫的日期 (dates without calls)",
        examples=[["2026-04-05"]],
        json_schema_extra={"uniqueItems": True},
    ),
]
PopModeField = Annotated[
    int,
    Field(
        strict=True,
        ge=int(min(PopMode)),
        le=int(max(PopMode)),
        description="取号顺序:0 随机,1 顺序,2 倒序 (0 at random, 1 in order, 2 the last first)",
        examples=[1],
        json_schema_extra={"enum": [int(each) for each in PopMode]},
    ),
]
RedialInterval = Annotated[
    int, Field(strict=True, ge=1, le=10_080, description="重呼间隔,分钟 (minutes to a redial)", examples=[30])
]
RedialMaxTimes = Annotated[
    int, Field(strict=True, ge=0, le=MAX_RECYCLES, description="重呼次数 (redials at most)", examples=[2])
]


class RedialConditions(Given):
    """After which ends of a call a number is dialled again."""

    number_status: Annotated[
        list[
            Annotated[
                int,
                Field(strict=True, ge=REDIALLED[0], le=REDIALLED[-1]),
                AfterValidator(_redialled),
            ]
        ],
        AfterValidator(once),
        Field(
            max_length=len(REDIALLED),
            description="号码状态,1、11、12 不会重呼 (statuses; after 1, 11 and 12 nobody is dialled again)",
            examples=[[4, 8]],
            json_schema_extra={"uniqueItems": True},
        ),
    ] = Field(default_factory=list)


class TaskExtras(Given):
    """Further settings of a new task."""

    start_time: StartTime = None
    stop_time: StopTime = None
    line: TaskLines = Field(default_factory=list)
    holiday: Holidays = Field(default_factory=list)
    pop_mode: PopModeField = int(PopMode.IN_ORDER)
    redial_interval: RedialInterval = 30
    redial_max_times: RedialMaxTimes = 0
    redial_conditions: RedialConditions = Field(default_factory=RedialConditions)


class TaskExtrasUpdate(Given):
    """Further settings to change; a missing one stays."""

    start_time: StartTime | MISSING = MISSING
    stop_time: StopTime | MISSING = MISSING
    line: TaskLines | MISSING = MISSING
    holiday: Holidays | MISSING = MISSING
    pop_mode: PopModeField | MISSING = MISSING
    redial_interval: RedialInterval | MISSING = MISSING
    redial_max_times: RedialMaxTimes | MISSING = MISSING
    redial_conditions: RedialConditions | MISSING = MISSING


class WeightedGroup(Given):
    """A group of scripts that is compared with others."""

    id: GroupId
    weight: Annotated[
        int,
        Field(strict=True, ge=1, le=1000, description="权重 (its share, against the others' weights)", examples=[1]),
    ] = 1


def _groups_once(groups: list[WeightedGroup]) -> list[WeightedGroup]:
    once([group.id for group in groups])
    return groups


ScriptGroups = Annotated[
    list[WeightedGroup],
    AfterValidator(_groups_once),
    Field(
        max_length=20,
        description="A/B 比较的话术组与权重,destination_extension 须在其中;空为不比较 "
        "(script groups to compare, destination_extension one of them; none: no comparison)",
        examples=[[]],
    ),
]


class TaskCreate(Given):
    """A new task."""

    name: Name
    destination_extension: GroupId
    dial_time_id: DialTimeId = None
    maximumcall: MaximumCall = 10
    bridge_group_id: BridgeId = None
    auto_recycle_rule_id: RuleId = None
    end_action: EndActionField = int(EndAction.NOTHING)
    llm_intention_id: IntentionId = None
    call_notify_url: NotifyUrl = None
    task_extras: TaskExtras = Field(default_factory=TaskExtras)
    script_groups: ScriptGroups = Field(default_factory=list)


class TaskUpdate(Given):
    """Fields of a task to change; a missing field stays."""

    name: Name | MISSING = MISSING
    destination_extension: GroupId | MISSING = MISSING
    dial_time_id: DialTimeId | MISSING = MISSING
    maximumcall: MaximumCall | MISSING = MISSING
    bridge_group_id: BridgeId | MISSING = MISSING
    auto_recycle_rule_id: RuleId | MISSING = MISSING
    end_action: EndActionField | MISSING = MISSING
    llm_intention_id: IntentionId | MISSING = MISSING
    call_notify_url: NotifyUrl | MISSING = MISSING
    task_extras: TaskExtrasUpdate | MISSING = MISSING
    script_groups: ScriptGroups | MISSING = MISSING


class RedialConditionsOut(Told):
    """After which ends of a call a number is dialled again."""

    number_status: list[int] = Field(description="号码状态 (statuses)", examples=[[4, 8]])


class TaskExtrasOut(Told):
    """Further settings of a task."""

    start_time: str | None = Field(description="开始时间 (nobody is dialled before)", examples=["2026-03-06 09:00:00"])
    stop_time: str | None = Field(description="停止时间 (the task is paused then)", examples=["2026-03-31 18:00:00"])
    line: list[str] = Field(description="线路id (lines in their order)", examples=[[LINE]])
    holiday: list[str] = Field(description="不呼叫的日期 (dates without calls)", examples=[["2026-04-05"]])
    pop_mode: int = Field(description="取号顺序 (0 at random, 1 in order, 2 the last first)", examples=[1])
    redial_interval: int = Field(description="重呼间隔,分钟 (minutes to a redial)", examples=[30])
    redial_max_times: int = Field(description="重呼次数 (redials at most)", examples=[2])
    redial_conditions: RedialConditionsOut = Field(description="重呼条件 (when to dial again)")


class WeightedGroupOut(Told):
    """A group of scripts that is compared with others."""

    id: int = Field(description="话术组id (script group)", examples=[1])
    weight: int = Field(description="权重 (its share)", examples=[1])


class StatusCount(Told):
    """How many numbers have a status."""

    number_status: int = Field(description="号码状态 (status of the numbers)", examples=[0])
    number_status_str: str = Field(description="状态名称 (the status's name)", examples=["等待呼叫"])
    count: int = Field(description="数量 (how many)", examples=[1000])


class NumberCounts(Told):
    """How far the numbers of a task are."""

    total: int = Field(description="号码总数 (all)", examples=[1000])
    waiting: int = Field(description="待呼叫,含待重呼 (to be dialled, redials too)", examples=[1000])
    calling: int = Field(description="呼叫中 (being called)", examples=[0])
    done: int = Field(description="已完成 (over)", examples=[0])
    refused: int = Field(description="不予呼叫 (may not be called)", examples=[0])
    by_status: list[StatusCount] = Field(description="按号码状态 (by status; those with numbers)")


class TaskOut(Told):
    """A call task."""

    id: int = Field(description="任务id (id)", examples=[1])
    user_id: str = Field(description="用户id (the account)", examples=[_ACCOUNT])
    name: str = Field(description="名称 (name)", examples=["三月回访"])
    status: int = Field(
        description="1 已暂停,2 运行中,3 等待中 (1 paused, 2 running, 3 waiting)",
        examples=[1],
        json_schema_extra={"enum": [int(each) for each in TaskState]},
    )
    status_str: str = Field(description="状态名称 (the status's name)", examples=["已暂停"])
    wait_reason: str | None = Field(
        description="等待原因:start_time、outside_window;运行中而线路均不可用时为 no_line "
        "(why it waits: for its start, for its hours, or, while it runs, for any line that may be used)",
        examples=["outside_window"],
    )
    wait_reason_str: str | None = Field(description="等待原因的说明 (the same in words)", examples=["不在呼叫时间内"])
    wait_until: str | None = Field(description="等待至 (until when)", examples=["2026-03-06 09:00:00"])
    destination_extension: int = Field(description="话术组id (script group)", examples=[1])
    dial_time_id: int | None = Field(description="呼叫时间组id (hours)", examples=[1])
    maximumcall: int = Field(description="任务最大并发 (calls at a time)", examples=[10])
    bridge_group_id: int | None = Field(description="转接组id (bridge group)", examples=[1])
    auto_recycle_rule_id: int | None = Field(description="自动重呼规则id (rule)", examples=[1])
    end_action: int = Field(description="任务结束动作 (what it does at its end)", examples=[0])
    llm_intention_id: int | None = Field(description="意向分析配置id (intention config)", examples=[1])
    call_notify_url: str | None = Field(description="回调地址 (gets each finished call)", examples=[None])
    task_extras: TaskExtrasOut = Field(description="更多设置 (further settings)")
    script_groups: list[WeightedGroupOut] = Field(description="比较的话术组 (script groups that are compared)")
    numbers: NumberCounts = Field(description="号码统计 (its numbers, counted)")
    started_at: str | None = Field(description="启动时间 (started)", examples=["2026-03-06 09:00:00"])
    ended_at: str | None = Field(description="号码全部完成的时间 (its last number was over)", examples=[None])
    stopped_by: str | None = Field(
        description="由谁暂停:操作者、end_action 或 stop_time (who paused it)", examples=["end_action"]
    )
    created_at: str = Field(description="创建时间 (created)", examples=["2026-03-05 18:30:00"])
    updated_at: str = Field(description="更新时间 (changed)", examples=["2026-03-05 18:30:00"])


class TaskPage(Told):
    """A page of tasks, the newest first."""

    total: int = Field(description="总数 (how many there are)", examples=[1])
    page: int = Field(description="页码 (page)", examples=[1])
    limit: int = Field(description="每页数量 (rows per page)", examples=[20])
    results: list[TaskOut] = Field(description="任务 (tasks)")
