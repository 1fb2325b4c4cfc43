"""On whose things a request works: an account, or a sub account of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import NotFoundError
from app.models import Account
from app.repositories import agent as store
from app.services.context import Context


@dataclass(frozen=True, slots=True)
class Owner:
    """The account of the path, and the sub account that was named with it."""

    user_id: str
    sub_user_id: str | None = None


async def account_of(session: AsyncSession, owner: Owner, *, lock: bool = False) -> Account:
    """Return the account that is operated on; 404 where it is unknown, or a sub account of another."""
    account = await store.account(session, owner.user_id, owner.sub_user_id, lock=lock)
    if account is not None:
        return account
    if owner.sub_user_id is not None:
        raise NotFoundError(
            f"账户 {owner.user_id} 没有子账户 {owner.sub_user_id} (the account has no such sub account)"
        )
    raise NotFoundError(f"没有账户 {owner.user_id} (no such account)")


@asynccontextmanager
async def reading(context: Context, owner: Owner) -> AsyncIterator[tuple[AsyncSession, Account]]:
    """Lend a session in a transaction, and the account."""
    async with context.database.transaction_session() as session:
        yield session, await account_of(session, owner)


@asynccontextmanager
async def writing(context: Context, owner: Owner) -> AsyncIterator[tuple[AsyncSession, Account]]:
    """Lend the same, with the account held: whoever writes something of it waits here."""
    async with context.database.transaction_session() as session:
        yield session, await account_of(session, owner, lock=True)
