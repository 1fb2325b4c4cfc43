"""The do-not-contact list, and what makes it hold: flags on people, ended sequences."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg
from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.identifiers import (
    Identifier,
    IdentifierKind,
    digest,
    split_user,
    stored_identifier,
    user_identifier,
    written_forms,
)
from app.models import DoNotContact
from app.repositories.contacts import contains

HASH_KEY = "identifier-hash-key"
_DETAIL_KINDS = frozenset({IdentifierKind.PHONE, IdentifierKind.WECHAT, IdentifierKind.QQ, IdentifierKind.EMAIL})

# Of the phones that cases give, full numbers only: what is none is never dialled, and "000" stands for many people.
_IDENTIFIERS = """
    SELECT id AS contact_id, bot_id, 'user' AS kind, user_id AS value FROM contact WHERE id = ANY($1::bigint[])
    UNION ALL
    SELECT id, bot_id, 'phone', phone FROM contact WHERE id = ANY($1::bigint[]) AND phone IS NOT NULL
    UNION ALL
    SELECT contact_id, NULL, kind, value FROM contact_record WHERE contact_id = ANY($1::bigint[])
    UNION ALL
    SELECT contact_id, NULL, 'phone', phone FROM mediation_party
    WHERE contact_id = ANY($1::bigint[]) AND phone LIKE '+%'
"""

_CONTACTS_WITH = """
    SELECT i.place, c.id
    FROM unnest($1::int[], $2::text[]) AS i(place, phone) JOIN contact c ON c.phone = i.phone
    UNION
    SELECT i.place, c.id
    FROM unnest($3::int[], $4::bigint[], $5::text[]) AS i(place, bot_id, user_id)
    JOIN contact c ON c.bot_id = i.bot_id AND c.user_id = i.user_id
    UNION
    SELECT i.place, r.contact_id
    FROM unnest($6::int[], $7::text[], $8::text[]) AS i(place, kind, value)
    JOIN contact_record r ON r.kind = i.kind AND lower(r.value) = i.value
    UNION
    SELECT i.place, p.contact_id
    FROM unnest($1::int[], $2::text[]) AS i(place, phone) JOIN mediation_party p ON p.phone = i.phone
    WHERE p.contact_id IS NOT NULL AND p.phone LIKE '+%'
"""

_COVERED = """
    SELECT i.place
    FROM unnest($1::int[], $2::text[], $3::text[]) AS i(place, kind, value)
    WHERE EXISTS (SELECT FROM do_not_contact d WHERE d.kind = i.kind AND d.value = i.value)
       OR (i.kind = 'phone' AND EXISTS (SELECT FROM contact c WHERE c.phone = i.value AND c.do_not_contact))
       OR (i.kind = 'phone' AND EXISTS (
           SELECT FROM mediation_party p JOIN contact c ON c.id = p.contact_id
           WHERE p.phone = i.value AND c.do_not_contact
       ))
"""

_ENTRIES = """
    SELECT d.id, d.contact_id
    FROM unnest($1::text[], $2::text[]) AS i(kind, value)
    JOIN do_not_contact d ON d.kind = i.kind AND d.value = i.value
    ORDER BY d.id
"""

# In the order of the unique index, so that two who add the same identifiers wait instead of blocking each other.
_ADD = """
    INSERT INTO do_not_contact (kind, value, contact_id, reason, created_at)
    SELECT kind, value, contact_id, reason, $1
    FROM unnest($2::text[], $3::text[], $4::bigint[], $5::text[]) AS i(kind, value, contact_id, reason)
    ORDER BY kind, value
    ON CONFLICT (kind, value) DO NOTHING
"""
_ADD_INDEPENDENT = """
    INSERT INTO do_not_contact (kind, value, contact_id, reason, created_at)
    SELECT kind, value, NULL, reason, $1
    FROM unnest($2::text[], $3::text[], $4::text[]) AS i(kind, value, reason)
    ORDER BY kind, value
    ON CONFLICT (kind, value) DO UPDATE
    SET contact_id = NULL, reason = coalesce(excluded.reason, do_not_contact.reason)
    RETURNING kind, value, xmax = 0 AS is_new
"""

_FLAG = """
    UPDATE contact SET do_not_contact = true, updated_at = $2
    WHERE id = ANY($1::bigint[]) AND NOT do_not_contact
    RETURNING id
"""
_NOT_FLAGGED = "SELECT id FROM contact WHERE id = ANY($1::bigint[]) AND NOT do_not_contact"
_UNFLAG = "UPDATE contact SET do_not_contact = false, updated_at = $2 WHERE id = $1 AND do_not_contact RETURNING id"
_REMOVE_PLAIN = """
    DELETE FROM do_not_contact d
    WHERE d.contact_id = $1
       OR ((d.kind, d.value) IN (SELECT kind, value FROM unnest($2::text[], $3::text[]) AS i(kind, value))
           AND NOT EXISTS (SELECT FROM contact c WHERE c.id = d.contact_id))
