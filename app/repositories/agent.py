"""Accounts and what they own: rows in, rows out, never those of another account."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias, TypeVar

from sqlalchemy import ColumnElement, delete, exists, literal, select, union_all, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import (
    Account,
    AutoRecycleRule,
    BridgeGroup,
    CallerLine,
    CallTask,
    CustomerService,
    DialTimeGroup,
    LlmIntentionConfig,
    OutboundGroup,
    TaskImport,
    TaskNumber,
)

Property: TypeAlias = (
    AutoRecycleRule
    | BridgeGroup
    | CallTask
    | CallerLine
    | CustomerService
    | DialTimeGroup
    | LlmIntentionConfig
    | OutboundGroup
)
"""What an account can own."""
Item = TypeVar("Item", bound=Property)
WithDefault: TypeAlias = AutoRecycleRule | DialTimeGroup | LlmIntentionConfig | OutboundGroup

_KINDS: tuple[type[Property], ...] = (
    AutoRecycleRule,
    BridgeGroup,
    CallTask,
    CallerLine,
    CustomerService,
    DialTimeGroup,
    LlmIntentionConfig,
    OutboundGroup,
)
# What is only marked as deleted, because calls still name it.
_STILL_THERE: dict[object, ColumnElement[bool]] = {
    CallTask: CallTask.deleted_at.is_(None),
    OutboundGroup: OutboundGroup.deleted_at.is_(None),
}


async def accounts(session: AsyncSession) -> Sequence[Account]:
    """Return all accounts, sub accounts too, by age."""
    return (await session.scalars(select(Account).order_by(Account.created_at, Account.id))).all()


async def account(
    session: AsyncSession, user_id: str, sub_user_id: str | None = None, *, lock: bool = False
) -> Account | None:
    """Return an account, or its sub account where one is named, or None.

    With ``lock`` it is held until the end of the transaction: whoever writes something of an account does so.
    """
    query = select(Account).where(Account.id == user_id)
    if sub_user_id is not None:
        query = select(Account).where(Account.id == sub_user_id, Account.parent_id == user_id)
    if lock:
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    return (await session.scalars(query)).one_or_none()


async def add_account(session: AsyncSession, new: Account) -> bool:
    """Store an account, unless its id is taken; tells whether it was stored."""
    values = {name: getattr(new, name) for name in ("id", "parent_id", "name", "created_at", "updated_at")}
    query = insert(Account).values(values).on_conflict_do_nothing().returning(Account.id)
    return await session.scalar(query) is not None


async def sub_accounts(session: AsyncSession, user_id: str) -> Sequence[Account]:
    """Return the sub accounts of an account, by age."""
    query = select(Account).where(Account.parent_id == user_id).order_by(Account.created_at, Account.id)
    return (await session.scalars(query)).all()


async def owned_kinds(session: AsyncSession, account_id: str) -> Sequence[str]:
    """Return the tables in which an account has something, and ``account`` where it has sub accounts."""
    queries = [
        select(literal(kind.__tablename__)).where(exists().where(*_of_account(kind, account_id))) for kind in _KINDS
    ]
    queries.append(select(literal("account")).where(exists().where(Account.parent_id == account_id)))
    return (await session.scalars(union_all(*queries))).all()


async def items(session: AsyncSession, model: type[Item], account_id: str) -> Sequence[Item]:
    """Return what an account has of one kind, by age."""
    query = select(model).where(*_of_account(model, account_id)).order_by(model.created_at, model.id)
    return (await session.scalars(query)).all()


async def item(
    session: AsyncSession, model: type[Item], account_id: str, item_id: str | int, *, lock: bool = False
) -> Item | None:
    """Return something of an account, or None; what is another account's is not there either.

    With ``lock`` its row is held until the end of the transaction.
    """
    query = select(model).where(model.id == item_id, *_of_account(model, account_id))
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return (await session.scalars(query)).one_or_none()


async def unmark_defaults(
    session: AsyncSession, model: type[WithDefault], account_id: str, *, keep: int | None, now: datetime
) -> None:
    """Let nothing of an account be the default of its kind, but for ``keep``."""
    query = (
        update(model)
        .where(model.account_id == account_id, model.is_default.is_(True), model.id != (keep or 0))
        .values(is_default=False, updated_at=now)
        .execution_options(synchronize_session=False)
    )
    # What is about to be the default is still to be written: two at a time are refused.
    with session.no_autoflush:
        await session.execute(query)


async def default_of(session: AsyncSession, model: type[WithDefault], account_id: str) -> int | None:
    """Return the id of an account's default of a kind, as it is stored, or None."""
    query = select(model.id).where(model.account_id == account_id, model.is_default.is_(True))
    with session.no_autoflush:
        return await session.scalar(query)


async def remove(session: AsyncSession, row: Property) -> None:
    """Delete a row at once; what hangs on it by a cascade goes with it."""
    await session.execute(delete(type(row)).where(type(row).id == row.id))


async def remove_account(session: AsyncSession, account_id: str) -> None:
    """Delete an account that owns nothing, and the tasks and groups of scripts that it had once."""
    tasks = select(CallTask.id).where(CallTask.account_id == account_id)
    await session.execute(delete(TaskNumber).where(TaskNumber.task_id.in_(tasks)))
    await session.execute(delete(TaskImport).where(TaskImport.task_id.in_(tasks)))
    await session.execute(delete(CallTask).where(CallTask.account_id == account_id))
    await session.execute(delete(OutboundGroup).where(OutboundGroup.account_id == account_id))
    await session.execute(delete(Account).where(Account.id == account_id))


def _of_account(model: type[Item], account_id: str) -> list[ColumnElement[bool]]:
    mine: ColumnElement[bool] = model.account_id == account_id
    there = _STILL_THERE.get(model)
    return [mine] if there is None else [mine, there]
