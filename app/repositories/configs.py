"""Configs: stored rows in, stored rows out."""

from collections.abc import Sequence

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import FollowUpConfig, FollowUpScript


async def add(session: AsyncSession, row: FollowUpConfig | FollowUpScript) -> None:
    """Store a new config or script under the next free id."""
    row.id = await _free_id(session, row.__tablename__)
    session.add(row)
    await session.flush()


async def _free_id(session: AsyncSession, table: str) -> int:
    """Return the next number of a table's sequence that no row has.

    The demonstration rows begin at 1000 without the sequence knowing: it is asked again until a number is free.
    """
    statement = text(
        f"""
        WITH RECURSIVE candidate(id) AS (
            SELECT nextval(pg_get_serial_sequence('{table}', 'id'))
            UNION ALL
            SELECT nextval(pg_get_serial_sequence('{table}', 'id')) FROM candidate
            WHERE EXISTS (SELECT FROM {table} AS taken WHERE taken.id = candidate.id)
        )
        SELECT max(id) FROM candidate
        """
    )
    return int((await session.execute(statement)).scalar_one())


async def find(session: AsyncSession, config_id: int) -> FollowUpConfig | None:
    """Return a config that is not deleted, or None."""
    query = select(FollowUpConfig).where(FollowUpConfig.id == config_id, FollowUpConfig.deleted_at.is_(None))
    return (await session.scalars(query)).one_or_none()


async def lock(session: AsyncSession, config_ids: Sequence[int]) -> dict[int, FollowUpConfig]:
    """Return configs by id, deleted ones too, locked against other edits until the transaction ends."""
    query = (
        select(FollowUpConfig)
        .where(FollowUpConfig.id.in_(config_ids))
        .order_by(FollowUpConfig.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return {config.id: config for config in await session.scalars(query)}


async def rivals(session: AsyncSession, config: FollowUpConfig) -> Sequence[int]:
    """Return the ids of the other active configs for the same position."""
    query = select(FollowUpConfig.id).where(
        FollowUpConfig.position_key == config.position_key,
        FollowUpConfig.is_active,
        FollowUpConfig.deleted_at.is_(None),
        FollowUpConfig.id != config.id,
    )
    return (await session.scalars(query.order_by(FollowUpConfig.id))).all()
