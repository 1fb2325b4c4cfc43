"""Contact details that people gave."""

from collections.abc import Sequence

import asyncpg
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import ContactRecord

_DELETE = "DELETE FROM contact_record WHERE id = $1 RETURNING contact_id, kind, rule, message_id"


async def page(
    session: AsyncSession, *, contact_id: int | None, kind: str | None, offset: int, limit: int
) -> tuple[int, Sequence[ContactRecord]]:
    """Return how many details there are and one page of them, newest first."""
    conditions = []
    if contact_id is not None:
        conditions.append(ContactRecord.contact_id == contact_id)
    if kind:
        conditions.append(ContactRecord.kind == kind)
    total = await session.scalar(select(func.count()).select_from(ContactRecord).where(*conditions))
    statement = select(ContactRecord).where(*conditions).order_by(ContactRecord.id.desc())
    return total or 0, (await session.scalars(statement.offset(offset).limit(limit))).all()


async def delete(connection: asyncpg.Connection, record_id: int) -> asyncpg.Record | None:
    """Delete a detail; row ``contact_id, kind, rule, message_id``, or None where there is none."""
    return await connection.fetchrow(_DELETE, record_id)
