"""``…/outbound-group``: groups of scripts, with their lines."""

from http import HTTPStatus
from typing import Any

from app.routers.agent import shapes
from app.routers.agent.owners import PREFIX, USER, ItemPath, OwnerDep
from app.routers.agent.responses import refusals
from app.routers.deps import ContextDep
from app.routers.families import FamilyRouter
from app.routers.tags import Tag
from app.schemas.agent import Done, Envelope, answered
from app.schemas.agent.groups import OutboundGroupCreate, OutboundGroupOut, OutboundGroupUpdate
from app.services.agent.outbound_groups import OUTBOUND_GROUPS

router = FamilyRouter(prefix=f"{PREFIX}{USER}/outbound-group", tags=[Tag.CALL_TASKS])

ITEM = "/{item_id}"


@router.get(
    "",
    summary="话术组列表 List script groups",
    description="最早的在前。The oldest first.",
    response_model=Envelope[list[OutboundGroupOut]],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def list_outbound_groups(owner: OwnerDep, context: ContextDep) -> dict[str, Any]:
    """List script groups."""
    zone = context.settings.zone
    return answered([shapes.outbound_group(view, zone) for view in await OUTBOUND_GROUPS.items(context, owner)])


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    summary="新建话术组 Create a script group",
    description="caller_lines 为本账户线路的 id,按使用顺序。"
    "caller_lines: ids of the account's own lines, in their order.",
    response_model=Envelope[OutboundGroupOut],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def create_outbound_group(owner: OwnerDep, body: OutboundGroupCreate, context: ContextDep) -> dict[str, Any]:
    """Create a script group."""
    view = await OUTBOUND_GROUPS.create(context, owner, _given(body))
    return answered(shapes.outbound_group(view, context.settings.zone), status=HTTPStatus.CREATED)


@router.get(
    ITEM,
    summary="话术组详情 Read a script group",
    description="话术与关联的线路。Its script and its lines.",
    response_model=Envelope[OutboundGroupOut],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def read_outbound_group(owner: OwnerDep, item_id: ItemPath, context: ContextDep) -> dict[str, Any]:
    """Read a script group."""
    return answered(shapes.outbound_group(await OUTBOUND_GROUPS.read(context, owner, item_id), context.settings.zone))


@router.put(
    ITEM,
    summary="修改话术组 Change a script group",
    description="未给出的字段保持不变。给出 caller_lines 时整体替换。"
    "A missing field stays; caller_lines replaces all of them.",
    response_model=Envelope[OutboundGroupOut],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def change_outbound_group(
    owner: OwnerDep, item_id: ItemPath, body: OutboundGroupUpdate, context: ContextDep
) -> dict[str, Any]:
    """Change a script group."""
    view = await OUTBOUND_GROUPS.change(context, owner, item_id, _given(body))
    return answered(shapes.outbound_group(view, context.settings.zone), message="更新成功")


@router.delete(
    ITEM,
    summary="删除话术组 Delete a script group",
    description="正在使用的不能删除,409 会说明被谁使用。409 where it is in use, and says by what.",
    response_model=Done,
    responses=refusals(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def delete_outbound_group(owner: OwnerDep, item_id: ItemPath, context: ContextDep) -> dict[str, Any]:
    """Delete a script group."""
    await OUTBOUND_GROUPS.remove(context, owner, item_id)
    return answered(None, message="删除成功")


def _given(body: OutboundGroupCreate | OutboundGroupUpdate) -> dict[str, Any]:
    given = body.model_dump()
    return given | ({"is_default": given.pop("default")} if "default" in given else {})
