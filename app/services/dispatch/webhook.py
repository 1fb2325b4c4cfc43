"""Sending through a gateway: at most once, whatever dies when.

claim (lease, commit) → ask inboxes → lock, decide, reserve (commit) → deliver, no transaction open → results (commit).
Whatever is reserved when a process dies is found at the end of its lease and listed as unknown.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import structlog

from app.domain.followup import End, Limits, Reason, Send, Wait
from app.gateways.circuit import Circuit
from app.gateways.messenger import (
    WITHDRAWN,
    Channel,
    Delivery,
    Messenger,
    NotSent,
    Outcome,
    Refused,
    Sent,
    Unknown,
    Unreachable,
)
from app.repositories import audit, contacts, results
from app.repositories import dispatch as store
from app.repositories.dispatch import Move, NextPlace, OpenRecord, Outgoing, Row, Settled
from app.repositories.results import Released
from app.services.context import Context
from app.services.dispatch import inboxes, leases
from app.services.dispatch.batch import Moves, assess, settled_of
from app.services.dispatch.claims import Claims
from app.services.dispatch.looks import CountsAsSent, Retry, Uncertain
from app.services.dispatch.webchat import BatchResult, write_uncertain
from app.services.events import add_events

log = structlog.get_logger(__name__)

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(hours=1)
WRITE_PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0)
"""Seconds between tries to write outcomes while the database is away; what a gateway said is known only here."""
FRESH = timedelta(seconds=5)
"""How old the last look at a person may be when a message leaves; a process that was stopped in between looks again."""
NOT_TRIED = NotSent("not tried: the gateway had just failed")


@dataclass(frozen=True, slots=True)
class Reserved:
    """A record that is written and about to leave."""

    row: Row
    record_id: int
    delivery: Delivery
    place: NextPlace
    """Where the enrollment stands once it left."""
    tries_before: int = 0
    """How often this very record was tried."""


async def send_batch(
    context: Context,
    messenger: Messenger,
    channel: Channel,
    limits: Limits,
    claims: Claims,
    limit: int,
    rate_per_second: float | None,
) -> BatchResult:
    """Take up to ``limit`` due people of a gateway's bot and write to those who may be written to."""
    lease = await leases.take(context, channel.bot_id, claims, limit, rate_per_second)
    if not lease.ids:
        return BatchResult(0, 0)
    unreachable = await inboxes.ask_first(context, messenger, channel, limits, lease)
    reserved = await _reserve(context, channel, limits, lease, unreachable)
    async with claims.delivery:
        if claims.circuit.batch_limit(context.clock.now(), 1):
            outcomes = await _deliver(context, messenger, channel, reserved, lease.start, rate_per_second)
            _learn(claims.circuit, outcomes, context.clock.now())
        else:
            # The batch before this one found out that nobody answers.
            outcomes = [NOT_TRIED] * len(reserved)
    await _write_patiently(context, channel, list(zip(reserved, outcomes, strict=True)))
    return BatchResult(len(lease.ids), sum(isinstance(outcome, Sent) for outcome in outcomes))


def _learn(circuit: Circuit, outcomes: Sequence[Outcome], now: datetime) -> None:
    failures = sum(isinstance(outcome, Unknown) or _is_down(outcome) for outcome in outcomes)
    # What was withdrawn says nothing about the gateway.
    answered = sum(outcome is not WITHDRAWN for outcome in outcomes) - failures
    circuit.record(successes=answered, failures=failures, now=now)


def _is_down(outcome: Outcome) -> bool:
    return isinstance(outcome, NotSent) and outcome.retry_after is None


