"""Ask a bot's inbox whether somebody answered, before anything is sent to them."""

import asyncio
from collections.abc import Sequence

import structlog

from app.gateways.messenger import Channel, InboxUnreachableError, Messenger
from app.repositories import inbound as store
from app.repositories.dispatch import Row
from app.services.context import Context
from app.services.inbound import receive_polled

log = structlog.get_logger(__name__)

POLLS_AT_A_TIME = 50


async def ask_inboxes(context: Context, messenger: Messenger, channel: Channel, rows: Sequence[Row]) -> frozenset[int]:
    """Poll for each person and take in what came; returns the enrollments whose inbox gave no usable answer."""
    if not rows:
        return frozenset()
    async with context.database.connection() as connection:
        last_ids = await store.last_external_ids(connection, [row["contact_id"] for row in rows])
    gate = asyncio.Semaphore(POLLS_AT_A_TIME)

    async def ask(row: Row) -> int | None:
        async with gate:
            try:
                messages = await messenger.poll_inbox(
                    channel, row["user_id"], last_ids.get(row["contact_id"]), context.clock.now()
                )
                await receive_polled(context, channel.bot_id, row["contact_id"], messages)
            except InboxUnreachableError as error:
                log.warning("an inbox did not answer", bot_id=channel.bot_id, error=str(error))
                return int(row["id"])
        return None

    return frozenset(failed for failed in await asyncio.gather(*(ask(row) for row in rows)) if failed is not None)
