"""Who must not be contacted, and how that is lifted again.

1.  A protected person is protected under every identifier: phone, bot and user id, WeChat ID, and each contact detail
    found in their messages. All of them go on the list, marked as having come through this person.
2.  Others who share one of those identifiers are taken to be the same person on another channel: they are flagged
    and their sequences end too. What only *they* are known under is not listed: it spreads one step, no further.
3.  Sequences end at once and for good; lifting the protection never starts one again.
4.  Lifting takes off the list what came through the person. What was listed by itself, came through somebody else,
    or is what is left of an erased person keeps protecting, and the answer says so.

Locks are taken in one order, each in one mode, so that nobody waits in a circle: the announcement of new people, then
the rows of people by id, then the list. Whoever holds the list waits for no row any more: those who only then turn out
to share an identifier are locked if nobody else has them; else the transaction makes way and is repeated.
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import asyncpg

from app.domain.followup import Reason
from app.domain.identifiers import Identifier, IdentifierKind, identifier
from app.errors import ConflictError, NotFoundError
from app.repositories import audit, contacts
from app.repositories import protection as repository
from app.services.context import Context
from app.services.transactions import in_transaction

OPERATOR = "operator"
LISTED = "listed"
_LOOK_AGAIN_SECONDS = (0.002, 0.004, 0.008, 0.016, 0.032, 0.064)


@dataclass(frozen=True, slots=True)
class Wanted:
    """An identifier that somebody wants on the list."""

    kind: IdentifierKind
    value: str
    reason: str | None = None


@dataclass(slots=True)
class Verdict:
    """What became of one wanted identifier: ``added``, ``already_listed`` or ``refused``."""

    kind: IdentifierKind
    value: str
    status: str
    error: str | None = None
    contact_ids: list[int] = field(default_factory=list)


async def protect(
    connection: asyncpg.Connection,
    *,
    contact_ids: Sequence[int],
    reason: str,
    actor: str,
    now: datetime,
    note: str | None = None,
) -> None:
    """Protect people: list all their identifiers, flag them and whoever shares one, end their sequences, audit it.

    Belongs in the caller's transaction, which is to be repeated on ``DeadlockDetectedError`` (``lock_sharing``), and
    locks no rows of people afterwards.

    Args:
        connection: A raw connection inside a transaction.
        contact_ids: Whom to protect; unknown ids are left out.
        reason: A code for the audit trail, such as ``opt_out`` or ``operator``.
        actor: Who decided.
        now: The moment of the decision.
        note: What the list says as the reason, in words; the code where there is none.
    """
    if not contact_ids:
        return
    await contacts.lock(connection, contact_ids)
    await repository.hold_list(connection)
    await _protect(connection, contact_ids, reason=reason, actor=actor, now=now, note=note)


async def _protect(
    connection: asyncpg.Connection,
    contact_ids: Collection[int],
    *,
    reason: str,
    actor: str,
    now: datetime,
    note: str | None = None,
) -> None:
    """Protect people whose rows are locked, holding the list or being sure that nobody shares an identifier."""
    same = await lock_sharing(connection, contact_ids)
    owned = await repository.identifiers_of(connection, contact_ids)
    await repository.add(connection, owned, note or reason, now)
    await refuse(connection, {*contact_ids, *same}, reason=reason, actor=actor, now=now)


async def lock_sharing(connection: asyncpg.Connection, contact_ids: Collection[int]) -> set[int]:
    """Lock and return the people who share an identifier with these locked ones, themselves included."""
    same = await sharing(connection, contact_ids)
    await lock_late(connection, same - set(contact_ids))
    return same


async def lock_late(connection: asyncpg.Connection, contact_ids: Collection[int]) -> None:
    """Lock people behind the list; looks again for some time, but never waits where PostgreSQL could see a circle.

    Raises:
        DeadlockDetectedError: somebody keeps one of them, perhaps because we are in their way.
    """
    held = set(contact_ids)
    for pause in (0, *_LOOK_AGAIN_SECONDS):
        if not held:
            return
        await asyncio.sleep(pause)
        held = await contacts.lock_free(connection, held)
    if held:
        raise asyncpg.DeadlockDetectedError("somebody keeps a person, and may be waiting for us")


async def refuse(
    connection: asyncpg.Connection, contact_ids: Collection[int], *, reason: str, actor: str, now: datetime
) -> list[int]:
    """Flag people, end their sequences and write why; returns those for whom that is new."""
    flagged = await repository.flag(connection, contact_ids, now)
    stopped = await repository.stop_enrollments(connection, contact_ids, Reason.DO_NOT_CONTACT, now)
    changed = sorted({*flagged, *stopped})
    entries = [audit.Entry(contact_id, stopped.get(contact_id), reason) for contact_id in changed]
    await audit.write(connection, now, actor=actor, action="do_not_contact", entries=entries)
    return flagged


async def stop_enrollments(
    connection: asyncpg.Connection, *, contact_ids: Sequence[int], reason: str, actor: str, now: datetime
) -> dict[int, int]:
    """End the open sequences of people and write why; returns enrollment ids by contact id.

    Locks the people first; belongs in the caller's transaction.
    """
    await contacts.lock(connection, contact_ids)
    stopped = await repository.stop_enrollments(connection, contact_ids, reason, now)
    entries = [audit.Entry(contact_id, enrollment_id, reason) for contact_id, enrollment_id in stopped.items()]
    await audit.write(connection, now, actor=actor, action="stop", entries=entries)
    return stopped


async def apply_list(
    connection: asyncpg.Connection, *, contact_ids: Sequence[int], actor: str, now: datetime
) -> set[int]:
    """Protect those of these people whose identifiers are covered already; returns them.

    To be called for new people and whenever somebody's phone, user id or contact details change. The rows of these
    people are locked already; no others may be locked afterwards, unless these are new and have only a user id.
    """
    if not contact_ids:
        return set()
    new = await repository.newcomers(connection, contact_ids, now)
    owned = await repository.identifiers_of(connection, contact_ids)
    # Nobody shares a new user id, and who wants to list it waits for the announcement: no need to hold the list.
    if any(item.contact_id not in new or item.identifier.kind is not IdentifierKind.USER for item in owned):
        await repository.hold_list(connection)
    covered = await repository.covered(connection, (item.identifier for item in owned))
    hit = {item.contact_id for item in owned if item.identifier in covered}
    if hit:
        await _protect(connection, hit, reason=LISTED, actor=actor, now=now)
    return hit


async def protect_contact(context: Context, contact_id: int, *, note: str | None, actor: str) -> None:
    """Protect one person because somebody said so."""
    now = context.clock.now()

    async def work(connection: asyncpg.Connection) -> None:
        # Found without a lock: all rows are then locked in one go, in the order of their ids.
        await contacts.lock(connection, {contact_id, *await sharing(connection, [contact_id])})
        await lock_contact(connection, contact_id)
        await protect(connection, contact_ids=[contact_id], reason=OPERATOR, actor=actor, now=now, note=note)

    await in_transaction(context, work)


async def lift(context: Context, contact_id: int, *, actor: str) -> None:
    """Lift a person's protection; 409 where an identifier is protected for another reason."""
    now = context.clock.now()

    async def work(connection: asyncpg.Connection) -> None:
        await lock_contact(connection, contact_id)
        await repository.hold_list(connection)
        owned = await repository.identifiers_of(connection, [contact_id])
        entries = await repository.entries_for(connection, [item.identifier for item in owned])
        foreign = [entry for entry in entries if entry.contact_id != contact_id]
        if foreign:
            raise ConflictError(_still_protected(foreign))
        removed = await repository.remove_own(connection, contact_id)
        if await repository.unflag(connection, contact_id, now) or removed:
            entry = audit.Entry(contact_id, reason=OPERATOR, detail={"entries": removed})
            await audit.write(connection, now, actor=actor, action="do_not_contact_lifted", entries=[entry])

    await in_transaction(context, work)


