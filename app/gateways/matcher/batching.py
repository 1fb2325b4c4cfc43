"""Queries that arrive together are encoded and searched together, in one thread beside the event loop."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np

from app.gateways.matcher.encoders import Encoder, Vectors, keep_to_one_core
from app.gateways.matcher.index import Index, Match
from app.gateways.matcher.process import best_encoder
from app.gateways.matcher.wording import clean
from app.gathering import Gathering

LARGEST_BATCH: Final = 32
ENDING: Final = 5
"""Seconds for what is still under way at the end. Requests had theirs before: what takes longer stands still."""
ENCODE_CHUNK: Final = 64
"""An import hands over so many texts at a time, so that queries get their turn in between."""

_Query = tuple[str, Index, float]


class Matcher:
    """An encoder, a thread for it, and what waits for that thread.

    While a batch is under way, further queries gather; they are the next batch. A lone query waits for nobody. The
    model is loaded by the first text, so a service that answers no FAQ pays nothing for it.
    """

    def __init__(self, encoder: Encoder | None = None) -> None:
        self.encoder = encoder or best_encoder()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="matcher", initializer=keep_to_one_core)
        self._queries = Gathering(self._answer, most=LARGEST_BATCH, name="matcher")

    def index(self) -> Index:
        """Make an empty index for vectors of this encoder."""
        return Index(self.encoder)

    async def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode texts for storing, one row each.

        Raises:
            InvalidInputError: A text is empty.

        """
        cleaned = [clean(text) for text in texts]
        loop = asyncio.get_running_loop()
        parts = [np.zeros((0, self.encoder.dimensions), dtype=np.float32)]
        for start in range(0, len(cleaned), ENCODE_CHUNK):
            chunk = cleaned[start : start + ENCODE_CHUNK]
            parts.append(await loop.run_in_executor(self._thread, self.encoder.encode, chunk))
        return np.concatenate(parts)

    async def search(self, index: Index, text: str, floor: float = 0.0) -> list[Match]:
        """Rank the entries of an index for a query, the surest first; those below ``floor`` may be left out.

        Raises:
            InvalidInputError: The text is empty.

        """
        return await self._queries((clean(text), index, floor))

    async def aclose(self) -> None:
        """Finish what is under way, or after `ENDING` let it fail; end the thread and what the encoder holds."""
        finishing = asyncio.create_task(self._finish(), name="matcher-end")
        await asyncio.wait([finishing], timeout=ENDING)
        await asyncio.to_thread(self.encoder.close)
        await finishing

    async def _finish(self) -> None:
        await self._queries.aclose()
        await asyncio.to_thread(self._thread.shutdown)

    async def _answer(self, batch: Sequence[_Query]) -> list[list[Match]]:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._search, batch)

    def _search(self, batch: Sequence[_Query]) -> list[list[Match]]:
        """Encode all at once, then search index by index."""
        vectors = self.encoder.encode([text for text, _, _ in batch])
        places: dict[int, list[int]] = {}
        for place, (_, index, _) in enumerate(batch):
            places.setdefault(id(index), []).append(place)
        results: list[list[Match]] = [[] for _ in batch]
        for group in places.values():
            index = batch[group[0]][1]
            texts, floors = [batch[place][0] for place in group], [batch[place][2] for place in group]
            found = index.search_many(texts, vectors[group], floors)
            for place, matches in zip(group, found, strict=True):
                results[place] = matches
        return results
