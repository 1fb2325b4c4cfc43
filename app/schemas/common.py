"""Types that every family's shapes are made of: what PostgreSQL cannot store is refused before it gets there."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, StringConstraints

MAX_ID = 2**53 - 1
"""The largest integer that every JSON client keeps exactly, and that the document can give as a maximum."""
MAX_TEXT = 5000
_FIRST_YEAR, _LAST_YEAR = 1970, 9998
_ISO_8601 = re.compile(r"\d{4}-\d{2}-\d{2}([Tt ]|$)", re.ASCII)
_LOST_PLUS = re.compile(r"(T[\d:.]+) (?=\d\d:?\d\d$)")


def _storable(value: str) -> str:
    if "\x00" in value:
        raise ValueError("不能包含 NUL 字符 (must not contain NUL)")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError("不是有效的 Unicode 文本 (must be valid Unicode)")
    return value


def _wire_moment(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _as_iso_8601(value: Any) -> Any:
    """Refuse what pydantic would take for seconds since 1970; restore a zone's plus, lost in an unescaped address."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _ISO_8601.match(value):
        raise ValueError("须为 ISO-8601 时间,如 2026-03-05T10:30:00Z (must be ISO-8601, such as 2026-03-05T10:30:00Z)")
    return _LOST_PLUS.sub(r"\1+", value)


def _in_utc(value: datetime) -> datetime:
    if not _FIRST_YEAR <= value.year <= _LAST_YEAR:
        raise ValueError(f"年份须在 {_FIRST_YEAR} 与 {_LAST_YEAR} 之间 (the year is out of range)")
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Storable = Annotated[str, AfterValidator(_storable)]
Content = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT, pattern=r"\S"), AfterValidator(_storable)]
"""A message's text: 1 to 5,000 characters, not only white space."""
ShortText = Annotated[str, StringConstraints(max_length=128), AfterValidator(_storable)]
Id = Annotated[int, Field(strict=True, ge=1, le=MAX_ID)]
SmallInt = Annotated[int, Field(strict=True, ge=0, le=2**31 - 1)]
Flag = Annotated[bool, Field(strict=True)]
WireMoment = Annotated[datetime, PlainSerializer(_wire_moment, return_type=str, when_used="json")]
"""ISO-8601 in UTC with ``Z``, whole seconds, as the seed prints them."""
QueryMoment = Annotated[datetime, BeforeValidator(_as_iso_8601), AfterValidator(_in_utc)]
"""A moment among query parameters, of any family: ISO-8601 only; without a zone it is UTC, like those in answers."""


class Input(BaseModel):
    """A request body: unknown fields are refused, so that a misspelt one is not silently lost."""

    model_config = ConfigDict(extra="forbid")


class Output(BaseModel):
    """An answer, read from rows or dataclasses."""

    model_config = ConfigDict(from_attributes=True)
