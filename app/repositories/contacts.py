"""People: lists for readers, locked rows for whoever changes something about a person."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
from sqlalchemy import ColumnElement, Row, Select, exists, func, literal, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased

from app.domain.followup import position_key
from app.models import Contact, ContactSearch, FollowUpEnrollment
from app.repositories import totals

NO_STATE = "none"
_SEPARATORS = str.maketrans("", "", " -.()")
_MIN_PHONE_DIGITS = 3
_GRAM = 3

# Whoever changes something about people locks their rows first, in this order, and enrollments after them.
_LOCK = """
    SELECT id, bot_id, user_id, name, position, phone, note, do_not_contact, muted
    FROM contact WHERE id = ANY($1::bigint[]) ORDER BY id FOR NO KEY UPDATE
"""

_INSERT = """
    INSERT INTO contact (bot_id, user_id, name, position, position_key, phone, note, chat_token, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
    ON CONFLICT (bot_id, user_id) DO NOTHING
    RETURNING id
"""

_UPDATE = """
    UPDATE contact
    SET user_id = $2, name = $3, position = $4, position_key = $5, phone = $6, note = $7, updated_at = $8
    WHERE id = $1
"""

_MUTE = "UPDATE contact SET muted = $2, updated_at = $3 WHERE id = $1"

# Only what stands still: a due time in the future is a lease or an interval, and both stay as they are.
_REARM = """
    UPDATE follow_up_enrollment SET due_at = $3
    WHERE contact_id = ANY($1::bigint[]) AND state = 'active' AND due_at IS NULL
      AND reason = ANY($2::text[])
    RETURNING id
"""
# The engine's pass then finds whoever waits for one of these configs.
_REARM_CONFIGS = """
    UPDATE follow_up_config f SET rearm_at = $2
    WHERE f.is_active AND f.deleted_at IS NULL AND f.position_key IN (
        SELECT unnest(ARRAY['', c.position_key])
        FROM contact c JOIN follow_up_enrollment e ON e.contact_id = c.id
        WHERE c.id = ANY($1::bigint[]) AND e.state = 'waiting'
    )
"""


@dataclass(frozen=True, slots=True)
class Card:
    """What is written down about a person."""

    user_id: str
    name: str | None
    position: str | None
    phone: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class Filters:
    """Which people a list shows."""

    q: str | None = None
    position: str | None = None
    state: str | None = None


def contains(column: ColumnElement[Any] | InstrumentedAttribute[Any], text: str) -> ColumnElement[bool]:
    """Return the condition that a column contains a text, in any case; wildcards in it are plain characters."""
    return column.icontains(text, autoescape=True)


async def lock(connection: asyncpg.Connection, contact_ids: Collection[int]) -> list[asyncpg.Record]:
    """Lock people until the end of the transaction, in the order of their ids; who is not there is left out."""
    rows: list[asyncpg.Record] = await connection.fetch(_LOCK, list(contact_ids))
    return rows


async def lock_free(connection: asyncpg.Connection, contact_ids: Collection[int]) -> set[int]:
    """Lock those of these people whom nobody else has locked, without waiting; returns whom somebody else has."""
    ids = list(contact_ids)
    locked = {row["id"] for row in await connection.fetch(f"{_LOCK} SKIP LOCKED", ids)}
    if len(locked) == len(ids):
        return set()
    there = await connection.fetch("SELECT id FROM contact WHERE id = ANY($1::bigint[])", ids)
    return {row["id"] for row in there} - locked


async def insert(
    connection: asyncpg.Connection, *, bot_id: int, card: Card, chat_token: str, now: datetime
) -> int | None:
    """Write a new person; None where (bot, user) is taken."""
    contact_id: int | None = await connection.fetchval(
        _INSERT,
        bot_id,
        card.user_id,
        card.name,
        card.position,
        position_key(card.position),
        card.phone,
        card.note,
        chat_token,
        now,
    )
    return contact_id


async def id_of_user(connection: asyncpg.Connection, bot_id: int, user_id: str) -> int | None:
    """Return the id of a bot's user."""
    contact_id: int | None = await connection.fetchval(
        "SELECT id FROM contact WHERE bot_id = $1 AND user_id = $2", bot_id, user_id
    )
    return contact_id


async def update(connection: asyncpg.Connection, contact_id: int, card: Card, now: datetime) -> None:
    """Write what is known about a locked person; a taken ``user_id`` raises ``UniqueViolationError``."""
    await connection.execute(
        _UPDATE,
        contact_id,
        card.user_id,
        card.name,
        card.position,
        position_key(card.position),
        card.phone,
        card.note,
        now,
    )


async def set_chat_token(connection: asyncpg.Connection, contact_id: int, token: str, now: datetime) -> None:
    """Give a person's web chat another address."""
    await connection.execute(
        "UPDATE contact SET chat_token = $2, updated_at = $3 WHERE id = $1", contact_id, token, now
    )


async def set_muted(connection: asyncpg.Connection, contact_id: int, muted: bool, now: datetime) -> None:
    """Mute or unmute a locked person."""
    await connection.execute(_MUTE, contact_id, muted, now)


async def rearm(
    connection: asyncpg.Connection, contact_ids: Collection[int], reasons: Collection[str], now: datetime
) -> int:
    """Make open sequences due that stand still for one of these reasons; returns how many."""
    return len(await connection.fetch(_REARM, list(contact_ids), list(reasons), now))


async def rearm_waiting(connection: asyncpg.Connection, contact_ids: Collection[int], now: datetime) -> None:
    """Have those of these people who wait for a config held against the active ones again."""
    await connection.execute(_REARM_CONFIGS, list(contact_ids), now)


async def page(session: AsyncSession, filters: Filters, *, offset: int, limit: int) -> tuple[int, Sequence[Row[Any]]]:
    """Return how many people the filters let through and one page of them, newest first."""
    if filters.q:
        return await _found_page(session, filters, filters.q, offset, limit)
    conditions = _conditions(filters)
    if conditions:
        total = await session.scalar(select(func.count()).select_from(Contact).where(*conditions)) or 0
    else:
        total = await totals.people(session)
    ids = select(Contact.id).where(*conditions).order_by(Contact.id.desc()).offset(offset).limit(limit)
    rows = await session.execute(_view().where(Contact.id.in_(ids)).order_by(Contact.id.desc()))
    return total, rows.all()


async def _found_page(
    session: AsyncSession, filters: Filters, q: str, offset: int, limit: int
) -> tuple[int, Sequence[Row[Any]]]:
    """Search once, for the total and for the page."""
    found = select(ContactSearch.contact_id.label("id")).where(_search(q))
    conditions = _conditions(filters)
    if conditions:
        found = found.join(Contact, Contact.id == ContactSearch.contact_id).where(*conditions)
    ids = found.cte("found").prefix_with("MATERIALIZED", dialect="postgresql")
    newest = select(ids.c.id).order_by(ids.c.id.desc()).offset(offset).limit(limit)
    total = select(func.count()).select_from(ids).scalar_subquery()
    rows = (
        await session.execute(
            _view().add_columns(total.label("total")).where(Contact.id.in_(newest)).order_by(Contact.id.desc())
        )
    ).all()
    if rows or not offset:
        return (rows[0].total if rows else 0), rows
    return await session.scalar(select(total)) or 0, rows


async def get(session: AsyncSession, contact_id: int) -> Row[Any] | None:
    """Return one person as lists show them, or None."""
    row: Row[Any] | None = (await session.execute(_view().where(Contact.id == contact_id))).one_or_none()
    return row


def _view() -> Select[Any]:
    newest = (
        select(FollowUpEnrollment.id, FollowUpEnrollment.state)
        .where(FollowUpEnrollment.contact_id == Contact.id)
        .order_by(FollowUpEnrollment.id.desc())
        .limit(1)
        .lateral("newest")
    )
    view: Select[Any] = select(  # type: ignore[assignment]  # the row's columns are read by name
        Contact.id,
        Contact.bot_id,
        Contact.user_id,
        Contact.name,
        Contact.position,
        Contact.phone,
        Contact.note,
        Contact.do_not_contact,
        Contact.muted,
        Contact.takeover_until,
        Contact.review_hold_until,
        Contact.message_count,
        Contact.last_sent_at,
        Contact.last_message_at,
        Contact.created_at,
        Contact.updated_at,
        func.coalesce(newest.c.state, NO_STATE).label("state"),
        newest.c.id.label("enrollment_id"),
        (literal("/chat/") + Contact.chat_token).label("chat_url"),
    )
    return view.outerjoin(newest, true())


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if filters.position:
        conditions.append(Contact.position_key == position_key(filters.position))
    if filters.state:
        conditions.append(_newest_state_is(filters.state))
    return conditions


def _search(q: str) -> ColumnElement[bool]:
    """Return the condition that a text stands in name, phone, user id or note, a phone also with separators."""
    texts = [q]
    digits = q.translate(_SEPARATORS)
    if digits != q and len(digits) >= _MIN_PHONE_DIGITS and digits.removeprefix("+").isdecimal():
        texts.append(digits)
    return or_(*(_stands_in(ContactSearch.words, text) for text in texts))


def _stands_in(words: InstrumentedAttribute[str], text: str) -> ColumnElement[bool]:
    lowered = func.lower(text)
    stands = func.strpos(words, lowered) > 0
    if len(text) < _GRAM and text.isascii():
        return stands  # no index knows so short a piece of so many
    return func.contact_grams(words).op("@>", is_comparison=True)(func.contact_grams(lowered)) & stands


def _newest_state_is(state: str) -> ColumnElement[bool]:
    if state == NO_STATE:
        return ~exists().where(FollowUpEnrollment.contact_id == Contact.id)
    later = aliased(FollowUpEnrollment)
    return exists().where(
        FollowUpEnrollment.contact_id == Contact.id,
        FollowUpEnrollment.state == state,
        ~exists().where(later.contact_id == FollowUpEnrollment.contact_id, later.id > FollowUpEnrollment.id),
    )
