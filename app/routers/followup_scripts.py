"""``/api/followup-scripts``: the texts of the sequences."""

from http import HTTPStatus

from fastapi import Request, Response

from app.models import FollowUpScript
from app.repositories import lists
from app.routers import queries
from app.routers.deps import ContextDep, PathId, context_of
from app.routers.families import FamilyRouter
from app.routers.lean import LeanRoute
from app.routers.responses import problems
from app.routers.tags import Tag
from app.schemas.followup import ScriptCreate, ScriptFilter, ScriptOut, ScriptUpdate
from app.services import configs

router = FamilyRouter(prefix="/api/followup-scripts", tags=[Tag.FOLLOWUP_SCRIPTS], route_class=LeanRoute)
_filters = queries.Query(ScriptFilter)


@router.get(
    "",
    summary="话术列表 List scripts",
    description="含未启用的;按配置、天 (0 在最后)、order、id 排序。"
    "Inactive ones included; by config, day (0 last), order, id.",
    response_model=list[ScriptOut],
    responses=problems(),
    openapi_extra=_filters.documentation,
)
async def list_scripts(request: Request) -> Response:
    """List scripts."""
    wanted = _filters.read(request)
    async with context_of(request).database.connection() as connection:
        listed = await lists.scripts_json(connection, config_id=wanted.config_id, day_number=wanted.day_number)
    return Response(listed, media_type="application/json")


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    summary="创建话术 Create a script",
    description="内容中的变量在保存时检查。Variables in the text are checked here.",
    response_model=ScriptOut,
    responses=problems(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def create_script(body: ScriptCreate, context: ContextDep) -> FollowUpScript:
    """Create a script."""
    return await configs.create_script(context, **body.model_dump())


@router.get(
    "/{script_id}",
    summary="读取话术 Read a script",
    response_model=ScriptOut,
    responses=problems(HTTPStatus.NOT_FOUND),
)
async def read_script(script_id: PathId, context: ContextDep) -> FollowUpScript:
    """Return one script (一条话术)."""
    return await configs.read_script(context, script_id)


@router.put(
    "/{script_id}",
    summary="更新话术 Update a script",
    description="只改给出的字段;发送时读取话术,已发送的记录不变。"
    "Only the given fields change; texts are read when they are sent, records keep what was sent.",
    response_model=ScriptOut,
    responses=problems(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def update_script(script_id: PathId, body: ScriptUpdate, context: ContextDep) -> FollowUpScript:
    """Change a script."""
    return await configs.update_script(context, script_id, **body.model_dump())


@router.delete(
    "/{script_id}",
    status_code=HTTPStatus.NO_CONTENT,
    summary="删除话术 Delete a script",
    description="序列跳过它;已发送的记录保留。Sequences skip it; records stay readable.",
    responses=problems(HTTPStatus.NOT_FOUND),
)
async def delete_script(script_id: PathId, context: ContextDep) -> None:
    """Delete a script."""
    await configs.delete_script(context, script_id)
