"""``/api/followup-records``: what was sent to whom, and what came back."""

from collections.abc import AsyncIterator

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from app.repositories import records_list
from app.repositories.database import Database
from app.repositories.records_list import RecordFilter
from app.routers import queries
from app.routers.deps import context_of
from app.routers.families import FamilyRouter
from app.routers.lean import LeanRoute
from app.routers.responses import problems
from app.routers.tags import Tag
from app.schemas.followup import RecordConditions, RecordPage, RecordQuery
from app.schemas.spreadsheets import csv_head, csv_lines

router = FamilyRouter(prefix="/api/followup-records", tags=[Tag.FOLLOWUP_RECORDS], route_class=LeanRoute)
_page = queries.Query(RecordQuery)
_conditions = queries.Query(RecordConditions)


@router.get(
    "",
    summary="记录列表 List records",
    description="最新的在前;默认只列已发送与结果未知的。"
    "Newest first; by default those sent and those that may have left.",
    response_model=RecordPage,
    responses=problems(),
    openapi_extra=_page.documentation,
)
async def list_records(request: Request) -> Response:
    """List records."""
    wanted = _page.read(request)
    async with context_of(request).database.connection() as connection:
        listed = await records_list.records_json(
            connection, _filter(wanted), page=wanted.page, page_size=wanted.page_size
        )
    return Response(listed, media_type="application/json")


@router.get(
    "/export",
    summary="导出记录 Export records",
    description="CSV (UTF-8,带 BOM,可直接用 Excel 打开),筛选条件同列表;以 = + - @ 开头的文本前加 '。"
    "The same conditions as the list, streamed; texts that a spreadsheet would run get a leading '.",
    response_class=StreamingResponse,
    responses=problems()
    | {
        200: {
            "description": "CSV",
            "content": {
                "text/csv": {
                    "schema": {"type": "string"},
                    "example": "id,contact_id,config_id,script_id,day_number,content\r\n"
                    "1,1,1,1,1,您好,期待与您进一步沟通。\r\n",
                }
            },
        }
    },
    openapi_extra=_conditions.documentation,
)
async def export_records(request: Request) -> StreamingResponse:
    """Export records as CSV."""
    wanted = _filter(_conditions.read(request))
    return StreamingResponse(
        _csv(context_of(request).database, wanted),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="followup-records.csv"'},
    )


async def _csv(database: Database, wanted: RecordFilter) -> AsyncIterator[bytes]:
    yield csv_head(records_list.EXPORT_COLUMNS)
    async for batch in records_list.record_batches(database, wanted):
        yield csv_lines(batch)


def _filter(wanted: RecordConditions) -> RecordFilter:
    return RecordFilter(
        wanted.status, wanted.contact_id, wanted.config_id, wanted.got_reply, wanted.sent_from, wanted.sent_to
    )
