"""Wire shapes of the records of a task: finished calls, with what was said."""

from typing import Annotated, Any

from pydantic import Field

from app.schemas.agent.base import Told

_JOB = "/api/v1/outbound-bot/recordings/1772706600471-447e-96ea-97523c61189b?expires=1772793000&signature=…"
_PHONE = "+8613900009001"


class SeatOut(Told):
    """A seat to whom a talk was passed on."""

    id: int = Field(description="客服id (the seat)", examples=[1])
    name: str | None = Field(description="姓名 (its name)", examples=["客服一号"])


class LineNameOut(Told):
    """The line of a call."""

    id: str = Field(description="线路id (the line)", examples=["8d0e6f34-1b7a-4a5c-b1e2-90c7d4f3a615"])
    name: str | None = Field(description="名称;线路已删除为 null (its name; null once it is gone)", examples=["一号线"])


class GroupNameOut(Told):
    """The group of scripts of a call."""

    id: int = Field(description="话术组id (the script group)", examples=[5])
    name: str | None = Field(description="名称 (its name)", examples=["履约回访话术"])


class RecordOut(Told):
    """A finished call of a task."""

    id: int = Field(description="记录id (the record)", examples=[26])
    task_id: int = Field(description="任务id (the task)", examples=[1])
    number_id: int | None = Field(description="号码id (the number)", examples=[1])
    phone: str = Field(description='号码,E.164;抹除后为 "" (E.164; "" once erased)', examples=[_PHONE])
    name: str | None = Field(description="姓名 (name)", examples=["林小满"])
    number_status: int = Field(description="号码状态 (status)", examples=[1])
    number_status_str: str = Field(description="状态名称 (the status's name)", examples=["呼叫成功"])
    intention: int | None = Field(description="意向等级,1 A 至 6 F (level)", examples=[1])
    intention_str: str | None = Field(description="意向等级字母 (the level's letter)", examples=["A"])
    tags: list[str] = Field(description="意向标签 (tags)", examples=[["1B"]])
    begin_time: str = Field(description="呼叫时间 (when it began)", examples=["2026-03-05 18:30:00"])
    answer_time: str | None = Field(description="接听时间 (when it was answered)", examples=["2026-03-05 18:30:12"])
    end_time: str = Field(description="结束时间 (when it ended)", examples=["2026-03-05 18:31:00"])
    duration: int = Field(description="通话秒数 (seconds of the talk)", examples=[48])
    attempt: int = Field(description="该号码的第几次呼叫 (which call to the number)", examples=[1])
    line: LineNameOut | None = Field(description="线路 (line)")
    group: GroupNameOut | None = Field(description="话术组 (script group)")
    customer_service: SeatOut | None = Field(description="接听转接的客服 (the seat to whom it was passed on)")


class RecordPage(Told):
    """A page of the records of a task, the newest first."""

    total: int = Field(description="总数 (how many there are)", examples=[1])
    page: int = Field(description="页码 (page)", examples=[1])
    limit: int = Field(description="每页数量 (rows per page)", examples=[20])
    results: list[RecordOut] = Field(description="通话记录 (records)")


class TalkOut(Told):
    """A line of a talk."""

    timestamp: int = Field(description="毫秒 (milliseconds since 1970)", examples=[1772706612000])
    speaker: str = Field(description="说话人 (Robot, Contact)", examples=["Contact"])
    script: str | None = Field(description="内容 (text)", examples=["那你帮我办一张吧"])
    action: str = Field(description="动作 (what it is)", examples=["Dialogue"])


class AnalysisOut(Told):
    """What was read from a talk."""

    state: str = Field(description="pending 待分析,done 完成,failed 无法分析 (how far it is)", examples=["done"])
    level: str | None = Field(description="意向等级说明 (the level in words)", examples=["明确意向"])
    tags: list[Annotated[str, Field(examples=["1B 要求办理或约定时间"])]] = Field(
        description="标签及说明 (tags in words)", examples=[["1B 要求办理或约定时间"]]
    )
    evidence: list[str] = Field(
        description="依据:联系人的原话;抹除后为空 (the person's own sentences; none once erased)",
        examples=[["那你帮我办一张吧"]],
    )
    model: str | None = Field(description="rules 或大模型名称 (rules, or the model)", examples=["rules"])
    problem: str | None = Field(
        description="改用规则或无法分析的原因 (why rules had to do, or nothing could)", examples=[None]
    )
    analysed_at: str | None = Field(description="分析时间 (when)", examples=["2026-03-05 18:31:01"])


class RecordWhole(RecordOut):
    """A finished call with its talk."""

    result: str | None = Field(description="结果说明 (the result in words)", examples=["已接通"])
    remark: str | None = Field(description="备注 (note)", examples=[None])
    conversations: list[TalkOut] = Field(description="通话内容 (the talk)")
    recording: str = Field(
        description='录音链接,自带签名,定时失效;没有录音为 "";复制完成前访问为 404 '
        '(signed link that expires; "" without one; answered 404 while it is still copied)',
        examples=[_JOB],
    )
    analysis: AnalysisOut | None = Field(description="意向分析;没有通话为 null (null without a talk)")


EXPORT_COLUMNS: tuple[str, ...] = (
    "id", "number_id", "phone", "name", "number_status", "number_status_str", "intention", "tags", "begin_time",
    "answer_time", "end_time", "duration", "attempt", "line", "group", "customer_service",
)  # fmt: skip


def export_row(told: dict[str, Any]) -> list[Any]:
    """Return a record as a line of the export: names instead of things, a level's letter, tags in one cell."""
    names = {name: (told[name] or {}).get("name") for name in ("line", "group", "customer_service")}
    row = told | names | {"intention": told["intention_str"], "tags": " ".join(told["tags"])}
    return [row[name] for name in EXPORT_COLUMNS]
