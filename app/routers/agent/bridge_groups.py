"""``…/bridge-group``: bridge groups, with their seats."""

from http import HTTPStatus
from typing import Any

from app.routers.agent import shapes
from app.routers.agent.owners import PREFIX, USER, ItemPath, OwnerDep
from app.routers.agent.responses import refusals
from app.routers.deps import ContextDep
from app.routers.families import FamilyRouter
from app.routers.tags import Tag
from app.schemas.agent import Done, Envelope, answered
from app.schemas.agent.groups import BridgeGroupCreate, BridgeGroupOut, BridgeGroupUpdate
from app.services.agent.bridge_groups import BRIDGE_GROUPS

router = FamilyRouter(prefix=f"{PREFIX}{USER}/bridge-group", tags=[Tag.CALL_TASKS])

ITEM = "/{item_id}"


@router.get(
    "",
    summary="转接组列表 List bridge groups",
    description="最早的在前。The oldest first.",
    response_model=Envelope[list[BridgeGroupOut]],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def list_bridge_groups(owner: OwnerDep, context: ContextDep) -> dict[str, Any]:
    """List bridge groups."""
    zone = context.settings.zone
    return answered([shapes.bridge_group(view, zone) for view in await BRIDGE_GROUPS.items(context, owner)])


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    summary="新建转接组 Create a bridge group",
    description="customer_service 为本账户客服的 id,按顺序。customer_service: ids of the account's own seats, in their "
    "order.",
    response_model=Envelope[BridgeGroupOut],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def create_bridge_group(owner: OwnerDep, body: BridgeGroupCreate, context: ContextDep) -> dict[str, Any]:
    """Create a bridge group."""
    view = await BRIDGE_GROUPS.create(context, owner, body.model_dump())
    return answered(shapes.bridge_group(view, context.settings.zone), status=HTTPStatus.CREATED)


@router.get(
    ITEM,
    summary="转接组详情 Read a bridge group",
    description="策略与客服。Its strategy and its seats.",
    response_model=Envelope[BridgeGroupOut],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def read_bridge_group(owner: OwnerDep, item_id: ItemPath, context: ContextDep) -> dict[str, Any]:
    """Read a bridge group."""
    return answered(shapes.bridge_group(await BRIDGE_GROUPS.read(context, owner, item_id), context.settings.zone))


@router.put(
    ITEM,
    summary="修改转接组 Change a bridge group",
    description="未给出的字段保持不变。给出 customer_service 时整体替换。"
    "A missing field stays; customer_service replaces all of them.",
    response_model=Envelope[BridgeGroupOut],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def change_bridge_group(
    owner: OwnerDep, item_id: ItemPath, body: BridgeGroupUpdate, context: ContextDep
) -> dict[str, Any]:
    """Change a bridge group."""
    view = await BRIDGE_GROUPS.change(context, owner, item_id, body.model_dump())
    return answered(shapes.bridge_group(view, context.settings.zone), message="更新成功")


@router.delete(
    ITEM,
    summary="删除转接组 Delete a bridge group",
    description="正在使用的不能删除,409 会说明被谁使用。409 where it is in use, and says by what.",
    response_model=Done,
    responses=refusals(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def delete_bridge_group(owner: OwnerDep, item_id: ItemPath, context: ContextDep) -> dict[str, Any]:
    """Delete a bridge group."""
    await BRIDGE_GROUPS.remove(context, owner, item_id)
    return answered(None, message="删除成功")
