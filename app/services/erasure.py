"""Erasing a person: what names them goes, what counts them stays, and nobody can wake them up again.

1.  Messages, contact details, sequences, answers that keys remember and the contact itself are deleted.
2.  Records of what was sent stay, without their texts, so that totals and statistics stay right.
3.  Events lose their payload; those not delivered yet are given up.
4.  The audit trail keeps who decided what and when; its details are emptied.
5.  Every identifier stays on the do-not-contact list as a salted hash; plain entries that name the person go, unless
    they came through another contact who is still there.
6.  Others who share an identifier are taken to be the same person on another channel: they are flagged.
"""

import asyncpg

from app.domain.identifiers import digest
from app.repositories import audit, contacts
from app.repositories import erasure as repository
from app.repositories import protection as listing
from app.services import protection
from app.services.context import Context
from app.services.transactions import in_transaction

ERASED = "erased"


async def erase(context: Context, contact_id: int, *, actor: str) -> None:
    """Erase a person's data everywhere, in one transaction; 404 where there is none."""
    now = context.clock.now()
    fresh_key = context.ids.token()

    async def work(connection: asyncpg.Connection) -> None:
        # Found without a lock: all rows are then locked in one go, in the order of their ids.
        await contacts.lock(connection, {contact_id, *await protection.sharing(connection, [contact_id])})
        await protection.lock_contact(connection, contact_id)
        await listing.hold_list(connection)
        sharing = await protection.lock_sharing(connection, [contact_id])
        owned = await listing.identifiers_of(connection, [contact_id])
        identifiers = list(dict.fromkeys(item.identifier for item in owned))
        key = await listing.ensure_hash_key(connection, fresh_key)
        hashes = [("hash", digest(item, key), ERASED) for item in identifiers]
        await listing.add_independent(connection, hashes, now)
        await listing.remove_plain(connection, contact_id, identifiers)
        others = sharing - {contact_id}
        await protection.refuse(connection, others, reason=ERASED, actor=actor, now=now)
        kept = await repository.erase(connection, contact_id)
        entry = audit.Entry(contact_id, reason=protection.OPERATOR, detail={"records_kept": kept})
        await audit.write(connection, now, actor=actor, action="erase", entries=[entry])

    await in_transaction(context, work)
