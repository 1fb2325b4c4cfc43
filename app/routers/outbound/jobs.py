"""``…/calls/{jobId}``: everything about one call, and giving it up."""

from http import HTTPStatus
from typing import Annotated, Any

import asyncpg
from fastapi import Path, Request

from app.domain.identifiers import national_phone
from app.errors import NotFoundError
from app.repositories import call_log
from app.repositories.call_log import Reader
from app.routers.actors import ActorDep
from app.routers.deps import ContextDep
from app.routers.families import FamilyRouter
from app.routers.outbound.recordings import links_of
from app.routers.outbound.responses import refusals
from app.routers.tags import Tag
from app.schemas.common import Storable
from app.schemas.outbound import Envelope, answered
from app.schemas.outbound.base import local_moment, local_or_none
from app.schemas.outbound.calls import CallOut, CancelOut
from app.services.calls import cancelling
from app.services.calls.desk import Desk
from app.services.context import Context

router = FamilyRouter(prefix="/api/v1/outbound-bot/calls", tags=[Tag.OUTBOUND])

JobPath = Annotated[
    Storable,
    Path(
        alias="jobId",
        min_length=1,
        max_length=64,
        description="工作ID (the call)",
        examples=["1770604607798-4f25-a8be-32a23b347047"],
    ),
]
JOB = "/{jobId}"


@router.get(
    JOB,
    summary="通话详情 Read a call",
    description="全部信息:发起、状态变化、对话、录音与结果;查看会留下审计记录。"
    "Everything: placing, changes of status, the talk, the recording, the result. The look is written into the audit "
    "trail.",
    response_model=Envelope[CallOut],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def read_call(job_id: JobPath, request: Request, context: ContextDep, actor: ActorDep) -> dict[str, Any]:
    """Read a call."""
    async with context.database.connection() as connection:
        row = await call_log.whole(connection, job_id)
        if row is None:
            raise NotFoundError(f"没有通话 {job_id} (no such call)")
        changes = await call_log.history(connection, row["id"])
        await call_log.note_look(connection, row["id"], Reader(actor, context.clock.now()))
        is_recorded = row["recording_state"] == "stored"
        url = (await links_of(request, context, connection)).link_for(job_id) if is_recorded else ""
    return answered(_told(context, row) | {"recordUrl": url, "history": _history(context, changes)})


@router.post(
    f"{JOB}/cancel",
    summary="取消通话 Give a call up",
    description="尚未接通的通话会被取消,之后不再自动重拨;重复请求结果相同。已接通、已结束或无法确认的通话返回 409。"
    "Gives up a call that nobody has answered yet; it is not placed again by itself. Asking again changes nothing. 409 "
    "where it is too late, or where nobody knows whether it left.",
    response_model=Envelope[CancelOut],
    responses=refusals(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def cancel_call(job_id: JobPath, request: Request, context: ContextDep, actor: ActorDep) -> dict[str, Any]:
    """Give a call up."""
    desk: Desk = request.app.state.desk
    await cancelling.cancel(desk, job_id, actor=actor)
    async with context.database.connection() as connection:
        row = await call_log.whole(connection, job_id)
    if row is None:
        raise NotFoundError(f"没有通话 {job_id} (no such call)")
    zone = context.settings.zone
    told = {
        "jobId": job_id,
        "callStatus": row["status"],
        "cancelTime": local_or_none(row["cancel_requested_at"], zone),
        "endTime": local_or_none(row["ended_at"], zone),
    }
    return answered(told, message="已请求取消")


def _told(context: Context, row: asyncpg.Record) -> dict[str, Any]:
    zone = context.settings.zone
    return {
        "jobId": row["job_id"],
        "callType": row["call_type"],
        "caseId": row["case_id"],
        "mediationId": row["mediation_id"],
        "nodeId": row["node_id"],
        "taskName": row["task_name"],
        "recordId": row["record_id"],
        "personId": row["person_id"],
        "contactId": row["contact_id"],
        "phoneNumber": national_phone(row["phone"]) if row["phone"].startswith("+") else "",
        "lineId": row["line_id"],
        "isAutomatic": row["is_automatic"],
        "provider": row["provider"],
        "providerJobId": row["provider_job_id"],
        "jobGroupId": row["job_group_id"] or "",
        "instanceId": row["instance_id"],
        "scriptId": row["script_id"],
        "placement": row["placement"],
        "callStatus": row["status"],
        "taskStatus": row["task_status"],
        "result": row["result"],
        "remark": row["remark"],
        "isCounted": row["is_counted"],
        "isReached": row["is_reached"],
        "conversations": row["conversations"] or [],
        "recordingState": row["recording_state"],
        "createTime": local_moment(row["created_at"], zone),
        "placedTime": local_or_none(row["placed_at"], zone),
        "answeredTime": local_or_none(row["answered_at"], zone),
        "cancelTime": local_or_none(row["cancel_requested_at"], zone),
        "endTime": local_or_none(row["ended_at"], zone),
        "fetchTime": local_moment(row["last_polled_at"] or row["polled_at"] or row["created_at"], zone),
    }


def _history(context: Context, changes: call_log.Rows) -> list[dict[str, Any]]:
    return [
        {"callStatus": change["status"], "time": local_moment(change["at"], context.settings.zone)}
        for change in changes
    ]
