"""Writing configs and scripts: what must hold between them, and whom a change concerns.

A change that can move people who stand still marks the config (``rearm_at``) and wakes the engine once it is
committed; the engine's pass finds the people. Deleting is soft: what was sent stays readable.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict, Unpack

from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.followup import position_key
from app.errors import ConflictError, InvalidInputError, NotFoundError
from app.models import FollowUpConfig, FollowUpScript
from app.repositories import configs, scripts
from app.services.context import Context

MAX_NAME = 128
MIN_TAIL_HOURS = 1
"""Day-0 scripts go round for ever: without an interval they would never stop."""


@dataclass(frozen=True, slots=True)
class ConfigView:
    """A config with its scripts, in the order in which they are listed."""

    id: int
    name: str
    position: str | None
    is_active: bool
    opening_message: str | None
    created_at: datetime
    updated_at: datetime
    scripts: Sequence[FollowUpScript]


class ConfigChange(TypedDict, total=False):
    """The fields of a config that a caller can write; those not given stay."""

    name: str
    position: str | None
    is_active: bool
    opening_message: str | None


class ScriptChange(TypedDict, total=False):
    """The fields of a script that a caller can write; those not given stay."""

    config_id: int
    day_number: int
    content: str
    interval_hours: int
    order: int
    is_active: bool


async def create_config(context: Context, **given: Unpack[ConfigChange]) -> ConfigView:
    """Store a config; people who wait for one are looked at again if it is active."""
    async with context.database.transaction_session() as session:
        now = context.clock.now()
        config = FollowUpConfig(**given, position_key=position_key(given["position"]), created_at=now, updated_at=now)
        config.rearm_at = now if config.is_active else None
        await configs.add(session, config)
        view = _view(config, ())
    context.wake.set()
    return view


async def read_config(context: Context, config_id: int) -> ConfigView:
    """Return a config with its scripts; 404 when there is none."""
    async with context.database.transaction_session() as session:
        return _view(await find_config(session, config_id), await scripts.of_config(session, config_id))


async def find_config(session: AsyncSession, config_id: int) -> FollowUpConfig:
    """Return a config's row; 404 when there is none."""
    config = await configs.find(session, config_id)
    if config is None:
        raise _no_config(config_id)
    return config


async def update_config(context: Context, config_id: int, **given: Unpack[ConfigChange]) -> ConfigView:
    """Change the given fields of a config; 404 when there is none."""
    async with context.database.transaction_session() as session:
        config = await _lock_config(session, config_id)
        before = _who_it_concerns(config)
        _assign(config, given)
        config.position_key = position_key(config.position)
        config.updated_at = context.clock.now()
        if config.is_active and _who_it_concerns(config) != before:
            config.rearm_at = config.updated_at
        view = _view(config, await scripts.of_config(session, config_id))
    context.wake.set()
    return view


async def delete_config(context: Context, config_id: int) -> None:
    """Delete a config: its sequences stop at their next look, which comes at once."""
    async with context.database.transaction_session() as session:
        config = await _lock_config(session, config_id)
        config.deleted_at = config.rearm_at = context.clock.now()
    context.wake.set()


async def copy_config(context: Context, config_id: int) -> ConfigView:
    """Copy a config and its scripts; the copy is inactive, so that it does not take people from the original."""
    async with context.database.transaction_session() as session:
        source = await _lock_config(session, config_id)
        now = context.clock.now()
        copy = FollowUpConfig(
            name=_name_of_copy(source.name),
            position=source.position,
            position_key=source.position_key,
            is_active=False,
            opening_message=source.opening_message,
            created_at=now,
            updated_at=now,
        )
        await configs.add(session, copy)
        for script in await scripts.of_config(session, config_id):
            await configs.add(session, _copy_of(script, copy.id, now))
        return _view(copy, await scripts.of_config(session, copy.id))


async def create_script(context: Context, **given: Unpack[ScriptChange]) -> FollowUpScript:
    """Store a script; 404 when its config does not exist, 409 when it was deleted."""
    async with context.database.transaction_session() as session:
        config = await _lock_target(session, given["config_id"])
        _check_tail(given["day_number"], given["interval_hours"])
        now = context.clock.now()
        script = FollowUpScript(**given, created_at=now, updated_at=now)
        await configs.add(session, script)
        config.rearm_at = now
    context.wake.set()
    return script


