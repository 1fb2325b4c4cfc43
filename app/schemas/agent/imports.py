"""Wire shapes of imports of numbers."""

from typing import Literal

from pydantic import Field

from app.schemas.agent.base import Told


class LineProblem(Told):
    """What is wrong with a line of a file."""

    line: int = Field(description="行号,从 1 开始 (line, from 1)", examples=[17])
    message: str = Field(description="原因 (what is wrong)", examples=["电话: 不是电话号码 (not a phone number)"])


class ImportOut(Told):
    """A file of numbers and how far it is read."""

    id: int = Field(description="导入id (id)", examples=[1])
    state: Literal["running", "done", "failed"] = Field(
        description="running 进行中,done 完成,failed 中断 (how it goes)", examples=["done"]
    )
    lines: int = Field(description="已读行数,不含表头 (lines read, without the header)", examples=[1000])
    imported: int = Field(description="已导入 (numbers added)", examples=[990])
    duplicates: int = Field(description="重复 (there already)", examples=[8])
    rejected: int = Field(description="有误的行数 (lines that were not imported)", examples=[2])
    errors: list[LineProblem] = Field(description="有误的行,最多 1000 条 (the first 1,000 of them)")
    problem: str | None = Field(description="中断的原因 (why it broke off)", examples=[None])
    created_at: str = Field(description="开始时间 (begun)", examples=["2026-03-05 18:30:00"])
    updated_at: str = Field(description="最近进展 (last progress)", examples=["2026-03-05 18:30:04"])


class ImportPage(Told):
    """A page of imports, the newest first."""

    total: int = Field(description="总数 (how many there are)", examples=[1])
    page: int = Field(description="页码 (page)", examples=[1])
    limit: int = Field(description="每页数量 (rows per page)", examples=[20])
    results: list[ImportOut] = Field(description="导入 (imports)")
