"""Who is written into the audit trail for a call."""

from typing import Annotated

from fastapi import Depends, Request


async def get_actor(request: Request) -> str:
    """Return the name under which the caller was let in; ``api`` where callers have none."""
    return str(getattr(request.state, "actor", "api"))


ActorDep = Annotated[str, Depends(get_actor)]
