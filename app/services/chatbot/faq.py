"""Writing the FAQ base: entries and their similar questions.

Sentence vectors are made before a transaction begins. Every write raises the bot's version and stamps what changed
with it, so that all processes answer by it at their next question.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from app.errors import ConflictError, InvalidInputError, NotFoundError
from app.repositories import faq as store
from app.repositories import faq_categories, faq_questions
from app.repositories.faq import Entry
from app.repositories.faq_categories import CategoryTree
from app.repositories.faq_questions import Question, Vector
from app.services.chatbot.categories import grow_path, path_of_values
from app.services.chatbot.knowledge import Knowledge
from app.services.context import Context
from app.services.transactions import in_transaction

TICK = timedelta(milliseconds=1)
"""The lock of edits travels in whole milliseconds: each edit moves it by one at least."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a caller gives of an entry; None where it is not given. Of the two ways to name a category one is used."""

    post: str | None = None
    replies: list[dict[str, Any]] | None = None
    enabled: bool | None = None
    category_texts: list[str] | None = None
    categories: list[str] | None = None


@dataclass(frozen=True, slots=True)
class Saved:
    """An entry as it was written."""

    doc_id: str
    reply_last_update: datetime


async def add_entry(context: Context, knowledge: Knowledge, bot_id: int, doc_id: str | None, draft: Draft) -> Saved:
    """Write a new entry; raises ``ConflictError`` where the bot has one under this id."""
    now = _whole(context.clock.now())
    post, replies = draft.post or "", draft.replies or []
    (vector,) = await knowledge.vectors([post])
    given, extend_id = doc_id or context.ids.token(), context.ids.token()

    async def work(connection: asyncpg.Connection) -> None:
        version = await store.bump(connection, bot_id)
        category_id = await _category(connection, context, bot_id, draft)
        entry = Entry(post, replies, draft.enabled is not False, category_id)
        entry_id = await store.insert(connection, bot_id, given, entry, now)
        if entry_id is None:
            raise ConflictError(f"docId 已存在 (there is an entry {given} already)")
        question = Question(post, vector, is_main=True)
        await faq_questions.insert(connection, bot_id, entry_id, extend_id, question, version, now)

    await in_transaction(context, work)
    return Saved(given, now)


async def change_entry(
    context: Context, knowledge: Knowledge, bot_id: int, doc_id: str, draft: Draft, seen: datetime | None
) -> Saved:
    """Change an entry; what is not given stays.

    Args:
        context: The service.
        knowledge: Makes the vector of a new question.
        bot_id: Whose base.
        doc_id: Which entry.
        draft: What changes.
        seen: The ``replyLastUpdate`` that the caller has; None to write whatever happened meanwhile.

    Raises:
        NotFoundError: there is no such entry.
        ConflictError: somebody else changed it after ``seen``.
    """
    now = _whole(context.clock.now())
    vector = (await knowledge.vectors([draft.post]))[0] if draft.post is not None else Vector()

    async def work(connection: asyncpg.Connection) -> Saved:
        version = await store.bump(connection, bot_id)
        row = await _entry(connection, bot_id, doc_id)
        if seen is not None and seen != row["reply_last_update"]:
            raise ConflictError(
                "该问答对已被他人修改,请重新读取 (replyLastUpdate is stale: somebody changed the entry meanwhile)"
            )
        before = Entry(row["post"], row["replies"], row["enabled"], row["category_id"])
        names_category = draft.category_texts is not None or draft.categories is not None
        after = Entry(
            before.post if draft.post is None else draft.post,
            before.replies if draft.replies is None else draft.replies,
            before.enabled if draft.enabled is None else draft.enabled,
            await _category(connection, context, bot_id, draft) if names_category else before.category_id,
        )
        moment = max(now, row["reply_last_update"] + TICK)
        await store.update(connection, row["id"], after, moment)
        if after.post != before.post:
            main_id = await faq_questions.main_id(connection, row["id"])
            await faq_questions.update(connection, main_id, Question(after.post, vector), version)
        if after.answers != before.answers:
            await faq_questions.stamp(connection, row["id"], version)
        return Saved(doc_id, moment)

    return await in_transaction(context, work)


