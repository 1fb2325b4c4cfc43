"""What all shapes of the family are made of: local times, times of a day, days of the week, names."""

from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from app.schemas.common import MAX_ID, Storable

_MOMENT = r"^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]) ([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]$"
_FORMAT = "%Y-%m-%d %H:%M:%S"
# No \d here: to Pydantic the digits of all scripts are digits.
TIME = r"^([01]?[0-9]|2[0-3]):[0-5][0-9]$"
END_TIME = r"^(([01]?[0-9]|2[0-3]):[0-5][0-9]|24:00)$"


class Given(BaseModel):
    """A request body: unknown fields are refused, so that a misspelt one is not silently lost."""

    model_config = ConfigDict(extra="forbid")


class Told(BaseModel):
    """A piece of an answer."""


def _real(value: str) -> str:
    try:
        datetime.strptime(value, _FORMAT)  # noqa: DTZ007 - only whether there is such a day
    except ValueError:
        raise ValueError("没有这一天 (there is no such day)") from None
    return value


def sized(length: int) -> Any:
    """Return what makes a text have 1 to so many characters, not only white space."""
    return StringConstraints(min_length=1, max_length=length, pattern=r"\S")


LocalMoment = Annotated[str, StringConstraints(pattern=_MOMENT), AfterValidator(_real)]
"""``YYYY-MM-DD HH:MM:SS`` in the service's time zone, of this century."""
Name = Annotated[Annotated[Storable, sized(128)], Field(description="名称 (name)", examples=["一号"])]
Week = Annotated[
    int, Field(strict=True, ge=0, le=6, description="星期,0 为周日 (day of the week, 0 is Sunday)", examples=[1])
]
ItemId = Annotated[int, Field(strict=True, ge=1, le=MAX_ID)]


def in_zone(moment: str | None, zone: ZoneInfo) -> datetime | None:
    """Return the moment that a local time means."""
    return None if moment is None else datetime.strptime(moment, _FORMAT).replace(tzinfo=zone)


def local(moment: datetime, zone: ZoneInfo) -> str:
    """Write a moment as the family does: ``2026-02-09 14:10:11`` in the service's time zone."""
    return moment.astimezone(zone).strftime(_FORMAT)


def local_or_none(moment: datetime | None, zone: ZoneInfo) -> str | None:
    """Write a moment that may be missing."""
    return None if moment is None else local(moment, zone)
