"""Who decided what about whom: rows without names, numbers or texts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg

_WRITE = """
    INSERT INTO audit_entry (at, actor, action, contact_id, enrollment_id, reason, detail)
    SELECT $1, $2, $3, i.contact_id, i.enrollment_id, i.reason, i.detail
    FROM unnest($4::bigint[], $5::bigint[], $6::text[], $7::jsonb[]) AS i(contact_id, enrollment_id, reason, detail)
"""
MAX_REASON = 64


@dataclass(frozen=True, slots=True)
class Entry:
    """One row: whom it is about, why, and facts that name nobody (counts, kinds, ids)."""

    contact_id: int | None = None
    enrollment_id: int | None = None
    reason: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)


async def write_reasons(
    connection: asyncpg.Connection,
    now: datetime,
    actor: str,
    action: str,
    rows: Sequence[tuple[int, int | None, str | None]],
) -> None:
    """Write rows of one action that consist of a reason only: (contact, enrollment, reason) each."""
    await write(connection, now, actor=actor, action=action, entries=[Entry(*row) for row in rows])


async def write(
    connection: asyncpg.Connection, now: datetime, *, actor: str, action: str, entries: Sequence[Entry]
) -> None:
    """Write rows of one action."""
    if not entries:
        return
    await connection.execute(
        _WRITE,
        now,
        actor[:64],
        action,
        [entry.contact_id for entry in entries],
        [entry.enrollment_id for entry in entries],
        [entry.reason[:MAX_REASON] if entry.reason else entry.reason for entry in entries],
        [entry.detail for entry in entries],
    )
