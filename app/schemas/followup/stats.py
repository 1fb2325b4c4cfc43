"""Wire shapes of a config's figures."""

from pydantic import Field

from app.schemas.common import Output

_RATE = "占已发送的比例,未发送时为 null (share of sent; null where nothing was sent)"


class OutcomeOut(Output):
    """Counts of messages and their shares."""

    sent: int = Field(description="已发送,含结果未知的 (sent, unknown outcomes included)", examples=[40])
    delivered: int = Field(description="确认送达渠道 (certainly left)", examples=[39])
    unknown: int = Field(description="结果未知 (may have left)", examples=[1])
    failed: int = Field(description="失败 (refused)", examples=[0])
    replied: int = Field(description="得到回复 (answered)", examples=[10])
    details: int = Field(description="回复后得到联系方式 (answered with contact details)", examples=[6])
    delivery_rate: float | None = Field(description=_RATE, examples=[0.975])
    reply_rate: float | None = Field(description=_RATE, examples=[0.25])
    details_rate: float | None = Field(description=_RATE, examples=[0.15])


class ScriptOutcomeOut(Output):
    """What came of one script; ``script_id`` null is the opening."""

    script_id: int | None = Field(description="话术ID;null 为开场白 (null: the opening)", examples=[1])
    day_number: int | None = Field(description="话术的 day_number (the script's own)", examples=[1])
    content: str | None = Field(description="话术现在的内容 (its present text)", examples=["您好,期待与您进一步沟通。"])
    is_deleted: bool = Field(description="话术已删除 (the script was deleted)", examples=[False])
    outcome: OutcomeOut


class DayOutcomeOut(Output):
    """What came of one day of the sequence; null is the opening."""

    day_number: int | None = Field(description="序列的第几天;null 为开场白 (null: the opening)", examples=[1])
    outcome: OutcomeOut


class StatsOut(Output):
    """What came of a config."""

    config_id: int = Field(examples=[1])
    enrolled: int = Field(description="加入过的人次 (enrollments ever)", examples=[42])
    states: dict[str, int] = Field(
        description="各状态人次 (enrollments by state)", examples=[{"active": 20, "replied": 12, "converted": 10}]
    )
    total: OutcomeOut
    by_script: list[ScriptOutcomeOut]
    by_day: list[DayOutcomeOut]
