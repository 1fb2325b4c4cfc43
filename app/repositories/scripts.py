"""Scripts: stored rows in, stored rows out."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import FollowUpConfig, FollowUpScript


async def of_config(session: AsyncSession, config_id: int) -> Sequence[FollowUpScript]:
    """Return a config's scripts by day (0 last), order and id; inactive ones too, deleted ones not."""
    query = (
        select(FollowUpScript)
        .where(FollowUpScript.config_id == config_id, FollowUpScript.deleted_at.is_(None))
        .order_by(FollowUpScript.day_number == 0, FollowUpScript.day_number, FollowUpScript.order, FollowUpScript.id)
    )
    return (await session.scalars(query)).all()


async def find(session: AsyncSession, script_id: int) -> FollowUpScript | None:
    """Return a script that is not deleted, nor its config, or None; as it is now, whatever was read before."""
    query = (
        select(FollowUpScript)
        .join(FollowUpConfig, FollowUpConfig.id == FollowUpScript.config_id)
        .where(FollowUpScript.id == script_id, FollowUpScript.deleted_at.is_(None), FollowUpConfig.deleted_at.is_(None))
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(query)).one_or_none()
