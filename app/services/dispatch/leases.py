"""Claims that outlive their transaction: taken with a lease before something slow happens, handed back if unused."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from app.repositories import bots_pacing, results
from app.repositories import dispatch as store
from app.services.context import Context
from app.services.dispatch.claims import BEGINNING, Claims

HAND_BACK_PAUSE = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Lease:
    """Enrollments that belong to this process until the end of its lease, and the first slot of the bot's pace."""

    ids: Sequence[int]
    token: UUID
    start: datetime


async def take(context: Context, bot_id: int, claims: Claims, limit: int, rate_per_second: float | None) -> Lease:
    """Claim up to ``limit`` due people of a bot, oldest first; with a rate no more than there are slots."""
    now = context.clock.now()
    token = context.ids.uuid()
    async with claims.turn, context.database.transaction() as connection:
        start, limit = await bots_pacing.take_slots(connection, bot_id, now, rate_per_second, limit)
        lease_end = now + timedelta(seconds=context.settings.lease_seconds)
        generation = claims.generation
        claimed = await store.claim(connection, bot_id, now, claims.mark, limit, lease_end, token) if limit else []
        await bots_pacing.use_slots(connection, bot_id, start, rate_per_second, len(claimed))
        claims.advance(max(((row["due_at"], row["id"]) for row in claimed), default=BEGINNING), generation)
    return Lease([row["id"] for row in claimed], token, start)


async def hand_back(context: Context, lease: Lease, kept: Collection[int]) -> None:
    """Give back people who are being answered for right now, in a transaction that holds nothing else."""
    ids = set(lease.ids) - set(kept)
    if ids:
        async with context.database.transaction() as connection:
            await results.release_claim(connection, sorted(ids), lease.token, context.clock.now() + HAND_BACK_PAUSE)
