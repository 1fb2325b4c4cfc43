"""Wire shapes of groups of scripts, of seats and of bridge groups."""

from typing import Annotated, TypeVar

from pydantic import MISSING, AfterValidator, Field, StringConstraints
from pydantic.config import JsonDict

from app.domain.tasks import Strategy
from app.schemas.agent.base import Given, ItemId, Name, Told, sized
from app.schemas.agent.lines import LINE
from app.schemas.common import Flag, Storable

_ACCOUNT = "3f7c2a10-5d1e-4b0a-9c55-6d2f8e410b77"
Each = TypeVar("Each", str, int)


def _once(ids: list[Each]) -> list[Each]:
    if len(set(ids)) < len(ids):
        raise ValueError("同一 id 只能出现一次 (each id only once)")
    return ids


_UNIQUE: JsonDict = {"uniqueItems": True}
Debug = Annotated[Flag, Field(description="是否是调试模式 (for trying out)", examples=[False])]
Default = Annotated[
    Flag, Field(description="默认话术组,至多一个 (the account's default, at most one)", examples=[False])
]
Outer = Annotated[ItemId | None, Field(description="其他系统的id (an id of another system)", examples=[None])]
InstanceId = Annotated[
    Annotated[Storable, sized(128)], Field(description="实例ID (the provider's instance)", examples=["simulator"])
]
ScriptId = Annotated[
    Annotated[Storable, sized(128)], Field(description="场景ID (the provider's script)", examples=["follow_up"])
]
CallerLines = Annotated[
    list[Annotated[Storable, sized(64)]],
    AfterValidator(_once),
    Field(
        max_length=200,
        description="话术关联的线路id,按使用顺序 (ids of its lines, in their order)",
        examples=[[LINE]],
        json_schema_extra=_UNIQUE,
    ),
]
SeatIds = Annotated[
    list[ItemId],
    AfterValidator(_once),
    Field(
        max_length=200,
        description="客服id,按顺序 (ids of its seats, in their order)",
        examples=[[1]],
        json_schema_extra=_UNIQUE,
    ),
]
StrategyField = Annotated[
    int,
    Field(
        strict=True,
        ge=int(min(Strategy)),
        le=int(max(Strategy)),
        description="转接组策略:1 平均,2 顺序,3 随机 (1 evenly, 2 in order, 3 at random)",
        examples=[2],
        json_schema_extra={"enum": [int(each) for each in Strategy]},
    ),
]
Extension = Annotated[
    Annotated[str, StringConstraints(max_length=32, pattern=r"^\+?[0-9][0-9-]{1,30}$")] | None,
    Field(description="转接号码或分机 (number or extension)", examples=["8001"]),
]


class OutboundGroupCreate(Given):
    """A new group of scripts."""

    name: Name
    instance_id: InstanceId
    script_id: ScriptId
    debug: Debug = False
    default: Default = False
    link_word_group_id: Outer = None
    tag_scene_id: Outer = None
    caller_lines: CallerLines = Field(default_factory=list)


class OutboundGroupUpdate(Given):
    """Fields of a group to change; a missing field stays."""

    name: Name | MISSING = MISSING
    instance_id: InstanceId | MISSING = MISSING
    script_id: ScriptId | MISSING = MISSING
    debug: Debug | MISSING = MISSING
    default: Default | MISSING = MISSING
    link_word_group_id: Outer | MISSING = MISSING
    tag_scene_id: Outer | MISSING = MISSING
    caller_lines: CallerLines | MISSING = MISSING


class Pivot(Told):
    """What joins a line to a group."""

    label_group_id: int = Field(description="话术组id (the group)", examples=[5])
    caller_line_id: str = Field(description="线路id (the line)", examples=[LINE])


class GroupLineOut(Told):
    """A line of a group."""

    id: str = Field(description="线路id (id)", examples=[LINE])
    name: str = Field(description="线路名称 (name)", examples=["一号线"])
    description: str | None = Field(description="描述 (note)", examples=[None])
    deadline_at: str | None = Field(description="有效期至 (usable until)", examples=["2027-01-01 00:00:00"])
    begin_at: str | None = Field(description="开始有效时间 (usable from)", examples=["2026-01-01 00:00:00"])
    call_line: int = Field(description="总共并发 (calls at a time)", examples=[13])
    call_line_used: int = Field(description="已用并发 (how many of them are taken)", examples=[0])
    pivot: Pivot


class OutboundGroupShort(Told):
    """A group of scripts, as a new task shows it."""

    id: int = Field(description="话术组id (id)", examples=[5])
    name: str = Field(description="话术组名称 (name)", examples=["履约回访话术"])
    user_id: str = Field(description="用户id (the account)", examples=[_ACCOUNT])
    debug: bool = Field(description="是否是调试模式 (for trying out)", examples=[False])
    deleted_at: str | None = Field(description="删除时间 (deleted)", examples=[None])
    created_at: str = Field(description="创建时间 (created)", examples=["2026-01-01 00:00:00"])
    updated_at: str = Field(description="更新时间 (changed)", examples=["2026-01-01 00:00:00"])
    link_word_group_id: int | None = Field(description="衔接词组 (an id of another system)", examples=[None])
    tag_scene_id: int | None = Field(description="业务场景id (an id of another system)", examples=[None])
    default: bool = Field(description="是否是默认话术组 (the account's default)", examples=[False])
    caller_lines: list[GroupLineOut] = Field(description="话术关联的线路 (its lines)")


class OutboundGroupOut(OutboundGroupShort):
    """A group of scripts."""

    instance_id: str = Field(description="实例ID (the provider's instance)", examples=["simulator"])
    script_id: str = Field(description="场景ID (the provider's script)", examples=["follow_up"])


class SeatCreate(Given):
    """A new seat."""

    name: Name
    extension: Extension = None


class SeatUpdate(Given):
    """Fields of a seat to change; a missing field stays."""

    name: Name | MISSING = MISSING
    extension: Extension | MISSING = MISSING


class SeatShort(Told):
    """A seat, as a new task shows it."""

    id: int = Field(description="客服id (id)", examples=[1])
    name: str = Field(description="名称 (name)", examples=["客服一号"])


class SeatOut(SeatShort):
    """A seat."""

    extension: str | None = Field(description="转接号码或分机 (number or extension)", examples=["8001"])


class BridgeGroupCreate(Given):
    """A new bridge group."""

    name: Name
    strategy: StrategyField = int(Strategy.EVENLY)
    customer_service: SeatIds = Field(default_factory=list)


class BridgeGroupUpdate(Given):
    """Fields of a bridge group to change; a missing field stays."""

    name: Name | MISSING = MISSING
    strategy: StrategyField | MISSING = MISSING
    customer_service: SeatIds | MISSING = MISSING


class BridgeGroupShort(Told):
    """A bridge group, as a new task shows it."""

    id: int = Field(description="转接组id (id)", examples=[3])
    name: str = Field(description="名称 (name)", examples=["转接组一号"])
    strategy: int = Field(description="转接组策略 (strategy)", examples=[2])
    strategy_str: str = Field(description="策略名称 (the strategy's name)", examples=["顺序"])


class BridgeGroupOut(BridgeGroupShort):
    """A bridge group."""

    customer_service: list[SeatShort] = Field(description="客服 (its seats, in their order)")
