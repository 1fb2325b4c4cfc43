"""The two doors of the chatbot: which bot is meant, and whether the caller may speak for it."""

from collections.abc import Sequence
from typing import Final

import asyncpg

from app.domain.chat import SignatureError, check_signature, check_time, read_credentials, spellings
from app.errors import NotFoundError
from app.gathering import Gathering
from app.repositories import chat as store
from app.repositories import chatbots
from app.services.context import Context

MOST_TOGETHER: Final = 256


class Doors:
    """Lets in. Calls that come at the same time share one reading of their bots, which begins after they came."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._bots = Gathering(self._find, most=MOST_TOGETHER, name="doors")

    async def signed_bot(self, client_id: str, header: str | None, method: str, target: bytes) -> asyncpg.Record:
        """Return the bot that a signed request speaks for; raises ``SignatureError``. A signature works once.

        Args:
            client_id: Whose door.
            header: The ``Authorization`` header.
            method: The HTTP method.
            target: Path and query as they came on the wire.
        """
        credentials = read_credentials(header)
        now = self._context.clock.now()
        bot = await self._bots(client_id)
        if bot is None or credentials.app_id != client_id:
            raise SignatureError("invalid appId.")
        check_time(credentials, now.timestamp())
        check_signature(bot["api_secret"], credentials, method, spellings(target))
        async with self._context.database.connection() as connection:
            if not await store.use_signature(connection, client_id, credentials.timestamp, credentials.random, now):
                raise SignatureError("invalid signature, it was used before.")
        return bot

    async def default_bot(self) -> asyncpg.Record:
        """Return the default bot."""
        bot = await self._bots(None)
        if bot is None:
            raise NotFoundError("没有默认机器人 (there is no default bot)")
        return bot

    async def aclose(self) -> None:
        """Finish what is under way."""
        await self._bots.aclose()

    async def _find(self, client_ids: Sequence[str | None]) -> list[asyncpg.Record | None]:
        """Find the bots of these client ids; None stands for the default one."""
        named = {client_id for client_id in client_ids if client_id is not None}
        async with self._context.database.connection() as connection:
            rows = await chatbots.find_many(connection, sorted(named), or_default=None in client_ids)
        bots = {row["client_id"]: row for row in rows}
        default = next((row for row in rows if row["is_default"]), None)
        return [default if client_id is None else bots.get(client_id) for client_id in client_ids]