"""
_REMOVE_OWN = "DELETE FROM do_not_contact WHERE contact_id = $1 RETURNING id"

_STOP = """
    UPDATE follow_up_enrollment
    SET state = 'stopped', reason = $2, reason_until = NULL, due_at = NULL, claim_token = NULL, ended_at = $3
    WHERE contact_id = ANY($1::bigint[]) AND state IN ('waiting', 'active', 'paused')
    RETURNING id, contact_id
"""

_LOCK_ENTRY = """
    SELECT d.id, d.kind, d.contact_id, c.do_not_contact IS TRUE AS is_owned
    FROM do_not_contact d LEFT JOIN contact c ON c.id = d.contact_id
    WHERE d.id = $1
    FOR UPDATE OF d
"""


@dataclass(frozen=True, slots=True)
class Owned:
    """An identifier and the person whom it belongs to."""

    contact_id: int
    identifier: Identifier


@dataclass(frozen=True, slots=True)
class Listing:
    """An entry of the list and the contact through whom it came; null for what was listed by itself."""

    id: int
    contact_id: int | None


async def hold_list(connection: asyncpg.Connection, *, to_change: bool) -> None:
    """Keep the list as it is until the transaction ends, or, ``to_change``, keep all others from relying on it.

    Who writes a new person or detail reads the list, who changes the list looks for people: without this, each could
    miss what the other has not committed yet.
    """
    function = "pg_advisory_xact_lock" if to_change else "pg_advisory_xact_lock_shared"
    await connection.execute(f"SELECT {function}(hashtext('do_not_contact'))")


async def identifiers_of(connection: asyncpg.Connection, contact_ids: Collection[int]) -> list[Owned]:
    """Return everything that these people can be reached under, contact details included."""
    rows = await connection.fetch(_IDENTIFIERS, list(contact_ids))
    return [
        Owned(
            row["contact_id"],
            user_identifier(row["bot_id"], row["value"])
            if row["kind"] == IdentifierKind.USER
            else stored_identifier(row["kind"], row["value"]),
        )
        for row in rows
    ]


async def contacts_with(
    connection: asyncpg.Connection, identifiers: Sequence[Identifier]
) -> dict[Identifier, set[int]]:
    """Return the ids of the contacts that have each identifier, as their own or as a detail found in a message."""
    phones = [(place, item.value) for place, item in enumerate(identifiers) if item.kind is IdentifierKind.PHONE]
    users = [(place, *split_user(item)) for place, item in enumerate(identifiers) if item.kind is IdentifierKind.USER]
    details = [
        (place, str(item.kind), form)
        for place, item in enumerate(identifiers)
        if item.kind in _DETAIL_KINDS
        for form in written_forms(item)
    ]
    rows = await connection.fetch(_CONTACTS_WITH, *_columns(phones, 2), *_columns(users, 3), *_columns(details, 3))
    found: dict[Identifier, set[int]] = defaultdict(set)
    for row in rows:
        found[identifiers[row["place"]]].add(row["id"])
    return found


async def covered(connection: asyncpg.Connection, identifiers: Iterable[Identifier]) -> set[Identifier]:
    """Return those identifiers that nobody may write to or call.

    They are on the list, in plain or as the hash of an erased person, or they are the phone of a protected contact.
    """
    asked = list(dict.fromkeys(identifiers))
    if not asked:
        return set()
    rows = await connection.fetch(
        _COVERED, list(range(len(asked))), [str(item.kind) for item in asked], [item.value for item in asked]
    )
    return {asked[row["place"]] for row in rows} | await _hashed(connection, asked)


async def _hashed(connection: asyncpg.Connection, identifiers: Sequence[Identifier]) -> set[Identifier]:
    key = await hash_key(connection)
    if key is None:
        return set()
    digests = {digest(item, key): item for item in identifiers}
    rows = await connection.fetch(
        "SELECT value FROM do_not_contact WHERE kind = 'hash' AND value = ANY($1::text[])", list(digests)
    )
    return {digests[row["value"]] for row in rows}


async def hash_key(connection: asyncpg.Connection) -> str | None:
    """Return the key of the hashed identifiers; None while nobody was ever erased."""
    key: str | None = await connection.fetchval("SELECT value FROM secret WHERE name = $1", HASH_KEY)
    return key


async def ensure_hash_key(connection: asyncpg.Connection, fresh: str) -> str:
    """Return the key of the hashed identifiers, made from ``fresh`` where there is none."""
    await connection.execute(
        "INSERT INTO secret (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING", HASH_KEY, fresh
    )
    key = await hash_key(connection)
    assert key is not None  # noqa: S101 - written above, never deleted
    return key


async def entries_for(connection: asyncpg.Connection, identifiers: Sequence[Identifier]) -> list[Listing]:
    """Return the entries of the list that cover any of these identifiers, by plain value or by hash."""
    pairs = [(str(item.kind), item.value) for item in identifiers]
    key = await hash_key(connection)
    if key is not None:
        pairs += [("hash", digest(item, key)) for item in identifiers]
    rows = await connection.fetch(_ENTRIES, *_columns(pairs, 2))
    return [Listing(row["id"], row["contact_id"]) for row in rows]


async def add(connection: asyncpg.Connection, owned: Sequence[Owned], reason: str | None, now: datetime) -> None:
    """Put people's identifiers on the list, each under its owner; what is listed already stays as it is."""
    if owned:
        await connection.execute(
            _ADD,
            now,
            [str(item.identifier.kind) for item in owned],
            [item.identifier.value for item in owned],
            [item.contact_id for item in owned],
            [reason] * len(owned),
        )


