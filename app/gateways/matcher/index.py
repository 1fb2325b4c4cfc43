"""The questions of one bot in memory: rows come and go, a query gets ranked entries.

Ranking. Vectors are bent by the encoder's metric (`metric`) and compared after half of the bot's mean vector is taken
away: what all questions of a bot have in common tells none of them apart. An entry's score is mostly the similarity to
the mean of its questions (several wordings together say better than each alone what is meant), and for a fifth that of
its best question.
"""

import math
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.gateways.matcher.confidence import CLOSE, FITTED, LENGTH_CAP, MARGIN_CAP, Signals, Weights, confidence
from app.gateways.matcher.encoders import Encoder, Vectors
from app.gateways.matcher.metric import bend, metric_of
from app.gateways.matcher.wording import Wording, grams_of, observe

CENTRING: Final = 0.5
CENTRING_NEEDS: Final = 10
"""So many questions make the mean half as trusted as very many do."""
CENTROID_SHARE: Final = 0.8
CANDIDATES: Final = 5
"""Entries that get a closer look and a confidence."""
BENT_AT_ONCE: Final = 256
"""A large base would otherwise need its vectors twice more, for a moment, in double the precision."""
_TINY: Final = 1e-12
_BETWEEN: Final = "\0"
"""No text holds it."""

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Question:
    """A question of an entry: its main one or a similar one; ``vector`` is the encoder's (float16 will do)."""

    question_id: str
    entry_id: str
    text: str
    vector: Floats
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
class _Row:
    question: Question
    wording: Wording


@dataclass(frozen=True, slots=True)
class _Query:
    """A query with the weight of each of its pieces, their sum, and the least confidence of interest."""

    wording: Wording
    rarity: dict[str, float]
    total: float
    floor: float


@dataclass(frozen=True, slots=True)
class _Derived:
    """What follows from all enabled rows; made anew with the first search after a change.

    ``active`` holds the places of enabled rows, those of one entry side by side, entries in the order of their ids;
    ``starts`` where each entry begins in it. ``columns`` holds their vectors, one in each column, as a product of a few
    queries with that is faster than with rows. ``rarity`` and ``contents`` (the sum of the rarities of a row's pieces,
    by place) fill as they are asked for.
    """

    active: NDArray[np.intp]
    starts: NDArray[np.intp]
    entries: list[str]
    columns: Vectors
    weights: Vectors
    mean: Vectors
    row_mean: Floats
    row_norms: Floats
    entry_norms: Floats
    rarity: dict[str, float] = field(default_factory=dict)
    contents: dict[int, float] = field(default_factory=dict)


