"""Wire shapes of what is known before anybody is written to: preview and lint."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from app.schemas.common import Output, QueryMoment, Storable, WireMoment

_FIRST_YEAR, _LAST_YEAR = 2000, 2100


def _foreseeable(value: datetime) -> datetime:
    if not _FIRST_YEAR <= value.year <= _LAST_YEAR:
        raise ValueError(f"年份须在 {_FIRST_YEAR} 与 {_LAST_YEAR} 之间 (the year is out of range)")
    return value


class PreviewQuery(BaseModel):
    """Whom a preview is made for."""

    start: Annotated[
        Annotated[QueryMoment, AfterValidator(_foreseeable)] | None,
        Field(description="起点,默认现在 (moment of enrolment; default: now; without a zone: UTC)"),
    ] = None
    opening: Annotated[bool, Field(description="是否发送开场白 (whether the opening is sent)")] = True
    name: Annotated[Storable | None, Field(max_length=128, description="姓名变量 (value of {{name}})")] = None
    position: Annotated[
        Storable | None, Field(max_length=64, description="岗位变量,默认配置的岗位 (value of {{position}})")
    ] = None
    count: Annotated[int, Field(ge=1, le=50, description="最多几条 (how many at most)")] = 10


class PlannedSendOut(Output):
    """One message of the future."""

    at: WireMoment = Field(description="发送时间 (when it leaves, UTC)", examples=["2026-03-06T10:30:00Z"])
    day_number: int | None = Field(description="第几天;开场白为 null (null for the opening)", examples=[1])
    script_id: int | None = Field(description="话术ID;开场白为 null (null for the opening)", examples=[1])
    text: str = Field(description="内容 (the text, variables filled in)", examples=["您好,期待与您进一步沟通。"])


class PreviewOut(Output):
    """What would be sent if nobody answers."""

    config_id: int = Field(examples=[1])
    is_active: bool = Field(
        description="配置当前是否启用;预览按启用计算 (the preview is made as if it were)", examples=[True]
    )
    start: WireMoment = Field(description="起点 (the moment of enrolment, UTC)", examples=["2026-03-05T10:30:00Z"])
    sends: list[PlannedSendOut]
    end: str | None = Field(
        description="序列因何结束;null 表示还会继续 (what ends the run; null: it goes on)", examples=["no_script"]
    )


class FindingOut(Output):
    """One remark about a config."""

    rule: str = Field(description="规则名 (stable name of the rule)", examples=["no_day_zero"])
    severity: Literal["error", "warning", "info"] = Field(description="严重程度", examples=["info"])
    message: str = Field(
        description="说明 (what is odd)",
        examples=["没有「往后一直」的话术,最后一天后结束 (no day-0 script: the sequence ends)"],
    )
    script_id: int | None = Field(description="相关话术 (the script it is about)", examples=[None])


class LintOut(Output):
    """All remarks about a config; none: nothing is odd."""

    config_id: int = Field(examples=[1])
    findings: list[FindingOut]
