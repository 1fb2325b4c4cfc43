"""``…/task/{id}/number``: the numbers of a task."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Path, Query

from app.domain.calls import NumberStatus
from app.routers.actors import ActorDep
from app.routers.agent import task_shapes
from app.routers.agent.owners import PREFIX, USER, ItemPath, OwnerDep
from app.routers.agent.paging import PageDep, paged
from app.routers.agent.responses import refusals
from app.routers.deps import MAX_ID, ContextDep
from app.routers.families import FamilyRouter
from app.routers.tags import Tag
from app.schemas.agent import Done, Envelope, answered
from app.schemas.agent.numbers import NumberDetail, NumberPage, NumbersAdded, NumbersIn, ResetIn, ResetOut
from app.schemas.common import Storable
from app.services.agent import numbers as service
from app.services.agent.numbers import Given

router = FamilyRouter(prefix=f"{PREFIX}{USER}/task/{{item_id}}/number", tags=[Tag.CALL_TASKS])

NUMBER = "/{number}"

PhonePath = Annotated[
    Storable, Path(min_length=1, max_length=64, description="号码 (the phone)", examples=["13900009001"])
]
NumberPath = Annotated[int, Path(ge=1, le=MAX_ID, description="号码id (its id)", examples=[1])]
StatusQuery = Annotated[
    int | None,
    Query(
        ge=int(min(NumberStatus)),
        le=int(max(NumberStatus)),
        description="号码状态 0..12 (status of the numbers)",
    ),
]


@router.get(
    "",
    summary="号码列表 List numbers",
    description="按添加顺序;total 为准确总数。In the order in which they were added; total is exact.",
    response_model=Envelope[NumberPage],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def list_numbers(
    owner: OwnerDep, item_id: ItemPath, context: ContextDep, page: PageDep, status: StatusQuery = None
) -> dict[str, Any]:
    """List numbers."""
    total, rows = await service.page(context, owner, item_id, status, offset=page.offset, limit=page.size)
    zone = context.settings.zone
    return answered(paged(total, page, [task_shapes.number(row, zone) for row in rows]))


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    summary="添加号码 Add numbers",
    description="一次最多 100 个,逐个返回结果。任务中已有的号码不再添加,除非 allow_duplicates 为 true。"
    "免打扰名单上的号码照常添加并提示,但不会被呼叫。"
    "At most 100; each is answered in its place. What the task has already is added once more only with "
    "allow_duplicates. Do-not-contact numbers are added with a warning, and never dialled.",
    response_model=Envelope[NumbersAdded],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def add_numbers(owner: OwnerDep, item_id: ItemPath, body: NumbersIn, context: ContextDep) -> dict[str, Any]:
    """Add numbers."""
    given = [Given(each.phone, each.name, each.variables) for each in body.numbers]
    results = await service.add(context, owner, item_id, given, allow_duplicates=body.allow_duplicates)
    return answered(task_shapes.added(results), status=HTTPStatus.CREATED)


@router.put(
    "/reset",
    summary="重置号码 Reset numbers",
    description="已结束且为这些状态的号码恢复为等待呼叫;呼叫中的、上次呼叫结果未知(call_unknown)的不受影响。"
    "Numbers that are over with these statuses are dialled once more; one that is being called stays as it is, and so "
    "does one of whose last call nobody knows how it ended (call_unknown).",
    response_model=Envelope[ResetOut],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def reset_numbers(
    owner: OwnerDep, item_id: ItemPath, body: ResetIn, context: ContextDep, actor: ActorDep
) -> dict[str, Any]:
    """Reset numbers."""
    done = await service.reset(context, owner, item_id, body.number_status, actor=actor)
    return answered({"reset": done}, message="重置成功")


@router.get(
    NUMBER,
    summary="号码详情 Read a number",
    description="任务中此号码的每一条及其呼叫记录;号码可写成 E.164 或国内写法。"
    "Each row of a phone in the task with the calls to it; the phone as E.164 or as it is written at home.",
    response_model=Envelope[list[NumberDetail]],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def read_number(owner: OwnerDep, item_id: ItemPath, number: PhonePath, context: ContextDep) -> dict[str, Any]:
    """Read a number."""
    views = await service.read(context, owner, item_id, number)
    return answered([task_shapes.number_detail(view, context.settings.zone) for view in views])


@router.delete(
    NUMBER,
    summary="删除号码 Delete a number",
    description="按号码id删除,只能删除待呼叫的号码,否则返回 409。By its id, while it waits to be called; else 409.",
    response_model=Done,
    responses=refusals(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def delete_number(owner: OwnerDep, item_id: ItemPath, number: NumberPath, context: ContextDep) -> dict[str, Any]:
    """Delete a number."""
    await service.remove(context, owner, item_id, number)
    return answered(None, message="删除成功")
