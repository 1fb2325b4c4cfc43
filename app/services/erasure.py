"""Erasing a person: what names them goes, what counts them stays, and nobody can wake them up again.

1.  Messages, contact details, sequences, answers that keys remember and the contact itself are deleted.
2.  Records of what was sent stay, without their texts, so that totals and statistics stay right.
3.  Calls and the rounds behind them stay without number, talk and recording; what was planned is cancelled, a call that
    is under way is given up. In cases the person stands without name and number; where agreements and talks of the
    others name them, a mask stands. Tasks keep their numbers as empty rows that nobody dials.
4.  Events lose their payload; those not delivered yet are given up.
5.  The audit trail keeps who decided what and when; its details are emptied.
6.  Every identifier stays on the do-not-contact list as a salted hash; plain entries that name the person go, unless
    they came through another contact who is still there.
7.  Others who share an identifier are taken to be the same person on another channel: they are flagged.
"""

import asyncio
from collections.abc import Sequence

import asyncpg
import structlog

from app.domain.identifiers import IdentifierKind, digest, national_phone
from app.gateways.dialer import DialerError
from app.repositories import audit, call_erasure, contacts
from app.repositories import erasure as repository
from app.repositories import protection as listing
from app.repositories.calls import Row
from app.services import protection
from app.services.calls.refs import ref_of
from app.services.context import Context
from app.services.transactions import in_transaction

log = structlog.get_logger(__name__)

ERASED = "erased"
_SHORTEST_NAME = 2
"""A name of one character would mask half of every text."""


async def erase(context: Context, contact_id: int, *, actor: str) -> None:
    """Erase a person's data everywhere, in one transaction; 404 where there is none."""
    now = context.clock.now()
    fresh_key = context.ids.token()

    async def work(connection: asyncpg.Connection) -> Sequence[Row]:
        # Found without a lock: all rows are then locked in one go, in the order of their ids.
        await contacts.lock(connection, {contact_id, *await protection.sharing(connection, [contact_id])})
        card = await protection.lock_contact(connection, contact_id)
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
        phones = [item.value for item in identifiers if item.kind is IdentifierKind.PHONE]
        traces = await call_erasure.find(connection, contact_id, phones)
        spoken = _spoken([card["name"], *(party["name"] for party in traces.parties)], phones)
        await call_erasure.erase(connection, traces, spoken, actor=actor, now=now)
        kept = await repository.erase(connection, contact_id)
        facts = {"records_kept": kept, "calls_kept": len(traces.calls)}
        entry = audit.Entry(contact_id, reason=protection.OPERATOR, detail=facts)
        await audit.write(connection, now, actor=actor, action="erase", entries=[entry])
        return traces.calls

    calls = await in_transaction(context, work)
    await _give_up(context, [call for call in calls if call["ended_at"] is None])


def _spoken(names: Sequence[str | None], phones: Sequence[str]) -> list[str]:
    """Return what may stand for the person in texts, longer ones first."""
    words = {name for name in names if name and len(name) >= _SHORTEST_NAME}
    words |= {form for phone in phones if phone.startswith("+") for form in (phone, national_phone(phone))}
    return sorted(words, key=len, reverse=True)


async def _give_up(context: Context, calls: Sequence[Row]) -> None:
    """Ask the provider to give up what is under way; whether it does or not, nothing of it is written down."""
    mine = [call for call in calls if call["provider"] == context.dialer.name and call["placement"] != "reserved"]
    for answer in await asyncio.gather(*(_cancel(context, call) for call in mine), return_exceptions=True):
        if isinstance(answer, BaseException):
            log.error("an erased person's call could not be given up", exc_info=answer)


async def _cancel(context: Context, call: Row) -> None:
    try:
        await context.dialer.cancel(ref_of(call))
    except DialerError as error:
        log.warning("the provider could not be told to give a call up", call_id=call["id"], error=str(error))
