"""``…/task/create``: what a new task can be made of."""

from http import HTTPStatus
from typing import Any

from app.routers.agent import shapes
from app.routers.agent.owners import PREFIX, USER, OwnerDep
from app.routers.agent.responses import refusals
from app.routers.deps import ContextDep
from app.routers.families import FamilyRouter
from app.routers.tags import Tag
from app.schemas.agent import Envelope, answered
from app.schemas.agent.task_init import TaskChoices
from app.services.agent import initialisation

router = FamilyRouter(prefix=f"{PREFIX}{USER}/task", tags=[Tag.CALL_TASKS])


@router.get(
    "/create",
    summary="任务初始化 Initialise a task",
    description="获取新建任务所需要的初始信息:呼叫时间组、线路与剩余并发、话术组、转接组、自动重呼规则、结束动作、意向分析配置、客服。"
    "只有账户自己的。What a new task can be made of: hours, lines and what is free on them, groups of scripts, bridge "
    "groups, rules for dialling again, end actions, analysts of intention, seats; only the account's own.",
    response_model=Envelope[TaskChoices],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def initialise_task(owner: OwnerDep, context: ContextDep) -> dict[str, Any]:
    """Tell what a new task can be made of."""
    found = await initialisation.choices(context, owner)
    return answered(shapes.choices(found, context.settings.zone), message="返回任务初始化信息成功")
