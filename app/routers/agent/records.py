"""``…/task/{id}/record``: finished calls of a task, and all of them as a table."""

from collections.abc import AsyncIterator, Sequence
from http import HTTPStatus
from typing import Annotated, Any

import asyncpg
from fastapi import Depends, Path, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import AfterValidator, StringConstraints

from app.domain.identifiers import normalise_phone
from app.repositories.task_records import RecordFilter
from app.routers.agent import record_shapes
from app.routers.agent.owners import PREFIX, USER, ItemPath, OwnerDep
from app.routers.agent.paging import PageDep, paged
from app.routers.agent.responses import refusals
from app.routers.deps import MAX_ID, ContextDep
from app.routers.families import FamilyRouter
from app.routers.tags import Tag
from app.schemas.agent import Envelope, answered
from app.schemas.agent.base import LocalMoment, in_zone
from app.schemas.agent.records import EXPORT_COLUMNS, RecordPage, RecordWhole, export_row
from app.schemas.common import Storable
from app.schemas.spreadsheets import csv_head, csv_lines
from app.services.agent import records as service
from app.services.context import Context

router = FamilyRouter(prefix=f"{PREFIX}{USER}/task/{{item_id}}/record", tags=[Tag.CALL_TASKS])

RecordPath = Annotated[int, Path(ge=1, le=MAX_ID, description="记录id (the record)", examples=[26])]
_Phone = Annotated[Storable, StringConstraints(min_length=1, max_length=64), AfterValidator(normalise_phone)]


async def get_filter(
    context: ContextDep,
    item_id: ItemPath,
    number_status: Annotated[int | None, Query(ge=0, le=12, description="号码状态 (status of the number)")] = None,
    intention: Annotated[int | None, Query(ge=1, le=6, description="意向等级,1 A 至 6 F (level)")] = None,
    begin_time: Annotated[
        LocalMoment | None, Query(description="呼叫时间不早于,YYYY-MM-DD HH:MM:SS (begun at or after)")
    ] = None,
    end_time: Annotated[
        LocalMoment | None, Query(description="呼叫时间早于,YYYY-MM-DD HH:MM:SS (begun before)")
    ] = None,
    phone: Annotated[_Phone | None, Query(description="号码,可带 +86 (phone)", examples=["13900009001"])] = None,
) -> RecordFilter:
    """Read which records are meant."""
    zone = context.settings.zone
    return RecordFilter(item_id, number_status, intention, in_zone(begin_time, zone), in_zone(end_time, zone), phone)


FilterDep = Annotated[RecordFilter, Depends(get_filter)]


@router.get(
    "",
    summary="通话记录列表 List records",
    description="已结束的呼叫,最新的在前;确定未呼出的不算。各筛选条件须全部符合。"
    "Finished calls, the newest first; what was certainly never dialled is none. All filters that are given must fit.",
    response_model=Envelope[RecordPage],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def list_records(owner: OwnerDep, wanted: FilterDep, context: ContextDep, page: PageDep) -> dict[str, Any]:
    """List records."""
    total, rows = await service.page(context, owner, wanted, offset=page.offset, limit=page.size)
    zone = context.settings.zone
    return answered(paged(total, page, [record_shapes.record(row, zone) for row in rows]))


@router.get(
    "/export",
    summary="导出通话记录 Export records",
    description="CSV (UTF-8,带 BOM,可直接用 Excel 打开),筛选条件同列表;以 = + - @ 开头的文本前加 '(号码即如此)。"
    "The same conditions as the list, streamed; texts that a spreadsheet would run get a leading ', phones too.",
    response_class=StreamingResponse,
    responses=refusals(HTTPStatus.NOT_FOUND)
    | {
        200: {
            "description": "CSV",
            "content": {
                "text/csv": {
                    "schema": {"type": "string"},
                    "example": f"{','.join(EXPORT_COLUMNS)}\r\n26,1,'+8613900009001,林小满,1,呼叫成功,A,1B,"
                    "2026-03-05 18:30:00,2026-03-05 18:30:12,2026-03-05 18:31:00,48,1,一号线,履约回访话术,\r\n",
                }
            },
        }
    },
)
async def export_records(owner: OwnerDep, wanted: FilterDep, context: ContextDep) -> StreamingResponse:
    """Export records as CSV."""
    batches = await service.batches(context, owner, wanted)
    return StreamingResponse(
        _csv(context, batches),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="task-{wanted.task_id}-records.csv"'},
    )


async def _csv(context: Context, batches: AsyncIterator[Sequence[asyncpg.Record]]) -> AsyncIterator[bytes]:
    zone = context.settings.zone
    yield csv_head(EXPORT_COLUMNS)
    async for batch in batches:
        yield csv_lines(export_row(record_shapes.record(row, zone)) for row in batch)


@router.get(
    "/{record_id}",
    summary="通话记录详情 Read a record",
    description="包括通话内容、录音链接、意向分析的依据。With the talk, a link to the recording, and what the level is "
    "based on.",
    response_model=Envelope[RecordWhole],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def read_record(
    owner: OwnerDep, item_id: ItemPath, record_id: RecordPath, request: Request, context: ContextDep
) -> dict[str, Any]:
    """Read a record."""
    row = await service.one(context, owner, item_id, record_id)
    link = await service.recording_link(context, row, str(request.base_url))
    return answered(record_shapes.whole(row, link, context.settings.zone))