async def list_identifiers(context: Context, wanted: Sequence[Wanted], *, actor: str) -> list[Verdict]:
    """Put identifiers on the list for themselves, and protect everybody known under one; an answer for each."""
    now = context.clock.now()
    verdicts = [_read(item) for item in wanted]
    subjects: dict[Identifier, str | None] = {}
    for item, verdict in zip(wanted, verdicts, strict=True):
        if verdict.error is None:
            subjects.setdefault(Identifier(verdict.kind, verdict.value), item.reason)

    async def work(connection: asyncpg.Connection) -> tuple[set[tuple[str, str]], dict[Identifier, set[int]]]:
        await repository.bar_people(connection)
        known = _all(await repository.contacts_with(connection, list(subjects)))
        await contacts.lock(connection, known | await sharing(connection, known))
        await repository.hold_list(connection)
        people = await repository.contacts_with(connection, list(subjects))
        await lock_late(connection, _all(people) - known)  # who took on one of them meanwhile
        entries = [(str(subject.kind), subject.value, reason) for subject, reason in subjects.items()]
        new = await repository.add_independent(connection, entries, now)
        if people:
            await _protect(connection, _all(people), reason=LISTED, actor=actor, now=now)
        listing = audit.Entry(reason=LISTED, detail={"entries": len(new)})
        await audit.write(connection, now, actor=actor, action="list_identifiers", entries=[listing] if new else [])
        return new, people

    new, people = await in_transaction(context, work)
    for verdict in verdicts:
        if verdict.error is None:
            subject = Identifier(verdict.kind, verdict.value)
            verdict.status = "added" if (verdict.kind, verdict.value) in new else "already_listed"
            verdict.contact_ids = sorted(people.get(subject, ()))
            new.discard((verdict.kind, verdict.value))  # the second of two equal ones was listed by the first
    return verdicts


