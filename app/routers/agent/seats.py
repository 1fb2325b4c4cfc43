"""``…/customer-service``: seats, to whom talks are passed on."""

from http import HTTPStatus
from typing import Any

from app.routers.agent import shapes
from app.routers.agent.owners import PREFIX, USER, ItemPath, OwnerDep
from app.routers.agent.responses import refusals
from app.routers.deps import ContextDep
from app.routers.families import FamilyRouter
from app.routers.tags import Tag
from app.schemas.agent import Done, Envelope, answered
from app.schemas.agent.groups import SeatCreate, SeatOut, SeatUpdate
from app.services.agent.bridge_groups import SEATS

router = FamilyRouter(prefix=f"{PREFIX}{USER}/customer-service", tags=[Tag.CALL_TASKS])

ITEM = "/{item_id}"


@router.get(
    "",
    summary="客服列表 List seats",
    description="最早的在前。The oldest first.",
    response_model=Envelope[list[SeatOut]],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def list_seats(owner: OwnerDep, context: ContextDep) -> dict[str, Any]:
    """List seats."""
    zone = context.settings.zone
    return answered([shapes.seat(view, zone) for view in await SEATS.items(context, owner)])


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    summary="新建客服 Create a seat",
    description="通话要求人工时转接的对象。Who takes over when a talk asks for a person.",
    response_model=Envelope[SeatOut],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def create_seat(owner: OwnerDep, body: SeatCreate, context: ContextDep) -> dict[str, Any]:
    """Create a seat."""
    view = await SEATS.create(context, owner, body.model_dump())
    return answered(shapes.seat(view, context.settings.zone), status=HTTPStatus.CREATED)


@router.get(
    ITEM,
    summary="客服详情 Read a seat",
    description="名称与转接号码。Its name and where it is reached.",
    response_model=Envelope[SeatOut],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def read_seat(owner: OwnerDep, item_id: ItemPath, context: ContextDep) -> dict[str, Any]:
    """Read a seat."""
    return answered(shapes.seat(await SEATS.read(context, owner, item_id), context.settings.zone))


@router.put(
    ITEM,
    summary="修改客服 Change a seat",
    description="未给出的字段保持不变。A missing field stays.",
    response_model=Envelope[SeatOut],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def change_seat(owner: OwnerDep, item_id: ItemPath, body: SeatUpdate, context: ContextDep) -> dict[str, Any]:
    """Change a seat."""
    view = await SEATS.change(context, owner, item_id, body.model_dump())
    return answered(shapes.seat(view, context.settings.zone), message="更新成功")


@router.delete(
    ITEM,
    summary="删除客服 Delete a seat",
    description="正在使用的不能删除,409 会说明被谁使用。409 where it is in use, and says by what.",
    response_model=Done,
    responses=refusals(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def delete_seat(owner: OwnerDep, item_id: ItemPath, context: ContextDep) -> dict[str, Any]:
    """Delete a seat."""
    await SEATS.remove(context, owner, item_id)
    return answered(None, message="删除成功")
