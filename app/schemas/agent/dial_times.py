"""Wire shapes of groups of dialling hours."""

from typing import Annotated

from pydantic import MISSING, Field, StringConstraints

from app.schemas.agent.base import END_TIME, TIME, Given, Told, Week, sized
from app.schemas.common import Flag, Storable

_CONTENT = [
    {
        "week": 1,
        "times": [
            {"end_time": "12:00", "begin_time": "9:00"},
            {"end_time": "18:00", "begin_time": "13:00"},
        ],
    }
]


class TimesIn(Given):
    """A range of hours of a day, the end not included."""

    end_time: Annotated[
        Annotated[str, StringConstraints(pattern=END_TIME)],
        Field(description="结束时间,H:MM 或 HH:MM,可为 24:00 (end; may be 24:00)", examples=["12:00"]),
    ]
    begin_time: Annotated[
        Annotated[str, StringConstraints(pattern=TIME)],
        Field(description="开始时间,H:MM 或 HH:MM (begin)", examples=["9:00"]),
    ]


class DayIn(Given):
    """The hours of one day of the week."""

    week: Week
    times: Annotated[list[TimesIn], Field(max_length=24, description="呼叫时间段 (hours)")]


GroupName = Annotated[
    Annotated[Storable, sized(128)] | None, Field(description="名称,可为空 (name, may be null)", examples=["工作时间"])
]
Content = Annotated[
    list[DayIn],
    Field(
        min_length=1,
        max_length=7,
        description="每个星期几一项;时间段不能重叠,原样保存 (one item per day; ranges must not overlap, kept as given)",
        examples=[_CONTENT],
    ),
]
SkipHoliday = Annotated[Flag, Field(description="跳过法定节假日 (not on statutory holidays)", examples=[False])]
IsDefault = Annotated[
    Flag,
    Field(description="默认呼叫组,每个账户恰有一个 (the default; an account has exactly one)", examples=[True]),
]


class DialTimeGroupCreate(Given):
    """New hours."""

    name: GroupName = None
    content: Content
    skip_holiday: SkipHoliday = False
    is_default: IsDefault = False


class DialTimeGroupUpdate(Given):
    """Fields to change; a missing field stays."""

    name: GroupName | MISSING = MISSING
    content: Content | MISSING = MISSING
    skip_holiday: SkipHoliday | MISSING = MISSING
    is_default: IsDefault | MISSING = MISSING


class TimesOut(Told):
    """A range of hours, as it was given."""

    end_time: str = Field(description="结束时间 (end, not included)", examples=["12:00"])
    begin_time: str = Field(description="开始时间 (begin)", examples=["9:00"])


class DayOut(Told):
    """The hours of one day of the week."""

    week: int = Field(description="星期,0 为周日 (0 is Sunday)", examples=[1])
    times: list[TimesOut] = Field(description="呼叫时间段 (hours)")


class DialTimeGroupOut(Told):
    """Hours in which a task may dial."""

    id: int = Field(description="呼叫组ID (id)", examples=[1])
    name: str | None = Field(description="呼叫组名称 (name)", examples=["工作时间"])
    content: list[DayOut] = Field(description="呼叫组内容 (hours by day)")
    skip_holiday: bool = Field(description="是否跳法定节假日 (not on statutory holidays)", examples=[False])
    is_default: bool = Field(description="是否为默认呼叫组 (the account's default)", examples=[True])
