"""The steps of mediations, and the lines that calls take."""

from collections.abc import Sequence

from sqlalchemy import Row, Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import CallerLine, MediationNode, OutboundCall


async def nodes(session: AsyncSession) -> Sequence[MediationNode]:
    """Return all nodes, by id."""
    return (await session.scalars(select(MediationNode).order_by(MediationNode.id))).all()


async def node(session: AsyncSession, node_id: int, *, lock: bool = False) -> MediationNode | None:
    """Return a node, locked until the end of the transaction where asked for, or None."""
    return await session.get(MediationNode, node_id, with_for_update=lock)


async def lines(session: AsyncSession) -> Sequence[Row[CallerLine, int]]:
    """Return all lines, by id, each with how many calls are on it."""
    return (await session.execute(_lines().order_by(CallerLine.id))).all()


async def line(session: AsyncSession, line_id: str) -> Row[CallerLine, int] | None:
    """Return a line with how many calls are on it, or None."""
    return (await session.execute(_lines().where(CallerLine.id == line_id))).one_or_none()


async def lock_line(session: AsyncSession, line_id: str) -> CallerLine | None:
    """Return a line, locked until the end of the transaction, or None."""
    return await session.get(CallerLine, line_id, with_for_update=True)


def _lines() -> Select[CallerLine, int]:
    # Rule: what is in use is the number of active calls on the line and nothing else.
    in_use = (
        select(func.count())
        .select_from(OutboundCall)
        .where(OutboundCall.line_id == CallerLine.id, OutboundCall.ended_at.is_(None))
        .correlate(CallerLine)
        .scalar_subquery()
    )
    return select(CallerLine, in_use.label("in_use"))
