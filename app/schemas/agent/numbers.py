"""Wire shapes of the numbers of a task."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from app.domain.calls import NumberStatus
from app.schemas.agent.base import Given, Told
from app.schemas.agent.tasks import once
from app.schemas.common import Flag, ShortText, Storable

MAX_NUMBERS = 100
MAX_VARIABLES = 50
_PHONE = "13900009001"


def _few(variables: dict[str, str]) -> dict[str, str]:
    if len(variables) > MAX_VARIABLES:
        raise ValueError(f"最多 {MAX_VARIABLES} 个变量 (at most {MAX_VARIABLES} variables)")
    return variables


def _as_object(value: Any) -> Any:
    return {"phone": value} if isinstance(value, str) else value


PhoneText = Annotated[
    Annotated[Storable, StringConstraints(min_length=1, max_length=64)],
    Field(description="电话号码,没有国家代码的为中国号码 (phone; Chinese without a country code)", examples=[_PHONE]),
]
VariableName = Annotated[Storable, StringConstraints(min_length=1, max_length=64, pattern=r"\S")]
VariableValue = Annotated[Storable, StringConstraints(max_length=1000)]
Variables = Annotated[
    dict[VariableName, VariableValue],
    AfterValidator(_few),
    Field(
        description="话术变量,最多 50 个 (words for the script, at most 50)",
        examples=[{"otherName": "王师傅"}],
        json_schema_extra={"maxProperties": MAX_VARIABLES},
    ),
]


class NumberIn(Given):
    """A number to dial, with what the script may say."""

    phone: PhoneText
    name: Annotated[ShortText | None, Field(description="姓名 (name)", examples=["林小满"])] = None
    variables: Variables = Field(default_factory=dict)


class NumbersIn(Given):
    """Numbers to add."""

    numbers: Annotated[
        list[Annotated[NumberIn, BeforeValidator(_as_object, json_schema_input_type=PhoneText | NumberIn)]],
        Field(
            min_length=1,
            max_length=MAX_NUMBERS,
            description="号码或 {phone, name, variables},一次最多 100 个 (numbers, at most 100)",
            examples=[[_PHONE, {"phone": "13900009002", "name": "林小满", "variables": {"otherName": "王师傅"}}]],
        ),
    ]
    allow_duplicates: Annotated[
        Flag, Field(description="重复的号码也保存 (keep numbers that are there already, too)", examples=[False])
    ] = False


class Added(Told):
    """What became of one of the given numbers."""

    phone: str = Field(description="号码,E.164;无效的为原文 (E.164, or as given)", examples=["+8613900009001"])
    result: Literal["created", "duplicate", "malformed"] = Field(
        description="created 已添加,duplicate 重复,malformed 无效 (what became of it)", examples=["created"]
    )
    id: int | None = Field(
        description="号码id;重复的为已有号码的 (its id; of a duplicate, that of the one there)", examples=[1]
    )
    is_repeat: bool = Field(description="作为重复号码保存 (kept although it is there)", examples=[False])
    message: str | None = Field(description="未添加的原因 (why it was not added)", examples=[None])
    warning: str | None = Field(description="提示,例如免打扰 (such as: do not contact)", examples=[None])


class NumbersAdded(Told):
    """What became of the given numbers, each in its place."""

    created: int = Field(description="已添加 (added)", examples=[1])
    duplicates: int = Field(description="重复 (there already)", examples=[0])
    malformed: int = Field(description="无效 (malformed)", examples=[0])
    results: list[Added] = Field(description="逐个结果,顺序同请求 (one each, in the order of the request)")


class NumberOut(Told):
    """A number of a task and how far it is."""

    id: int = Field(description="号码id (id)", examples=[1])
    phone: str = Field(description='号码,E.164;抹除后为 "" (E.164; "" once erased)', examples=["+8613900009001"])
    is_repeat: bool = Field(description="重复号码 (stands in the task more than once)", examples=[False])
    name: str | None = Field(description="姓名 (name)", examples=["林小满"])
    variables: dict[str, Any] = Field(description="话术变量 (words for the script)", examples=[{"otherName": "王师傅"}])
    state: str = Field(
        description="waiting 待呼叫,calling 呼叫中,done 已完成,refused 不予呼叫 (how far it is)", examples=["waiting"]
    )
    number_status: int = Field(description="号码状态 (status)", examples=[0])
    number_status_str: str = Field(description="状态名称 (the status's name)", examples=["等待呼叫"])
    reason: str | None = Field(description="未呼叫的原因 (why it was not dialled)", examples=["outside_window"])
    reason_str: str | None = Field(description="原因说明 (the same in words)", examples=["不在可拨打时段内,须等待"])
    next_call_at: str | None = Field(
        description="下次呼叫不早于;null 为尽快或不再 (not before; null: as soon as possible, or never)",
        examples=[None],
    )
    calls: int = Field(description="呼叫次数 (attempts that count)", examples=[0])
    redials: int = Field(description="其中重呼次数 (of these, redials)", examples=[0])
    intention: int | None = Field(description="意向等级,1 A 至 6 F (level of the last talk)", examples=[None])
    group_id: int | None = Field(description="分配的话术组 (its script group)", examples=[None])
    last_call_at: str | None = Field(description="最近呼叫时间 (last call)", examples=[None])
    created_at: str = Field(description="添加时间 (added)", examples=["2026-03-05 18:30:00"])
    updated_at: str = Field(description="更新时间 (changed)", examples=["2026-03-05 18:30:00"])


class NumberPage(Told):
    """A page of the numbers of a task, in the order in which they were added."""

    total: int = Field(description="总数 (how many there are)", examples=[1])
    page: int = Field(description="页码 (page)", examples=[1])
    limit: int = Field(description="每页数量 (rows per page)", examples=[20])
    results: list[NumberOut] = Field(description="号码 (numbers)")


class AttemptOut(Told):
    """A call to a number."""

    id: int = Field(description="通话id (the call)", examples=[7])
    status: str = Field(description="呼叫状态 (status of the call)", examples=["Succeeded"])
    number_status: int | None = Field(description="号码状态 (what it says about the number)", examples=[1])
    number_status_str: str | None = Field(description="状态名称 (the status's name)", examples=["呼叫成功"])
    intention: int | None = Field(description="意向等级 (level)", examples=[1])
    line_id: str | None = Field(description="线路id (the line)", examples=[None])
    created_at: str = Field(description="发起时间 (placed)", examples=["2026-03-06 09:00:00"])
    answered_at: str | None = Field(description="接通时间 (answered)", examples=["2026-03-06 09:00:12"])
    ended_at: str | None = Field(description="结束时间 (over)", examples=["2026-03-06 09:01:30"])


class NumberDetail(NumberOut):
    """A number of a task with the calls to it, the newest first."""

    attempts: list[AttemptOut] = Field(description="呼叫记录,最近在前,最多 100 条 (calls, the newest 100)")


class ResetIn(Given):
    """Which numbers are to be dialled once more."""

    number_status: Annotated[
        list[Annotated[int, Field(strict=True, ge=int(min(NumberStatus)), le=int(max(NumberStatus)))]],
        AfterValidator(once),
        Field(
            min_length=1,
            max_length=len(NumberStatus),
            description="号码状态;1、11、12 只有明确写出才会重置 (statuses; 1, 11 and 12 only where they are named)",
            examples=[[4, 8]],
            json_schema_extra={"uniqueItems": True},
        ),
    ]


class ResetOut(Told):
    """How many numbers are to be dialled once more."""

    reset: int = Field(description="重置的号码数 (how many)", examples=[12])
