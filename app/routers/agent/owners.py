"""On whose things a call works: the account of the path, or the sub account that the query names."""

from typing import Annotated

from fastapi import Depends, Path, Query

from app.schemas.agent.accounts import EXAMPLE
from app.schemas.common import MAX_ID, Storable
from app.services.agent.owners import Owner

PREFIX = "/agent-api/user"
USER = "/{user_id}"

UserPath = Annotated[
    Storable, Path(min_length=1, max_length=64, description="用户id (the account)", examples=[EXAMPLE])
]
SubUser = Annotated[
    Storable | None,
    Query(
        max_length=64,
        description="子账户id;传递此参数则是对子账户操作 (a sub account of it; given, it is the one operated on)",
    ),
]
ItemPath = Annotated[int, Path(ge=1, le=MAX_ID, description="id", examples=[1])]


async def get_owner(user_id: UserPath, sub_user_id: SubUser = None) -> Owner:
    """Read whose things are meant; an empty ``sub_user_id``, as front ends send it, does not count."""
    return Owner(user_id, sub_user_id or None)


OwnerDep = Annotated[Owner, Depends(get_owner)]
