"""``/agent-api/user``: accounts and their sub accounts."""

from http import HTTPStatus
from typing import Any

from app.routers.agent import shapes
from app.routers.agent.owners import PREFIX, USER, OwnerDep
from app.routers.agent.responses import refusals
from app.routers.deps import ContextDep
from app.routers.families import FamilyRouter
from app.routers.tags import Tag
from app.schemas.agent import Done, Envelope, answered
from app.schemas.agent.accounts import AccountCreate, AccountOut, AccountUpdate
from app.services.agent import accounts as service
from app.services.agent.accounts import Wanted

router = FamilyRouter(prefix=PREFIX, tags=[Tag.ACCOUNTS])


@router.get(
    "",
    summary="账户列表 List accounts",
    description="全部账户及其子账户,最早的在前。All accounts with their sub accounts, the oldest first.",
    response_model=Envelope[list[AccountOut]],
    responses=refusals(),
)
async def list_accounts(context: ContextDep) -> dict[str, Any]:
    """List accounts."""
    return answered([shapes.account(view) for view in await service.accounts(context)])


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    summary="新建账户 Create an account",
    description="子账户用 `POST /agent-api/user/{user_id}/sub-user` 建立。Sub accounts are made below their account.",
    response_model=Envelope[AccountOut],
    responses=refusals(HTTPStatus.CONFLICT),
)
async def create_account(body: AccountCreate, context: ContextDep) -> dict[str, Any]:
    """Create an account."""
    view = await service.create(context, Wanted(**body.model_dump()))
    return answered(shapes.account(view), status=HTTPStatus.CREATED)


@router.get(
    USER,
    summary="账户详情 Read an account",
    description="一个账户及其子账户。An account with its sub accounts.",
    response_model=Envelope[AccountOut],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def read_account(owner: OwnerDep, context: ContextDep) -> dict[str, Any]:
    """Read an account."""
    return answered(shapes.account(await service.read(context, owner)))


@router.put(
    USER,
    summary="修改账户 Change an account",
    description="未给出的字段保持不变。A missing field stays.",
    response_model=Envelope[AccountOut],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def change_account(owner: OwnerDep, body: AccountUpdate, context: ContextDep) -> dict[str, Any]:
    """Change an account."""
    view = await service.change(context, owner, body.model_dump())
    return answered(shapes.account(view), message="更新成功")


@router.delete(
    USER,
    summary="删除账户 Delete an account",
    description="只能删除什么都不拥有的账户,否则返回 409 并说明。"
    "Only one that owns nothing; 409 says what it still has.",
    response_model=Done,
    responses=refusals(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def delete_account(owner: OwnerDep, context: ContextDep) -> dict[str, Any]:
    """Delete an account."""
    await service.remove(context, owner)
    return answered(None, message="删除成功")


@router.post(
    f"{USER}/sub-user",
    status_code=HTTPStatus.CREATED,
    summary="新建子账户 Create a sub account",
    description="子账户有自己的线路、话术与规则,不能再有子账户。"
    "A sub account owns lines, scripts and rules of its own, and has no sub accounts.",
    response_model=Envelope[AccountOut],
    responses=refusals(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def create_sub_account(owner: OwnerDep, body: AccountCreate, context: ContextDep) -> dict[str, Any]:
    """Create a sub account."""
    view = await service.create_below(context, owner, Wanted(**body.model_dump()))
    return answered(shapes.account(view), status=HTTPStatus.CREATED)
