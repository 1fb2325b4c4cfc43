"""Types that every family's shapes are made of: what PostgreSQL cannot store is refused before it gets there."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, StringConstraints

MAX_ID = 2**53 - 1
"""The largest integer that every JSON client keeps exactly, and that the document can give as a maximum."""
MAX_TEXT = 5000


def _storable(value: str) -> str:
    if "\x00" in value:
        raise ValueError("不能包含 NUL 字符 (must not contain NUL)")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError("不是有效的 Unicode 文本 (must be valid Unicode)")
    return value


def _wire_moment(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


Storable = Annotated[str, AfterValidator(_storable)]
Content = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT, pattern=r"\S"), AfterValidator(_storable)]
"""A message's text: 1 to 5,000 characters, not only white space."""
ShortText = Annotated[str, StringConstraints(max_length=128), AfterValidator(_storable)]
Id = Annotated[int, Field(strict=True, ge=1, le=MAX_ID)]
SmallInt = Annotated[int, Field(strict=True, ge=0, le=2**31 - 1)]
Flag = Annotated[bool, Field(strict=True)]
WireMoment = Annotated[datetime, PlainSerializer(_wire_moment, return_type=str, when_used="json")]
"""ISO-8601 in UTC with ``Z``, whole seconds, as the seed prints them."""


class Input(BaseModel):
    """A request body: unknown fields are refused, so that a misspelt one is not silently lost."""

    model_config = ConfigDict(extra="forbid")


class Output(BaseModel):
    """An answer, read from rows or dataclasses."""

    model_config = ConfigDict(from_attributes=True)
