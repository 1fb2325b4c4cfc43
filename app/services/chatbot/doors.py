"""The two doors of the chatbot: which bot is meant, and whether the caller may speak for it."""

import asyncpg

from app.domain.chat import SignatureError, check_signature, check_time, read_credentials, spellings
from app.errors import NotFoundError
from app.repositories import chat as store
from app.repositories import chatbots
from app.services.context import Context


async def signed_bot(
    context: Context, client_id: str, header: str | None, method: str, target: bytes
) -> asyncpg.Record:
    """Return the bot that a signed request speaks for; raises ``SignatureError``. A signature works once.

    Args:
        context: The service.
        client_id: Whose door.
        header: The ``Authorization`` header.
        method: The HTTP method.
        target: Path and query as they came on the wire.
    """
    credentials = read_credentials(header)
    now = context.clock.now()
    async with context.database.connection() as connection:
        bot = await chatbots.find(connection, client_id)
        if bot is None or credentials.app_id != client_id:
            raise SignatureError("invalid appId.")
        check_time(credentials, now.timestamp())
        check_signature(bot["api_secret"], credentials, method, spellings(target))
        if not await store.use_signature(connection, client_id, credentials.timestamp, credentials.random, now):
            raise SignatureError("invalid signature, it was used before.")
    return bot


async def default_bot(context: Context) -> asyncpg.Record:
    """Return the default bot."""
    async with context.database.connection() as connection:
        bot = await chatbots.find_default(connection)
    if bot is None:
        raise NotFoundError("没有默认机器人 (there is no default bot)")
    return bot