async def add_independent(
    connection: asyncpg.Connection, entries: Sequence[tuple[str, str, str | None]], now: datetime
) -> set[tuple[str, str]]:
    """Put (kind, value, reason) on the list for themselves; returns the (kind, value) that were new.

    An entry that came through a contact becomes independent of it: lifting the contact no longer lifts it.
    """
    rows = await connection.fetch(_ADD_INDEPENDENT, now, *_columns(entries, 3))
    return {(row["kind"], row["value"]) for row in rows if row["is_new"]}


async def flag(connection: asyncpg.Connection, contact_ids: Collection[int], now: datetime) -> list[int]:
    """Mark people as not to be contacted; returns those for whom that is new."""
    return [row["id"] for row in await connection.fetch(_FLAG, list(contact_ids), now)]


async def flagged(connection: asyncpg.Connection, contact_ids: Collection[int]) -> set[int]:
    """Return those of these people who must not be contacted, by the mark alone; also ids that nobody has any more."""
    rows = await connection.fetch(_NOT_FLAGGED, list(contact_ids))
    return set(contact_ids) - {row["id"] for row in rows}


async def unflag(connection: asyncpg.Connection, contact_id: int, now: datetime) -> bool:
    """Take the mark off a person; tells whether it was there."""
    return await connection.fetchval(_UNFLAG, contact_id, now) is not None


async def remove_own(connection: asyncpg.Connection, contact_id: int) -> int:
    """Take off the list what came through a contact; returns how many entries went."""
    return len(await connection.fetch(_REMOVE_OWN, contact_id))


async def remove_plain(connection: asyncpg.Connection, contact_id: int, identifiers: Sequence[Identifier]) -> None:
    """Take plain entries off the list that came through a contact, or that name them and belong to nobody else."""
    await connection.execute(
        _REMOVE_PLAIN, contact_id, [str(item.kind) for item in identifiers], [item.value for item in identifiers]
    )


async def stop_enrollments(
    connection: asyncpg.Connection, contact_ids: Collection[int], reason: str, now: datetime
) -> dict[int, int]:
    """End the open sequences of people whose rows are locked; returns enrollment ids by contact id."""
    rows = await connection.fetch(_STOP, list(contact_ids), reason, now)
    return {row["contact_id"]: row["id"] for row in rows}


async def lock_entry(connection: asyncpg.Connection, entry_id: int) -> asyncpg.Record | None:
    """Lock an entry; row ``id, kind, contact_id, is_owned`` (its contact is still protected), or None."""
    return await connection.fetchrow(_LOCK_ENTRY, entry_id)


async def remove(connection: asyncpg.Connection, entry_id: int) -> None:
    """Take one entry off the list."""
    await connection.execute("DELETE FROM do_not_contact WHERE id = $1", entry_id)


async def page(
    session: AsyncSession, *, q: str | None, kind: str | None, offset: int, limit: int
) -> tuple[int, Sequence[DoNotContact]]:
    """Return how many entries there are and one page of them, newest first."""
    conditions = []
    if kind:
        conditions.append(DoNotContact.kind == kind)
    if q:
        conditions.append(or_(contains(DoNotContact.value, q), contains(DoNotContact.reason, q)))
    total = await session.scalar(select(func.count()).select_from(DoNotContact).where(*conditions))
    statement = select(DoNotContact).where(*conditions).order_by(DoNotContact.id.desc()).offset(offset).limit(limit)
    return total or 0, (await session.scalars(statement)).all()


def _columns(rows: Sequence[tuple[object, ...]], width: int) -> list[list[object]]:
    """Turn rows into the arrays that ``unnest`` reads; ``width`` arrays also where there are no rows."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]
