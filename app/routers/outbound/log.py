"""``…/conversation-log`` and ``…/status``: the seed's two ways to read about calls."""

import json
from http import HTTPStatus

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from app.domain.identifiers import national_phone
from app.errors import InvalidInputError, NotFoundError
from app.repositories import call_log
from app.repositories.call_log import CallFilter, Reader
from app.routers.actors import get_actor
from app.routers.deps import context_of
from app.routers.families import FamilyRouter
from app.routers.lean import LeanRoute
from app.routers.outbound.recordings import links_of
from app.routers.outbound.responses import refusals
from app.routers.queries import Query
from app.routers.tags import Tag
from app.schemas.outbound import Envelope, answered
from app.schemas.outbound.base import local_moment
from app.schemas.outbound.calls import LogEntry, LogQuery, StatusOut, StatusQuery

router = FamilyRouter(prefix="/api/v1/outbound-bot", tags=[Tag.OUTBOUND], route_class=LeanRoute)
_log = Query(LogQuery)
_status = Query(StatusQuery)


@router.get(
    "/conversation-log",
    summary="获取通话录音接口 Transcripts and recordings",
    description="已结束的通话,最新的在前;caseId、personId、jobId 至少给出一个,同时给出时须全部符合。"
    "Finished calls, newest first. At least one of caseId, personId and jobId; all that are given must fit.",
    response_model=Envelope[list[LogEntry]],
    responses=refusals(),
    openapi_extra=_log.documentation,
)
async def read_log(request: Request) -> Response:
    """Answer finished calls with their talks and links to their recordings."""
    asked = _log.read(request)
    wanted = CallFilter(case_id=asked.case_id, person_id=asked.person_id, job_id=asked.job_id)
    _refuse_all(wanted, "caseId、personId、jobId", "caseId, personId, jobId")
    context = context_of(request)
    async with context.database.connection() as connection:
        rows = await call_log.log(connection, wanted)
        link = await links_of(request, context, connection) if any(row["is_recorded"] for row in rows) else None
    urls = (link.link_for(row["job_id"]) if link is not None and row["is_recorded"] else "" for row in rows)
    entries = (f'{row["head"]},"recordUrl":{json.dumps(url)}}}' for row, url in zip(rows, urls, strict=True))
    body = f'{{"code":200,"message":"查询成功","data":[{",".join(entries)}]}}'
    return Response(body.encode(), media_type="application/json")


@router.get(
    "/status",
    summary="通话状态查询 Status of a call",
    description="符合条件的最新一次通话;caseRef、phoneNumber、jobId 至少给出一个,同时给出时须全部符合;没有时 404。"
    "查看电话号码会留下审计记录,同一调用方一分钟内重复查看同一人只记一次。"
    "The newest call that fits; at least one filter; 404 where none does. "
    "Looks at phone numbers are written into the audit trail; looks of one caller at one person "
    "within a minute are one row.",
    response_model=Envelope[StatusOut],
    responses=refusals(HTTPStatus.NOT_FOUND),
    openapi_extra=_status.documentation,
)
async def read_status(request: Request) -> Response:
    """Answer how the newest call stands."""
    asked = _status.read(request)
    wanted = CallFilter(case_id=asked.case_ref, phone=asked.phone_number, job_id=asked.job_id)
    _refuse_all(wanted, "caseRef、phoneNumber、jobId", "caseRef, phoneNumber, jobId")
    context = context_of(request)
    reader = Reader(await get_actor(request), context.clock.now())
    async with context.database.connection() as connection:
        row = await call_log.status(connection, wanted, reader)
    if row is None:
        raise NotFoundError("没有符合条件的通话 (no call matches)")
    told = {
        "caseRef": row["case_id"] or "",
        "phoneNumber": national_phone(row["phone"]) if row["phone"].startswith("+") else "",
        "jobId": row["job_id"],
        "callStatus": row["status"],
        "fetchTime": local_moment(row["fetched_at"], context.settings.zone),
        "jobGroupId": row["job_group_id"] or "",
        "instanceId": row["instance_id"],
    }
    return JSONResponse(answered(told))


def _refuse_all(wanted: CallFilter, names: str, in_english: str) -> None:
    """Refuse a question without a filter: the answer would hand out every call."""
    if not wanted.values():
        raise InvalidInputError(f"请至少给出 {names} 之一 (give at least one of {in_english})")