async def read_script(context: Context, script_id: int) -> FollowUpScript:
    """Return a script; 404 when there is none."""
    async with context.database.transaction_session() as session:
        return _found(await scripts.find(session, script_id), script_id)


async def update_script(context: Context, script_id: int, **given: Unpack[ScriptChange]) -> FollowUpScript:
    """Change the given fields of a script; what was sent stays as it was sent."""
    async with context.database.transaction_session() as session:
        script = _found(await scripts.find(session, script_id), script_id)
        if given.get("config_id", script.config_id) != script.config_id:
            await _lock_target(session, given["config_id"])
        locked = await configs.lock(session, sorted({script.config_id, given.get("config_id", script.config_id)}))
        script = _found(await scripts.find(session, script_id), script_id)
        _assign(script, given)
        _check_tail(script.day_number, script.interval_hours)
        script.updated_at = context.clock.now()
        for config in locked.values():
            config.rearm_at = script.updated_at
    context.wake.set()
    return script


async def delete_script(context: Context, script_id: int) -> None:
    """Delete a script: sequences skip it from now on."""
    async with context.database.transaction_session() as session:
        script = _found(await scripts.find(session, script_id), script_id)
        locked = await configs.lock(session, [script.config_id])
        script = _found(await scripts.find(session, script_id), script_id)
        script.deleted_at = locked[script.config_id].rearm_at = context.clock.now()
    context.wake.set()


def _who_it_concerns(config: FollowUpConfig) -> tuple[str, bool, str | None]:
    return config.position_key, config.is_active, config.opening_message


def _assign(row: FollowUpConfig | FollowUpScript, given: ConfigChange | ScriptChange) -> None:
    for field, value in given.items():
        setattr(row, field, value)


def _check_tail(day_number: int, interval_hours: int) -> None:
    if day_number == 0 and interval_hours < MIN_TAIL_HOURS:
        raise InvalidInputError(
            "往后一直使用的话术 (day_number=0) 间隔至少 1 小时 (day-0 scripts need interval_hours of at least 1)",
            field=("body", "interval_hours"),
        )


def _copy_of(script: FollowUpScript, config_id: int, now: datetime) -> FollowUpScript:
    return FollowUpScript(
        config_id=config_id,
        day_number=script.day_number,
        content=script.content,
        interval_hours=script.interval_hours,
        order=script.order,
        is_active=script.is_active,
        created_at=now,
        updated_at=now,
    )


def _name_of_copy(name: str) -> str:
    suffix = "(副本)"
    return name[: MAX_NAME - len(suffix)] + suffix


def _view(config: FollowUpConfig, texts: Sequence[FollowUpScript]) -> ConfigView:
    return ConfigView(
        config.id,
        config.name,
        config.position,
        config.is_active,
        config.opening_message,
        config.created_at,
        config.updated_at,
        texts,
    )


async def _lock_config(session: AsyncSession, config_id: int) -> FollowUpConfig:
    config = (await configs.lock(session, [config_id])).get(config_id)
    if config is None or config.deleted_at is not None:
        raise _no_config(config_id)
    return config


async def _lock_target(session: AsyncSession, config_id: int) -> FollowUpConfig:
    """Lock the config that a script is to belong to."""
    config = (await configs.lock(session, [config_id])).get(config_id)
    if config is None:
        raise _no_config(config_id)
    if config.deleted_at is not None:
        raise ConflictError(f"配置 {config_id} 已删除,请选择其他配置 (config {config_id} was deleted)")
    return config


def _no_config(config_id: int) -> NotFoundError:
    return NotFoundError(f"没有 id 为 {config_id} 的复聊配置 (there is no config {config_id})")


def _found(script: FollowUpScript | None, script_id: int) -> FollowUpScript:
    if script is None:
        raise NotFoundError(f"没有 id 为 {script_id} 的复聊话术 (there is no script {script_id})")
    return script