async def remove_entry(context: Context, bot_id: int, doc_id: str) -> None:
    """Delete an entry with its similar questions."""
    now = context.clock.now()

    async def work(connection: asyncpg.Connection) -> None:
        version = await store.bump(connection, bot_id)
        row = await _entry(connection, bot_id, doc_id)
        await faq_questions.bury_all(connection, row["id"], version, now)
        await store.delete(connection, row["id"])

    await in_transaction(context, work)


async def add_similar(
    context: Context, knowledge: Knowledge, bot_id: int, doc_id: str, post: str, *, enabled: bool = True
) -> str:
    """Write a similar question and return its id; the same text again is the same row."""
    now = context.clock.now()
    (vector,) = await knowledge.vectors([post])
    extend_id = context.ids.token()

    async def work(connection: asyncpg.Connection) -> str:
        version = await store.bump(connection, bot_id)
        row = await _entry(connection, bot_id, doc_id)
        known = await faq_questions.find_similar(connection, row["id"], post=post)
        question = Question(post, vector, enabled=enabled)
        if known is None:
            await faq_questions.insert(connection, bot_id, row["id"], extend_id, question, version, now)
            return extend_id
        if known["enabled"] != enabled:
            await faq_questions.update(connection, known["id"], question, version)
        same: str = known["extend_id"]
        return same

    return await in_transaction(context, work)


async def change_similar(
    context: Context,
    knowledge: Knowledge,
    bot_id: int,
    doc_id: str,
    extend_id: str,
    post: str | None,
    enabled: bool | None,
) -> None:
    """Change a similar question; what is None stays."""
    vector = (await knowledge.vectors([post]))[0] if post is not None else None

    async def work(connection: asyncpg.Connection) -> None:
        version = await store.bump(connection, bot_id)
        row = await _entry(connection, bot_id, doc_id)
        known = await _similar(connection, row["id"], extend_id)
        text: str = known["post"] if post is None else post
        other = await faq_questions.find_similar(connection, row["id"], post=text)
        if other is not None and other["id"] != known["id"]:
            raise ConflictError("已有相同的相似问 (the entry has this similar question already)")
        is_enabled = known["enabled"] if enabled is None else enabled
        # Without a new text the vector is made anew by whoever loads the question first.
        await faq_questions.update(
            connection, known["id"], Question(text, vector or Vector(), enabled=is_enabled), version
        )

    await in_transaction(context, work)


async def remove_similar(context: Context, bot_id: int, doc_id: str, extend_id: str) -> None:
    """Delete a similar question."""
    now = context.clock.now()

    async def work(connection: asyncpg.Connection) -> None:
        version = await store.bump(connection, bot_id)
        row = await _entry(connection, bot_id, doc_id)
        known = await _similar(connection, row["id"], extend_id)
        await faq_questions.bury(connection, known["id"], version, now)

    await in_transaction(context, work)


async def find_entry(connection: asyncpg.Connection, bot_id: int, doc_id: str) -> tuple[asyncpg.Record, CategoryTree]:
    """Return an entry and the tree in which its category stands."""
    return await _entry(connection, bot_id, doc_id), await faq_categories.load(connection, bot_id)


async def click(context: Context, bot_id: int, doc_id: str) -> None:
    """Count that a person chose a suggested entry."""
    async with context.database.connection() as connection:
        if not await store.count_click(connection, bot_id, doc_id):
            raise _no_entry()


async def _entry(connection: asyncpg.Connection, bot_id: int, doc_id: str) -> asyncpg.Record:
    row = await store.find(connection, bot_id, doc_id)
    if row is None:
        raise _no_entry()
    return row


async def _similar(connection: asyncpg.Connection, entry_id: int, extend_id: str) -> asyncpg.Record:
    row = await faq_questions.find_similar(connection, entry_id, extend_id=extend_id)
    if row is None:
        raise NotFoundError("没有这个相似问 (no such similar question)")
    return row


async def _category(connection: asyncpg.Connection, context: Context, bot_id: int, draft: Draft) -> int | None:
    """Find the category that a draft names; a path of names that is not there yet is made."""
    tree = await faq_categories.load(connection, bot_id)
    if draft.category_texts:
        return await grow_path(connection, context, bot_id, tree, draft.category_texts)
    if draft.categories:
        found = path_of_values(tree, draft.categories)
        if found is None:
            raise InvalidInputError("没有这个分类路径 (no such path of categories)", field=("body", "categories"))
        return found
    return None


def _no_entry() -> NotFoundError:
    return NotFoundError("没有这个问答对 (no such entry)")


def _whole(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
