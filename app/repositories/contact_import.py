"""People in bulk: found, locked and written a batch at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from app.domain.followup import position_key
from app.repositories.contacts import Card

_FIND = """
    SELECT c.id FROM unnest($1::bigint[], $2::text[]) AS i(bot_id, user_id)
    JOIN contact c ON c.bot_id = i.bot_id AND c.user_id = i.user_id
    UNION
    SELECT id FROM contact WHERE phone = ANY($3::text[])
"""

# In the order of the unique index, so that two imports of the same people wait instead of blocking each other.
_INSERT = """
    INSERT INTO contact (bot_id, user_id, name, position, position_key, phone, note, chat_token, created_at, updated_at)
    SELECT bot_id, user_id, name, position, position_key, phone, note, chat_token, $1, $1
    FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[])
        AS i(bot_id, user_id, name, position, position_key, phone, note, chat_token)
    ORDER BY bot_id, user_id
    ON CONFLICT (bot_id, user_id) DO NOTHING
    RETURNING id
"""

_UPDATE = """
    UPDATE contact c
    SET user_id = i.user_id, name = i.name, position = i.position, position_key = i.position_key, phone = i.phone,
        note = i.note, updated_at = $1
    FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
        AS i(id, user_id, name, position, position_key, phone, note)
    WHERE c.id = i.id
"""


@dataclass(frozen=True, slots=True)
class NewPerson:
    """A person to be written."""

    bot_id: int
    card: Card
    chat_token: str


async def find(connection: asyncpg.Connection, users: Sequence[tuple[int, str]], phones: Sequence[str]) -> list[int]:
    """Return the ids of everybody who is one of these users or has one of these phones."""
    bot_ids = [bot_id for bot_id, _ in users]
    rows = await connection.fetch(_FIND, bot_ids, [user_id for _, user_id in users], list(phones))
    return [row["id"] for row in rows]


async def insert(connection: asyncpg.Connection, people: Sequence[NewPerson], now: datetime) -> list[int]:
    """Write new people; fewer ids than people: somebody else wrote one of them meanwhile."""
    if not people:
        return []
    rows = [(person.bot_id, *_columns(person.card), person.chat_token) for person in people]
    return [row["id"] for row in await connection.fetch(_INSERT, now, *_transposed(rows))]


async def update(connection: asyncpg.Connection, people: Sequence[tuple[int, Card]], now: datetime) -> None:
    """Write the cards of locked people; a taken ``user_id`` raises ``UniqueViolationError``."""
    if people:
        rows = [(contact_id, *_columns(card)) for contact_id, card in people]
        await connection.execute(_UPDATE, now, *_transposed(rows))


def _columns(card: Card) -> tuple[str | None, ...]:
    return card.user_id, card.name, card.position, position_key(card.position), card.phone, card.note


def _transposed(rows: Sequence[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]
