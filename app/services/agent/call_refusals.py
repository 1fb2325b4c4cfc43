"""Whoever says on the phone that they want no more calls is on the do-not-contact list, whatever else is decided.

Locks as everywhere: people by id, then the list. The number itself is listed too, for a task knows nothing else.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

from app.domain.identifiers import IdentifierKind, stored_identifier
from app.repositories import audit, contacts
from app.repositories import protection as listing
from app.services import protection
from app.services.context import Context
from app.services.transactions import in_transaction

ACTOR = "call"
REASON = "opt_out"


class Refusal(NamedTuple):
    """A call in which somebody refused further ones."""

    call_id: int
    phone: str
    contact_id: int | None


async def protect(context: Context, refusals: Sequence[Refusal], now: datetime) -> None:
    """List the numbers of these calls, and protect everybody who is known under them; audited."""
    if refusals:
        await in_transaction(context, lambda connection: _protect(connection, refusals, now))


async def _protect(connection: asyncpg.Connection, refusals: Sequence[Refusal], now: datetime) -> None:
    subjects = [stored_identifier(IdentifierKind.PHONE, refusal.phone) for refusal in refusals]
    called = {refusal.contact_id for refusal in refusals if refusal.contact_id is not None}
    # Found without a lock: all rows are then locked in one go, in the order of their ids.
    known = called.union(*(await listing.contacts_with(connection, subjects)).values())
    await contacts.lock(connection, known | await protection.sharing(connection, sorted(known)))
    await listing.hold_list(connection)
    people = called.union(*(await listing.contacts_with(connection, subjects)).values())
    await protection.lock_late(connection, people - known)
    await listing.add_independent(connection, sorted({(str(each.kind), each.value, REASON) for each in subjects}), now)
    await protection.protect(connection, contact_ids=sorted(people), reason=REASON, actor=ACTOR, now=now)
    entries = [audit.Entry(each.contact_id, reason=REASON, detail={"call_id": each.call_id}) for each in refusals]
    await audit.write(connection, now, actor=ACTOR, action="list_identifiers", entries=entries)
