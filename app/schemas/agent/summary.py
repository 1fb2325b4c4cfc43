"""Wire shapes of a task's summary."""

from pydantic import Field

from app.schemas.agent.base import Told


class StatusCount(Told):
    """How many calls ended with a status."""

    number_status: int = Field(description="号码状态 (status)", examples=[1])
    number_status_str: str = Field(description="状态名称 (the status's name)", examples=["呼叫成功"])
    calls: int = Field(description="次数 (calls)", examples=[48])


class IntentionCount(Told):
    """How many calls have a level."""

    intention: int | None = Field(description="意向等级;null 为未分析 (level; null: none)", examples=[1])
    intention_str: str | None = Field(description="字母 (its letter)", examples=["A"])
    text: str = Field(description="说明 (in words)", examples=["明确意向"])
    calls: int = Field(description="次数 (calls)", examples=[12])


class RateOut(Told):
    """A share of calls with its Wilson 95 % interval."""

    value: float | None = Field(description="比率;没有呼叫为 null (null without calls)", examples=[0.4])
    low: float | None = Field(description="95% 置信区间下限 (lower end)", examples=[0.3094])
    high: float | None = Field(description="95% 置信区间上限 (upper end)", examples=[0.498])


class HourOut(Told):
    """How many calls of an hour of the day were answered."""

    hour: int = Field(description="当地小时,0 至 23 (hour of the day, local)", examples=[10])
    calls: int = Field(description="次数 (calls)", examples=[100])
    answered: int = Field(description="接通 (answered)", examples=[40])
    answer_rate: float = Field(description="接通率 (share)", examples=[0.4])


class LineCount(Told):
    """How many calls over a line were answered."""

    line_id: str | None = Field(description="线路id (the line)", examples=["8d0e6f34-1b7a-4a5c-b1e2-90c7d4f3a615"])
    name: str | None = Field(description="名称;已删除为 null (its name; null once it is gone)", examples=["一号线"])
    calls: int = Field(description="次数 (calls)", examples=[100])
    answered: int = Field(description="接通 (answered)", examples=[40])
    answer_rate: float = Field(description="接通率 (share)", examples=[0.4])


class ScriptCount(Told):
    """What the calls with a group of scripts led to."""

    group_id: int = Field(description="话术组id (the script group)", examples=[5])
    name: str | None = Field(description="名称 (its name)", examples=["履约回访话术"])
    numbers: int | None = Field(
        description="分配到的号码数;只有一组话术时为 null (numbers that have it; null where there is one group only)",
        examples=[500],
    )
    calls: int = Field(description="次数 (calls)", examples=[620])
    answered: int = Field(description="接通 (answered)", examples=[260])
    reached: int = Field(description="对方说过话 (the contact said something)", examples=[240])
    interested: int = Field(description="意向 A 或 B (level A or B)", examples=[40])
    answer_rate: RateOut = Field(description="接通率 (answered per call)")
    reach_rate: RateOut = Field(description="有效通话率 (reached per call)")
    interest_rate: RateOut = Field(description="意向率 (interested per call)")


class VerdictOut(Told):
    """Which group of scripts led to more interest, if that can be said."""

    outcome: str = Field(
        description="nothing_to_compare、too_few、overlap 或 clear (what can be said)",
        examples=["overlap"],
        json_schema_extra={"enum": ["nothing_to_compare", "too_few", "overlap", "clear"]},
    )
    text: str = Field(description="说明 (in words)", examples=["置信区间重叠,尚无法分出优劣"])
    winner: int | None = Field(
        description="意向率更高的话术组;仅 clear 时给出 (the group with more interest per call; only if clear)",
        examples=[None],
    )


class SummaryOut(Told):
    """Counts of the records of a task; each list adds up to ``total``."""

    total: int = Field(description="通话记录总数 (records)", examples=[100])
    number_status: list[StatusCount] = Field(description="按号码状态 (by status)")
    intention: list[IntentionCount] = Field(description="按意向等级 (by level)")
    answer_rate: RateOut = Field(description="接通率 (answered per call)")
    hours: list[HourOut] = Field(description="按当地小时 (by the hour of the day)")
    lines: list[LineCount] = Field(description="按线路 (by line)")
    scripts: list[ScriptCount] = Field(description="按话术组 (by script group)")
    verdict: VerdictOut = Field(description="话术对比结论 (what the comparison of scripts says)")
