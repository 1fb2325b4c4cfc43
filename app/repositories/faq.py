"""The FAQ base of a bot: entries and what is read of them; its questions stand in ``faq_questions``.

Whoever writes takes the bot's row first (``bump``): writers of one base follow one another, so versions become visible
in their order, and a reader who sees version 7 sees everything up to 7.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

_COLUMNS = """
    e.id, e.doc_id, e.post, e.replies, e.enabled, e.category_id, e.inquiry_count, e.click_count, e.reply_last_update,
    e.created_at
"""
_INSERT = """
    INSERT INTO faq_entry (bot_id, doc_id, post, replies, enabled, category_id, reply_last_update, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
    ON CONFLICT (bot_id, doc_id) DO NOTHING RETURNING id
"""
_UPDATE = """
    UPDATE faq_entry SET post = $2, replies = $3, enabled = $4, category_id = $5, reply_last_update = $6 WHERE id = $1
"""
_FILTER = """
    e.bot_id = $1 AND ($2::text IS NULL OR e.post ILIKE $2) AND ($3::bigint[] IS NULL OR e.category_id = ANY($3))
"""
_PAGE = f"SELECT {_COLUMNS} FROM faq_entry e WHERE {_FILTER} ORDER BY e.id DESC LIMIT $4 OFFSET $5"
_EXPORT = f"SELECT {_COLUMNS} FROM faq_entry e WHERE e.bot_id = $1 ORDER BY e.id"
_RANK = f"""
    SELECT {_COLUMNS} FROM faq_entry e WHERE e.bot_id = $1 ORDER BY e.inquiry_count DESC, e.id DESC LIMIT $2
"""
_HITS = """
    SELECT e.id, e.bot_id, e.doc_id, e.post, e.replies, e.category_id FROM faq_entry e
    WHERE e.bot_id = ANY($1::bigint[]) AND e.id = ANY($2::bigint[]) AND e.enabled
      AND e.replies @> '[{"enabled": true}]'
"""
_COUNT_INQUIRIES = """
    WITH held AS (
        SELECT e.id, i.answers FROM faq_entry e JOIN unnest($1::bigint[], $2::bigint[]) AS i(id, answers) ON e.id = i.id
        ORDER BY e.id FOR NO KEY UPDATE OF e
    )
    UPDATE faq_entry e SET inquiry_count = e.inquiry_count + held.answers FROM held WHERE e.id = held.id
"""


@dataclass(frozen=True, slots=True)
class FaqHit:
    """An entry that can answer; ``categories`` are the labels on the way to its category."""

    doc_id: str
    post: str
    replies: list[dict[str, Any]]
    categories: list[str]


@dataclass(frozen=True, slots=True)
class Entry:
    """What is written into an entry."""

    post: str
    replies: list[dict[str, Any]]
    enabled: bool
    category_id: int | None

    @property
    def answers(self) -> bool:
        """Whether the entry can answer: enabled, with a reply that is."""
        return self.enabled and any(reply["enabled"] for reply in self.replies)


async def bump(connection: asyncpg.Connection, bot_id: int) -> int:
    """Raise the version of a bot's base and return it; the bot's row stays locked until the transaction ends."""
    version: int = await connection.fetchval(
        "UPDATE bot SET faq_version = faq_version + 1 WHERE id = $1 RETURNING faq_version", bot_id
    )
    return version


async def versions(connection: asyncpg.Connection, bot_id: int) -> tuple[int, int]:
    """Return the version of a bot's base, and the one up to which tombstones may be gone."""
    current, purged = await connection.fetchrow("SELECT faq_version, faq_purged_version FROM bot WHERE id = $1", bot_id)
    return current, purged


async def insert(connection: asyncpg.Connection, bot_id: int, doc_id: str, entry: Entry, now: datetime) -> int | None:
    """Write an entry and return its id; None where the bot has one under this ``doc_id``."""
    entry_id: int | None = await connection.fetchval(
        _INSERT, bot_id, doc_id, entry.post, entry.replies, entry.enabled, entry.category_id, now
    )
    return entry_id


async def find(connection: asyncpg.Connection, bot_id: int, doc_id: str) -> asyncpg.Record | None:
    """Return an entry, or None."""
    return await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM faq_entry e WHERE e.bot_id = $1 AND e.doc_id = $2", bot_id, doc_id
    )


async def update(connection: asyncpg.Connection, entry_id: int, entry: Entry, reply_last_update: datetime) -> None:
    """Write an entry anew."""
    await connection.execute(
        _UPDATE, entry_id, entry.post, entry.replies, entry.enabled, entry.category_id, reply_last_update
    )


async def delete(connection: asyncpg.Connection, entry_id: int) -> None:
    """Delete an entry; its questions are buried apart."""
    await connection.execute("DELETE FROM faq_entry WHERE id = $1", entry_id)


async def page(
    connection: asyncpg.Connection,
    bot_id: int,
    pattern: str | None,
    category_ids: Sequence[int] | None,
    limit: int,
    offset: int,
) -> tuple[int, Sequence[asyncpg.Record]]:
    """Return how many entries fit a LIKE pattern and categories, and a page of them, newest first."""
    total: int = await connection.fetchval(
        f"SELECT count(*) FROM faq_entry e WHERE {_FILTER}", bot_id, pattern, category_ids
    )
    return total, await connection.fetch(_PAGE, bot_id, pattern, category_ids, limit, offset)


async def export(connection: asyncpg.Connection, bot_id: int) -> Sequence[asyncpg.Record]:
    """Return all entries of a bot, oldest first."""
    rows: Sequence[asyncpg.Record] = await connection.fetch(_EXPORT, bot_id)
    return rows


async def rank(connection: asyncpg.Connection, bot_id: int, limit: int) -> Sequence[asyncpg.Record]:
    """Return the entries that answered most often."""
    rows: Sequence[asyncpg.Record] = await connection.fetch(_RANK, bot_id, limit)
    return rows


async def hits(
    connection: asyncpg.Connection, bot_ids: Sequence[int], entry_ids: Sequence[int]
) -> Sequence[asyncpg.Record]:
    """Return those entries of these bots that can answer: ``id, bot_id, doc_id, post, replies, category_id``."""
    rows: Sequence[asyncpg.Record] = await connection.fetch(_HITS, bot_ids, entry_ids)
    return rows


async def count_inquiries(connection: asyncpg.Connection, entry_ids: Sequence[int]) -> None:
    """Count answers that entries gave. The last statement of its transaction: popular entries are shared."""
    if entry_ids:
        counted = Counter(entry_ids)
        await connection.execute(_COUNT_INQUIRIES, list(counted), list(counted.values()))


async def count_click(connection: asyncpg.Connection, bot_id: int, doc_id: str) -> bool:
    """Count a click on an entry; returns whether there is such an entry."""
    found = await connection.fetchval(
        "UPDATE faq_entry SET click_count = click_count + 1 WHERE bot_id = $1 AND doc_id = $2 RETURNING true",
        bot_id,
        doc_id,
    )
    return bool(found)
