"""Mediation cases, their mediations and parties, on raw asyncpg."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import asyncpg

_COLUMNS = """
    c.id AS case_id, c.title, c.created_at, c.updated_at, c.closed_at,
    m.id AS mediation_id, m.node_id, m.mediation_type, m.agree_id, m.agree_content, n.task_name,
    (SELECT count(*) FROM mediation_record r
     WHERE r.mediation_id = m.id AND r.state = 'planned' AND r.deleted_at IS NULL) AS planned_rounds
"""
_TABLES = """
    mediation m JOIN mediation_case c ON c.id = m.case_id JOIN mediation_node n ON n.id = m.node_id
"""
_FIND = f"SELECT {_COLUMNS} FROM {_TABLES} WHERE m.case_id = $1 ORDER BY m.id DESC LIMIT 1"
_LOCK = """
    SELECT m.id AS mediation_id, m.node_id, c.closed_at
    FROM mediation m JOIN mediation_case c ON c.id = m.case_id
    WHERE m.case_id = $1 ORDER BY m.id DESC LIMIT 1
    FOR UPDATE
"""
_PARTIES = """
    SELECT p.mediation_id, p.id, p.contact_id, p.person_id, p.person_type, p.name, p.honorific, p.phone,
           c.do_not_contact IS TRUE AS do_not_contact
    FROM mediation_party p LEFT JOIN contact c ON c.id = p.contact_id
    WHERE p.mediation_id = ANY($1::bigint[]) ORDER BY p.mediation_id, p.position
"""
_INSERT_CASE = """
    INSERT INTO mediation_case (id, title, created_at, updated_at) VALUES ($1, $2, $3, $3)
    ON CONFLICT (id) DO NOTHING RETURNING id
"""
_INSERT_MEDIATION = """
    INSERT INTO mediation (case_id, node_id, mediation_type, agree_id, agree_content, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $6) RETURNING id
"""
_INSERT_PARTIES = """
    INSERT INTO mediation_party
        (mediation_id, contact_id, person_id, person_type, name, honorific, phone, position, created_at)
    SELECT $1, i.contact_id, i.person_id, i.person_type, i.name, i.honorific, i.phone, i.position - 1, $2
    FROM unnest($3::bigint[], $4::text[], $5::int[], $6::text[], $7::text[], $8::text[])
        WITH ORDINALITY AS i(contact_id, person_id, person_type, name, honorific, phone, position)
"""
_CONTACTS = "SELECT id FROM contact WHERE bot_id = $1 AND user_id = ANY($2::text[])"
_CHANGE_MEDIATION = """
    UPDATE mediation SET node_id = $2, agree_id = $3, agree_content = $4, updated_at = $5 WHERE id = $1
"""
_CHANGE_CASE = "UPDATE mediation_case SET title = $2, closed_at = $3, updated_at = $4 WHERE id = $1"
# Rule: what is being called stays as it is; what was only planned never happens.
_CANCEL_PLANNED = """
    UPDATE mediation_record r SET state = 'cancelled', due_at = NULL, modifier = $3, modified_at = $4
    FROM mediation_party p
    WHERE r.mediation_id = $1 AND r.state = 'planned' AND ($2::int IS NULL OR r.node_id <> $2) AND p.id = r.party_id
    RETURNING r.id, p.contact_id
