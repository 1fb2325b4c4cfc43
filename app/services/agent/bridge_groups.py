"""Seats, and the bridge groups that choose one."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.models import BridgeGroup, CustomerService
from app.repositories import agent as store
from app.repositories import agent_groups
from app.services.agent.shelf import PlainShelf, Shelf, refuse_unknown


class Seats(PlainShelf[CustomerService]):
    """Persons to whom talks are passed on."""

    model = CustomerService
    noun = "客服 (seat)"


@dataclass(frozen=True, slots=True)
class BridgeGroupView:
    """A group with its seats, in their order."""

    group: BridgeGroup
    seats: Sequence[CustomerService]


class BridgeGroups(Shelf[BridgeGroup, BridgeGroupView]):
    """Who is chosen when a talk asks for a person."""

    model = BridgeGroup
    noun = "转接组 (bridge group)"
    parts = frozenset({"customer_service"})

    async def of_account(self, session: AsyncSession, account_id: str) -> Sequence[BridgeGroupView]:
        """Return all of an account, by age."""
        seats = defaultdict(list)
        for group_id, seat in await agent_groups.seats_of_groups(session, account_id):
            seats[group_id].append(seat)
        return [BridgeGroupView(group, seats[group.id]) for group in await self.rows(session, account_id)]

    async def rows(self, session: AsyncSession, account_id: str) -> Sequence[BridgeGroup]:
        """Return all of an account, by age, without their seats."""
        return await store.items(session, BridgeGroup, account_id)

    async def view(self, session: AsyncSession, item: BridgeGroup) -> BridgeGroupView:
        """Return a group with its seats."""
        rows = await agent_groups.seats_of_groups(session, item.account_id, item.id)
        return BridgeGroupView(item, [seat for _group, seat in rows])

    async def check(self, session: AsyncSession, item: BridgeGroup, given: Mapping[str, Any]) -> None:
        """Refuse seats that are not the account's own."""
        wanted = given.get("customer_service", ())
        known = await agent_groups.known_seats(session, item.account_id, wanted) if wanted else frozenset()
        refuse_unknown(known, wanted, "customer_service", SEATS.noun)

    async def write_parts(self, session: AsyncSession, item: BridgeGroup, given: Mapping[str, Any]) -> None:
        """Write the seats where they are given."""
        if "customer_service" in given:
            await agent_groups.set_seats(session, item.id, given["customer_service"])

    async def before_removal(self, session: AsyncSession, item: BridgeGroup) -> None:
        """Hold the seats, which go with it, in the one order in which they are held."""
        await agent_groups.lock_seats(session, item.id)


SEATS = Seats()
BRIDGE_GROUPS = BridgeGroups()
