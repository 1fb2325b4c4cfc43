"""Wire shapes of accounts."""

from typing import Annotated

from pydantic import MISSING, Field, StringConstraints

from app.schemas.agent.base import Given, Told, sized
from app.schemas.common import Storable

EXAMPLE = "3f7c2a10-5d1e-4b0a-9c55-6d2f8e410b77"
SUB_EXAMPLE = "c1a9e4d2-0b36-4e88-8f10-72d5b39f6a04"
UserId = Annotated[
    Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")],
    Field(description="用户id,不填则生成 UUID (the account's id; a UUID where none is given)", examples=[EXAMPLE]),
]
AccountName = Annotated[Annotated[Storable, sized(128)], Field(description="名称 (name)", examples=["演示账户"])]


class AccountCreate(Given):
    """A new account."""

    user_id: UserId | MISSING = MISSING
    name: AccountName


class AccountUpdate(Given):
    """Fields of an account to change; a missing field stays."""

    name: AccountName | MISSING = MISSING


class SubAccountOut(Told):
    """An account below another."""

    user_id: str = Field(description="子账户id (id)", examples=[SUB_EXAMPLE])
    name: str = Field(description="名称 (name)", examples=["演示子账户"])


class AccountOut(Told):
    """An account with those below it."""

    user_id: str = Field(description="用户id (id)", examples=[EXAMPLE])
    name: str = Field(description="名称 (name)", examples=["演示账户"])
    sub_users: list[SubAccountOut] = Field(description="子账户 (sub accounts)")
