"""Turns of conversations: each question is stored and judged like any inbound message, the answer behind it.

- The FAQ base is searched before the transaction begins (encoding a sentence takes milliseconds); whether the person
  is muted is read under the lock of the person's row, so that a mute binds at once, also what is being worked out.
- Turns that are ready at the same time share a transaction and its commit; each is answered after it. Some are taken
  alone, so that nobody waits for another person's lock: of people who are new, whose row somebody else holds, or who
  say something that concerns more rows than theirs (a refusal, a contact detail).
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import asyncpg
import structlog

from app.domain.chat import Answer, Ranked, choose_answer
from app.gathering import Gathering
from app.repositories import faq, faq_categories
from app.repositories import inbound as inbound_store
from app.repositories.faq import FaqHit
from app.services.chatbot.knowledge import Knowledge
from app.services.context import Context
from app.services.inbound.applying import apply
from app.services.inbound.person import Person
from app.services.inbound.receiving import known_contacts, load_people
from app.services.transactions import RacedError, in_transaction

log = structlog.get_logger(__name__)

MOST_TOGETHER: Final = 32
COMMITS_AT_ONCE: Final = 4
"""A commit waits for the disk, and PostgreSQL writes several commits together."""


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


@dataclass(frozen=True, slots=True)
class _Ready:
    """A question whose search is done."""

    bot: asyncpg.Record
    asked: Asked
    ranked: Sequence[Ranked]
    with_fallback: bool

    @property
    def key(self) -> tuple[int, str]:
        """Who asks: bot id and user id."""
        return self.bot["id"], self.asked.user_id


class _NotTogetherError(Exception):
    """The shared transaction was undone before its commit; each of its turns is to be taken alone."""


class Conversations:
    """Takes turns."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._together = Gathering(self._take_together, most=MOST_TOGETHER, name="turns", at_once=COMMITS_AT_ONCE)

    async def converse(self, knowledge: Knowledge, bot: asyncpg.Record, asked: Asked) -> Turn:
        """Take a question in and answer it; while muted the question is stored and nothing goes out."""
        return await self._answer(knowledge, bot, asked, with_fallback=True)

    async def ask(self, knowledge: Knowledge, bot: asyncpg.Record, asked: Asked) -> Turn:
        """Search the FAQ base only: like ``converse``, but without a fallback."""
        return await self._answer(knowledge, bot, asked, with_fallback=False)

    async def aclose(self) -> None:
        """Finish what is under way."""
        await self._together.aclose()

    async def _answer(self, knowledge: Knowledge, bot: asyncpg.Record, asked: Asked, *, with_fallback: bool) -> Turn:
        ready = _Ready(bot, asked, await knowledge.search(bot, asked.text, asked.suggest), with_fallback)
        turn = await self._together(ready)
        return turn if turn is not None else await self._take_alone(ready)

    async def _take_together(self, batch: Sequence[_Ready]) -> list[Turn | None]:
        """Take the turns that can share a transaction, in their order; None for the others."""
        keys = sorted({ready.key for ready in batch})

        async def work(connection: asyncpg.Connection) -> list[Turn | None]:
            try:
                contacts = await inbound_store.lock_free_contacts(connection, keys)
                return await self._take(connection, batch, contacts, is_shared=True)
            except Exception as error:
                raise _NotTogetherError from error

        try:
            return await in_transaction(self._context, work)
        except _NotTogetherError as error:
            log.warning("turns are taken one by one", turns=len(batch), error=repr(error.__cause__))
            return [None] * len(batch)

    async def _take_alone(self, ready: _Ready) -> Turn:
        token = self._context.ids.token()
        now = self._context.clock.now()

        async def work(connection: asyncpg.Connection) -> Turn:
            known = await known_contacts(connection, [(*ready.key, token)], now)
            contacts = await inbound_store.lock_contacts(connection, list(known.values()))
            (turn,) = await self._take(connection, [ready], list(contacts.values()), is_shared=False)
            if turn is None:
                raise RacedError  # erased between two statements
            return turn

        return await in_transaction(self._context, work)

    async def _take(
        self,
        connection: asyncpg.Connection,
        batch: Sequence[_Ready],
        contacts: Sequence[asyncpg.Record],
        *,
        is_shared: bool,
    ) -> list[Turn | None]:
        """Take the turns of locked people and write them; None for those of others."""
        if not contacts:
            return [None] * len(batch)
        now = self._context.clock.now()
        hits = await _read_hits(connection, batch)
        loaded = await load_people(connection, self._context, list(contacts))
        people = {(contact["bot_id"], contact["user_id"]): loaded[contact["id"]] for contact in contacts}
        turns = {
            place: _decide(people[ready.key], ready, hits, now)
            for place, ready in enumerate(batch)
            if ready.key in people
        }
        if is_shared:
            people = {key: person for key, person in people.items() if not (person.opted_out or person.found)}
            turns = {place: turn for place, turn in turns.items() if batch[place].key in people}
        await apply(connection, self._context, list(people.values()), now)
        await faq.count_inquiries(
            connection, [turn.answer.best.entry_id for turn in turns.values() if turn.answer.best is not None]
        )
        return [turns.get(place) for place in range(len(batch))]


def _decide(person: Person, ready: _Ready, hits: dict[int, FaqHit], now: datetime) -> Turn:
    """Note the question and the answer on a locked person."""
    asked = ready.asked
    ranked = [entry for entry in ready.ranked if entry.entry_id in hits]
    person.take(asked.text, 0, None, None, now)
    answer = choose_answer(ranked, muted=person.contact["muted"], best=asked.best, suggest=asked.suggest)
    hit = hits[answer.best.entry_id] if answer.best else None
    said = _words(ready.bot, answer, hit) if ready.with_fallback or hit else None
    if said is not None:
        person.say(
            said,
            answer.provider,
            now,
            confidence=answer.best.confidence if answer.best else None,
            doc_id=hit.doc_id if hit else None,
        )
    return Turn(answer, said, hits)


async def _read_hits(connection: asyncpg.Connection, batch: Sequence[_Ready]) -> dict[int, FaqHit]:
    """Read the entries that questions resemble, by id; those that cannot answer any more are missing."""
    wanted = {entry.entry_id for ready in batch for entry in ready.ranked}
    if not wanted:
        return {}
    bot_ids = {ready.bot["id"] for ready in batch}
    rows = await faq.hits(connection, sorted(bot_ids), sorted(wanted))
    grouped = {row["bot_id"] for row in rows if row["category_id"] is not None}
    trees = {bot_id: await faq_categories.load(connection, bot_id) for bot_id in sorted(grouped)}
    return {
        row["id"]: FaqHit(
            row["doc_id"],
            row["post"],
            row["replies"],
            [step.label for step in trees[row["bot_id"]].path(row["category_id"])] if row["category_id"] else [],
        )
        for row in rows
    }


def _words(bot: asyncpg.Record, answer: Answer, hit: FaqHit | None) -> str | None:
    if answer.provider == "mute":
        return None
    if hit is None:
        fallback: str = bot["fallback"]
        return fallback
    replies: list[dict[str, Any]] = [reply for reply in hit.replies if reply["enabled"]]
    chosen: str = random.choice(replies)["content"]  # noqa: S311 - which of several equal answers, no secret
    return chosen
