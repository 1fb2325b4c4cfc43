"""Wire shapes of configs and scripts; the field names are the seed's."""

from typing import Annotated

from pydantic import MISSING, AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from app.domain.followup import check_variables, position_key
from app.schemas.common import MAX_ID, MAX_TEXT, Content, Flag, Id, Input, Output, SmallInt, Storable, WireMoment

_MAX_DAY = 100_000
_MAX_HOURS = 8760
_MAX_POSITION = 64
_SCRIPT_TEXT = "后续沟通会更及时,您方便留一下您的微信号吗?我这边加您。"
_OPENING = "您好,看到您的简历,想和您聊聊{{position|这个}}职位。方便留一下您的微信号吗?"


def _known_variables(value: str) -> str:
    check_variables(value)
    return value


def _comparable(value: str) -> str:
    # Compatibility forms can be longer than what was typed (「㍿」 is four characters).
    if len(position_key(value)) > _MAX_POSITION:
        raise ValueError("岗位名称过长 (the position is too long once normalised)")
    return value


def _blank_is_none(value: str | None) -> str | None:
    return value if value and value.strip() else None


Name = Annotated[
    Storable,
    StringConstraints(max_length=128, pattern=r"\S"),
    AfterValidator(str.strip),
    Field(
        description="配置名称 (name of the config)",
        examples=["Python开发复聊配置"],
        json_schema_extra={"pattern": r"\S"},
    ),
]
Position = Annotated[Storable, StringConstraints(max_length=_MAX_POSITION), AfterValidator(_comparable)]
PositionField = Annotated[
    Position | None,
    Field(
        description="岗位;为空或 null 表示通用配置 (position; empty or null: the general config)",
        examples=["Python开发"],
    ),
]
ScriptText = Annotated[
    Content,
    AfterValidator(_known_variables),
    Field(
        description="话术内容,可用变量 {{name}} {{position}},如 {{name|您}} (the text; variables may give a fallback)",
        examples=[_SCRIPT_TEXT],
    ),
]
Opening = Annotated[
    Annotated[Storable, StringConstraints(max_length=MAX_TEXT), AfterValidator(_known_variables)] | None,
    AfterValidator(_blank_is_none),
    Field(
        description="开场白;为空则用系统设置 (text of the first message; empty: the service's setting)",
        examples=[_OPENING],
    ),
]
ActiveField = Annotated[Flag, Field(description="是否启用 (whether it is in use)", examples=[True])]
ConfigIdField = Annotated[Id, Field(description="配置ID (the config)", examples=[1])]
DayField = Annotated[
    int,
    Field(
        strict=True,
        ge=0,
        le=_MAX_DAY,
        description="1=第一天,2=第二天,0=往后一直使用 (1: first day, 2: second day, 0: from then on)",
        examples=[1],
    ),
]
HoursField = Annotated[
    int,
    Field(
        strict=True,
        ge=0,
        le=_MAX_HOURS,
        description="距离上次发送的间隔小时数;day_number=0 时至少 1 (hours since the last message; day 0: at least 1)",
        examples=[24],
    ),
]
OrderField = Annotated[SmallInt, Field(description="同一天有多条话术时的排序 (place within the day)", examples=[1])]


class ConfigCreate(Input):
    """A new config."""

    name: Name
    position: PositionField = None
    is_active: ActiveField = True
    opening_message: Opening = None


class ConfigUpdate(Input):
    """Fields of a config to change; a missing field stays."""

    name: Name | MISSING = MISSING
    position: PositionField | MISSING = MISSING
    is_active: ActiveField | MISSING = MISSING
    opening_message: Opening | MISSING = MISSING


class ScriptCreate(Input):
    """A new script."""

    config_id: ConfigIdField
    day_number: DayField
    content: ScriptText
    interval_hours: HoursField = 24
    order: OrderField = 0
    is_active: ActiveField = True


class ScriptUpdate(Input):
    """Fields of a script to change; a missing field stays."""

    config_id: ConfigIdField | MISSING = MISSING
    day_number: DayField | MISSING = MISSING
    content: ScriptText | MISSING = MISSING
    interval_hours: HoursField | MISSING = MISSING
    order: OrderField | MISSING = MISSING
    is_active: ActiveField | MISSING = MISSING


class ScriptInConfig(Output):
    """A script as a config lists it."""

    id: int = Field(examples=[1])
    day_number: int = Field(description="1=第一天,2=第二天,0=往后一直使用 (0: from then on)", examples=[1])
    content: str = Field(description="话术内容 (the text)", examples=[_SCRIPT_TEXT])
    interval_hours: int = Field(description="距离上次发送的间隔小时数 (hours since the last message)", examples=[24])
    order: int = Field(description="同一天内的排序 (place within the day)", examples=[1])
    is_active: bool = Field(description="是否启用 (whether it is in use)", examples=[True])
    config_id: int = Field(description="所属配置 (the config)", examples=[1])


class ScriptOut(ScriptInConfig):
    """A script."""

    created_at: WireMoment = Field(description="创建时间 (UTC)", examples=["2026-03-05T10:30:00Z"])
    updated_at: WireMoment = Field(description="更新时间 (UTC)", examples=["2026-03-05T10:30:00Z"])


class ConfigOut(Output):
    """A config with its scripts: by day (0 last), order and id."""

    id: int = Field(examples=[1])
    name: str = Field(description="配置名称 (name)", examples=["Python开发复聊配置"])
    position: str | None = Field(description="岗位;空为通用 (position; empty: general)", examples=["Python开发"])
    is_active: bool = Field(description="是否启用 (whether it is in use)", examples=[True])
    opening_message: str | None = Field(description="开场白 (text of the first message)", examples=[_OPENING])
    created_at: WireMoment = Field(description="创建时间 (UTC)", examples=["2026-03-05T10:30:00Z"])
    updated_at: WireMoment = Field(description="更新时间 (UTC)", examples=["2026-03-05T10:30:00Z"])
    scripts: list[ScriptInConfig] = Field(description="话术 (its scripts)")


class Filter(BaseModel):
    """Query parameters of a list; parameters that it does not know are left alone, empty ones do not count."""

    model_config = ConfigDict(frozen=True)


class ConfigFilter(Filter):
    """Which configs to list."""

    position: Annotated[Position | None, Field(description="岗位类型 (position, compared without case and width)")] = (
        None
    )
    is_active: Annotated[bool | None, Field(description="是否启用 (only active or only inactive ones)")] = None


class ScriptFilter(Filter):
    """Which scripts to list."""

    config_id: Annotated[int | None, Field(ge=1, le=MAX_ID, description="配置ID (the config)")] = None
    day_number: Annotated[int | None, Field(ge=0, le=2**31 - 1, description="第几天 (day; 0: from then on)")] = None
