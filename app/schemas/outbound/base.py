"""What all shapes of the family are made of: names in camelCase, local times, strict ids."""

from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from app.schemas.common import MAX_ID, Storable

_INT_MAX = 2**31 - 1

CaseId = Annotated[
    Annotated[Storable, StringConstraints(min_length=1, max_length=64, pattern=r"\S")],
    Field(
        description="案件ID,由来源系统给出 (the case's id, as its own system gave it)", examples=["202601281644031088"]
    ),
]
PersonId = Annotated[
    Annotated[Storable, StringConstraints(min_length=1, max_length=64, pattern=r"\S")],
    Field(description="当事人ID (the person's id)", examples=["2303191513081131"]),
]
Int = Annotated[int, Field(strict=True, ge=-_INT_MAX - 1, le=_INT_MAX)]
NodeId = Annotated[
    int, Field(strict=True, ge=0, le=_INT_MAX, description="节点ID (the step it stands at)", examples=[5])
]
FilterId = Annotated[int, Field(ge=1, le=MAX_ID)]


class Given(BaseModel):
    """A request body: unknown fields are refused, so that a misspelt one is not silently lost."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)


class Told(BaseModel):
    """A piece of an answer."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, validate_by_alias=True)


class Asked(BaseModel):
    """Query parameters; those that it does not know are left alone, empty ones do not count."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel)


def local_moment(moment: datetime, zone: ZoneInfo) -> str:
    """Write a moment as the family does: ``2026-02-09 14:10:11`` in the service's time zone."""
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


def local_or_none(moment: datetime | None, zone: ZoneInfo) -> str | None:
    """Write a moment that may be missing."""
    return None if moment is None else local_moment(moment, zone)
