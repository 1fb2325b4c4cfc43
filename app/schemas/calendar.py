"""Wire shapes of the holiday table."""

import re
from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from app.schemas.common import Input, Output, WireMoment

MAX_DATES = 366
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def _iso(value: Any) -> Any:
    # Without this numbers would be read as seconds since 1970, and moments as their date.
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError("日期须写成 2027-01-01 (write a date as 2027-01-01)")
    return value


IsoDate = Annotated[date, BeforeValidator(_iso)]

_HOLIDAYS = [["2027-01-01", "2027-02-06", "2027-02-07"]]
_WORKDAYS = [["2027-02-14"]]


class YearIn(Input):
    """The days of a year, in place of what was written before."""

    holidays: Annotated[
        list[IsoDate],
        Field(max_length=MAX_DATES, description="法定节假日,当天不触达 (closed dates)", examples=_HOLIDAYS),
    ]
    workdays: Annotated[
        list[IsoDate],
        Field(
            default_factory=list,
            max_length=MAX_DATES,
            description="照常工作的日期,优先于内置数据 (open dates, whatever the built-in data says)",
            examples=_WORKDAYS,
        ),
    ]


class YearOut(Output):
    """A year as it was written, and what holds."""

    year: int = Field(description="年份 (year)", examples=[2027])
    holidays: list[date] = Field(description="写入的节假日 (closed dates that were written)", examples=_HOLIDAYS)
    workdays: list[date] = Field(description="写入的工作日 (open dates that were written)", examples=_WORKDAYS)
    is_built_in: bool = Field(description="是否有内置数据 (whether anything is built in)", examples=[False])
    closed_dates: list[date] = Field(
        description="生效的节假日:内置数据加上写入的 (what holds: built in and written)", examples=_HOLIDAYS
    )
    updated_at: WireMoment | None = Field(description="写入时间 (written, UTC)", examples=["2026-11-20T02:00:00Z"])
