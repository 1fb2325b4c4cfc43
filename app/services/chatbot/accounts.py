"""Bots as an account sees them: made with an id and a secret, listed, deleted; and the card of one bot."""

from typing import Any

import asyncpg

from app.errors import ConflictError, InvalidInputError, NotFoundError
from app.repositories import chatbots as store
from app.services.chatbot.users import Listing, listing
from app.services.context import Context


async def create(context: Context, card: dict[str, Any]) -> asyncpg.Record:
    """Make a bot; texts that are not given are those of the default bot."""
    client_id = f"bot-{context.ids.token()}"
    async with context.database.connection() as connection:
        return await store.create(connection, client_id, card, context.clock.now())


async def list_bots(context: Context, *, limit: int, page: int) -> Listing:
    """Return a page of all bots, newest first."""
    async with context.database.connection() as connection:
        total, rows = await store.page(connection, limit, (page - 1) * limit)
    return listing(total, page, limit, rows)


async def find(context: Context, client_id: str) -> asyncpg.Record:
    """Return a bot by its client id."""
    async with context.database.connection() as connection:
        bot = await store.find(connection, client_id)
    if bot is None:
        raise NotFoundError("没有这个机器人 (no such bot)")
    return bot


async def change(context: Context, bot: asyncpg.Record, changes: dict[str, Any]) -> asyncpg.Record:
    """Change fields of a bot's card and return it."""
    card = {**bot, **changes}
    if card["suggest_threshold"] > card["best_threshold"]:
        raise InvalidInputError(
            "建议回复阈值不能高于最佳回复阈值 (faqSuggReplyThreshold must not be above faqBestReplyThreshold)",
            field=("body", "faqSuggReplyThreshold"),
        )
    async with context.database.connection() as connection:
        if changes:
            await store.update(connection, bot["id"], changes, context.clock.now())
    return await find(context, bot["client_id"])


async def delete(context: Context, bot: asyncpg.Record) -> None:
    """Take a bot away; its people's sequences end, histories stay until they are erased."""
    if bot["is_default"]:
        raise ConflictError("默认机器人不能删除 (the default bot cannot be deleted)")
    async with context.database.transaction() as connection:
        await store.soft_delete(connection, bot["id"], context.clock.now())
    context.wake.set()
