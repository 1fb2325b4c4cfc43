"""``page`` and ``limit``: pages of the long lists of the family."""

from typing import Annotated, Any

from fastapi import Depends, Query

from app.routers.deps import Page


async def get_page(
    page: Annotated[int, Query(ge=1, le=100_000_000, description="页码,从 1 开始 (page, from 1)")] = 1,
    limit: Annotated[int, Query(ge=1, le=100, description="每页数量 (rows per page)")] = 20,
) -> Page:
    """Read ``page`` and ``limit``."""
    return Page(page, limit)


PageDep = Annotated[Page, Depends(get_page)]


def paged(total: int, page: Page, results: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the data of a page."""
    return {"total": total, "page": page.number, "limit": page.size, "results": results}
