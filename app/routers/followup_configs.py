"""``/api/followup-configs``: the sequences, and what they would do and did."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Query, Request, Response

from app.domain.followup import position_key
from app.repositories import lists
from app.routers import queries
from app.routers.deps import ContextDep, PathId, context_of
from app.routers.families import FamilyRouter
from app.routers.lean import LeanRoute
from app.routers.responses import problems
from app.routers.tags import Tag
from app.schemas.followup import (
    ConfigCreate,
    ConfigFilter,
    ConfigOut,
    ConfigUpdate,
    LintOut,
    PreviewOut,
    PreviewQuery,
    StatsOut,
)
from app.services import config_stats, configs, preview
from app.services.configs import ConfigView

router = FamilyRouter(prefix="/api/followup-configs", tags=[Tag.FOLLOWUP_CONFIGS], route_class=LeanRoute)
_filters = queries.Query(ConfigFilter)


@router.get(
    "",
    summary="配置列表 List configs",
    description="全部复聊配置及其话术,含未启用的。话术按天 (0 在最后)、order、id 排序。"
    "All configs with their scripts, inactive ones included; scripts by day (0 last), order, id.",
    response_model=list[ConfigOut],
    responses=problems(),
    openapi_extra=_filters.documentation,
)
async def list_configs(request: Request) -> Response:
    """List configs."""
    wanted = _filters.read(request)
    key = None if wanted.position is None else position_key(wanted.position)
    async with context_of(request).database.connection() as connection:
        listed = await lists.configs_json(connection, position_key=key, is_active=wanted.is_active)
    return Response(listed, media_type="application/json")


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    summary="创建配置 Create a config",
    description="同一岗位有多个启用的配置时,最新的生效;正在等待配置的联系人会自动开始。"
    "Of several active configs for one position the newest is used; people who wait for one begin by themselves.",
    response_model=ConfigOut,
    responses=problems(),
)
async def create_config(body: ConfigCreate, context: ContextDep) -> ConfigView:
    """Create a config."""
    return await configs.create_config(context, **body.model_dump())


@router.get(
    "/{config_id}",
    summary="读取配置 Read a config",
    response_model=ConfigOut,
    responses=problems(HTTPStatus.NOT_FOUND),
)
async def read_config(config_id: PathId, context: ContextDep) -> ConfigView:
    """Return one config with its scripts (一个配置及其话术)."""
    return await configs.read_config(context, config_id)


@router.put(
    "/{config_id}",
    summary="更新配置 Update a config",
    description="只改给出的字段。停用后序列原地等待,重新启用后按真实的上次发送时间继续。"
    "Only the given fields change. Sequences of an inactive config stand still and go on when it is active again.",
    response_model=ConfigOut,
    responses=problems(HTTPStatus.NOT_FOUND),
)
async def update_config(config_id: PathId, body: ConfigUpdate, context: ContextDep) -> ConfigView:
    """Change a config."""
    return await configs.update_config(context, config_id, **body.model_dump())


@router.delete(
    "/{config_id}",
    status_code=HTTPStatus.NO_CONTENT,
    summary="删除配置 Delete a config",
    description="其序列停止;已发送的记录保留。Its sequences stop; records stay readable.",
    responses=problems(HTTPStatus.NOT_FOUND),
)
async def delete_config(config_id: PathId, context: ContextDep) -> None:
    """Delete a config."""
    await configs.delete_config(context, config_id)


@router.post(
    "/{config_id}/copy",
    status_code=HTTPStatus.CREATED,
    summary="复制配置 Copy a config",
    description="连同话术一起复制;副本未启用。The config and its scripts; the copy is inactive.",
    response_model=ConfigOut,
    responses=problems(HTTPStatus.NOT_FOUND),
)
async def copy_config(config_id: PathId, context: ContextDep) -> ConfigView:
    """Copy a config."""
    return await configs.copy_config(context, config_id)


@router.get(
    "/{config_id}/preview",
    summary="预览 Preview",
    description="若对方一直不回复,何时会发送什么;遵守当前的时段、间隔与次数限制。"
    "What would be sent when if nobody answers, with the present hours, gaps and caps.",
    response_model=PreviewOut,
    responses=problems(HTTPStatus.NOT_FOUND),
)
async def preview_config(
    config_id: PathId, context: ContextDep, query: Annotated[PreviewQuery, Query()]
) -> preview.Preview:
    """Foresee a config's run."""
    return await preview.preview(context, config_id, preview.Premise(**query.model_dump()))


@router.get(
    "/{config_id}/lint",
    summary="检查配置 Check a config",
    description="缺天、没有「往后一直」、未启用的话术、会被当作回声的话术、同岗位的其他启用配置。"
    "Gaps, no day 0, inactive scripts, texts that would be taken for echoes, rival configs.",
    responses=problems(HTTPStatus.NOT_FOUND),
)
async def lint_config(config_id: PathId, context: ContextDep) -> LintOut:
    """Look a config over."""
    return LintOut.model_validate({"config_id": config_id, "findings": await preview.lint(context, config_id)})


@router.get(
    "/{config_id}/stats",
    summary="配置统计 Figures of a config",
    description="按话术与按天:发送、送达、未知、回复、得到联系方式。手动与测试消息不计。"
    "By script and by day: sent, delivered, unknown, replied, details; messages by hand and tests do not count.",
    response_model=StatsOut,
    responses=problems(HTTPStatus.NOT_FOUND),
)
async def config_figures(config_id: PathId, context: ContextDep) -> config_stats.ConfigStats:
    """Return a config's figures."""
    return await config_stats.read_stats(context, config_id)
