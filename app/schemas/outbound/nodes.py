"""Wire shapes of nodes and lines."""

from typing import Annotated, Any

from pydantic import MISSING, AfterValidator, ConfigDict, Field, StringConstraints

from app.config import TimeRange, WeekWindow
from app.schemas.common import Flag, Storable
from app.schemas.outbound.base import Given, Int, Told

_SCRIPTS = [[{"personType": None, "instanceId": "simulator", "scriptId": "follow_up"}]]
_WINDOW = [[{"week": 1, "times": [{"begin_time": "09:00", "end_time": "18:00"}]}]]


def _text(length: int) -> Any:
    return StringConstraints(min_length=1, max_length=length, pattern=r"\S")


class Times(TimeRange):
    """Hours of a day."""

    model_config = ConfigDict(extra="forbid")


class Day(WeekWindow):
    """The open hours of one day of the week; 0 is Sunday."""

    model_config = ConfigDict(extra="forbid")

    week: Annotated[int, Field(strict=True, ge=0, le=6, examples=[1])]
    times: Annotated[list[Times], Field(max_length=24)]  # type: ignore[assignment]  # the same, strictly read


class ScriptIn(Given):
    """Which script is used for a role."""

    person_type: Annotated[
        Int | None,
        Field(description="用户类型;null 用于其余所有类型 (the role; null serves all others)", examples=[None, 0]),
    ] = None
    instance_id: Annotated[
        Annotated[Storable, _text(128)], Field(description="实例ID (the provider's instance)", examples=["simulator"])
    ]
    script_id: Annotated[
        Annotated[Storable, _text(128)], Field(description="场景ID (the provider's script)", examples=["follow_up"])
    ]


def _one_per_day(days: list[Day] | None) -> list[Day] | None:
    weeks = [day.week for day in days or ()]
    if len(set(weeks)) < len(weeks):
        raise ValueError("同一 week 只能出现一次 (each week only once)")
    return days


TaskName = Annotated[
    Annotated[Storable, _text(64)], Field(description="任务名称 (name of the step)", examples=["履约回访"])
]
CallType = Annotated[
    Annotated[Storable, _text(32)], Field(description="阶段类型 (kind of call)", examples=["follow_up"])
]
MaxRounds = Annotated[int, Field(strict=True, ge=1, le=50, description="最多呼叫轮次 (rounds at most)", examples=[3])]
CallInterval = Annotated[
    int,
    Field(strict=True, ge=1, le=525_600, description="两轮之间的分钟数 (minutes between two rounds)", examples=[30]),
]
Scripts = Annotated[
    list[ScriptIn],
    Field(
        max_length=50,
        description="各类型使用的话术;同一类型有多个时,该类型的当事人依次使用 "
        "(scripts by role; of several for one role its parties take one after the other)",
        examples=_SCRIPTS,
    ),
]
DialWindow = Annotated[
    Annotated[list[Day], Field(min_length=1, max_length=7)] | None,
    Field(
        description="可呼叫时段,week 0 为周日;null 使用全局设置 (when to call; 0 is Sunday; null: the setting's)",
        examples=_WINDOW,
    ),
    AfterValidator(_one_per_day),
]
SkipHoliday = Annotated[
    Flag | None,
    Field(description="法定节假日不呼叫;null 使用全局设置 (not on holidays; null: the setting's)", examples=[None]),
]


class NodeUpdate(Given):
    """Fields of a node to change; a missing field stays."""

    task_name: TaskName | MISSING = MISSING
    call_type: CallType | MISSING = MISSING
    max_rounds: MaxRounds | MISSING = MISSING
    call_interval: CallInterval | MISSING = MISSING
    scripts: Scripts | MISSING = MISSING
    dial_window: DialWindow | MISSING = MISSING
    skip_holiday: SkipHoliday | MISSING = MISSING


class NodeOut(Told):
    """A step of a mediation."""

    node_id: int = Field(description="节点ID (id)", examples=[5])
    task_name: str = Field(description="任务名称 (name of the step)", examples=["履约回访"])
    call_type: str = Field(description="阶段类型 (kind of call)", examples=["follow_up"])
    max_rounds: int = Field(description="最多呼叫轮次 (rounds at most)", examples=[3])
    call_interval: int = Field(description="两轮之间的分钟数 (minutes between two rounds)", examples=[30])
    scripts: list[ScriptIn] = Field(description="各类型使用的话术 (scripts by role)", examples=_SCRIPTS)
    dial_window: list[WeekWindow] | None = Field(description="可呼叫时段 (when to call)", examples=_WINDOW)
    skip_holiday: bool | None = Field(description="法定节假日不呼叫 (not on holidays)", examples=[None])
    modify_time: str = Field(description="修改时间 (changed)", examples=["2026-02-07 11:16:40"])


class LineUpdate(Given):
    """Fields of a line to change; a missing field stays."""

    name: (
        Annotated[Annotated[Storable, _text(128)], Field(description="线路名称 (name)", examples=["默认线路"])]
        | MISSING
    ) = MISSING
    call_line: (
        Annotated[
            int,
            Field(
                strict=True, ge=0, le=100_000, description="并发数;0 为停用 (calls at a time; 0: off)", examples=[20]
            ),
        ]
        | MISSING
    ) = MISSING
    call_number: (
        Annotated[
            Annotated[str, StringConstraints(max_length=32, pattern=r"^\+?[0-9][0-9-]{2,30}$")] | None,
            Field(description="主叫号码;null 由服务商选择 (calling number; null: the provider's)", examples=[None]),
        ]
        | MISSING
    ) = MISSING


class LineOut(Told):
    """A line and how it is used."""

    line_id: str = Field(description="线路ID (id)", examples=["default"])
    name: str = Field(description="线路名称 (name)", examples=["默认线路"])
    call_line: int = Field(description="并发数 (calls at a time)", examples=[20])
    call_number: str | None = Field(description="主叫号码 (calling number)", examples=[None])
    in_use: int = Field(description="正在使用 (calls on it now)", examples=[2])
    residue: int = Field(description="剩余 (free)", examples=[18])
    modify_time: str = Field(description="修改时间 (changed)", examples=["2026-02-07 11:16:40"])
