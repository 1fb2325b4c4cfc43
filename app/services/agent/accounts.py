"""Accounts and their sub accounts."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import ConflictError, InvalidInputError
from app.models import Account
from app.repositories import agent as store
from app.services.agent.owners import Owner, reading, writing
from app.services.context import Context

_KINDS = {
    "account": "子账户 (sub accounts)",
    "auto_recycle_rule": "自动重呼规则 (auto-recycle rules)",
    "bridge_group": "转接组 (bridge groups)",
    "call_task": "外呼任务 (call tasks)",
    "caller_line": "线路 (lines)",
    "customer_service": "客服 (seats)",
    "dial_time_group": "呼叫时间组 (dial-time groups)",
    "llm_intention_config": "意向分析配置 (intention configs)",
    "outbound_group": "话术组 (script groups)",
}


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account with its sub accounts, by age."""

    account: Account
    sub_accounts: Sequence[Account]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A new account; without a ``user_id`` it gets a UUID."""

    name: str
    user_id: str | None = None


async def accounts(context: Context) -> Sequence[AccountView]:
    """Return all accounts that have no parent, each with its sub accounts, by age."""
    async with context.database.transaction_session() as session:
        rows = await store.accounts(session)
    below = defaultdict(list)
    for row in rows:
        below[row.parent_id].append(row)
    return [AccountView(row, below[row.id]) for row in below[None]]


async def read(context: Context, owner: Owner) -> AccountView:
    """Return an account; 404 where there is none."""
    async with reading(context, owner) as (session, account):
        return await _view(session, account)


async def create(context: Context, wanted: Wanted) -> AccountView:
    """Make an account, under a new UUID where no id is given; 409 where the id is taken."""
    async with context.database.transaction_session() as session:
        return AccountView(await _add(context, session, wanted, parent_id=None), ())


async def create_below(context: Context, owner: Owner, wanted: Wanted) -> AccountView:
    """Make a sub account; 422 where that would be one of a sub account, 409 where the id is taken."""
    async with writing(context, owner) as (session, parent):
        if parent.parent_id is not None:
            raise InvalidInputError(
                f"{parent.id} 是子账户,不能再有子账户 (a sub account has no sub accounts of its own)"
            )
        return AccountView(await _add(context, session, wanted, parent_id=parent.id), ())


async def change(context: Context, owner: Owner, given: Mapping[str, Any]) -> AccountView:
    """Change the given fields of an account; the others stay."""
    async with writing(context, owner) as (session, account):
        for name, value in given.items():
            setattr(account, name, value)
        if given:
            account.updated_at = context.clock.now()
        return await _view(session, account)


async def remove(context: Context, owner: Owner) -> None:
    """Delete an account that owns nothing; 409 names what it has."""
    async with writing(context, owner) as (session, account):
        owned = await store.owned_kinds(session, account.id)
        if owned:
            named = "、".join(_KINDS[kind] for kind in sorted(owned))
            raise ConflictError(f"账户 {account.id} 还有{named},不能删除 (the account still has these)")
        await store.remove_account(session, account.id)


async def _add(context: Context, session: AsyncSession, wanted: Wanted, *, parent_id: str | None) -> Account:
    now = context.clock.now()
    user_id = wanted.user_id or str(context.ids.uuid())
    made = Account(id=user_id, parent_id=parent_id, name=wanted.name, created_at=now, updated_at=now)
    if not await store.add_account(session, made):
        raise ConflictError(f"账户 {made.id} 已存在 (this account is there already)")
    return made


async def _view(session: AsyncSession, account: Account) -> AccountView:
    return AccountView(account, await store.sub_accounts(session, account.id))
