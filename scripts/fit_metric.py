"""Fit the matrix in `app/gateways/matcher/metric.npy` to questions of many trades and write it.

`PYTHONPATH=. .venv/bin/python scripts/fit_metric.py` reads tests/data/faq_pairs.jsonl: questions, other wordings of
them, and texts that no question answers. Of all questions, a wording shall pick its own; a text without an answer shall
pick none. Few steps from the matrix that changes nothing: further ones fit these texts better and others worse.
Afterwards `scripts/fit_matcher.py` has to be run, as confidence is read from the vectors that this makes.
"""

import argparse
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.gateways.matcher import SentenceEncoder
from app.gateways.matcher.index import CENTRING
from scripts.fit_matcher import read

STEPS: Final = 32
RATE: Final = 0.0004
SHARPNESS: Final = 15.0
NO_ANSWER: Final = 0.6
"""The similarity at which "none of them" is as likely as a question."""
UNANSWERED_SHARE: Final = 0.5
"""How much texts without an answer count against those with one."""
ALIKE: Final = 0.65
"""Two questions that are nearer than this may want the same: neither is held against the other's wordings."""
MOMENTUM, MEMORY, TINY = 0.9, 0.99, 1e-8

Floats = NDArray[np.floating[Any]]


class Material(NamedTuple):
    """Centred vectors, a row each, and which of the questions is each wording's own, or is not to count."""

    questions: Floats
    wordings: Floats
    unanswered: Floats
    own: NDArray[np.intp]
    ignored: NDArray[np.bool_]


def material(path: Path) -> Material:
    """Encode a labelled set."""
    entries, queries = read(path)
    encoder = SentenceEncoder()
    place = {entry["id"]: number for number, entry in enumerate(entries)}
    answered = [query for query in queries if query["entry"]]
    questions = encoder.encode([entry["post"] for entry in entries])
    own = np.array([place[query["entry"]] for query in answered], dtype=np.intp)
    ignored = (questions @ questions.T)[own] > ALIKE
    ignored[np.arange(len(own)), own] = False
    mean = CENTRING * questions.mean(axis=0)
    return Material(
        questions - mean,
        encoder.encode([query["text"] for query in answered]) - mean,
        encoder.encode([query["text"] for query in queries if not query["entry"]]) - mean,
        own,
        ignored,
    )


def choices(texts: Floats, questions: Floats, ignored: NDArray[np.bool_] | None = None) -> Floats:
    """Give how likely each text picks each question; what is missing to 1 is "none of them"."""
    logits = SHARPNESS * texts @ questions.T
    if ignored is not None:
        logits[ignored] = -np.inf
    odds = np.exp(logits - SHARPNESS)
    shares: Floats = odds / (odds.sum(axis=1, keepdims=True) + np.exp(SHARPNESS * (NO_ANSWER - 1)))
    return shares


def unit(vectors: Floats) -> tuple[Floats, Floats]:
    """Give rows of unit length, and their lengths."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / lengths, lengths


def through(gradient: Floats, units: Floats, lengths: Floats, vectors: Floats) -> Floats:
    """Take a gradient from rows of unit length back to the matrix that made them."""
    along = (gradient * units).sum(axis=1, keepdims=True)
    back: Floats = ((gradient - along * units) / lengths).T @ vectors
    return back


def slope(data: Material, matrix: Floats) -> Floats:
    """Give the gradient of the mean surprise at what texts should pick."""
    questions, question_lengths = unit(data.questions @ matrix.T)
    wordings, wording_lengths = unit(data.wordings @ matrix.T)
    unanswered, unanswered_lengths = unit(data.unanswered @ matrix.T)
    error = choices(wordings, questions, data.ignored)
    error[np.arange(len(data.own)), data.own] -= 1
    error *= SHARPNESS / len(error)
    false = choices(unanswered, questions)
    false *= UNANSWERED_SHARE * SHARPNESS / len(false)
    total: Floats = through(error @ questions, wordings, wording_lengths, data.wordings)
    total += through(false @ questions, unanswered, unanswered_lengths, data.unanswered)
    total += through(error.T @ wordings + false.T @ unanswered, questions, question_lengths, data.questions)
    return total


def fit(data: Material) -> Floats:
    """Walk down the slope, every number at its own pace (Adam)."""
    matrix: Floats = np.eye(data.questions.shape[1], dtype=np.float32)
    first, second = np.zeros_like(matrix), np.zeros_like(matrix)
    for step in range(1, STEPS + 1):
        down = slope(data, matrix)
        first = MOMENTUM * first + (1 - MOMENTUM) * down
        second = MEMORY * second + (1 - MEMORY) * down * down
        spread = np.sqrt(second / (1 - MEMORY**step)) + TINY
        matrix = matrix - RATE * (first / (1 - MOMENTUM**step)) / spread
    return matrix


def main() -> None:
    """Fit and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("tests/data/faq_pairs.jsonl"))
    parser.add_argument("--to", type=Path, default=Path("app/gateways/matcher/metric.npy"))
    arguments = parser.parse_args()
    data = material(arguments.data)
    print(f"{len(data.questions)} questions, {len(data.wordings)} wordings, {len(data.unanswered)} without an answer")
    np.save(arguments.to, fit(data).astype(np.float16))


if __name__ == "__main__":
    main()
