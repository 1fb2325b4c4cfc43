"""Who is written into the audit trail for a call."""

from typing import Annotated

from fastapi import Depends, Request

from app.routers.grants import grant_of


async def get_actor(request: Request) -> str:
    """Return the name under which the caller was let in (``key:3f9ac21b``); ``api`` where callers have none."""
    grant = grant_of(request.scope)
    return "api" if grant is None else grant.caller


ActorDep = Annotated[str, Depends(get_actor)]
