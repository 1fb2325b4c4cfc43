"""Deliver events to ``event_url``: signed, retried with growing pauses for about three days, then given up as dead."""

import asyncio
from datetime import datetime, timedelta

import asyncpg
import structlog
from pydantic_core import to_json

from app.gateways.http import HttpClient, TransportError
from app.gateways.signing import sign
from app.repositories import outbox as store
from app.services.context import Context

log = structlog.get_logger(__name__)

BATCH = 50
LEASE = timedelta(minutes=2)
PAUSES = tuple(
    timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 24 * 3600)
)
"""Pauses after the first, second, … failed try."""
Settled = tuple[int, str, datetime, str | None]


async def deliver_events(context: Context, http: HttpClient) -> int:
    """Deliver one batch of due events; returns how many were tried."""
    now = context.clock.now()
    async with context.database.transaction() as connection:
        events = await store.claim(connection, now, now + LEASE, BATCH)
    if not events:
        return 0
    outcomes = await asyncio.gather(*(_deliver(context, http, event) for event in events))
    async with context.database.transaction(is_patient=True) as connection:
        await store.settle(connection, context.clock.now(), outcomes)
    return len(events)


async def _deliver(context: Context, http: HttpClient, event: asyncpg.Record) -> Settled:
    now = context.clock.now()
    if event["event_url"] is None:
        return event["id"], "dead", now, "the bot has no event_url any more"
    body = to_json(event["payload"])
    headers = {"content-type": "application/json", **sign(event["secret"], str(event["key"]), now, body)}
    try:
        answer = await http.request("POST", event["event_url"], headers=headers, body=body)
    except TransportError as error:
        return _failed(event, now, str(error))
    if answer.is_success:
        return event["id"], "delivered", now, None
    return _failed(event, now, f"HTTP {answer.status}")


def _failed(event: asyncpg.Record, now: datetime, error: str) -> Settled:
    attempts: int = event["attempts"]
    if attempts > len(PAUSES):
        log.error("an event was given up", event_id=event["id"], error=error)
        return event["id"], "dead", now, error
    return event["id"], "pending", now + PAUSES[attempts - 1], error
