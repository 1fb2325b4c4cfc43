"""``/api/v1/outbound-bot/nodes`` and ``…/lines``: what calls are about, and over which lines they go."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Path

from app.models import MediationNode
from app.repositories import nodes as store
from app.routers.deps import ContextDep, SessionDep
from app.routers.families import FamilyRouter
from app.routers.outbound.responses import refusals
from app.routers.tags import Tag
from app.schemas.common import Storable
from app.schemas.outbound import Envelope, answered
from app.schemas.outbound.base import local_moment
from app.schemas.outbound.nodes import LineOut, LineUpdate, NodeOut, NodeUpdate
from app.services import nodes as service
from app.services.context import Context

router = FamilyRouter(prefix="/api/v1/outbound-bot", tags=[Tag.OUTBOUND])

NodePath = Annotated[int, Path(alias="nodeId", ge=0, le=2**31 - 1, description="节点ID (the node)", examples=[5])]
LinePath = Annotated[
    Storable,
    Path(alias="lineId", min_length=1, max_length=64, description="线路ID (the line)", examples=["default"]),
]
NODE = "/nodes/{nodeId}"
LINE = "/lines/{lineId}"


@router.get("/nodes", summary="节点列表 List nodes", response_model=Envelope[list[NodeOut]], responses=refusals())
async def list_nodes(session: SessionDep, context: ContextDep) -> dict[str, Any]:
    """调解的各个步骤。The steps of a mediation."""
    return answered([_node(context, row) for row in await store.nodes(session)])


@router.get(
    NODE,
    summary="节点详情 Read a node",
    response_model=Envelope[NodeOut],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def read_node(node_id: NodePath, session: SessionDep, context: ContextDep) -> dict[str, Any]:
    """任务名称、轮次、间隔、话术与可呼叫时段。Its name, rounds, interval, scripts and hours."""
    return answered(_node(context, await service.find_node(session, node_id)))


@router.put(
    NODE,
    summary="修改节点 Change a node",
    response_model=Envelope[NodeOut],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def change_node(node_id: NodePath, body: NodeUpdate, session: SessionDep, context: ContextDep) -> dict[str, Any]:
    """未给出的字段保持不变;从下一次呼叫起生效。A missing field stays; holds from the next call on."""
    changes = body.model_dump(exclude_unset=True)
    if "scripts" in changes:
        changes["scripts"] = body.model_dump(by_alias=True, include={"scripts"})["scripts"]
    node = await service.change_node(context, session, node_id, changes)
    return answered(_node(context, node), message="节点已更新")


@router.get("/lines", summary="线路列表 List lines", response_model=Envelope[list[LineOut]], responses=refusals())
async def list_lines(session: SessionDep, context: ContextDep) -> dict[str, Any]:
    """线路与其占用。Lines, and how many calls are on each."""
    return answered([_line(context, row) for row in await store.lines(session)])


@router.get(
    LINE,
    summary="线路详情 Read a line",
    response_model=Envelope[LineOut],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def read_line(line_id: LinePath, session: SessionDep, context: ContextDep) -> dict[str, Any]:
    """并发数与占用。How many calls it takes and how many are on it."""
    return answered(_line(context, await service.find_line(session, line_id)))


@router.put(
    LINE,
    summary="修改线路 Change a line",
    response_model=Envelope[LineOut],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def change_line(line_id: LinePath, body: LineUpdate, session: SessionDep, context: ContextDep) -> dict[str, Any]:
    """未给出的字段保持不变;进行中的通话不受影响。A missing field stays; calls that are under way go on."""
    row = await service.change_line(context, session, line_id, body.model_dump(exclude_unset=True))
    return answered(_line(context, row), message="线路已更新")


def _node(context: Context, row: MediationNode) -> dict[str, Any]:
    return {
        "nodeId": row.id,
        "taskName": row.task_name,
        "callType": row.call_type,
        "maxRounds": row.max_rounds,
        "callInterval": row.call_interval,
        "scripts": row.scripts,
        "dialWindow": row.dial_window,
        "skipHoliday": row.skip_holiday,
        "modifyTime": local_moment(row.updated_at, context.settings.zone),
    }


def _line(context: Context, found: service.LineRow) -> dict[str, Any]:
    row, in_use = found
    return {
        "lineId": row.id,
        "name": row.name,
        "callLine": row.call_line,
        "callNumber": row.call_number,
        "inUse": in_use,
        "residue": max(0, row.call_line - in_use),
        "modifyTime": local_moment(row.updated_at, context.settings.zone),
    }
