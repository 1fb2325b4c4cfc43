"""Events for an ATS or CRM: written in the transaction that causes them, delivered afterwards, signed and retried."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import asyncpg

from app.repositories import outbox

EventKind = Literal["replied", "converted", "opted_out", "send_unknown", "needs_review"]


async def add_events(
    connection: asyncpg.Connection,
    now: datetime,
    kind: EventKind,
    subjects: Sequence[tuple[int, int, dict[str, Any]]],
) -> None:
    """Put events (bot id, contact id, details) on their way, for the bots that have an ``event_url``."""
    if subjects:
        await outbox.add(connection, now, kind, subjects)