"""


@dataclass(frozen=True, slots=True)
class Party:
    """A person of a case, to be written; the order of the fields is that of the statement."""

    contact_id: int
    person_id: str
    person_type: int
    name: str
    honorific: str | None
    phone: str | None


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """Which cases a list shows."""

    person_id: str | None = None
    node_id: int | None = None
    closed: bool | None = None
    q: str | None = None

    def conditions(self) -> str:
        """Return the WHERE clause; its parameters are numbered from 1 on."""
        texts = {
            "person_id": "EXISTS (SELECT FROM mediation_party p WHERE p.mediation_id = m.id AND p.person_id = {})",
            "node_id": "m.node_id = {}",
            "closed": "(c.closed_at IS NOT NULL) = {}",
            "q": "strpos(lower(c.id || ' ' || c.title), lower({})) > 0",
        }
        given = [text for name, text in texts.items() if getattr(self, name) is not None]
        return " AND ".join(["true", *(text.format(f"${number}") for number, text in enumerate(given, start=1))])

    def values(self) -> list[Any]:
        """Return the values of the conditions, in the order of their parameters."""
        return [value for value in (self.person_id, self.node_id, self.closed, self.q) if value is not None]


async def insert_case(connection: asyncpg.Connection, case_id: str, title: str, now: datetime) -> bool:
    """Write a new case; False where the id is taken."""
    return await connection.fetchval(_INSERT_CASE, case_id, title, now) is not None


async def insert_mediation(
    connection: asyncpg.Connection,
    case_id: str,
    node_id: int,
    mediation_type: int,
    agreement: tuple[str | None, str | None],
    now: datetime,
) -> int:
    """Write a mediation of a case, at a node that is there; ``agreement`` is (id, text)."""
    mediation_id: int = await connection.fetchval(_INSERT_MEDIATION, case_id, node_id, mediation_type, *agreement, now)
    return mediation_id


async def insert_parties(
    connection: asyncpg.Connection, mediation_id: int, parties: Sequence[Party], now: datetime
) -> None:
    """Write the parties of a mediation, in their order."""
    rows = [(p.contact_id, p.person_id, p.person_type, p.name, p.honorific, p.phone) for p in parties]
    await connection.execute(_INSERT_PARTIES, mediation_id, now, *(list(column) for column in zip(*rows, strict=True)))


async def contacts_of(connection: asyncpg.Connection, bot_id: int, person_ids: Sequence[str]) -> list[int]:
    """Return the contacts whom a bot knows under these ids."""
    return [row["id"] for row in await connection.fetch(_CONTACTS, bot_id, person_ids)]


async def has_node(connection: asyncpg.Connection, node_id: int) -> bool:
    """Tell whether there is such a node; it stays while the transaction runs."""
    found = await connection.fetchval("SELECT true FROM mediation_node WHERE id = $1 FOR KEY SHARE", node_id)
    return bool(found)


async def find(connection: asyncpg.Connection, case_id: str) -> asyncpg.Record | None:
    """Return a case with its newest mediation, or None."""
    return await connection.fetchrow(_FIND, case_id)


async def lock(connection: asyncpg.Connection, case_id: str) -> bool:
    """Lock a case and its newest mediation until the transaction ends; False where there is none."""
    return await connection.fetchrow(_LOCK, case_id) is not None


async def parties(connection: asyncpg.Connection, mediation_ids: Sequence[int]) -> Sequence[asyncpg.Record]:
    """Return the parties of mediations, in their order."""
    rows: Sequence[asyncpg.Record] = await connection.fetch(_PARTIES, mediation_ids)
    return rows


async def page(
    connection: asyncpg.Connection, wanted: CaseFilter, *, offset: int, limit: int
) -> tuple[int, Sequence[asyncpg.Record]]:
    """Return how many cases there are and one page of them, newest first."""
    count, rows = _page_statements(wanted.conditions(), len(wanted.values()))
    total: int = await connection.fetchval(count, *wanted.values())
    return total, await connection.fetch(rows, *wanted.values(), limit, offset)


@lru_cache(maxsize=32)
def _page_statements(conditions: str, values: int) -> tuple[str, str]:
    count = f"SELECT count(*) FROM {_TABLES} WHERE {conditions}"
    order = f"ORDER BY m.id DESC LIMIT ${values + 1} OFFSET ${values + 2}"
    return count, f"SELECT {_COLUMNS} FROM {_TABLES} WHERE {conditions} {order}"


async def change_mediation(
    connection: asyncpg.Connection,
    mediation_id: int,
    node_id: int,
    agreement: tuple[str | None, str | None],
    now: datetime,
) -> None:
    """Write where a locked mediation stands and its agreement."""
    await connection.execute(_CHANGE_MEDIATION, mediation_id, node_id, *agreement, now)


async def change_case(
    connection: asyncpg.Connection, case_id: str, title: str, closed_at: datetime | None, now: datetime
) -> None:
    """Write a locked case's title and whether it is closed."""
    await connection.execute(_CHANGE_CASE, case_id, title, closed_at, now)


async def cancel_planned(
    connection: asyncpg.Connection, mediation_id: int, *, but_of_node: int | None, actor: str, now: datetime
) -> list[asyncpg.Record]:
    """Cancel what is planned for a locked mediation, but for one node's; returns the rounds: ``id, contact_id``."""
    rows: list[asyncpg.Record] = await connection.fetch(_CANCEL_PLANNED, mediation_id, but_of_node, actor[:64], now)
    return rows
