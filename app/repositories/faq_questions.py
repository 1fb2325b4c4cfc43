"""The questions of a bot's FAQ base, with their sentence vectors: what every process holds a copy of."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

_INSERT = """
    INSERT INTO faq_question
        (bot_id, entry_id, extend_id, post, is_main, enabled, encoder, vector, version, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""
_UPDATE = """
    UPDATE faq_question SET post = $2, enabled = $3, encoder = $4, vector = $5, version = $6 WHERE id = $1
"""
_LIVE = "SELECT id, entry_id, extend_id, post, enabled FROM faq_question WHERE NOT is_main AND deleted_at IS NULL"
_BURY = "UPDATE faq_question SET deleted_at = $2, version = $3, post = '', encoder = NULL, vector = NULL"
_CHANGED = """
    SELECT q.id, q.entry_id, q.post, q.encoder, q.vector, q.version,
           q.deleted_at IS NULL AND q.enabled AND coalesce(e.enabled AND e.replies @> '[{"enabled": true}]', false)
               AS is_live
    FROM faq_question q LEFT JOIN faq_entry e ON e.id = q.entry_id
    WHERE q.bot_id = $1 AND q.version > $2
"""
_SAVE_VECTORS = """
    UPDATE faq_question q SET encoder = $1, vector = i.vector
    FROM unnest($2::bigint[], $3::text[], $4::bytea[]) AS i(id, post, vector)
    WHERE q.id = i.id AND q.post = i.post AND q.encoder IS DISTINCT FROM $1
"""

_FORGET_BURIED = """
    WITH gone AS (
        DELETE FROM faq_question WHERE id IN (
            SELECT id FROM faq_question WHERE deleted_at < $1 ORDER BY deleted_at LIMIT $2 FOR UPDATE SKIP LOCKED
        )
        RETURNING bot_id, version
    ), held AS (
        SELECT b.id, n.version
        FROM bot b JOIN (SELECT bot_id, max(version) AS version FROM gone GROUP BY 1) AS n ON n.bot_id = b.id
        ORDER BY b.id FOR NO KEY UPDATE OF b
    ), told AS (
        UPDATE bot b SET faq_purged_version = greatest(b.faq_purged_version, held.version)
        FROM held WHERE b.id = held.id
    )
    SELECT count(*) FROM gone
"""


@dataclass(frozen=True, slots=True)
class Vector:
    """A sentence vector and the encoder that made it; nothing where there is no encoder."""

    encoder: str | None = None
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What is written into a question."""

    post: str
    vector: Vector
    is_main: bool = False
    enabled: bool = True


async def insert(
    connection: asyncpg.Connection,
    bot_id: int,
    entry_id: int,
    extend_id: str,
    question: Question,
    version: int,
    now: datetime,
) -> None:
    """Write a question of an entry."""
    vector = question.vector
    await connection.execute(
        _INSERT,
        bot_id,
        entry_id,
        extend_id,
        question.post,
        question.is_main,
        question.enabled,
        vector.encoder,
        vector.content,
        version,
        now,
    )


async def update(connection: asyncpg.Connection, question_id: int, question: Question, version: int) -> None:
    """Write a question anew."""
    vector = question.vector
    await connection.execute(
        _UPDATE, question_id, question.post, question.enabled, vector.encoder, vector.content, version
    )


async def main_id(connection: asyncpg.Connection, entry_id: int) -> int:
    """Return the id of an entry's own question."""
    question_id: int = await connection.fetchval(
        "SELECT id FROM faq_question WHERE entry_id = $1 AND is_main", entry_id
    )
    return question_id


async def stamp(connection: asyncpg.Connection, entry_id: int, version: int) -> None:
    """Have every process read the questions of an entry again."""
    await connection.execute(
        "UPDATE faq_question SET version = $2 WHERE entry_id = $1 AND deleted_at IS NULL", entry_id, version
    )


async def find_similar(
    connection: asyncpg.Connection, entry_id: int, *, extend_id: str | None = None, post: str | None = None
) -> asyncpg.Record | None:
    """Return a similar question of an entry by its id or its text, or None."""
    return await connection.fetchrow(
        f"{_LIVE} AND entry_id = $1 AND ($2::text IS NULL OR extend_id = $2)"
        " AND ($3::text IS NULL OR (md5(post) = md5($3) AND post = $3))",
        entry_id,
        extend_id,
        post,
    )


async def similar(
    connection: asyncpg.Connection, entry_id: int, limit: int, offset: int
) -> tuple[int, Sequence[asyncpg.Record]]:
    """Return how many similar questions an entry has, and a page of them, newest first."""
    total: int = await connection.fetchval(
        "SELECT count(*) FROM faq_question WHERE entry_id = $1 AND NOT is_main AND deleted_at IS NULL", entry_id
    )
    rows = await connection.fetch(
        f"{_LIVE} AND entry_id = $1 ORDER BY id DESC LIMIT $2 OFFSET $3", entry_id, limit, offset
    )
    return total, rows


async def similar_of_bot(connection: asyncpg.Connection, bot_id: int) -> Sequence[asyncpg.Record]:
    """Return all similar questions of a bot, oldest first."""
    rows: Sequence[asyncpg.Record] = await connection.fetch(f"{_LIVE} AND bot_id = $1 ORDER BY id", bot_id)
    return rows


async def bury(connection: asyncpg.Connection, question_id: int, version: int, now: datetime) -> None:
    """Delete a question, leaving a tombstone that tells every process."""
    await connection.execute(f"{_BURY} WHERE id = $1", question_id, now, version)


async def bury_all(connection: asyncpg.Connection, entry_id: int, version: int, now: datetime) -> None:
    """Delete all questions of an entry, leaving tombstones."""
    await connection.execute(f"{_BURY} WHERE entry_id = $1 AND deleted_at IS NULL", entry_id, now, version)


async def forget_buried(connection: asyncpg.Connection, *, before: datetime, limit: int) -> int:
    """Delete up to ``limit`` tombstones older than ``before``, and tell by the bots' rows; returns how many went."""
    number: int = await connection.fetchval(_FORGET_BURIED, before, limit)
    return number


async def changed(connection: asyncpg.Connection, bot_id: int, version: int) -> Sequence[asyncpg.Record]:
    """Return the questions written after a version: ``id, entry_id, post, encoder, vector, version, is_live``."""
    rows: Sequence[asyncpg.Record] = await connection.fetch(_CHANGED, bot_id, version)
    return rows


async def save_vectors(connection: asyncpg.Connection, encoder: str, vectors: Sequence[tuple[int, str, bytes]]) -> None:
    """Keep vectors that were made later than their questions: (question id, text, vector) each."""
    if vectors:
        await connection.execute(_SAVE_VECTORS, encoder, *zip(*vectors, strict=True))
