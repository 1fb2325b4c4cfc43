"""Take in a batch of messages: find the people, lock them, judge, and write everything in one transaction."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from app.domain.replies import Judgement, SentText, Verdict
from app.gateways.messenger import InboxUnreachableError
from app.repositories import inbound as store
from app.services.context import Context
from app.services.inbound.applying import apply
from app.services.inbound.parsing import MAX_TEXT, InboundItem, Problem, parse_item
from app.services.inbound.person import Holds, Person
from app.services.protection import apply_list

ATTEMPTS = 4
"""Tries at a batch that lost a race for a message id or a lock."""
_MOST_ID_DIGITS = 18
"""So many digits of an id certainly fit a bigint."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An item that was not taken in, by its index in the batch."""

    index: int
    problem: Problem


@dataclass(slots=True)
class Receipt:
    """What became of a batch."""

    accepted: int = 0
    duplicates: int = 0
    filtered: int = 0
    replies: int = 0
    refused: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class _Placed:
    """An item whose bot and person are known."""

    index: int
    item: InboundItem
    bot_id: int
    contact_id: int


async def receive(context: Context, items: Sequence[InboundItem | Problem]) -> Receipt:
    """Take in messages in their order; items that cannot be placed are refused by index, the rest counts."""
    for attempt in range(ATTEMPTS):
        try:
            receipt = await _receive_once(context, items)
        except (asyncpg.UniqueViolationError, asyncpg.DeadlockDetectedError):
            if attempt == ATTEMPTS - 1:
                raise
            await asyncio.sleep(0.01 * (attempt + 1))
        else:
            context.wake.set()
            return receipt
    raise AssertionError("the last attempt returns or raises")


async def receive_polled(context: Context, bot_id: int, contact_id: int, raw: Sequence[dict[str, Any]]) -> None:
    """Take in what a person's inbox answered; whatever cannot be read makes the inbox unusable, so nothing is sent."""
    items = []
    for entry in raw:
        item = parse_item(_shortened(entry))
        if isinstance(item, Problem):
            raise InboxUnreachableError(f"the inbox gave a message that cannot be read: {item.field} {item.message}")
        items.append(replace(item, bot=bot_id, contact_id=contact_id))
    if items:
        await receive(context, items)


def _shortened(entry: dict[str, Any]) -> dict[str, Any]:
    """Cut an over-long answer instead of refusing it: nobody would see the refusal, and an answer must stop us."""
    content = entry.get("content")
    if isinstance(content, str):
        return entry | {"content": content.replace("\x00", "")[:MAX_TEXT]}
    return entry


async def _receive_once(context: Context, items: Sequence[InboundItem | Problem]) -> Receipt:
    now = context.clock.now()
    async with context.database.transaction() as connection:
        placed, refused = await _place(connection, context, items, now)
        contacts = await store.lock_contacts(connection, sorted({item.contact_id for item in placed}))
        placed, gone = _split_gone(placed, contacts)
        people = await load_people(connection, context, list(contacts.values()))
        known = await store.known_external_ids(connection, [(item.bot_id, item.item.message_id) for item in placed])
        receipt = Receipt(refused=tuple(sorted((*refused, *gone), key=lambda refusal: refusal.index)))
        for item in placed:
            key = (item.bot_id, item.item.message_id)
            if key in known:
                receipt.duplicates += 1
                continue
            known.add(key)
            entry = item.item
            judgement = people[item.contact_id].take(entry.content, entry.from_id, entry.message_id, entry.sent_at, now)
            _count(receipt, judgement)
        await apply(connection, context, list(people.values()), now)
    return receipt


def _count(receipt: Receipt, judgement: Judgement) -> None:
    receipt.accepted += 1
    receipt.filtered += judgement.filter_reason is not None
    receipt.replies += judgement.is_reply


