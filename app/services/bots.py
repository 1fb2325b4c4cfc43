"""Channels: made with a secret of their own, and told how to deliver."""

import base64
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import InvalidInputError, NotFoundError
from app.ids import IdSource
from app.models import Bot
from app.repositories import bots
from app.services.context import Context

WEBHOOK = "webhook"


async def create(context: Context, session: AsyncSession, name: str) -> Bot:
    """Make a channel that delivers into the web chat, with a client id and a secret."""
    now = context.clock.now()
    return await bots.add(
        session,
        Bot(
            client_id=f"bot-{context.ids.token()}",
            name=name,
            secret=_new_secret(context.ids),
            created_at=now,
            updated_at=now,
        ),
    )


async def get(session: AsyncSession, bot_id: int, *, lock: bool = False) -> Bot:
    """Return a channel; 404 where there is none."""
    bot = await bots.get(session, bot_id, lock=lock)
    if bot is None:
        raise NotFoundError(f"没有 id 为 {bot_id} 的渠道 (no bot {bot_id})")
    return bot


async def set_delivery(
    context: Context, session: AsyncSession, bot_id: int, changes: dict[str, Any]
) -> tuple[Bot, str | None]:
    """Change how a channel delivers; returns it, and the secret where one was made just now.

    What is switched away from keeps its address, so that switching back needs nothing. A channel that calls somebody
    (webhook, inbox or events) signs its calls, so it needs a secret.

    Raises:
        InvalidInputError: webhook without an address.
    """
    bot = await get(session, bot_id, lock=True)
    for field, value in changes.items():
        setattr(bot, "delivery_kind" if field == "kind" else field, value)
    if bot.delivery_kind == WEBHOOK and bot.url is None:
        raise InvalidInputError("webhook 需要 url (webhook needs a url)", field=("body", "url"))
    made = None
    if bot.secret is None and (bot.delivery_kind == WEBHOOK or bot.inbox_url or bot.event_url):
        made = bot.secret = _new_secret(context.ids)
    if changes or made:
        bot.updated_at = context.clock.now()
    await session.flush()
    return bot, made


def _new_secret(ids: IdSource) -> str:
    return f"whsec_{base64.b64encode(ids.token().encode()).decode()}"
