"""``…/records``: planned rounds, and what became of them."""

from typing import Any

import asyncpg
from fastapi import Request

from app.repositories import call_records
from app.repositories.call_records import RecordFilter
from app.routers.deps import ContextDep
from app.routers.families import FamilyRouter
from app.routers.outbound.responses import refusals
from app.routers.queries import Query
from app.routers.tags import Tag
from app.schemas.outbound import Envelope, answered
from app.schemas.outbound.base import local_moment, local_or_none
from app.schemas.outbound.calls import RoundPage, RoundQuery
from app.services.context import Context

router = FamilyRouter(prefix="/api/v1/outbound-bot", tags=[Tag.OUTBOUND])
_query = Query(RoundQuery)


@router.get(
    "/records",
    summary="调解记录列表 List planned rounds",
    description="计划的呼叫轮次与结果,最新的在前。placement=unknown 列出无法确认是否已拨出的通话,须由人判断。"
    "Planned rounds and what became of them, newest first. placement=unknown lists those with a call of which nobody "
    "knows whether it left: it is never repeated by itself.",
    response_model=Envelope[RoundPage],
    responses=refusals(),
    openapi_extra=_query.documentation,
)
async def list_records(request: Request, context: ContextDep) -> dict[str, Any]:
    """List planned rounds."""
    asked = _query.read(request)
    wanted = RecordFilter(asked.case_id, asked.mediation_id, asked.person_id, asked.state, asked.placement)
    async with context.database.connection() as connection:
        total, rows = await call_records.page(
            connection, wanted, offset=(asked.page - 1) * asked.page_size, limit=asked.page_size
        )
    results = [_told(context, row) for row in rows]
    return answered({"total": total, "page": asked.page, "pageSize": asked.page_size, "results": results})


def _told(context: Context, row: asyncpg.Record) -> dict[str, Any]:
    zone = context.settings.zone
    return {
        "id": row["id"],
        "caseId": row["case_id"],
        "mediationId": row["mediation_id"],
        "mediationType": row["mediation_type"],
        "nodeId": row["node_id"],
        "taskName": row["task_name"],
        "personId": row["person_id"],
        "personType": row["person_type"],
        "contactId": row["contact_id"],
        "round": row["round"],
        "state": row["state"],
        "isAutomatic": row["is_series"],
        "dueTime": local_or_none(row["due_at"], zone),
        "reason": row["reason"],
        "reasonUntil": local_or_none(row["reason_until"], zone),
        "result": row["result"],
        "remark": row["remark"],
        "creator": row["creator"],
        "createTime": local_moment(row["created_at"], zone),
        "modifier": row["modifier"],
        "modifyTime": local_or_none(row["modified_at"], zone),
        "calls": row["calls"],
    }
