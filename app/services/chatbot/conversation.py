"""One turn of a conversation: the question is stored and judged like any inbound message, the answer behind it.

The FAQ base is searched before the transaction begins (encoding a sentence takes milliseconds); whether the person is
muted is read under the lock of the person's row, so that a mute binds at once.
"""

import random
from dataclasses import dataclass
from typing import Any

import asyncpg

from app.domain.chat import Answer, Ranked, choose_answer
from app.repositories import faq
from app.repositories import inbound as inbound_store
from app.repositories.faq import FaqHit
from app.services.chatbot.knowledge import Knowledge
from app.services.context import Context
from app.services.inbound.applying import apply
from app.services.inbound.parsing import MAX_TEXT
from app.services.inbound.receiving import known_contacts, load_people
from app.services.transactions import RacedError, in_transaction


@dataclass(frozen=True, slots=True)
class Turn:
    """What was decided, and on what."""

    answer: Answer
    text: str | None
    hits: dict[int, FaqHit]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and how near an entry must come to be the answer, or to be suggested."""

    user_id: str
    text: str
    best: float
    suggest: float


async def converse(context: Context, knowledge: Knowledge, bot: asyncpg.Record, asked: Asked) -> Turn:
    """Take a question in and answer it; while muted the question is stored and nothing goes out."""
    return await _take_turn(context, knowledge, bot, asked, with_fallback=True)


async def ask(context: Context, knowledge: Knowledge, bot: asyncpg.Record, asked: Asked) -> Turn:
    """Search the FAQ base only: like ``converse``, but without a fallback."""
    return await _take_turn(context, knowledge, bot, asked, with_fallback=False)


async def _take_turn(
    context: Context, knowledge: Knowledge, bot: asyncpg.Record, asked: Asked, *, with_fallback: bool
) -> Turn:
    found = await knowledge.search(bot, asked.text, asked.suggest)
    ranked = [Ranked(hit.entry_id, hit.confidence) for hit in found]
    hits = {hit.entry_id: hit for hit in found}
    now = context.clock.now()
    key = (bot["id"], asked.user_id)
    token = context.ids.token()

    async def work(connection: asyncpg.Connection) -> tuple[Answer, str | None]:
        known = await known_contacts(connection, [(*key, token)], now)
        contacts = await inbound_store.lock_contacts(connection, [known[key]])
        if not contacts:
            raise RacedError  # erased between the two statements
        people = await load_people(connection, context, list(contacts.values()))
        (person,) = people.values()
        person.take(asked.text[:MAX_TEXT], 0, None, None, now)
        answer = choose_answer(ranked, muted=person.contact["muted"], best=asked.best, suggest=asked.suggest)
        said = _words(bot, answer, hits) if with_fallback or answer.best else None
        hit = hits[answer.best.entry_id] if answer.best else None
        if said is not None:
            person.say(
                said,
                answer.provider,
                now,
                confidence=hit.confidence if hit else None,
                doc_id=hit.doc_id if hit else None,
            )
        await apply(connection, context, [person], now)
        if hit is not None:
            await faq.count_inquiry(connection, hit.entry_id)
        return answer, said

    answer, said = await in_transaction(context, work)
    return Turn(answer, said, hits)


def _words(bot: asyncpg.Record, answer: Answer, hits: dict[int, FaqHit]) -> str | None:
    if answer.provider == "mute":
        return None
    if answer.best is None:
        fallback: str = bot["fallback"]
        return fallback
    replies: list[dict[str, Any]] = [reply for reply in hits[answer.best.entry_id].replies if reply["enabled"]]
    chosen: str = random.choice(replies)["content"]  # noqa: S311 - which of several equal answers, no secret
    return chosen
