"""Ask a bot's inbox whether somebody answered, before anything is sent to them."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from app.domain.followup import Limits, Reason, Send, Wait
from app.gateways.messenger import Channel, InboxUnreachableError, Messenger
from app.repositories import dispatch as dispatch_store
from app.repositories import inbound as store
from app.repositories.dispatch import Row
from app.services.context import Context
from app.services.dispatch.batch import assess
from app.services.dispatch.leases import Lease
from app.services.dispatch.looks import Look, Retry
from app.services.inbound import receive_polled

log = structlog.get_logger(__name__)

POLLS_AT_A_TIME = 50
INBOX_PAUSE = timedelta(minutes=1)


async def ask_first(
    context: Context, messenger: Messenger, channel: Channel, limits: Limits, lease: Lease
) -> frozenset[int]:
    """Poll the inbox of everybody who would be written to now; returns enrollments whose inbox did not answer."""
    if channel.inbox_url is None:
        return frozenset()
    now = context.clock.now()
    async with context.database.transaction() as connection:
        rows = await dispatch_store.lock_claimed(connection, lease.ids, lease.token)
        assessed = await assess(connection, rows, context.settings, limits, is_idempotent=channel.idempotent, now=now)
    return await _ask(context, messenger, channel, [row for row, found in assessed.looks if _asks_first(found)])


def unless_unreachable(row: Row, look: Look, unreachable: frozenset[int], now: datetime) -> Look:
    """Return the look, or that nobody knows whether the person answered, so that nothing leaves."""
    if row["id"] in unreachable and isinstance(look, (Send, Retry)):
        return Wait(Reason.INBOX_UNREACHABLE, now + INBOX_PAUSE)
    return look


def _asks_first(found: Look) -> bool:
    """Tell whether a look is about to send something that an answer in the inbox would stop; an opening is not."""
    if isinstance(found, Send):
        return found.step.script is not None
    return isinstance(found, Retry) and found.record.script_id is not None


async def _ask(context: Context, messenger: Messenger, channel: Channel, rows: Sequence[Row]) -> frozenset[int]:
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
