"""Changes of nodes and lines, which hold from the next call on."""

from typing import Any, TypeVar

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import NotFoundError
from app.models import CallerLine, MediationNode
from app.repositories import nodes as store
from app.services.context import Context

Found = TypeVar("Found")
LineRow = Row[CallerLine, int]
"""A line and how many calls are on it."""


async def find_node(session: AsyncSession, node_id: int) -> MediationNode:
    """Return a node; 404 where there is none."""
    return _found(await store.node(session, node_id), f"节点 {node_id} (no such node)")


async def find_line(session: AsyncSession, line_id: str) -> LineRow:
    """Return a line; 404 where there is none."""
    return _found(await store.line(session, line_id), f"线路 {line_id} (no such line)")


async def change_node(context: Context, session: AsyncSession, node_id: int, changes: dict[str, Any]) -> MediationNode:
    """Change a node; 404 where there is none."""
    node = _found(await store.node(session, node_id, lock=True), f"节点 {node_id} (no such node)")
    await _change(context, session, node, changes)
    return node


async def change_line(context: Context, session: AsyncSession, line_id: str, changes: dict[str, Any]) -> LineRow:
    """Change a line; 404 where there is none. Calls that are on it go on, however few it takes from now on."""
    line = _found(await store.lock_line(session, line_id), f"线路 {line_id} (no such line)")
    await _change(context, session, line, changes)
    return await find_line(session, line_id)


async def _change(
    context: Context, session: AsyncSession, row: MediationNode | CallerLine, changes: dict[str, Any]
) -> None:
    for name, value in changes.items():
        setattr(row, name, value)
    if changes:
        row.updated_at = context.clock.now()
    await session.flush()


def _found(row: Found | None, what: str) -> Found:
    if row is None:
        raise NotFoundError(f"没有{what}")
    return row
