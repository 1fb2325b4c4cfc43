"""``…/llm-intention-config``: analysts of intention."""

from http import HTTPStatus
from typing import Any

from app.routers.agent import shapes
from app.routers.agent.owners import PREFIX, USER, ItemPath, OwnerDep
from app.routers.agent.responses import refusals
from app.routers.deps import ContextDep
from app.routers.families import FamilyRouter
from app.routers.tags import Tag
from app.schemas.agent import Done, Envelope, answered
from app.schemas.agent.rules import DefaultPhrases, IntentionCreate, IntentionUpdate, IntentionWhole
from app.services.agent.rules import INTENTIONS
from app.services.agent.task_lookups import account_of

router = FamilyRouter(prefix=f"{PREFIX}{USER}/llm-intention-config", tags=[Tag.CALL_TASKS])

ITEM = "/{item_id}"


@router.get(
    "",
    summary="意向分析配置列表 List intention configs",
    description="最早的在前。The oldest first.",
    response_model=Envelope[list[IntentionWhole]],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def list_intentions(owner: OwnerDep, context: ContextDep) -> dict[str, Any]:
    """List intention configs."""
    zone = context.settings.zone
    return answered([shapes.intention_whole(view, zone) for view in await INTENTIONS.items(context, owner)])


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    summary="新建意向分析配置 Create an intention config",
    description="llm_type 1 为规则词表,2 为大模型;大模型不可用时按词表判断。llm_type 1 is a table of phrases, 2 a "
    "language model; where that does not answer, the phrases do.",
    response_model=Envelope[IntentionWhole],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def create_intention(owner: OwnerDep, body: IntentionCreate, context: ContextDep) -> dict[str, Any]:
    """Create an intention config."""
    view = await INTENTIONS.create(context, owner, body.model_dump())
    return answered(shapes.intention_whole(view, context.settings.zone), status=HTTPStatus.CREATED)


@router.get(
    "/phrases",
    summary="默认意向词表 Default phrases",
    description="全部意向等级、标签与默认词。All levels and tags, and the phrases that lead to them by default.",
    response_model=Envelope[DefaultPhrases],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def read_phrases(owner: OwnerDep, context: ContextDep) -> dict[str, Any]:
    """Read the default phrases."""
    await account_of(context, owner)
    return answered(shapes.default_phrases())


@router.get(
    ITEM,
    summary="意向分析配置详情 Read an intention config",
    description="名称、类型与自己的词表。Its name, its kind and its own phrases.",
    response_model=Envelope[IntentionWhole],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def read_intention(owner: OwnerDep, item_id: ItemPath, context: ContextDep) -> dict[str, Any]:
    """Read an intention config."""
    return answered(shapes.intention_whole(await INTENTIONS.read(context, owner, item_id), context.settings.zone))


@router.put(
    ITEM,
    summary="修改意向分析配置 Change an intention config",
    description="未给出的字段保持不变。A missing field stays.",
    response_model=Envelope[IntentionWhole],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def change_intention(
    owner: OwnerDep, item_id: ItemPath, body: IntentionUpdate, context: ContextDep
) -> dict[str, Any]:
    """Change an intention config."""
    view = await INTENTIONS.change(context, owner, item_id, body.model_dump())
    return answered(shapes.intention_whole(view, context.settings.zone), message="更新成功")


@router.delete(
    ITEM,
    summary="删除意向分析配置 Delete an intention config",
    description="正在使用的不能删除,409 会说明被谁使用。409 where it is in use, and says by what.",
    response_model=Done,
    responses=refusals(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def delete_intention(owner: OwnerDep, item_id: ItemPath, context: ContextDep) -> dict[str, Any]:
    """Delete an intention config."""
    await INTENTIONS.remove(context, owner, item_id)
    return answered(None, message="删除成功")
