"""What handlers ask for: the context, a session inside a transaction, the page of a list."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Query, Request
from sqlalchemy.ext.asyncio import AsyncSession

from app.services.context import Context

MAX_ID = 2**53 - 1
"""The largest integer that every JSON client keeps exactly."""


def context_of(request: Request) -> Context:
    """Return the context that ``create_app`` made."""
    context: Context = request.app.state.context
    return context


async def get_context(request: Request) -> Context:
    """Return the context as a dependency; async, because plain functions are sent to a thread each time."""
    return context_of(request)


async def get_session(context: Annotated[Context, Depends(get_context)]) -> AsyncIterator[AsyncSession]:
    """Lend a session in a transaction that is committed before the answer is sent."""
    async with context.database.transaction_session() as session:
        yield session


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list: number from 1, rows per page."""

    number: int
    size: int

    @property
    def offset(self) -> int:
        """How many rows stand before this page."""
        return (self.number - 1) * self.size


async def get_page(
    page: Annotated[int, Query(ge=1, le=100_000_000, description="页码,从 1 开始 (page, from 1)")] = 1,
    page_size: Annotated[int, Query(ge=1, le=500, description="每页数量 (rows per page)")] = 20,
) -> Page:
    """Read ``page`` and ``page_size``."""
    return Page(page, page_size)


ContextDep = Annotated[Context, Depends(get_context)]
SessionDep = Annotated[AsyncSession, Depends(get_session, scope="function")]
PageDep = Annotated[Page, Depends(get_page)]
PathId = Annotated[int, Path(ge=1, le=MAX_ID)]
QueryId = Annotated[int | None, Query(ge=1, le=MAX_ID, description="只列此 id 的 (only those of this id)")]
