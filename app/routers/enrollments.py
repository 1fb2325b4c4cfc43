"""``/api/followup-enrollments``: people in sequences."""

from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import Query

from app.errors import NotFoundError
from app.repositories import enrollments as store
from app.routers.actors import ActorDep
from app.routers.deps import ContextDep, PageDep, PathId, QueryId
from app.routers.families import FamilyRouter
from app.routers.responses import problems
from app.routers.tags import Tag
from app.schemas.enrollments import EnrolledOut, EnrollIn, EnrollmentOut, EnrollmentPage, PlanOut
from app.services import enrollments, plan
from app.services.context import Context
from app.services.enrollments import Enrolled

router = FamilyRouter(prefix="/api/followup-enrollments", tags=[Tag.ENROLLMENTS])

State = Literal["waiting", "active", "paused", "replied", "converted", "finished", "stopped"]


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    summary="加入复聊 Enroll people",
    description="每个联系人各有一个结果;同一人同时只能在一个序列中。"
    "An answer for each; one sequence at a time per person.",
    response_model=EnrolledOut,
    responses=problems(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def enroll(body: EnrollIn, context: ContextDep, actor: ActorDep) -> dict[str, Any]:
    """Enroll people."""
    results = await enrollments.enroll(context, enrollments.Request(**dict(body)), actor=actor)
    entered = sum(result.status in {Enrolled.ENROLLED, Enrolled.WAITING} for result in results)
    return {"total": len(results), "enrolled": entered, "results": results}


@router.get(
    "",
    summary="复聊序列列表 List enrollments",
    description="最新的在前。Newest first.",
    response_model=EnrollmentPage,
    responses=problems(),
)
async def list_enrollments(
    context: ContextDep,
    page: PageDep,
    state: Annotated[State | None, Query(description="状态 (state)")] = None,
    reason: Annotated[str | None, Query(max_length=32, pattern=r"^[a-z_]*$", description="原因 (reason)")] = None,
    config_id: QueryId = None,
    contact_id: QueryId = None,
) -> dict[str, Any]:
    """List places in sequences."""
    filters = {"state": state, "reason": reason, "config_id": config_id, "contact_id": contact_id}
    async with context.database.connection() as connection:
        total, rows = await store.page(connection, filters, limit=page.size, offset=page.offset)
    return {"total": total, "page": page.number, "page_size": page.size, "results": [_shape(row) for row in rows]}


@router.get(
    "/{enrollment_id}",
    summary="读取复聊序列 Read an enrollment",
    response_model=EnrollmentOut,
    responses=problems(HTTPStatus.NOT_FOUND),
)
async def read_enrollment(enrollment_id: PathId, context: ContextDep) -> dict[str, Any]:
    """Return one place in a sequence (一个联系人的序列位置)."""
    return await _read(context, enrollment_id)


@router.get(
    "/{enrollment_id}/plan",
    summary="发送计划 What comes next, and why not yet",
    description="下一条、最早时间、所有阻碍、若无人回复时的后续 10 条。"
    "The next text, its earliest time, every blocker in order, and the next 10 sends if nobody answers.",
    response_model=PlanOut,
    responses=problems(HTTPStatus.NOT_FOUND),
)
async def read_plan(enrollment_id: PathId, context: ContextDep) -> plan.Plan:
    """Foresee one sequence."""
    return await plan.plan_of(context, enrollment_id)


@router.post(
    "/{enrollment_id}/pause",
    summary="暂停 Pause",
    description="暂停自动发送,直到恢复。Holds the sequence until it is resumed.",
    response_model=EnrollmentOut,
    responses=problems(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def pause(enrollment_id: PathId, context: ContextDep, actor: ActorDep) -> dict[str, Any]:
    """Pause a sequence."""
    await enrollments.pause(context, enrollment_id, actor=actor)
    return await _read(context, enrollment_id)


@router.post(
    "/{enrollment_id}/resume",
    summary="恢复 Resume",
    description="继续,最多补发一条。Goes on; at most one message is due at once.",
    response_model=EnrollmentOut,
    responses=problems(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def resume(enrollment_id: PathId, context: ContextDep, actor: ActorDep) -> dict[str, Any]:
    """Resume a sequence."""
    await enrollments.resume(context, enrollment_id, actor=actor)
    return await _read(context, enrollment_id)


@router.post(
    "/{enrollment_id}/stop",
    summary="停止 Stop",
    description="永久结束。Ends the sequence for good.",
    response_model=EnrollmentOut,
    responses=problems(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def stop(enrollment_id: PathId, context: ContextDep, actor: ActorDep) -> dict[str, Any]:
    """Stop a sequence."""
    await enrollments.stop(context, enrollment_id, actor=actor)
    return await _read(context, enrollment_id)


async def _read(context: Context, enrollment_id: int) -> dict[str, Any]:
    async with context.database.connection() as connection:
        row = await store.find(connection, enrollment_id)
    if row is None:
        raise NotFoundError(f"没有 id 为 {enrollment_id} 的复聊序列 (no such enrollment)")
    return _shape(row)


def _shape(row: Any) -> dict[str, Any]:
    return dict(row) | {"sent": row["sequence"]}
