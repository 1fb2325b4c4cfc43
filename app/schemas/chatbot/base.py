"""What all shapes of the family are made of."""

from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, StringConstraints
from pydantic.alias_generators import to_camel

from app.schemas.common import Storable

MAX_USER_ID = 256
NOT_BLANK = r"\S"
MAX_LIMIT = 10_000

Data = TypeVar("Data")


def wire_moment(value: datetime) -> str:
    """Write a moment in UTC as the seed does, with milliseconds: ``2020-07-19T14:12:13.690Z``."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Moment = Annotated[datetime, PlainSerializer(wire_moment, return_type=str, when_used="json")]
UserId = Annotated[
    Storable,
    StringConstraints(min_length=1, max_length=MAX_USER_ID, pattern=NOT_BLANK),
    Field(description="用户唯一标识 (the user's id)", examples=["postman9"]),
]
Label = Annotated[
    Storable,
    StringConstraints(strip_whitespace=True, min_length=1, pattern=r"\S", max_length=128),
    Field(examples=["快递"]),
]


class Given(BaseModel):
    """A request body; real clients send more than is documented, so unknown fields are ignored."""

    model_config = ConfigDict(extra="ignore", alias_generator=to_camel, validate_by_name=False)


class Told(BaseModel):
    """A piece of an answer."""

    model_config = ConfigDict(alias_generator=to_camel)


class Refusal(BaseModel):
    """An error; HTTP 200 on the signed door."""

    rc: int = Field(
        description="1 一般错误, 2 已存在或冲突, 3 不存在, 10 用户被屏蔽 "
        "(1 general, 2 exists or clashes, 3 not found, 10 the user is muted)",
        examples=[3],
        ge=1,
    )
    error: str = Field(description="说明 (what went wrong)", examples=["user not found: 没有这个用户"])


class Answer(BaseModel, Generic[Data]):
    """An answer with its data."""

    rc: int = Field(0, description="0 表示成功 (0: done)", examples=[0], ge=0, le=0)
    data: Data


class Done(BaseModel):
    """An answer that only says that it is done."""

    rc: int = Field(0, examples=[0], ge=0, le=0)
    msg: str = Field("done", examples=["done"])


class Empty(BaseModel):
    """An object without fields."""


class Paged(BaseModel, Generic[Data]):
    """A page of a list, with exact totals; a walk by cursor has ``next_cursor`` instead of page numbers."""

    rc: int = Field(0, examples=[0], ge=0, le=0)
    total: int = Field(description="总数 (rows in all)", examples=[5])
    current_page: int = Field(1, description="当前页 (this page)", examples=[1])
    total_page: int = Field(1, description="总页数 (pages)", examples=[1])
    data: list[Data]
    next_cursor: str = Field("", description="下一段的游标,仅在使用 cursor 且还有数据时返回 (only when walking)")


class PageQuery(BaseModel):
    """Which page of a list."""

    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT, description="返回最多多少条数据 (at most so many rows)")] = 20
    page: Annotated[int, Field(ge=1, le=100_000_000, description="返回第多少页,从 1 开始 (page, from 1)")] = 1


class WalkQuery(PageQuery):
    """Which page of a list, or which stretch of a walk."""

    cursor: Annotated[
        str | None,
        Field(
            max_length=512,
            description="以 * 开始,之后用返回的 next_cursor 逐段读取,此时忽略 page "
            "(* begins a walk, next_cursor goes on; page is then ignored)",
        ),
    ] = None


def ok(data: Any) -> dict[str, Any]:
    """Return the answer that carries some data."""
    return {"rc": 0, "data": data}


DONE = {"rc": 0, "msg": "done"}