async def unlist(context: Context, entry_id: int, *, actor: str) -> None:
    """Take an entry off the list; 409 where it belongs to a contact, who is to be lifted instead."""
    now = context.clock.now()

    async def work(connection: asyncpg.Connection) -> None:
        await repository.hold_list(connection)
        row = await repository.lock_entry(connection, entry_id)
        if row is None:
            raise NotFoundError(f"勿扰名单上没有 id 为 {entry_id} 的条目 (no entry {entry_id} on the list)")
        if row["is_owned"]:
            contact_id = row["contact_id"]
            raise ConflictError(
                f"该条目来自联系人 {contact_id},请改用 DELETE /api/contacts/{contact_id}/do-not-contact "
                f"(the entry belongs to contact {contact_id}; lift it there)"
            )
        await repository.remove(connection, entry_id)
        entry = audit.Entry(reason=OPERATOR, detail={"entry_id": entry_id, "kind": row["kind"]})
        await audit.write(connection, now, actor=actor, action="unlist_identifier", entries=[entry])

    await in_transaction(context, work)


async def sharing(connection: asyncpg.Connection, contact_ids: Collection[int]) -> set[int]:
    """Return the people who share an identifier with these, themselves included."""
    owned = await repository.identifiers_of(connection, contact_ids)
    return _all(await repository.contacts_with(connection, list({item.identifier for item in owned})))


async def lock_contact(connection: asyncpg.Connection, contact_id: int) -> asyncpg.Record:
    """Lock one person until the end of the transaction; 404 where there is none."""
    rows = await contacts.lock(connection, [contact_id])
    if not rows:
        raise NotFoundError(f"没有 id 为 {contact_id} 的联系人 (no contact {contact_id})")
    return rows[0]


def _all(found: dict[Identifier, set[int]]) -> set[int]:
    return set().union(*found.values())


def _read(wanted: Wanted) -> Verdict:
    try:
        subject = identifier(wanted.kind, wanted.value)
    except ValueError as error:
        return Verdict(wanted.kind, wanted.value, "refused", str(error))
    return Verdict(subject.kind, subject.value, "")


def _still_protected(foreign: Sequence[repository.Listing]) -> str:
    entries = ", ".join(str(entry.id) for entry in foreign[:10])
    owners = sorted({entry.contact_id for entry in foreign if entry.contact_id is not None})
    through = f",来自联系人 {', '.join(map(str, owners[:10]))}" if owners else ""
    return (
        f"该联系人的标识仍在勿扰名单上(条目 {entries}{through}),请先移除这些条目 "
        f"(an identifier of this contact is still on the do-not-contact list: entries {entries}; remove them first)"
    )
