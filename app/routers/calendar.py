"""``/api/calendar``: statutory holidays beside and instead of the built-in ones."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Path

from app.routers.actors import ActorDep
from app.routers.deps import ContextDep
from app.routers.families import FamilyRouter
from app.routers.responses import problems
from app.routers.tags import Tag
from app.schemas.calendar import YearIn, YearOut
from app.services import calendar

router = FamilyRouter(prefix="/api/calendar", tags=[Tag.CALENDAR])

YearPath = Annotated[int, Path(ge=2000, le=2100, description="年份 (the year)", examples=[2027])]


@router.get("/{year}", summary="节假日 Read a year", responses=problems(HTTPStatus.NOT_FOUND))
async def get_year(year: YearPath, context: ContextDep) -> YearOut:
    """写入的日期与生效的日期;没有任何数据的年份为 404。What was written and what holds.

    404 for a year of which nothing is known: whatever skips holidays reaches nobody in it.
    """
    return YearOut.model_validate(await calendar.view(context, year))


@router.put("/{year}", summary="写入节假日 Write a year", responses=problems())
async def put_year(year: YearPath, body: YearIn, context: ContextDep, actor: ActorDep) -> YearOut:
    """写入某年的法定节假日与调休工作日,替换之前写入的;按日期优先于内置数据,立即生效。Writes a year's days.

    They take the place of what was written before and go before the built-in data, date by date, at once and in every
    process. A year without built-in data needs all its holidays: every other day of it is then open.
    """
    await calendar.put(context, year, body.holidays, body.workdays, actor=actor)
    return YearOut.model_validate(await calendar.view(context, year))
