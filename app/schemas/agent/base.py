"""What all shapes of the family are made of: local times, times of a day, days of the week, names."""

import re
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from app.schemas.common import MAX_ID, Storable

_MOMENT = r"^20\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01]) ([01]\d|2[0-3]):[0-5]\d:[0-5]\d$"
_FORMAT = "%Y-%m-%d %H:%M:%S"
TIME = r"^([01]?\d|2[0-3]):[0-5]\d$"
END_TIME = r"^(([01]?\d|2[0-3]):[0-5]\d|24:00)$"


class Given(BaseModel):
    """A request body: unknown fields are refused, so that a misspelt one is not silently lost."""

    model_config = ConfigDict(extra="forbid")


class Told(BaseModel):
    """A piece of an answer."""


def _read_moment(value: Any) -> datetime:
    try:
        if isinstance(value, str) and re.fullmatch(_MOMENT, value, re.ASCII):
            return datetime.strptime(value, _FORMAT)  # noqa: DTZ007 - the zone is the service's, added by who has it
    except ValueError:
        pass  # a day that its month does not have: told below like the rest
    raise ValueError("须为 YYYY-MM-DD HH:MM:SS,如 2026-03-05 10:30:00 (must be such a time, in this century)")


def sized(length: int) -> Any:
    """Return what makes a text have 1 to so many characters, not only white space."""
    return StringConstraints(min_length=1, max_length=length, pattern=r"\S")


LocalMoment = Annotated[
    datetime, BeforeValidator(_read_moment), WithJsonSchema({"type": "string", "pattern": _MOMENT, "title": "Time"})
]
"""``YYYY-MM-DD HH:MM:SS`` in the service's time zone; naive."""
Name = Annotated[Annotated[Storable, sized(128)], Field(description="名称 (name)", examples=["一号"])]
Week = Annotated[
    int, Field(strict=True, ge=0, le=6, description="星期,0 为周日 (day of the week, 0 is Sunday)", examples=[1])
]
ItemId = Annotated[int, Field(strict=True, ge=1, le=MAX_ID)]


def in_zone(moment: datetime | None, zone: ZoneInfo) -> datetime | None:
    """Return the moment that a local time means."""
    return None if moment is None else moment.replace(tzinfo=zone)


def local(moment: datetime, zone: ZoneInfo) -> str:
    """Write a moment as the family does: ``2026-02-09 14:10:11`` in the service's time zone."""
    return moment.astimezone(zone).strftime(_FORMAT)


def local_or_none(moment: datetime | None, zone: ZoneInfo) -> str | None:
    """Write a moment that may be missing."""
    return None if moment is None else local(moment, zone)
