"""Wire shapes of lines."""

from typing import Annotated

from pydantic import MISSING, Field, StringConstraints

from app.schemas.agent.base import Given, LocalMoment, Told, sized
from app.schemas.common import Storable

LINE = "8d0e6f34-1b7a-4a5c-b1e2-90c7d4f3a615"
LineName = Annotated[Annotated[Storable, sized(128)], Field(description="线路名称 (name)", examples=["一号线"])]
CallLine = Annotated[
    int,
    Field(strict=True, ge=0, le=100_000, description="总共并发;0 为停用 (calls at a time; 0: off)", examples=[13]),
]
CallNumber = Annotated[
    Annotated[str, StringConstraints(max_length=32, pattern=r"^\+?[0-9][0-9-]{2,30}$")] | None,
    Field(description="主叫号码;null 由服务商选择 (calling number; null: the provider's)", examples=[None]),
]
Description = Annotated[
    Annotated[Storable, StringConstraints(max_length=1000)] | None, Field(description="描述 (note)", examples=[None])
]
BeginAt = Annotated[
    LocalMoment,
    Field(description="开始有效时间;不填为现在 (usable from; now where not given)", examples=["2026-01-01 00:00:00"]),
]
DeadlineAt = Annotated[
    LocalMoment | None,
    Field(description="有效期至;null 为长期 (usable until; null: without end)", examples=["2027-01-01 00:00:00"]),
]


class LineCreate(Given):
    """A new line."""

    name: LineName
    call_line: CallLine
    call_number: CallNumber = None
    description: Description = None
    begin_at: BeginAt | MISSING = MISSING
    deadline_at: DeadlineAt = None


class LineUpdate(Given):
    """Fields of a line to change; a missing field stays."""

    name: LineName | MISSING = MISSING
    call_line: CallLine | MISSING = MISSING
    call_number: CallNumber | MISSING = MISSING
    description: Description | MISSING = MISSING
    begin_at: BeginAt | MISSING = MISSING
    deadline_at: DeadlineAt | MISSING = MISSING


class LineOut(Told):
    """A line and how it is used."""

    id: str = Field(description="线路id (id)", examples=[LINE])
    user_id: str = Field(description="用户id (the account)", examples=["3f7c2a10-5d1e-4b0a-9c55-6d2f8e410b77"])
    name: str = Field(description="线路名称 (name)", examples=["一号线"])
    description: str | None = Field(description="描述 (note)", examples=[None])
    call_number: str | None = Field(description="主叫号码 (calling number)", examples=[None])
    begin_at: str | None = Field(description="开始有效时间 (usable from)", examples=["2026-01-01 00:00:00"])
    deadline_at: str | None = Field(description="有效期至 (usable until)", examples=["2027-01-01 00:00:00"])
    call_line: int = Field(description="总共并发 (calls at a time)", examples=[13])
    call_line_used: int = Field(description="已用并发 (calls on it now, and slots that tasks hold)", examples=[6])
    residue: int = Field(description="剩余并发 (free)", examples=[7])
    created_at: str = Field(description="创建时间 (created)", examples=["2026-01-01 00:00:00"])
    updated_at: str = Field(description="更新时间 (changed)", examples=["2026-01-01 00:00:00"])