def _split_gone(placed: list[_Placed], contacts: dict[int, asyncpg.Record]) -> tuple[list[_Placed], list[Refusal]]:
    gone = [
        Refusal(item.index, Problem("contact_id", "没有这个联系人 (no such contact)"))
        for item in placed
        if item.contact_id not in contacts
    ]
    kept = [replace(item, bot_id=contacts[item.contact_id]["bot_id"]) for item in placed if item.contact_id in contacts]
    return kept, gone


async def _place(
    connection: asyncpg.Connection, context: Context, items: Sequence[InboundItem | Problem], now: datetime
) -> tuple[list[_Placed], list[Refusal]]:
    """Find bot and person of every item; people who write first become contacts."""
    named = {str(item.bot) for item in items if isinstance(item, InboundItem) and item.bot is not None}
    numbered = [int(name) for name in named if name.isascii() and name.isdigit() and len(name) <= _MOST_ID_DIGITS]
    bots = await store.find_bots(connection, sorted(named), numbered)
    ids = {row["client_id"]: row["id"] for row in bots} | {str(row["id"]): row["id"] for row in bots}
    default = next((row["id"] for row in bots if row["is_default"]), None)
    named_ids = [item.contact_id for item in items if isinstance(item, InboundItem) and item.contact_id is not None]
    homeless = await store.without_bot(connection, named_ids) if named_ids else set()
    placed: list[_Placed] = []
    refused: list[Refusal] = []
    by_user: list[tuple[int, InboundItem, int]] = []
    for index, item in enumerate(items):
        if isinstance(item, Problem):
            refused.append(Refusal(index, item))
            continue
        bot_id = default if item.bot is None else ids.get(str(item.bot))
        if bot_id is None:
            refused.append(Refusal(index, Problem("bot", "没有这个机器人 (no such bot)")))
        elif item.contact_id in homeless:
            refused.append(
                Refusal(index, Problem("contact_id", "该联系人的机器人已删除 (this contact's bot was deleted)"))
            )
        elif item.contact_id is not None:
            placed.append(_Placed(index, item, bot_id, item.contact_id))
        else:
            by_user.append((index, item, bot_id))
    people = {(bot_id, item.user_id or ""): context.ids.token() for _, item, bot_id in by_user}
    found = await known_contacts(
        connection, sorted((bot_id, user_id, token) for (bot_id, user_id), token in people.items()), now
    )
    placed += [_Placed(index, item, bot_id, found[bot_id, item.user_id or ""]) for index, item, bot_id in by_user]
    return sorted(placed, key=lambda entry: entry.index), refused


async def known_contacts(
    connection: asyncpg.Connection, people: Sequence[tuple[int, str, str]], now: datetime
) -> dict[tuple[int, str], int]:
    """Return contact ids by (bot id, user id); who is new and on the do-not-contact list is protected at once."""
    found, created = await store.ensure_contacts(connection, people, now)
    if created:
        await apply_list(connection, contact_ids=created, actor="inbound", now=now)
    return found


async def load_people(
    connection: asyncpg.Connection, context: Context, contacts: list[asyncpg.Record]
) -> dict[int, Person]:
    """Read what judging needs of people whose rows are locked."""
    settings = context.settings
    ids = [contact["id"] for contact in contacts]
    enrollments = await store.newest_enrollments(connection, ids)
    sent = await store.sent_texts(connection, contacts)
    holds = Holds(timedelta(hours=settings.takeover_hours), timedelta(hours=settings.review_hold_hours))
    people = {}
    for contact in contacts:
        texts = sent.get(contact["id"], [])
        people[contact["id"]] = Person(
            contact,
            enrollments.get(contact["id"]),
            [SentText(row["record_id"], row["text"], row["sent_at"]) for row in texts],
            frozenset(row["record_id"] for row in texts if row["status"] == "unknown"),
            holds,
        )
    return people


__all__ = ["Receipt", "Refusal", "Verdict", "load_people", "receive", "receive_polled"]
