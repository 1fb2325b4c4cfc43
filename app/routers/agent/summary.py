"""``…/task/{id}/summary``: what became of the numbers of a task."""

from http import HTTPStatus
from typing import Any

from app.routers.agent import record_shapes
from app.routers.agent.owners import PREFIX, USER, ItemPath, OwnerDep
from app.routers.agent.responses import refusals
from app.routers.deps import ContextDep
from app.routers.families import FamilyRouter
from app.routers.tags import Tag
from app.schemas.agent import Envelope, answered
from app.schemas.agent.summary import SummaryOut
from app.services.agent.summary import summary

router = FamilyRouter(prefix=f"{PREFIX}{USER}/task/{{item_id}}/summary", tags=[Tag.CALL_TASKS])


@router.get(
    "",
    summary="任务汇总 Summary of a task",
    description="按号码状态与意向等级的次数、按当地小时与线路的接通率、各话术组的对比;与通话记录完全一致。"
    "话术组之间每组不足 100 次呼叫,或 95% 置信区间重叠时,不给出优劣。"
    "Counts by status and level, answer rates by local hour and line, script groups compared; they agree with the "
    "records exactly. No group is named the better one with fewer than 100 calls each, or while the intervals overlap.",
    response_model=Envelope[SummaryOut],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def read_summary(owner: OwnerDep, item_id: ItemPath, context: ContextDep) -> dict[str, Any]:
    """Count the records of a task."""
    return answered(record_shapes.summary(await summary(context, owner, item_id)))
