"""The steps of mediations, and the lines that calls take."""

from collections.abc import Sequence

from sqlalchemy import Row, Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import CallerLine, MediationNode
from app.repositories.line_slots import running


async def nodes(session: AsyncSession) -> Sequence[MediationNode]:
    """Return all nodes, by id."""
    return (await session.scalars(select(MediationNode).order_by(MediationNode.id))).all()


async def node(session: AsyncSession, node_id: int, *, lock: bool = False) -> MediationNode | None:
    """Return a node, locked until the end of the transaction where asked for, or None."""
    return await session.get(MediationNode, node_id, with_for_update=lock)


async def lines(session: AsyncSession) -> Sequence[Row[CallerLine, int]]:
    """Return the house's lines, by id, each with how many calls are on it; those of accounts are not among them."""
    return (await session.execute(_lines().order_by(CallerLine.id))).all()


async def line(session: AsyncSession, line_id: str) -> Row[CallerLine, int] | None:
    """Return a line of the house with how many calls are on it, or None."""
    return (await session.execute(_lines().where(CallerLine.id == line_id))).one_or_none()


async def lock_line(session: AsyncSession, line_id: str) -> CallerLine | None:
    """Return a line of the house, locked until the end of the transaction, or None."""
    query = select(CallerLine).where(CallerLine.id == line_id, CallerLine.account_id.is_(None)).with_for_update()
    return (await session.scalars(query)).one_or_none()


def _lines() -> Select[CallerLine, int]:
    return select(CallerLine, running().label("in_use")).where(CallerLine.account_id.is_(None))
