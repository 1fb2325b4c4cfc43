"""``…/caller-line``: lines of an account."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Path

from app.routers.agent import shapes
from app.routers.agent.owners import PREFIX, USER, OwnerDep
from app.routers.agent.responses import refusals
from app.routers.deps import ContextDep
from app.routers.families import FamilyRouter
from app.routers.tags import Tag
from app.schemas.agent import Done, Envelope, answered
from app.schemas.agent.base import in_zone
from app.schemas.agent.lines import LINE, LineCreate, LineOut, LineUpdate
from app.schemas.common import Storable
from app.services.agent.lines import LINES
from app.services.context import Context

router = FamilyRouter(prefix=f"{PREFIX}{USER}/caller-line", tags=[Tag.CALL_TASKS])

LinePath = Annotated[Storable, Path(min_length=1, max_length=64, description="线路id (the line)", examples=[LINE])]

ITEM = "/{item_id}"


@router.get(
    "",
    summary="线路列表 List lines",
    description="最早的在前。The oldest first.",
    response_model=Envelope[list[LineOut]],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def list_lines(owner: OwnerDep, context: ContextDep) -> dict[str, Any]:
    """List lines."""
    zone = context.settings.zone
    return answered([shapes.line(view, zone) for view in await LINES.items(context, owner)])


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    summary="新建线路 Create a line",
    description="账户自己的线路;residue = call_line − 进行中的通话 − 任务锁定的并发。"
    "A line of the account; residue is what calls and tasks leave of call_line.",
    response_model=Envelope[LineOut],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def create_line(owner: OwnerDep, body: LineCreate, context: ContextDep) -> dict[str, Any]:
    """Create a line."""
    view = await LINES.create(context, owner, _given(body, context))
    return answered(shapes.line(view, context.settings.zone), status=HTTPStatus.CREATED)


@router.get(
    ITEM,
    summary="线路详情 Read a line",
    description="并发与占用。How many calls it takes, and how many are taken.",
    response_model=Envelope[LineOut],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def read_line(owner: OwnerDep, item_id: LinePath, context: ContextDep) -> dict[str, Any]:
    """Read a line."""
    return answered(shapes.line(await LINES.read(context, owner, item_id), context.settings.zone))


@router.put(
    ITEM,
    summary="修改线路 Change a line",
    description="未给出的字段保持不变。进行中的通话不受影响。A missing field stays; calls that are under way go on.",
    response_model=Envelope[LineOut],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def change_line(owner: OwnerDep, item_id: LinePath, body: LineUpdate, context: ContextDep) -> dict[str, Any]:
    """Change a line."""
    view = await LINES.change(context, owner, item_id, _given(body, context))
    return answered(shapes.line(view, context.settings.zone), message="更新成功")


@router.delete(
    ITEM,
    summary="删除线路 Delete a line",
    description="正在使用的不能删除,409 会说明被谁使用。409 where it is in use, and says by what.",
    response_model=Done,
    responses=refusals(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def delete_line(owner: OwnerDep, item_id: LinePath, context: ContextDep) -> dict[str, Any]:
    """Delete a line."""
    await LINES.remove(context, owner, item_id)
    return answered(None, message="删除成功")


def _given(body: LineCreate | LineUpdate, context: Context) -> dict[str, Any]:
    given = body.model_dump()
    zone = context.settings.zone
    return given | {name: in_zone(given[name], zone) for name in ("begin_at", "deadline_at") if name in given}
