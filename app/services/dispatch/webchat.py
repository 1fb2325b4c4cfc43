"""Sending into web chats: lock, decide and write in one transaction, so that a crash leaves nothing half done."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from app.domain.followup import End, Limits, Reason, Send, Wait
from app.gateways.messenger import Channel, Messenger
from app.repositories import audit, results
from app.repositories import dispatch as store
from app.repositories.dispatch import NextPlace, Outgoing, Row, Settled
from app.services.context import Context
from app.services.dispatch import inboxes, leases
from app.services.dispatch.batch import Moves, assess, settled_of
from app.services.dispatch.claims import Claims
from app.services.dispatch.looks import CountsAsSent, Retry, Uncertain
from app.services.events import add_events


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What a batch did: how many rows it took, how many messages left."""

    taken: int
    sent: int


async def send_batch(context: Context, bot_id: int, limits: Limits, claims: Claims, limit: int) -> BatchResult:
    """Take up to ``limit`` due people of a web-chat bot, oldest first, and write to those who may be written to."""
    now = context.clock.now()
    async with context.database.transaction() as connection:
        async with claims.turn:
            generation = claims.generation
            rows = await store.lock_due(connection, bot_id, now, claims.mark, limit)
            if not rows:
                return BatchResult(0, 0)
            claims.advance((rows[-1]["due_at"], rows[-1]["id"]), generation)
        sent = await _write(connection, context, bot_id, rows, limits, now)
    return BatchResult(len(rows), sent)


async def send_polled_batch(
    context: Context, messenger: Messenger, channel: Channel, limits: Limits, claims: Claims, limit: int
) -> BatchResult:
    """The same for a bot with an inbox: claim with a lease, ask with no transaction open, then write in one.

    Nothing is reserved: whoever is still held by the lease when its process dies was not written to.
    """
    lease = await leases.take(context, channel.bot_id, claims, limit, None)
    if not lease.ids:
        return BatchResult(0, 0)
    unreachable = await inboxes.ask_first(context, messenger, channel, limits, lease)
    now = context.clock.now()
    async with context.database.transaction() as connection:
        rows = await store.lock_claimed(connection, lease.ids, lease.token)
        sent = await _write(connection, context, channel.bot_id, rows, limits, now, unreachable)
    await leases.hand_back(context, lease, {row["id"] for row in rows})
    return BatchResult(len(lease.ids), sent)


async def _write(
    connection: asyncpg.Connection,
    context: Context,
    bot_id: int,
    rows: Sequence[Row],
    limits: Limits,
    now: datetime,
    unreachable: frozenset[int] = frozenset(),
) -> int:
    """Decide about people whose rows are locked and write everything; returns how many messages left."""
    assessed = await assess(connection, rows, context.settings, limits, is_idempotent=False, now=now)
    moves = Moves(assessed.sequences, limits, now)
    sends: list[Outgoing] = []
    refused: list[Settled] = []
    uncertain: list[tuple[Row, Uncertain]] = []
    passed: list[tuple[int, NextPlace]] = []
    keys = iter(context.ids.uuids(len(rows)))
    for row, look in assessed.looks:
        found = inboxes.unless_unreachable(row, look, unreachable, now) if unreachable else look
        match found:
            case Send():
                sends.append(moves.outgoing(row, found, next(keys)))
            case Wait() | End():
                refused.append(settled_of(row, found))
            case Uncertain():
                uncertain.append((row, found))
            case CountsAsSent(place):
                passed.append((row["id"], place))
            case Retry():  # pragma: no cover - only gateways are idempotent
                raise AssertionError("a web chat retries nothing")
    await store.send_webchat(connection, bot_id, now, sends, moves.all)
    await store.settle(connection, now, refused)
    await write_uncertain(connection, bot_id, now, uncertain)
    await results.write_passed(connection, now, passed)
    return len(sends)


async def write_uncertain(
    connection: asyncpg.Connection, bot_id: int, now: datetime, uncertain: list[tuple[Row, Uncertain]]
) -> None:
    """Mark messages whose process died with them as unknown, and tell those who listen."""
    if not uncertain:
        return
    error = "the process ended before the outcome was known"
    await results.write_unknown(connection, now, [(found.record_id, error, found.until) for _row, found in uncertain])
    await audit.write_reasons(
        connection,
        now,
        "scheduler",
        "look",
        [(row["contact_id"], row["id"], Reason.SEND_UNKNOWN) for row, _found in uncertain],
    )
    await add_events(
        connection,
        now,
        "send_unknown",
        [(bot_id, row["contact_id"], {"record_id": found.record_id}) for row, found in uncertain],
    )