class Index:
    """The questions of one bot. Safe to change in one thread and search in another."""

    def __init__(self, encoder: Encoder, weights: Weights | None = None) -> None:
        self._lexical = encoder.lexical
        self._metric = metric_of(encoder.name)
        self._weights = weights or FITTED[encoder.lexical]
        self._lock = threading.Lock()
        self._slots: dict[str, int] = {}
        self._rows: list[_Row | None] = []
        self._free: list[int] = []
        self._matrix: NDArray[np.float16] = np.zeros((16, encoder.dimensions), dtype=np.float16)
        self._gram_rows: Counter[str] = Counter()
        self._by_key: defaultdict[str, set[int]] = defaultdict(set)
        self._enabled = 0
        self._derived: _Derived | None = None

    def __len__(self) -> int:
        return len(self._slots)

    def upsert(self, questions: Iterable[Question]) -> None:
        """Put in rows that are new or changed; disabled ones stay out of answers."""
        prepared = [_Row(question, observe(question.text)) for question in questions]
        vectors = self._bent([row.question.vector for row in prepared])
        with self._lock:
            for row, vector in zip(prepared, vectors, strict=True):
                slot = self._slots.get(row.question.question_id)
                if slot is None:
                    slot = self._take_slot()
                    self._slots[row.question.question_id] = slot
                self._put(slot, row)
                self._matrix[slot] = vector
            self._derived = None

    def remove(self, question_ids: Iterable[str]) -> None:
        """Take out rows; ids that are not there are passed over."""
        with self._lock:
            for question_id in question_ids:
                slot = self._slots.pop(question_id, None)
                if slot is not None:
                    self._put(slot, None)
                    self._matrix[slot] = 0
                    self._free.append(slot)
            self._derived = None

    def search(self, text: str, vector: Floats) -> list[Match]:
        """Rank entries for one query; see `search_many`."""
        return self.search_many([text], np.asarray(vector, dtype=np.float32)[None])[0]

    def search_many(self, texts: Sequence[str], vectors: Vectors, floors: Sequence[float] = ()) -> list[list[Match]]:
        """Rank entries for each query, `CANDIDATES` of them: the same text first, then by score, equal ones by id.

        No entry is surer than one before it: the score says which entry, the confidence whether to answer at all. Of
        those that are less sure than a query's floor some or all are left out: they cost a look each.

        Queries that come together cost little more than one: the matrix is read once.
        """
        with self._lock:
            if not self._enabled:
                return [[] for _ in texts]
            derived = self._derive()
            cosines, similarities = self._compare(derived, bend(vectors, self._metric))
            # Rounded, so that equal entries are equal whatever order a product was summed in.
            scores = np.round(_scores(derived, similarities), 5)
            return [
                self._rank(
                    derived,
                    self._query(derived, text, floors[i] if floors else 0.0),
                    scores[i],
                    similarities[i],
                    cosines[i],
                )
                for i, text in enumerate(texts)
            ]

    def _bent(self, vectors: Sequence[Floats]) -> NDArray[np.float16]:
        bent = np.empty((len(vectors), self._matrix.shape[1]), dtype=np.float16)
        for start in range(0, len(vectors), BENT_AT_ONCE):
            part = slice(start, start + BENT_AT_ONCE)
            bent[part] = bend(np.stack(vectors[part]), self._metric)
        return bent

    def _take_slot(self) -> int:
        if self._free:
            return self._free.pop()
        if len(self._rows) == len(self._matrix):
            self._matrix = np.vstack([self._matrix, np.zeros_like(self._matrix)])
        self._rows.append(None)
        return len(self._rows) - 1

    def _put(self, slot: int, row: _Row | None) -> None:
        """Change a row, and the counts that only enabled ones take part in."""
        for old, sign in ((self._rows[slot], -1), (row, 1)):
            if old is None or not old.question.enabled:
                continue
            self._enabled += sign
            keyed = self._by_key[old.wording.key]
            if sign > 0:
                self._gram_rows.update(grams_of(old.wording.key))
                keyed.add(slot)
                continue
            keyed.discard(slot)
            if not keyed:
                del self._by_key[old.wording.key]
            for gram in grams_of(old.wording.key):
                self._gram_rows[gram] -= 1
                if not self._gram_rows[gram]:
                    del self._gram_rows[gram]
        self._rows[slot] = row

    def _row(self, slot: int) -> _Row:
        row = self._rows[slot]
        if row is None:  # pragma: no cover - only places of rows are handed in
            raise LookupError(slot)
        return row

    def _derive(self) -> _Derived:
        if self._derived is not None:
            return self._derived
        order = sorted(
            (row.question.entry_id, row.question.question_id, slot)
            for slot, row in enumerate(self._rows)
            if row is not None and row.question.enabled
        )
        entries: list[str] = []
        starts: list[int] = []
        for place, (entry_id, _, _) in enumerate(order):
            if not entries or entries[-1] != entry_id:
                entries.append(entry_id)
                starts.append(place)
        active = np.array([slot for _, _, slot in order], dtype=np.intp)
        first = np.array(starts, dtype=np.intp)
        vectors = self._matrix[active].astype(np.float32)
        weights = np.ones(vectors.shape[1], dtype=np.float32)
        mean = np.zeros_like(weights)
        if self._lexical:
            weights = np.log((len(active) + 1) / ((vectors > 0).sum(axis=0) + 0.5)).astype(np.float32) ** 2
        else:
            mean = CENTRING * len(active) / (len(active) + CENTRING_NEEDS) * vectors.mean(axis=0)
        row_norms = np.sqrt(np.maximum(_squares(vectors, mean, weights), _TINY))
        unit = (vectors - mean) * np.sqrt(weights) / row_norms[:, None]
        counts = np.diff(np.append(first, len(active)))
        centroids = np.add.reduceat(unit, first, axis=0) / counts[:, None].astype(np.float32)
        self._derived = _Derived(
            active=active,
            starts=first,
            entries=entries,
            columns=np.ascontiguousarray(vectors.T),
            weights=weights,
            mean=mean,
            row_mean=vectors @ (weights * mean),
            row_norms=row_norms,
            entry_norms=np.maximum(np.linalg.norm(centroids, axis=1), _TINY),
        )
        return self._derived

    def _compare(self, derived: _Derived, queries: Vectors) -> tuple[Floats, Floats]:
        """Give cosines as the metric means them, and those after centring; both need one product."""
        mean, weights = derived.mean, derived.weights
        raw = (queries * weights) @ derived.columns
        query_mean = queries @ (weights * mean)
        dots = raw - derived.row_mean - query_mean[:, None] + mean @ (weights * mean)
        norms = np.sqrt(np.maximum(_squares(queries, mean, weights), _TINY))
        similarities = dots / (norms[:, None] * derived.row_norms)
        return (similarities if self._lexical else raw), similarities

    def _rank(
        self, derived: _Derived, query: _Query, scores: Floats, similarities: Floats, cosines: Floats
    ) -> list[Match]:
        twins = map(self._row, self._by_key.get(query.wording.key, ()))
        same = {row.question.entry_id: row for row in sorted(twins, key=_by_id)}
        count = min(CANDIDATES + 1, len(scores))  # one more than is answered, to stand out from
        nearest = np.argpartition(scores, -count)[-count:]
        nearest = nearest[np.lexsort((nearest, -scores[nearest]))]
        around = scores[nearest]
        first, second = float(scores[nearest[0]]), float(scores[nearest[1]]) if count > 1 else 0.0
        matches = [
            Match(entry_id, row.question.question_id, row.question.text, 1.0, None) for entry_id, row in same.items()
        ]
        sure = 1.0
        for place, number in enumerate(nearest[:CANDIDATES].tolist()):
            if derived.entries[number] in same:
                continue
            begin = int(derived.starts[number])
            end = int(derived.starts[number + 1]) if number + 1 < len(derived.starts) else len(derived.active)
            best = begin + (int(np.argmax(similarities[begin:end])) if end - begin > 1 else 0)
            margin = float(scores[number]) - (first if place else second)
            gap = float(scores[number]) - float(around.sum() - scores[number]) / CANDIDATES
            signals = self._signals(
                derived,
                query,
                derived.active[begin:end].tolist(),
                best - begin,
                (float(cosines[best]), float(scores[number]), max(-MARGIN_CAP, min(MARGIN_CAP, margin)), gap),
            )
            question = self._row(int(derived.active[best])).question
            own = confidence(signals, self._weights)
            sure = own if self._lexical else min(sure, own)
            if sure < query.floor and not self._lexical:
                break  # and so are the others
            matches.append(Match(question.entry_id, question.question_id, question.text, sure, signals))
        if self._lexical:  # its score is so weak that the closer look also ranks better
            matches.sort(key=lambda match: (-match.confidence, match.entry_id))
        return matches[:CANDIDATES]

    def _signals(
        self, derived: _Derived, query: _Query, slots: Sequence[int], best: int, near: tuple[float, float, float, float]
    ) -> Signals:
        wordings = [self._row(slot).wording for slot in slots]
        question = wordings[best]
        content = derived.contents.get(slots[best])
        if content is None:
            pieces = grams_of(question.key)
            content = derived.contents[slots[best]] = sum([self._rarity(derived, gram) for gram in pieces]) or 1.0
        kinds = frozenset().union(*(wording.kinds for wording in wordings))
        numbers = frozenset().union(*(wording.numbers for wording in wordings))
        cosine, score, margin, gap = near
        rarity = query.rarity
        # A piece is one character or two that touch: a text holds it if its set of pieces would.
        shared = [gram for gram in rarity if gram in question.key]
        everything = question.key if len(wordings) == 1 else _BETWEEN.join([wording.key for wording in wordings])
        missed = [gram for gram in rarity if gram not in everything]
        return Signals(
            cosine=cosine,
            close=max(0.0, (cosine - CLOSE) / (1 - CLOSE)),
            score=score,
            margin=margin,
            gap=gap,
            length=max(0.0, min(LENGTH_CAP, math.log((len(query.wording.key) + 1) / (len(question.key) + 1)))),
            asked=1 - sum([rarity[gram] for gram in missed]) / query.total,
            answered=sum([rarity[gram] for gram in shared]) / content,
            elsewhere=sum([rarity[gram] for gram in missed if gram in self._gram_rows]) / query.total,
            kind_added=float(bool(query.wording.kinds - kinds)),
            kind_missing=float(bool(question.kinds - query.wording.kinds)),
            negation=float(query.wording.negated not in {wording.negated for wording in wordings}),
            number=float(bool(query.wording.numbers - numbers)),
        )

    def _query(self, derived: _Derived, text: str, floor: float) -> _Query:
        wording = observe(text)
        known = derived.rarity
        rarity = {gram: known.get(gram) or self._rarity(derived, gram) for gram in grams_of(wording.key)}
        return _Query(wording, rarity, sum(rarity.values()) or 1.0, floor)

    def _rarity(self, derived: _Derived, gram: str) -> float:
        """Weigh a piece: rare ones say more; one that no question has says as much as the rarest."""
        rarity = math.log((self._enabled + 1) / (self._gram_rows.get(gram, 0) + 0.5))
        if gram in self._gram_rows:  # of pieces that no question has there is no end
            derived.rarity[gram] = rarity
        return rarity


def _scores(derived: _Derived, similarities: Floats) -> Floats:
    """Give the score of each entry for each query."""
    if len(derived.starts) == len(derived.active):  # one question each: mean and best are the same
        return similarities
    best = np.maximum.reduceat(similarities, derived.starts, axis=1)
    counts = np.diff(np.append(derived.starts, len(derived.active)))
    centroid = np.add.reduceat(similarities, derived.starts, axis=1) / (counts * derived.entry_norms)
    scores: Floats = CENTROID_SHARE * centroid + (1 - CENTROID_SHARE) * best
    return scores


def _by_id(row: _Row) -> tuple[str, str]:
    return row.question.entry_id, row.question.question_id


def _squares(vectors: Floats, mean: Floats, weights: Floats) -> Floats:
    """Give the squared length of each row less the mean."""
    lengths: Floats = (vectors * vectors) @ weights - 2 * (vectors @ (weights * mean)) + mean @ (weights * mean)
    return lengths
