"""What happens to a person's card: written, changed, muted; and what follows for their sequences and protection."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import asyncpg

from app.domain.followup import Reason
from app.errors import ConflictError, InvalidInputError
from app.repositories import audit, bots, contacts
from app.repositories import protection as listing
from app.repositories.contacts import Card
from app.services import protection
from app.services.context import Context
from app.services.transactions import in_transaction

GENERATED_PREFIX = "c-"
"""Why a sequence may stand still for want of something on the person's card."""


@dataclass(frozen=True, slots=True)
class NewContact:
    """A person to be written down; without ``user_id`` one is made that nobody can guess."""

    bot: int | str | None
    user_id: str | None
    name: str | None
    position: str | None
    phone: str | None
    note: str | None


async def create(context: Context, new: NewContact, *, actor: str) -> tuple[int, bool]:
    """Write a person down; returns the id, and whether the do-not-contact list covers them already.

    Raises:
        InvalidInputError: there is no such bot.
        ConflictError: the bot knows this user already; the message has the contact's id.
    """
    now = context.clock.now()
    card = Card(new.user_id or f"{GENERATED_PREFIX}{context.ids.token()}", new.name, new.position, new.phone, new.note)
    chat_token = context.ids.token()

    async def work(connection: asyncpg.Connection) -> tuple[int, bool]:
        bot_id = await bots.resolve(connection, new.bot)
        if bot_id is None:
            raise InvalidInputError(f"没有渠道 {new.bot} (no bot {new.bot})", field=("body", "bot"))
        await listing.announce_people(connection)
        contact_id = await contacts.insert(connection, bot_id=bot_id, card=card, chat_token=chat_token, now=now)
        if contact_id is None:
            raise await _taken(connection, bot_id, card.user_id)
        hit = await protection.apply_list(connection, contact_ids=[contact_id], actor=actor, now=now)
        return contact_id, bool(hit)

    return await in_transaction(context, work)


async def update(context: Context, contact_id: int, changes: dict[str, Any], *, actor: str) -> None:
    """Change what is written about a person; what is not in ``changes`` stays.

    A new phone or user id is checked against the do-not-contact list, or added to it where the person is on it.
    """
    now = context.clock.now()

    async def work(connection: asyncpg.Connection) -> None:
        await change_card(connection, contact_id, changes, actor=actor, now=now)

    await in_transaction(context, work)
    context.wake.set()


async def change_card(
    connection: asyncpg.Connection, contact_id: int, changes: dict[str, Any], *, actor: str, now: datetime
) -> None:
    """Do what ``update`` does within a transaction of the caller's, who wakes the engine after the commit."""
    row = await protection.lock_contact(connection, contact_id)
    before = Card(row["user_id"], row["name"], row["position"], row["phone"], row["note"])
    after = replace(before, **changes)
    if after == before:
        return
    try:
        async with connection.transaction():
            await contacts.update(connection, contact_id, after, now)
    except asyncpg.UniqueViolationError:
        raise await _taken(connection, row["bot_id"], after.user_id) from None
    await follow_up_on_changes(
        connection,
        renamed=[contact_id] if _texts(after) != _texts(before) else [],
        readdressed=[contact_id] if (after.user_id, after.phone) != (before.user_id, before.phone) else [],
        actor=actor,
        now=now,
    )


async def follow_up_on_changes(
    connection: asyncpg.Connection, *, renamed: list[int], readdressed: list[int], actor: str, now: datetime
) -> set[int]:
    """Do what follows from changed cards; returns the people whom the list covers.

    Args:
        connection: A raw connection inside the transaction that changed the cards.
        renamed: People whose name, position or phone changed: what stood still for want of it is looked at again.
        readdressed: People with a new phone or user id: they are held against the do-not-contact list.
        actor: Who changed the cards.
        now: The moment of the change.
    """
    if renamed:
        await contacts.rearm(connection, renamed, [Reason.MISSING_VARIABLE], now)
        await contacts.rearm_waiting(connection, renamed, now)
    return await protection.apply_list(connection, contact_ids=readdressed, actor=actor, now=now)


async def set_muted(context: Context, contact_id: int, muted: bool, *, actor: str) -> None:
    """Mute or unmute a person's messages; unmuting lets an open sequence be looked at again at once."""
    now = context.clock.now()

    async def work(connection: asyncpg.Connection) -> None:
        row = await protection.lock_contact(connection, contact_id)
        if row["muted"] == muted:
            return
        await contacts.set_muted(connection, contact_id, muted, now)
        if not muted:
            await contacts.rearm(connection, [contact_id], [Reason.MUTED], now)
        entry = audit.Entry(contact_id, reason=Reason.MUTED)
        await audit.write(connection, now, actor=actor, action="mute" if muted else "unmute", entries=[entry])

    await in_transaction(context, work)
    context.wake.set()


async def renew_chat(context: Context, contact_id: int, *, actor: str) -> None:
    """Give a person's web chat another link; the one before opens nothing any more."""
    now = context.clock.now()
    token = context.ids.token()

    async def work(connection: asyncpg.Connection) -> None:
        await protection.lock_contact(connection, contact_id)
        await contacts.set_chat_token(connection, contact_id, token, now)
        await audit.write(connection, now, actor=actor, action="chat_link", entries=[audit.Entry(contact_id)])

    await in_transaction(context, work)


async def _taken(connection: asyncpg.Connection, bot_id: int, user_id: str) -> ConflictError:
    existing = await contacts.id_of_user(connection, bot_id, user_id)
    return ConflictError(
        f"渠道 {bot_id} 已有该用户,联系人 id 为 {existing} (bot {bot_id} knows this user already: contact {existing})"
    )


def _texts(card: Card) -> tuple[str | None, ...]:
    return card.name, card.position, card.phone
