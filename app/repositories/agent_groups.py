"""Lines with what is on them, the lines of groups of scripts, the seats of bridge groups, and who uses what."""

from collections.abc import Sequence

from sqlalchemy import Row, Select, delete, func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import (
    BridgeGroup,
    BridgeGroupSeat,
    CallerLine,
    CustomerService,
    OutboundCall,
    OutboundGroup,
    OutboundGroupLine,
)
from app.repositories import line_slots, tasks
from app.repositories.agent import Property


async def lines(session: AsyncSession, account_id: str) -> Sequence[Row[CallerLine, int]]:
    """Return the lines of an account, by age, each with how much of it is taken."""
    query = _lines().where(CallerLine.account_id == account_id).order_by(CallerLine.created_at, CallerLine.id)
    return (await session.execute(query)).all()


async def used(session: AsyncSession, line_id: str) -> int:
    """Return how much of a line is taken."""
    query = select(line_slots.used()).select_from(CallerLine).where(CallerLine.id == line_id)
    return (await session.execute(query)).scalar_one()


async def lock_line(session: AsyncSession, line_id: str) -> None:
    """Let nobody put a call on a line until the transaction ends."""
    await session.execute(select(CallerLine.id).where(CallerLine.id == line_id).with_for_update())


async def lines_of_groups(
    session: AsyncSession, account_id: str, group_id: int | None = None
) -> Sequence[Row[int, CallerLine, int]]:
    """Return (group, line, taken) for the groups of scripts of an account, or for one of them, in their order."""
    query = (
        select(OutboundGroupLine.group_id, CallerLine, line_slots.used())
        .join(OutboundGroup, OutboundGroup.id == OutboundGroupLine.group_id)
        .join(CallerLine, CallerLine.id == OutboundGroupLine.line_id)
        .where(OutboundGroup.account_id == account_id)
        .order_by(OutboundGroupLine.group_id, OutboundGroupLine.position)
    )
    if group_id is not None:
        query = query.where(OutboundGroup.id == group_id)
    return (await session.execute(query)).all()


async def seats_of_groups(
    session: AsyncSession, account_id: str, group_id: int | None = None
) -> Sequence[Row[int, CustomerService]]:
    """Return (group, seat) for the bridge groups of an account, or for one of them, in their order."""
    query = (
        select(BridgeGroupSeat.group_id, CustomerService)
        .join(BridgeGroup, BridgeGroup.id == BridgeGroupSeat.group_id)
        .join(CustomerService, CustomerService.id == BridgeGroupSeat.seat_id)
        .where(BridgeGroup.account_id == account_id)
        .order_by(BridgeGroupSeat.group_id, BridgeGroupSeat.position)
    )
    if group_id is not None:
        query = query.where(BridgeGroup.id == group_id)
    return (await session.execute(query)).all()


async def known_lines(session: AsyncSession, account_id: str, line_ids: Sequence[str]) -> frozenset[str]:
    """Return which of these lines are the account's own."""
    query = select(CallerLine.id).where(CallerLine.account_id == account_id, CallerLine.id.in_(line_ids))
    return frozenset(await session.scalars(query))


async def known_seats(session: AsyncSession, account_id: str, seat_ids: Sequence[int]) -> frozenset[int]:
    """Return which of these seats are the account's own."""
    query = select(CustomerService.id).where(CustomerService.account_id == account_id, CustomerService.id.in_(seat_ids))
    return frozenset(await session.scalars(query))


async def set_lines(session: AsyncSession, group_id: int, line_ids: Sequence[str]) -> None:
    """Give a group of scripts these lines, in this order, and no others."""
    await session.execute(delete(OutboundGroupLine).where(OutboundGroupLine.group_id == group_id))
    rows = [{"group_id": group_id, "line_id": line_id, "position": place} for place, line_id in enumerate(line_ids)]
    if rows:
        await session.execute(insert(OutboundGroupLine), rows)


async def set_seats(session: AsyncSession, group_id: int, seat_ids: Sequence[int]) -> None:
    """Give a bridge group these seats, in this order, and no others.

    Who stays keeps the count of talks. Who joins begins with the smallest count of those who stay: a turn like the
    others, and not every talk until the past is made up for.
    """
    counts = await lock_seats(session, group_id)
    leaving = counts.keys() - set(seat_ids)
    query = delete(BridgeGroupSeat).where(BridgeGroupSeat.group_id == group_id, BridgeGroupSeat.seat_id.in_(leaving))
    await session.execute(query)
    least = min((talks for seat_id, talks in counts.items() if seat_id not in leaving), default=0)
    rows = [
        {"group_id": group_id, "seat_id": seat_id, "position": place, "talks": least}
        for place, seat_id in enumerate(seat_ids)
    ]
    if rows:
        new = upsert(BridgeGroupSeat)
        keys = [BridgeGroupSeat.group_id, BridgeGroupSeat.seat_id]
        await session.execute(
            new.on_conflict_do_update(index_elements=keys, set_={"position": new.excluded.position}), rows
        )


async def lock_seats(session: AsyncSession, group_id: int) -> dict[int, int]:
    """Hold the seats of a bridge group, in the order in which ends of calls hold them; returns their talks by id."""
    query = select(BridgeGroupSeat.seat_id, BridgeGroupSeat.talks).where(BridgeGroupSeat.group_id == group_id)
    found = await session.execute(query.order_by(BridgeGroupSeat.seat_id).with_for_update())
    return {row.seat_id: row.talks for row in found}


async def users_of(session: AsyncSession, item: Property) -> Sequence[str]:
    """Return what uses something, in words for a person; nothing: it may go."""
    found = list(await tasks.users_of(session, item))
    if isinstance(item, CallerLine):
        groups = (
            select(OutboundGroup.name)
            .join(OutboundGroupLine, OutboundGroupLine.group_id == OutboundGroup.id)
            .where(OutboundGroupLine.line_id == item.id)
            .order_by(OutboundGroup.id)
        )
        calls = select(func.count()).where(OutboundCall.line_id == item.id, OutboundCall.ended_at.is_(None))
        active = (await session.execute(calls)).scalar_one()
        found = [*(f"话术组「{name}」" for name in await session.scalars(groups)), *found]
        return [*found, f"{active} 个进行中的通话 ({active} calls under way)"] if active else found
    if isinstance(item, CustomerService):
        bridges = (
            select(BridgeGroup.name)
            .join(BridgeGroupSeat, BridgeGroupSeat.group_id == BridgeGroup.id)
            .where(BridgeGroupSeat.seat_id == item.id)
            .order_by(BridgeGroup.id)
        )
        return [f"转接组「{name}」" for name in await session.scalars(bridges)]
    return found


def _lines() -> Select[CallerLine, int]:
    return select(CallerLine, line_slots.used())
