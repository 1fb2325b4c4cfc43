"""``…/dial-time-group``: hours in which tasks may dial."""

from http import HTTPStatus
from typing import Any

from app.routers.agent import shapes
from app.routers.agent.owners import PREFIX, USER, ItemPath, OwnerDep
from app.routers.agent.responses import refusals
from app.routers.deps import ContextDep
from app.routers.families import FamilyRouter
from app.routers.tags import Tag
from app.schemas.agent import Done, Envelope, answered
from app.schemas.agent.dial_times import DialTimeGroupCreate, DialTimeGroupOut, DialTimeGroupUpdate
from app.services.agent.dial_times import DIAL_TIMES

router = FamilyRouter(prefix=f"{PREFIX}{USER}/dial-time-group", tags=[Tag.CALL_TASKS])

ITEM = "/{item_id}"


@router.get(
    "",
    summary="呼叫时间组列表 List dial-time groups",
    description="最早的在前。The oldest first.",
    response_model=Envelope[list[DialTimeGroupOut]],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def list_dial_time_groups(owner: OwnerDep, context: ContextDep) -> dict[str, Any]:
    """List dial-time groups."""
    zone = context.settings.zone
    return answered([shapes.dial_time_group(view, zone) for view in await DIAL_TIMES.items(context, owner)])


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    summary="新建呼叫时间组 Create a dial-time group",
    description="时间段不能重叠或颠倒。账户的第一个呼叫时间组即为默认;新的默认会取代原来的。"
    "Ranges must not overlap. The first group of an account is its default; a new default takes the place of the old "
    "one.",
    response_model=Envelope[DialTimeGroupOut],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def create_dial_time_group(owner: OwnerDep, body: DialTimeGroupCreate, context: ContextDep) -> dict[str, Any]:
    """Create a dial-time group."""
    view = await DIAL_TIMES.create(context, owner, body.model_dump())
    return answered(shapes.dial_time_group(view, context.settings.zone), status=HTTPStatus.CREATED)


@router.get(
    ITEM,
    summary="呼叫时间组详情 Read a dial-time group",
    description="星期与时间段,时间原样返回。Days and ranges, times as they were given.",
    response_model=Envelope[DialTimeGroupOut],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def read_dial_time_group(owner: OwnerDep, item_id: ItemPath, context: ContextDep) -> dict[str, Any]:
    """Read a dial-time group."""
    return answered(shapes.dial_time_group(await DIAL_TIMES.read(context, owner, item_id), context.settings.zone))


@router.put(
    ITEM,
    summary="修改呼叫时间组 Change a dial-time group",
    description="未给出的字段保持不变。默认呼叫组不能直接取消,请将另一个设为默认。"
    "A missing field stays. The default stays it until another one is made the default (else 409).",
    response_model=Envelope[DialTimeGroupOut],
    responses=refusals(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def change_dial_time_group(
    owner: OwnerDep, item_id: ItemPath, body: DialTimeGroupUpdate, context: ContextDep
) -> dict[str, Any]:
    """Change a dial-time group."""
    view = await DIAL_TIMES.change(context, owner, item_id, body.model_dump())
    return answered(shapes.dial_time_group(view, context.settings.zone), message="更新成功")


@router.delete(
    ITEM,
    summary="删除呼叫时间组 Delete a dial-time group",
    description="正在使用的不能删除,409 会说明被谁使用。默认呼叫组最后删除。"
    "The default goes last. 409 where it is in use, and says by what.",
    response_model=Done,
    responses=refusals(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def delete_dial_time_group(owner: OwnerDep, item_id: ItemPath, context: ContextDep) -> dict[str, Any]:
    """Delete a dial-time group."""
    await DIAL_TIMES.remove(context, owner, item_id)
    return answered(None, message="删除成功")
