"""The questions of one bot in memory: rows come and go, a query gets ranked entries.

Ranking. Vectors are compared after half of the bot's mean vector is taken away: what all questions of a bot have in
common tells none of them apart. An entry's score is mostly the similarity to the mean of its questions (several
wordings together say better than each alone what is meant), and for a fifth that of its best question.
"""

import math
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.gateways.matcher.confidence import FITTED, MARGIN_CAP, Signals, confidence
from app.gateways.matcher.encoders import Encoder, Vectors
from app.gateways.matcher.wording import Wording, grams_of, observe

CENTRING: Final = 0.5
CENTRING_NEEDS: Final = 10
"""So many questions make the mean half as trusted as very many do."""
CENTROID_SHARE: Final = 0.8
CANDIDATES: Final = 5
"""Entries that get a closer look and a confidence."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question of an entry: its main one or a similar one; ``vector`` is the encoder's (float16 will do)."""

    question_id: str
    entry_id: str
    text: str
    vector: NDArray[np.floating]
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Match:
    """An entry with its best question; ``signals`` is None where the text is the same."""

    entry_id: str
    question_id: str
    question: str
    confidence: float
    signals: Signals | None


@dataclass(frozen=True, slots=True)
class _Derived:
    """What follows from all enabled rows; made anew with the first search after a change."""

    mean: Vectors
    weights: Vectors
    row_norms: Vectors
    entries: list[str]
    entry_of_row: NDArray[np.intp]
    rows_of_entry: list[list[int]]
    entry_norms: Vectors
    grams_of_entry: list[frozenset[str]]
    gram_entries: Counter[str]
    by_key: dict[str, list[int]]


class Index:
    """The questions of one bot. Safe to change in one thread and search in another."""

    def __init__(self, encoder: Encoder) -> None:
        self.lexical = encoder.lexical
        self._dimensions = encoder.dimensions
        self._lock = threading.Lock()
        self._slots: dict[str, int] = {}
        self._rows: list[tuple[Question, Wording] | None] = []
        self._free: list[int] = []
        self._matrix: Vectors = np.zeros((16, encoder.dimensions), dtype=np.float32)
        self._derived: _Derived | None = None

    def __len__(self) -> int:
        return len(self._slots)

    def upsert(self, questions: Iterable[Question]) -> None:
        """Put in rows that are new or changed; disabled ones stay out of answers."""
        prepared = [(question, observe(question.text)) for question in questions]
        with self._lock:
            for question, wording in prepared:
                slot = self._slots.get(question.question_id)
                if slot is None:
                    slot = self._take_slot()
                    self._slots[question.question_id] = slot
                self._rows[slot] = (question, wording)
                self._matrix[slot] = question.vector
            self._derived = None

    def remove(self, question_ids: Iterable[str]) -> None:
        """Take out rows; unknown ids are nothing new."""
        with self._lock:
            for question_id in question_ids:
                slot = self._slots.pop(question_id, None)
                if slot is not None:
                    self._rows[slot] = None
                    self._matrix[slot] = 0
                    self._free.append(slot)
            self._derived = None

    def search(self, text: str, vector: NDArray[np.floating], limit: int = CANDIDATES) -> list[Match]:
        """Rank entries for one query; see `search_many`."""
        return self.search_many([text], np.asarray(vector, dtype=np.float32)[None], limit)[0]

    def search_many(self, texts: Sequence[str], vectors: Vectors, limit: int = CANDIDATES) -> list[list[Match]]:
        """Rank entries for each query, the surest first, equally sure ones by id; at most ``limit``.

        The best entries by score get a confidence; so an answer never has more than `CANDIDATES` that matter.
        """
        with self._lock:
            derived = self._derive()
            if not derived.entries:
                return [[] for _ in texts]
            similarities = self._similarities(derived, np.asarray(vectors, dtype=np.float32))
            cosines = vectors @ self._matrix[: len(self._rows)].T if self.lexical is False else similarities
            return [
                self._rank(derived, text, similarities[i], cosines[i])[:limit] for i, text in enumerate(texts)
            ]

    def _take_slot(self) -> int:
        if self._free:
            return self._free.pop()
        if len(self._rows) == len(self._matrix):
            self._matrix = np.vstack([self._matrix, np.zeros_like(self._matrix)])
        self._rows.append(None)
        return len(self._rows) - 1
