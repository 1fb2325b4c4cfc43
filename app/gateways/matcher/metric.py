"""Bends an encoder's vectors so that two wordings of one question lie nearer to each other than they did.

The encoder puts texts together that speak of the same things; a FAQ needs those together that *want* the same. One
matrix, fitted by ``scripts/fit_metric.py`` on invented questions of many trades, moves the weight from the first to the
second. Stored vectors stay the encoder's, so that another matrix needs no new ones.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

_FITTED: Final = {"use-multilingual-3": Path(__file__).with_name("metric.npy")}
"""By `Encoder.name`: a square of float16, a row for each dimension after it."""
_TINY: Final = 1e-12


@lru_cache
def metric_of(encoder: str) -> Vectors | None:
    """Give the matrix for an encoder's vectors, None where there is none; the file is read once."""
    path = _FITTED.get(encoder)
    return None if path is None else np.ascontiguousarray(np.load(path).T, dtype=np.float32)


def bend(vectors: NDArray[np.floating[Any]], metric: Vectors | None) -> Vectors:
    """Give vectors (a row each) as they are compared: of unit length; those without a metric stay as they are."""
    if metric is None:
        return np.asarray(vectors, dtype=np.float32)
    bent: Vectors = vectors.astype(np.float32) @ metric
    bent /= np.maximum(np.linalg.norm(bent, axis=1, keepdims=True), _TINY)
    return bent
