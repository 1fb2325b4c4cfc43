"""``…/task``: call tasks."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Query

from app.domain.tasks import TaskState
from app.routers.actors import ActorDep
from app.routers.agent import task_shapes
from app.routers.agent.owners import PREFIX, USER, ItemPath, OwnerDep
from app.routers.agent.paging import PageDep, paged
from app.routers.agent.responses import refusals
from app.routers.deps import ContextDep
from app.routers.families import FamilyRouter
from app.routers.tags import Tag
from app.schemas.agent import Done, Envelope, answered
from app.schemas.agent.base import in_zone
from app.schemas.agent.tasks import TaskCreate, TaskOut, TaskPage, TaskUpdate
from app.services.agent.tasks import TASKS, TaskView
from app.services.context import Context

router = FamilyRouter(prefix=f"{PREFIX}{USER}/task", tags=[Tag.CALL_TASKS])

ITEM = "/{item_id}"
_COLUMNS = {"line": "lines", "holiday": "holidays"}

StatusQuery = Annotated[
    int | None,
    Query(
        ge=int(min(TaskState)),
        le=int(max(TaskState)),
        description="任务状态:1 已暂停,2 运行中,3 等待中 (1 paused, 2 running, 3 waiting)",
    ),
]


@router.get(
    "",
    summary="任务列表 List tasks",
    description="最近创建的在前;total 为准确总数。The newest first; total is exact.",
    response_model=Envelope[TaskPage],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def list_tasks(owner: OwnerDep, context: ContextDep, page: PageDep, status: StatusQuery = None) -> dict[str, Any]:
    """List tasks."""
    total, views = await TASKS.page(context, owner, status, offset=page.offset, limit=page.size)
    return answered(paged(total, page, [_told(view, context) for view in views]))


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    summary="新建任务 Create a task",
    description="新任务是暂停的:先添加号码,再启动。所引用的话术组、线路、呼叫时间组等必须属于本账户。"
    "A new task is paused: add numbers, then start it. Whatever it refers to must be the account's own.",
    response_model=Envelope[TaskOut],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def create_task(owner: OwnerDep, body: TaskCreate, context: ContextDep) -> dict[str, Any]:
    """Create a task."""
    view = await TASKS.create(context, owner, _given(body, context))
    return answered(_told(view, context), status=HTTPStatus.CREATED)


@router.get(
    ITEM,
    summary="任务详情 Read a task",
    description="全部设置、状态、等待原因与号码统计。Its settings, its status, why it waits, and its numbers, counted.",
    response_model=Envelope[TaskOut],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def read_task(owner: OwnerDep, item_id: ItemPath, context: ContextDep) -> dict[str, Any]:
    """Read a task."""
    return answered(_told(await TASKS.read(context, owner, item_id), context))


@router.put(
    ITEM,
    summary="修改任务 Change a task",
    description="未给出的字段保持不变。任务启动中返回 409,code 为 6007。"
    "A missing field stays. A started task is not changed: 409 with the code 6007.",
    response_model=Envelope[TaskOut],
    responses=refusals(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def change_task(owner: OwnerDep, item_id: ItemPath, body: TaskUpdate, context: ContextDep) -> dict[str, Any]:
    """Change a task."""
    view = await TASKS.change(context, owner, item_id, _given(body, context))
    return answered(_told(view, context), message="更新成功")


@router.delete(
    ITEM,
    summary="删除任务 Delete a task",
    description="号码随后删除,通话记录保留。任务启动中返回 409,code 为 6007;有进行中的通话也返回 409。"
    "Its numbers go, its calls stay. 409 while it is started (code 6007) or calls are under way.",
    response_model=Done,
    responses=refusals(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def delete_task(owner: OwnerDep, item_id: ItemPath, context: ContextDep) -> dict[str, Any]:
    """Delete a task."""
    await TASKS.remove(context, owner, item_id)
    return answered(None, message="删除成功")


@router.post(
    f"{ITEM}/start",
    summary="启动任务 Start a task",
    description="已启动的保持不变。没有线路或 stop_time 已过时返回 409 并说明。"
    "One that is started stays so. 409 says why a task could never dial: no line, or stop_time has passed.",
    response_model=Envelope[TaskOut],
    responses=refusals(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def start_task(owner: OwnerDep, item_id: ItemPath, context: ContextDep, actor: ActorDep) -> dict[str, Any]:
    """Start a task."""
    return answered(_told(await TASKS.start(context, owner, item_id, actor=actor), context), message="启动成功")


@router.post(
    f"{ITEM}/stop",
    summary="停止任务 Stop a task",
    description="不再发起呼叫,进行中的通话继续。已暂停的保持不变。"
    "Nobody is dialled any more; calls that are under way go on. One that is paused stays so.",
    response_model=Envelope[TaskOut],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def stop_task(owner: OwnerDep, item_id: ItemPath, context: ContextDep, actor: ActorDep) -> dict[str, Any]:
    """Stop a task."""
    return answered(_told(await TASKS.stop(context, owner, item_id, actor=actor), context), message="停止成功")


@router.post(
    f"{ITEM}/copy",
    status_code=HTTPStatus.CREATED,
    summary="复制任务 Copy a task",
    description="复制全部设置,新任务是暂停的,名称加「-副本」;with_numbers 为 true 时号码也复制,均为未呼叫。"
    "A paused task with the same settings; with with_numbers also the same numbers, none of them dialled.",
    response_model=Envelope[TaskOut],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def copy_task(
    owner: OwnerDep,
    item_id: ItemPath,
    context: ContextDep,
    with_numbers: Annotated[bool, Query(description="同时复制号码 (its numbers, too)")] = False,
) -> dict[str, Any]:
    """Copy a task."""
    view = await TASKS.copy(context, owner, item_id, with_numbers=with_numbers)
    return answered(_told(view, context), status=HTTPStatus.CREATED)


def _told(view: TaskView, context: Context) -> dict[str, Any]:
    return task_shapes.task(view, context.settings.zone, context.clock.now())


def _given(body: TaskCreate | TaskUpdate, context: Context) -> dict[str, Any]:
    """Return the fields of a task under the names under which it is stored."""
    given = body.model_dump()
    extras = given.pop("task_extras", {})
    zone = context.settings.zone
    for name in ("start_time", "stop_time"):
        if name in extras:
            extras[name] = in_zone(extras[name], zone)
    if "redial_conditions" in extras:
        extras["redial_statuses"] = extras.pop("redial_conditions")["number_status"]
    if "script_groups" in given:
        given["scripts"] = [(group["id"], group["weight"]) for group in given.pop("script_groups")]
    return given | {_COLUMNS.get(name, name): value for name, value in extras.items()}
