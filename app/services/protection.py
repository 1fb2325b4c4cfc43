"""Who must not be contacted, and how that is lifted again.

1.  A protected person is protected under every identifier: phone, bot and user id, WeChat ID, and each contact detail
    found in their messages. All of them go on the list, marked as having come through this person.
2.  Others who share one of those identifiers are taken to be the same person on another channel: they are flagged
    and their sequences end too. What only *they* are known under is not listed: it spreads one step, no further.
3.  Sequences end at once and for good; lifting the protection never starts one again.
4.  Lifting takes off the list what came through the person. What was listed by itself, came through somebody else,
    or is what is left of an erased person keeps protecting, and the answer says so.
"""

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

    Belongs in the caller's transaction, which is to be repeated on ``DeadlockDetectedError``: rows of people who share
    an identifier are locked here, perhaps after others.

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
    await repository.hold_list(connection, to_change=True)
    same = await sharing(connection, contact_ids)
    await contacts.lock(connection, {*contact_ids, *same})
    owned = await repository.identifiers_of(connection, contact_ids)
    await repository.add(connection, owned, note or reason, now)
    found = await repository.contacts_with(connection, list({item.identifier for item in owned}))
    await refuse(connection, {*contact_ids, *_all(found)}, reason=reason, actor=actor, now=now)


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

    To be called for new people and whenever somebody's phone, user id or contact details change.
    """
    await repository.hold_list(connection, to_change=False)
    owned = await repository.identifiers_of(connection, contact_ids)
    covered = await repository.covered(connection, (item.identifier for item in owned))
    hit = sorted({item.contact_id for item in owned if item.identifier in covered})
    await protect(connection, contact_ids=hit, reason=LISTED, actor=actor, now=now)
    return set(hit)


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
        await repository.hold_list(connection, to_change=True)
        people = await repository.contacts_with(connection, list(subjects))
        same = await sharing(connection, sorted(_all(people)))
        await contacts.lock(connection, _all(people) | same)
        entries = [(str(subject.kind), subject.value, reason) for subject, reason in subjects.items()]
        new = await repository.add_independent(connection, entries, now)
        await protect(connection, contact_ids=sorted(_all(people)), reason=LISTED, actor=actor, now=now)
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


async def sharing(connection: asyncpg.Connection, contact_ids: Sequence[int]) -> set[int]:
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
