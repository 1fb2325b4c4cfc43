"""``…/auto-recycle-rule``: rules for dialling again."""

from http import HTTPStatus
from typing import Any

from app.routers.agent import shapes
from app.routers.agent.owners import PREFIX, USER, ItemPath, OwnerDep
from app.routers.agent.responses import refusals
from app.routers.deps import ContextDep
from app.routers.families import FamilyRouter
from app.routers.tags import Tag
from app.schemas.agent import Done, Envelope, answered
from app.schemas.agent.rules import RecycleRuleCreate, RecycleRuleOut, RecycleRuleUpdate
from app.services.agent.rules import RECYCLE_RULES

router = FamilyRouter(prefix=f"{PREFIX}{USER}/auto-recycle-rule", tags=[Tag.CALL_TASKS])

ITEM = "/{item_id}"


@router.get(
    "",
    summary="自动重呼规则列表 List auto-recycle rules",
    description="最早的在前。The oldest first.",
    response_model=Envelope[list[RecycleRuleOut]],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def list_rules(owner: OwnerDep, context: ContextDep) -> dict[str, Any]:
    """List auto-recycle rules."""
    zone = context.settings.zone
    return answered([shapes.rule(view, zone) for view in await RECYCLE_RULES.items(context, owner)])


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    summary="新建自动重呼规则 Create an auto-recycle rule",
    description="type 1 按任务间隔重呼,type 2 在 configs 的时间重呼;重呼合计不超过 50 "
    "次,已接通、黑名单、用户屏蔽的号码不会重呼。Type 1 dials again after the task's pause, type 2 at the times of "
    "configs; 50 redials in all at most; nobody who answered or refused is dialled again.",
    response_model=Envelope[RecycleRuleOut],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def create_rule(owner: OwnerDep, body: RecycleRuleCreate, context: ContextDep) -> dict[str, Any]:
    """Create an auto-recycle rule."""
    view = await RECYCLE_RULES.create(context, owner, body.model_dump())
    return answered(shapes.rule(view, context.settings.zone), status=HTTPStatus.CREATED)


@router.get(
    ITEM,
    summary="自动重呼规则详情 Read an auto-recycle rule",
    description="按号码状态的重呼次数。Redials by status of the number.",
    response_model=Envelope[RecycleRuleOut],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def read_rule(owner: OwnerDep, item_id: ItemPath, context: ContextDep) -> dict[str, Any]:
    """Read an auto-recycle rule."""
    return answered(shapes.rule(await RECYCLE_RULES.read(context, owner, item_id), context.settings.zone))


@router.put(
    ITEM,
    summary="修改自动重呼规则 Change an auto-recycle rule",
    description="未给出的字段保持不变。A missing field stays.",
    response_model=Envelope[RecycleRuleOut],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def change_rule(
    owner: OwnerDep, item_id: ItemPath, body: RecycleRuleUpdate, context: ContextDep
) -> dict[str, Any]:
    """Change an auto-recycle rule."""
    view = await RECYCLE_RULES.change(context, owner, item_id, body.model_dump())
    return answered(shapes.rule(view, context.settings.zone), message="更新成功")


@router.delete(
    ITEM,
    summary="删除自动重呼规则 Delete an auto-recycle rule",
    description="正在使用的不能删除,409 会说明被谁使用。409 where it is in use, and says by what.",
    response_model=Done,
    responses=refusals(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def delete_rule(owner: OwnerDep, item_id: ItemPath, context: ContextDep) -> dict[str, Any]:
    """Delete an auto-recycle rule."""
    await RECYCLE_RULES.remove(context, owner, item_id)
    return answered(None, message="删除成功")
