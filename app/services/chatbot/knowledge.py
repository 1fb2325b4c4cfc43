"""What a process knows of the FAQ bases: one index per bot, brought up to date by the bot's version.

- Whoever asks has read the bot's row, version included, for this very question; questions changed since the version
  that this process holds are read before the answer, so what was written through any process counts.
- What was deleted is told by tombstones, which go after a time. A process whose base is older than the newest tombstone
  that went reads the whole base anew; the bot's row says so, in the snapshot in which the questions are read.
- Encoding, indexing and searching happen in threads: the event loop stays free.
- Memory is bounded: the bases that were asked least recently are let go.
- The matcher, and numpy with it, is imported when the first text is asked about or stored: a service that answers no
  FAQ starts without them.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import asyncpg

from app.domain.chat import Ranked
from app.repositories import faq, faq_questions
from app.repositories.database import Database
from app.repositories.faq_questions import Vector

if TYPE_CHECKING:
    from app.gateways.matcher import Index, Matcher

MOST_BOTS = 64
MOST_QUESTIONS = 400_000
"""What the indexes of a process hold together; one base may be larger by itself."""
BATCH = 256

Made = tuple[int, str, bytes]
"""Question id, text, and the vector that was made for it."""


@dataclass(slots=True)
class _Base:
    """The index of one bot, and the version that it shows."""

    index: "Index"
    version: int = -1
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Knowledge:
    """Answers which entries resemble a question."""

    def __init__(self, database: Database, matcher: "Matcher | None" = None) -> None:
        self._database = database
        if matcher is not None:
            self._matcher = matcher
        self._bases: OrderedDict[int, _Base] = OrderedDict()

    @cached_property
    def _matcher(self) -> "Matcher":
        from app.gateways.matcher import Matcher  # noqa: PLC0415 - see the module's docstring

        return Matcher()

    @property
    def name(self) -> str:
        """Which matcher runs."""
        return self._matcher.encoder.name

    async def vectors(self, texts: Sequence[str]) -> list[Vector]:
        """Return the sentence vectors of texts, as they are stored; empty ones where the encoder is not there."""
        if self._matcher.encoder.lexical:
            return [Vector() for _ in texts]
        rows = await self._matcher.encode(texts)
        return [Vector(self.name, row.astype("<f2").tobytes()) for row in rows]

    async def search(self, bot: asyncpg.Record, text: str, floor: float) -> list[Ranked]:
        """Return the entries that resemble a text with at least ``floor``, best first.

        Args:
            bot: The bot's row, read for this very question.
            text: What is asked, not empty.
            floor: The least confidence of interest, 0 to 1.
        """
        base = await self._current(bot)
        if not len(base.index):
            return []
        found = await self._matcher.search(base.index, text, floor)
        return [Ranked(int(match.entry_id), round(match.confidence, 4)) for match in found if match.confidence >= floor]

    async def close(self) -> None:
        """Let the matcher's thread end, if there is one."""
        if "_matcher" in vars(self):
            await self._matcher.aclose()

    async def _current(self, bot: asyncpg.Record) -> _Base:
        bot_id: int = bot["id"]
        base = self._bases.setdefault(bot_id, _Base(self._matcher.index()))
        self._bases.move_to_end(bot_id)
        if base.version < bot["faq_version"]:
            async with base.lock:  # one reader for all who wait
                if base.version < bot["faq_version"]:
                    await self._catch_up(bot_id, base)
                    self._make_room()
        return base

    async def _catch_up(self, bot_id: int, base: _Base) -> None:
        async with (
            self._database.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            version, purged = await faq.versions(connection, bot_id)
            is_lost = base.version < purged  # what went since may have left no tombstone: everything is read anew
            rows = await faq_questions.changed(connection, bot_id, -1 if is_lost else base.version)
        live = [row for row in rows if row["is_live"]]
        made = await self._make_vectors([row for row in live if self._lacks_vector(row)])
        content = {row["id"]: row["vector"] for row in live} | {question_id: vector for question_id, _, vector in made}
        dtype = "<f4" if self._matcher.encoder.lexical else "<f2"
        gone = [str(row["id"]) for row in rows if not row["is_live"]]
        index = self._matcher.index() if is_lost else base.index
        await asyncio.to_thread(_replace, index, gone, live, content, dtype)
        base.index, base.version = index, version
        if made and not self._matcher.encoder.lexical:
            async with self._database.transaction() as connection:
                await faq_questions.save_vectors(connection, self.name, made)

    def _lacks_vector(self, row: asyncpg.Record) -> bool:
        return self._matcher.encoder.lexical or row["vector"] is None or row["encoder"] != self.name

    async def _make_vectors(self, rows: Sequence[asyncpg.Record]) -> list[Made]:
        made: list[Made] = []
        for start in range(0, len(rows), BATCH):
            part = rows[start : start + BATCH]
            encoded = await self._matcher.encode([row["post"] for row in part])
            dtype = "<f4" if self._matcher.encoder.lexical else "<f2"
            made += [
                (row["id"], row["post"], vector.astype(dtype).tobytes())
                for row, vector in zip(part, encoded, strict=True)
            ]
        return made

    def _make_room(self) -> None:
        while len(self._bases) > 1 and (
            len(self._bases) > MOST_BOTS or sum(len(base.index) for base in self._bases.values()) > MOST_QUESTIONS
        ):
            self._bases.popitem(last=False)


def _replace(
    index: "Index", gone: Sequence[str], live: Sequence[asyncpg.Record], vectors: Mapping[int, bytes], dtype: str
) -> None:
    import numpy as np  # noqa: PLC0415 - see the module's docstring

    from app.gateways.matcher import Question  # noqa: PLC0415 - see the module's docstring

    index.remove(gone)
    index.upsert(
        [
            Question(str(row["id"]), str(row["entry_id"]), row["post"], np.frombuffer(vectors[row["id"]], dtype))
            for row in live
        ]
    )
