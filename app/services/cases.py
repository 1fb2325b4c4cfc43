"""Mediation cases: their parties become contacts; moving on or closing gives up what was planned."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import asyncpg

from app.domain.identifiers import normalise_phone
from app.errors import ConflictError, InvalidInputError, NotFoundError
from app.repositories import audit, bots, contacts, protection
from app.repositories import cases as store
from app.repositories.cases import CaseFilter, Party
from app.repositories.contacts import Card
from app.services.contacts import follow_up_on_changes
from app.services.context import Context
from app.services.transactions import RacedError, in_transaction

_MAX_DIGITS = 20

Agreement = tuple[str | None, str | None]
"""Id and text; both null: there is none."""


@dataclass(frozen=True, slots=True)
class NewParty:
    """A person of a new case, as given."""

    person_id: str
    name: str
    phone: str | None
    person_type: int
    honorific: str | None


@dataclass(frozen=True, slots=True)
class NewCase:
    """A new case, as given."""

    case_id: str
    title: str
    node_id: int
    mediation_type: int
    agreement: Agreement
    parties: Sequence[NewParty]


@dataclass(frozen=True, slots=True)
class CaseView:
    """A case with its newest mediation (one row) and the parties of that."""

    row: asyncpg.Record
    parties: Sequence[asyncpg.Record]


@dataclass(frozen=True, slots=True)
class _People:
    """Contacts of the parties by person id, and whose card changed."""

    ids: dict[str, int]
    changed: list[int]


async def create(context: Context, new: NewCase, *, actor: str) -> None:
    """Write a case, its mediation and its parties down, in one transaction.

    A party becomes a contact of the default bot under its person id; of a contact who is known already only what is
    empty is filled. All of them are held against the do-not-contact list, with the phones of this case.

    Raises:
        ConflictError: the case is there already.
        InvalidInputError: there is no such node, or a person stands in the list twice.
    """
    _refuse_repeated(new.parties)
    now = context.clock.now()

    async def work(connection: asyncpg.Connection) -> None:
        if not await store.has_node(connection, new.node_id):
            raise _no_node(new.node_id)
        if not await store.insert_case(connection, new.case_id, new.title, now):
            raise ConflictError(f"案件 {new.case_id} 已存在 (this case is there already)")
        await protection.announce_people(connection)
        parties = [replace(party, phone=_phone_of(party.phone)) for party in new.parties]
        people = await _people(connection, context, parties, now)
        mediation_id = await store.insert_mediation(
            connection, new.case_id, new.node_id, new.mediation_type, new.agreement, now
        )
        rows = [
            Party(people.ids[p.person_id], p.person_id, p.person_type, p.name, p.honorific, p.phone) for p in parties
        ]
        await store.insert_parties(connection, mediation_id, rows, now)
        await follow_up_on_changes(
            connection, renamed=people.changed, readdressed=sorted(people.ids.values()), actor=actor, now=now
        )
        entries = [audit.Entry(contact_id, detail={"mediation_id": mediation_id}) for contact_id in people.ids.values()]
        await audit.write(connection, now, actor=actor, action="case_party", entries=entries)

    await in_transaction(context, work)
    context.wake.set()


async def read(context: Context, case_id: str) -> CaseView:
    """Return a case; 404 where there is none."""
    async with context.database.connection() as connection:
        return await _view(connection, case_id)


async def page(context: Context, wanted: CaseFilter, *, offset: int, limit: int) -> tuple[int, list[CaseView]]:
    """Return how many cases there are and one page of them, newest first."""
    async with context.database.connection() as connection:
        total, rows = await store.page(connection, wanted, offset=offset, limit=limit)
        people = await store.parties(connection, [row["mediation_id"] for row in rows])
    by_mediation: dict[int, list[asyncpg.Record]] = {row["mediation_id"]: [] for row in rows}
    for party in people:
        by_mediation[party["mediation_id"]].append(party)
    return total, [CaseView(row, by_mediation[row["mediation_id"]]) for row in rows]


async def update(context: Context, case_id: str, changes: dict[str, Any], *, actor: str) -> CaseView:
    """Change a case: ``title``, ``node_id``, ``agreement`` (id and text), ``closed``; what is not named stays.

    Moving to another node cancels what is planned for others; closing cancels all of it. A call that is under way goes
    on. Opening a case again plans nothing by itself.

    Raises:
        NotFoundError: there is no such case.
        InvalidInputError: there is no such node.
    """
    now = context.clock.now()

    async def work(connection: asyncpg.Connection) -> CaseView:
        if not await store.lock(connection, case_id):
            raise _no_case(case_id)
        before = (await _view(connection, case_id)).row
        node_id: int = changes.get("node_id", before["node_id"])
        if node_id != before["node_id"] and not await store.has_node(connection, node_id):
            raise _no_node(node_id)
        agreement: Agreement = changes.get("agreement", (before["agree_id"], before["agree_content"]))
        closed_at = _closed_at(before["closed_at"], changes.get("closed"), now)
        await store.change_mediation(connection, before["mediation_id"], node_id, agreement, now)
        await store.change_case(connection, case_id, changes.get("title", before["title"]), closed_at, now)
        cancelled = await store.cancel_planned(
            connection, before["mediation_id"], but_of_node=None if closed_at else node_id, actor=actor, now=now
        )
        reason = "case_closed" if closed_at else "case_moved"
        entries = [audit.Entry(row["contact_id"], reason=reason, detail={"record_id": row["id"]}) for row in cancelled]
        await audit.write(connection, now, actor=actor, action="round_cancelled", entries=entries)
        return await _view(connection, case_id)

    return await in_transaction(context, work)


async def _view(connection: asyncpg.Connection, case_id: str) -> CaseView:
    row = await store.find(connection, case_id)
    if row is None:
        raise _no_case(case_id)
    return CaseView(row, await store.parties(connection, [row["mediation_id"]]))


async def _people(
    connection: asyncpg.Connection, context: Context, parties: Sequence[NewParty], now: datetime
) -> _People:
    """Find or write the contacts of parties; rows that were there are locked first, in the order of their ids."""
    bot_id = await bots.resolve(connection, None)
    if bot_id is None:
        raise ConflictError("没有默认渠道 (there is no default bot)")
    known = await store.contacts_of(connection, bot_id, [party.person_id for party in parties])
    rows = {row["user_id"]: row for row in await contacts.lock(connection, known)}
    people = _People({}, [])
    for party in sorted(parties, key=lambda party: party.person_id):
        row = rows.get(party.person_id)
        if row is None:
            people.ids[party.person_id] = await _new_contact(connection, context, bot_id, party, now)
            continue
        people.ids[party.person_id] = row["id"]
        before = Card(row["user_id"], row["name"], row["position"], row["phone"], row["note"])
        after = replace(before, name=before.name or party.name, phone=before.phone or _card_phone(party.phone))
        if after != before:
            await contacts.update(connection, row["id"], after, now)
            people.changed.append(row["id"])
    return people


async def _new_contact(
    connection: asyncpg.Connection, context: Context, bot_id: int, party: NewParty, now: datetime
) -> int:
    card = Card(party.person_id, party.name, None, _card_phone(party.phone), None)
    contact_id = await contacts.insert(connection, bot_id=bot_id, card=card, chat_token=context.ids.token(), now=now)
    if contact_id is None:
        raise RacedError  # written by somebody else since we looked
    return contact_id


def _phone_of(given: str | None) -> str | None:
    """Return the form in which a party's phone is stored; digits as given where they are no number, null without any.

    A party is not refused for its phone: calls say that it cannot be dialled.
    """
    if not given or not given.strip():
        return None
    try:
        return normalise_phone(given)
    except ValueError:
        digits = re.sub(r"\D", "", unicodedata.normalize("NFKC", given), flags=re.ASCII)
        return digits if 0 < len(digits) <= _MAX_DIGITS else None


def _card_phone(phone: str | None) -> str | None:
    """Return what of a party's phone goes onto a contact's card: a full number, nothing else."""
    return phone if phone and phone.startswith("+") else None


def _closed_at(before: datetime | None, closed: bool | None, now: datetime) -> datetime | None:
    if closed is None:
        return before
    return (before or now) if closed else None


def _refuse_repeated(parties: Sequence[NewParty]) -> None:
    seen: set[str] = set()
    for place, party in enumerate(parties):
        if party.person_id in seen:
            raise InvalidInputError(
                f"{party.person_id} 重复 (this person stands in the list twice)",
                field=("body", "parties", place, "personId"),
            )
        seen.add(party.person_id)


def _no_case(case_id: str) -> NotFoundError:
    return NotFoundError(f"没有案件 {case_id} (no such case)")


def _no_node(node_id: int) -> InvalidInputError:
    return InvalidInputError(f"没有节点 {node_id} (no such node)", field=("body", "nodeId"))