async def _reserve(
    context: Context, channel: Channel, limits: Limits, lease: leases.Lease, unreachable: frozenset[int]
) -> list[Reserved]:
    """Read people again, decide, and write records as reserved; everything else is settled here."""
    now = context.clock.now()
    async with context.database.transaction() as connection:
        rows = await store.lock_claimed(connection, lease.ids, lease.token)
        assessed = await assess(connection, rows, context.settings, limits, is_idempotent=channel.idempotent, now=now)
        moves = Moves(assessed.sequences, limits, now)
        sends: list[tuple[Row, Outgoing]] = []
        refused: list[Settled] = []
        uncertain: list[tuple[Row, Uncertain]] = []
        passed: list[tuple[int, NextPlace]] = []
        retried: list[tuple[Row, Retry]] = []
        keys = iter(context.ids.uuids(len(rows)))
        for row, look in assessed.looks:
            found = inboxes.unless_unreachable(row, look, unreachable, now)
            match found:
                case Send():
                    sends.append((row, moves.outgoing(row, found, next(keys))))
                case Wait() | End():
                    refused.append(settled_of(row, found))
                case Uncertain():
                    uncertain.append((row, found))
                case CountsAsSent(place):
                    passed.append((row["id"], place))
                case Retry():
                    retried.append((row, found))
        record_ids = await store.reserve(
            connection, channel.bot_id, now, [outgoing for _row, outgoing in sends], moves.all
        )
        await store.settle(connection, now, refused)
        await write_uncertain(connection, channel.bot_id, now, uncertain)
        await results.write_passed(connection, now, passed)
        if channel.idempotent:
            # Its tries are over and nobody knows: only now is it somebody's business.
            told = [row for row, look in assessed.looks if isinstance(look, CountsAsSent)]
            await _tell_unknown(connection, channel.bot_id, told, now)
        await results.mark_retried(connection, now, [retry.record.id for _, retry in retried])
    await leases.hand_back(context, lease, {row["id"] for row in rows})
    return [
        _reserved(row, record_ids[row["id"]], outgoing, moves.all[outgoing.move - 1]) for row, outgoing in sends
    ] + [
        Reserved(row, retry.record.id, _repeated(row, retry.record), retry.place, retry.record.attempts)
        for row, retry in retried
    ]


async def _tell_unknown(connection: asyncpg.Connection, bot_id: int, rows: Sequence[Row], now: datetime) -> None:
    subjects = [(bot_id, row["contact_id"], {"record_id": row["open_record_id"]}) for row in rows]
    await add_events(connection, now, "send_unknown", subjects)


def _reserved(row: Row, record_id: int, outgoing: Outgoing, move: Move) -> Reserved:
    text = move.text if outgoing.own_text is None else outgoing.own_text
    delivery = Delivery(record_id, row["contact_id"], row["user_id"], text, str(UUID(outgoing.key)))
    return Reserved(row, record_id, delivery, move.place)


def _repeated(row: Row, record: OpenRecord) -> Delivery:
    return Delivery(record.id, row["contact_id"], row["user_id"], record.content, str(record.key))


async def _deliver(
    context: Context,
    messenger: Messenger,
    channel: Channel,
    reserved: Sequence[Reserved],
    start: datetime,
    rate_per_second: float | None,
) -> list[Outcome]:
    """Deliver everything that is reserved at once; with a rate, each message in its own slot."""
    began = context.clock.now()
    wanted = await _still_wanted(context, [item.record_id for item in reserved])

    async def one(index: int, item: Reserved) -> Outcome:
        looked_at, is_wanted = began, item.record_id in wanted
        if rate_per_second is not None and is_wanted:
            slot = (start - began).total_seconds() + index / rate_per_second
            await asyncio.sleep(max(0.0, slot))
            looked_at, is_wanted = await _looked_again(context, item)
        while is_wanted and context.clock.now() - looked_at > FRESH:
            looked_at, is_wanted = await _looked_again(context, item)
        return await messenger.deliver(channel, item.delivery, context.clock.now()) if is_wanted else WITHDRAWN

    return list(await asyncio.gather(*(one(index, item) for index, item in enumerate(reserved))))


async def _looked_again(context: Context, item: Reserved) -> tuple[datetime, bool]:
    """Return when a message was looked at once more, and whether it may still leave; not if nobody can tell."""
    at = context.clock.now()
    try:
        return at, bool(await _still_wanted(context, [item.record_id]))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        log.warning("a message does not leave: it could not be looked at", record_id=item.record_id, error=repr(error))
        return at, False


async def _still_wanted(context: Context, record_ids: Sequence[int]) -> frozenset[int]:
    """Read replies and flags once more, after the reservation: who answered meanwhile is not written to."""
    if not record_ids:
        return frozenset()
    async with context.database.connection() as connection:
        return await store.still_wanted(connection, context.clock.now(), record_ids)


