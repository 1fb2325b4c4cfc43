"""What is the same for everything that an account owns: listing, reading, writing and deleting it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.tasks import Fault
from app.errors import ConflictError, InvalidInputError, NotFoundError
from app.models import Account
from app.repositories import agent as store
from app.repositories import agent_groups
from app.repositories.agent import Item, WithDefault
from app.services.agent.owners import Owner, reading, writing
from app.services.context import Context

View = TypeVar("View")


class Shelf(ABC, Generic[Item, View]):
    """The things of one kind; each kind says what must hold for its own, and how they are seen.

    Each method is one transaction. Writers hold the account, so that what a check saw is still so at the commit.
    """

    model: type[Item]
    noun: ClassVar[str]
    """What a person calls such a thing, in both languages."""
    parts: ClassVar[frozenset[str]] = frozenset()
    """Fields that are kept in other tables."""

    async def items(self, context: Context, owner: Owner) -> Sequence[View]:
        """Return all of an account, by age."""
        async with reading(context, owner) as (session, account):
            return await self.of_account(session, account.id)

    async def read(self, context: Context, owner: Owner, item_id: str | int) -> View:
        """Return one; 404 where the account has no such thing."""
        async with reading(context, owner) as (session, account):
            return await self.view(session, await self.find(session, account, item_id))

    async def create(self, context: Context, owner: Owner, given: Mapping[str, Any]) -> View:
        """Make one; 422 names the place of what is wrong."""
        async with writing(context, owner) as (session, account):
            now = context.clock.now()
            fields = self.beginning(context) | self._fields(given)
            item = self.model(**fields, account_id=account.id, created_at=now, updated_at=now)
            await self.check(session, item, given)
            await self.settle(session, item)
            session.add(item)
            await session.flush()
            await self.write_parts(session, item, given)
            return await self.view(session, item)

    async def change(self, context: Context, owner: Owner, item_id: str | int, given: Mapping[str, Any]) -> View:
        """Change the given fields of one; the others stay."""
        async with writing(context, owner) as (session, account):
            item = await self.hold(session, account, item_id)
            with session.no_autoflush:
                for name, value in self._fields(given).items():
                    setattr(item, name, value)
                if given:
                    item.updated_at = context.clock.now()
                await self.check(session, item, given)
                await self.settle(session, item)
            await session.flush()
            await self.write_parts(session, item, given)
            return await self.view(session, item)

    async def remove(self, context: Context, owner: Owner, item_id: str | int) -> None:
        """Delete one; 409 names what still uses it."""
        async with writing(context, owner) as (session, account):
            item = await self.hold(session, account, item_id)
            await self.before_removal(session, item)
            users = await agent_groups.users_of(session, item)
            if users:
                named = "、".join(users)
                raise ConflictError(f"{self.noun} {item.id} 正被{named}使用,不能删除 (it is in use by these)")
            await self.take_away(session, item, context.clock.now())

    async def find(self, session: AsyncSession, account: Account, item_id: str | int, *, lock: bool = False) -> Item:
        """Return one, its row held where ``lock`` says so; 404 where the account has no such thing."""
        item = await store.item(session, self.model, account.id, item_id, lock=lock)
        if item is None:
            raise NotFoundError(f"账户 {account.id} 没有 id 为 {item_id} 的{self.noun} (the account has no such thing)")
        return item

    @abstractmethod
    async def of_account(self, session: AsyncSession, account_id: str) -> Sequence[View]:
        """Return all of an account, by age, in a number of statements that does not depend on how many there are."""

    @abstractmethod
    async def view(self, session: AsyncSession, item: Item) -> View:
        """Return one as callers see it."""

    def beginning(self, context: Context) -> dict[str, Any]:  # noqa: ARG002 - some kinds need its ids
        """Return the fields that a new one has where no caller gives them."""
        return {}

    async def check(self, session: AsyncSession, item: Item, given: Mapping[str, Any]) -> None:
        """Refuse what cannot be; ``item`` is as it would be written."""

    async def settle(self, session: AsyncSession, item: Item) -> None:
        """Change what else of the account must change before ``item`` is written."""

    async def write_parts(self, session: AsyncSession, item: Item, given: Mapping[str, Any]) -> None:
        """Write what is kept in other tables."""

    async def hold(self, session: AsyncSession, account: Account, item_id: str | int) -> Item:
        """Return one that is to be changed or deleted; 404 where the account has no such thing."""
        return await self.find(session, account, item_id)

    async def before_removal(self, session: AsyncSession, item: Item) -> None:
        """Hold what could begin to use it, and refuse for reasons of its own."""

    async def take_away(self, session: AsyncSession, item: Item, now: datetime) -> None:  # noqa: ARG002 - some kinds only mark it, with the moment
        """Delete what nothing uses."""
        await store.remove(session, item)

    def _fields(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in given.items() if name not in self.parts}


class PlainShelf(Shelf[Item, Item]):
    """The things of a kind that callers see as they are stored."""

    async def of_account(self, session: AsyncSession, account_id: str) -> Sequence[Item]:
        """Return all of an account, by age."""
        return await store.items(session, self.model, account_id)

    async def view(self, session: AsyncSession, item: Item) -> Item:  # noqa: ARG002 - nothing more has to be read
        """Return the thing itself."""
        return item


async def keep_one_default(session: AsyncSession, item: WithDefault) -> None:
    """Take the mark from the others of the account if ``item`` is to be the default of its kind."""
    if item.is_default:
        await store.unmark_defaults(session, type(item), item.account_id, keep=item.id, now=item.updated_at)


def refuse(fault: Fault | None, *before: str | int) -> None:
    """Answer 422 with the place of a fault, if there is one; ``before``: where the checked value stands in the body."""
    if fault is not None:
        raise InvalidInputError(fault.message, field=("body", *before, *fault.place))


def refuse_unknown(known: frozenset[Any], given: Sequence[Any], field: str, noun: str) -> None:
    """Answer 422 with the place of the first reference to something that is not the account's own."""
    for number, item_id in enumerate(given):
        if item_id not in known:
            raise InvalidInputError(
                f"账户没有 id 为 {item_id} 的{noun} (the account has no such thing)", field=("body", field, number)
            )
