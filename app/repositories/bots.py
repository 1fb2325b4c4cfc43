"""The channels; those that were deleted are known to nobody here."""

from collections.abc import Collection, Sequence

import asyncpg
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Bot

MAX_ID_DIGITS = 18


async def resolve(connection: asyncpg.Connection, bot: int | str | None) -> int | None:
    """Return the id of a bot given by id or client id, or of the default bot; None where there is none such."""
    if bot is None:
        default: int | None = await connection.fetchval("SELECT id FROM bot WHERE is_default AND deleted_at IS NULL")
        return default
    if isinstance(bot, int):
        known: int | None = await connection.fetchval("SELECT id FROM bot WHERE id = $1 AND deleted_at IS NULL", bot)
        return known
    return (await resolve_many(connection, [bot])).get(bot)


async def resolve_many(connection: asyncpg.Connection, bots: Collection[str]) -> dict[str, int]:
    """Return the ids of bots given by client id, or by id written in digits; what is unknown is left out."""
    if not bots:
        return {}
    numbers = {int(bot): bot for bot in bots if bot.isascii() and bot.isdecimal() and len(bot) <= MAX_ID_DIGITS}
    rows = await connection.fetch(
        """
        SELECT id, client_id FROM bot
        WHERE (client_id = ANY($1::text[]) OR id = ANY($2::bigint[])) AND deleted_at IS NULL
        """,
        list(bots),
        list(numbers),
    )
    by_number = {numbers[row["id"]]: row["id"] for row in rows if row["id"] in numbers}
    return by_number | {row["client_id"]: row["id"] for row in rows if row["client_id"] in bots}


async def page(session: AsyncSession, *, offset: int, limit: int) -> tuple[int, Sequence[Bot]]:
    """Return how many bots there are and one page of them, oldest first."""
    total = await session.scalar(select(func.count()).select_from(Bot).where(Bot.deleted_at.is_(None)))
    rows = select(Bot).where(Bot.deleted_at.is_(None)).order_by(Bot.id).offset(offset).limit(limit)
    return total or 0, (await session.scalars(rows)).all()


async def get(session: AsyncSession, bot_id: int, *, lock: bool = False) -> Bot | None:
    """Return a bot, locked until the end of the transaction where asked for, or None."""
    bot = await session.get(Bot, bot_id, with_for_update=lock)
    return bot if bot is not None and bot.deleted_at is None else None


async def add(session: AsyncSession, bot: Bot) -> Bot:
    """Write a new bot and read back what the database filled in."""
    session.add(bot)
    await session.flush()
    await session.refresh(bot)
    return bot