async def _write_patiently(context: Context, channel: Channel, outcomes: list[tuple[Reserved, Outcome]]) -> None:
    for pause in WRITE_PAUSES:
        try:
            return await write_outcomes(context, channel, outcomes)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.warning("outcomes could not be written yet", bot_id=channel.bot_id, error=repr(error))
            await asyncio.sleep(pause)
    return await write_outcomes(context, channel, outcomes)


async def write_outcomes(context: Context, channel: Channel, outcomes: list[tuple[Reserved, Outcome]]) -> None:
    """Write what became of a batch, and when each enrollment is looked at again."""
    if not outcomes:
        return
    now = context.clock.now()
    hold = timedelta(hours=context.settings.unknown_hold_hours)
    sent: list[tuple[int, int, NextPlace]] = []
    unknown: list[tuple[int, str, datetime]] = []
    released: list[Released] = []
    told: list[tuple[int, int, dict[str, int]]] = []
    for item, outcome in outcomes:
        match outcome:
            case Sent():
                sent.append((item.record_id, item.row["id"], item.place))
            case Unknown(error):
                if channel.idempotent:
                    unknown.append((item.record_id, error, now + pause_after(item.tries_before or 1)))
                else:
                    unknown.append((item.record_id, error, now + hold))
                    told.append((channel.bot_id, item.row["contact_id"], {"record_id": item.record_id}))
            case NotSent(error, seconds) if item.tries_before:
                # An earlier try may have arrived: another record would be another message.
                tried = pause_after(item.tries_before)
                unknown.append((item.record_id, error, now + (timedelta(seconds=seconds) if seconds else tried)))
            case _:
                released.append(released_of(item, outcome, now))
    async with context.database.transaction() as connection:
        # In the order of ids, like everybody who locks several people.
        await contacts.lock(connection, [item.row["contact_id"] for item, _ in outcomes])
        await results.write_sent(connection, now, sent)
        await results.write_unknown(connection, now, unknown)
        await results.write_released(connection, now, released)
        await add_events(connection, now, "send_unknown", told)
        by_record = {item.record_id: item.row for item, _ in outcomes}
        reasons = [(item.record_id, item.reason) for item in released]
        reasons += [(record_id, Reason.SEND_UNKNOWN) for record_id, _error, _until in unknown]
        await audit.write_reasons(
            connection,
            now,
            "gateway",
            "send",
            [
                (by_record[record_id]["contact_id"], by_record[record_id]["id"], reason)
                for record_id, reason in reasons
                if by_record[record_id]["reason"] != reason
            ],
        )
    if unknown or released:
        log.warning(
            "some messages did not leave for certain",
            bot_id=channel.bot_id,
            unknown=len(unknown),
            released=len(released),
        )


def pause_after(failures: int) -> timedelta:
    """Return the growing pause before the next try."""
    return min(FIRST_PAUSE * (1 << min(failures, 16)), LONGEST_PAUSE)


def released_of(item: Reserved, outcome: Outcome, now: datetime) -> Released:
    """Return what follows from a message that certainly did not reach the person."""
    if outcome is WITHDRAWN:
        # No fault of the gateway's: looked at again at once, and that look says why.
        row = item.row
        return Released(item.record_id, "not_sent", WITHDRAWN.error, "active", row["reason"], now, row["failures"])
    failures = item.row["failures"] + 1
    match outcome:
        case NotSent(error, None):
            return Released(
                item.record_id,
                "not_sent",
                error,
                "active",
                Reason.GATEWAY_UNREACHABLE,
                now + pause_after(failures),
                failures,
            )
        case NotSent(error, int(seconds)):
            due = now + timedelta(seconds=seconds)
            return Released(item.record_id, "not_sent", error, "active", Reason.GATEWAY_BUSY, due, failures)
        case Unreachable(error):
            return Released(item.record_id, "failed", error, "stopped", Reason.PERSON_UNREACHABLE, None, failures)
        case Refused(error):
            return Released(item.record_id, "failed", error, "paused", Reason.SEND_FAILED, None, failures)
        case _:
            raise AssertionError("sent and unknown messages are not released")
