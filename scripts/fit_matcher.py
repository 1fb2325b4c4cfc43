"""Fit the weights in `app/gateways/matcher/confidence.py` to a labelled set and print them.

`PYTHONPATH=. .venv/bin/python scripts/fit_matcher.py` reads tests/data/faq_dev.jsonl. Each query is asked of a bot with
all entries and of a bot with those of its domain, so that the weights fit large and small bots. Cross-validation
leaves out whole entries, with all queries about them and beside them, never single queries.
"""

import argparse
import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.gateways.matcher import CharEncoder, Encoder, Index, Question, SentenceEncoder
from app.gateways.matcher.confidence import SIGNS, Signals, Weights

FOLDS = 10
PENALTY = 0.003
STEPS = 6000
ANSWER, SUGGEST = 0.8, 0.6
"""The thresholds that bots have by default."""
WRONG_SHARE = 0.0125
"""Wrong answers among all queries at the answer threshold: well under the 3 % allowed, as other sets differ."""
SUGGESTION_RIGHT = 0.5
"""A suggestion is worth showing when it is as likely right as not."""

Floats = NDArray[np.floating[Any]]


class Row(NamedTuple):
    """The best entry for one query on one bot."""

    group: str
    weight: float
    right: bool
    answerable: bool
    full: bool
    signals: Signals


def read(path: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Give entries and queries of a labelled set."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [x for x in lines if x["kind"] == "entry"], [x for x in lines if x["kind"] == "query"]


def bot(encoder: Encoder, entries: Iterable[dict[str, Any]]) -> Index:
    """Make an index of entries."""
    index = Index(encoder)
    for entry in entries:
        texts = [entry["post"], *entry["similar"]]
        rows = zip(texts, encoder.encode(texts), strict=True)
        index.upsert(Question(f"{entry['id']}-{n}", entry["id"], t, v) for n, (t, v) in enumerate(rows))
    return index


def ask(encoder: Encoder, index: Index, queries: Sequence[dict[str, Any]], weight: float, *, full: bool) -> list[Row]:
    """Ask a bot and keep the signals of the entry with the best score."""
    texts = [query["text"] for query in queries]
    rows = []
    for number, (query, matches) in enumerate(
        zip(queries, index.search_many(texts, encoder.encode(texts)), strict=True)
    ):
        scored = [(match.signals.score, match.entry_id, match.signals) for match in matches if match.signals]
        if scored and all(match.signals for match in matches):
            _, entry_id, signals = max(scored)
            group = query["entry"] or query.get("beside") or f"far {number}"
            right = entry_id == query["entry"]
            rows.append(Row(group, weight, right, query["entry"] is not None, full, signals))
    return rows


def collect(encoder: Encoder, path: Path) -> list[Row]:
    """Ask all queries on the bot of all entries, and on the bots of single domains."""
    entries, queries = read(path)
    rows = ask(encoder, bot(encoder, entries), queries, 1.0, full=True)
    domains = sorted({entry["domain"] for entry in entries})
    far = [query for query in queries if query["domain"] is None]
    for domain in domains:
        index = bot(encoder, [entry for entry in entries if entry["domain"] == domain])
        rows += ask(encoder, index, [query for query in queries if query["domain"] == domain], 1.0, full=False)
        rows += ask(encoder, index, far, 1 / len(domains), full=False)
    return rows


def fit(rows: Sequence[Row]) -> tuple[float, Floats]:
    """Give bias and weights of a logistic regression with a penalty, each weight of its sign or zero."""
    x = np.array([row.signals for row in rows])
    y = np.array([row.right for row in rows], dtype=float)
    w = np.array([row.weight for row in rows])
    w /= w.sum()
    middle, spread = w @ x, np.sqrt(w @ (x - w @ x) ** 2) + 1e-9
    x = (x - middle) / spread
    signs, bias, beta = np.array(SIGNS), 0.0, np.zeros(x.shape[1])
    for _ in range(STEPS):
        error = w * (1 / (1 + np.exp(-(bias + x @ beta))) - y)
        bias -= 0.5 * float(error.sum())
        beta -= 0.5 * (x.T @ error + PENALTY * beta)
        beta = np.where(beta * signs >= 0, beta, 0.0)
    beta /= spread
    return bias - float(middle @ beta), beta


def left_out(rows: Sequence[Row]) -> Floats:
    """Give each row the sum that weights fitted without its entry give it."""
    groups = sorted({row.group for row in rows})
    fold = {group: number % FOLDS for number, group in enumerate(np.random.default_rng(7).permutation(groups).tolist())}
    sums = np.zeros(len(rows))
    for k in range(FOLDS):
        bias, beta = fit([row for row in rows if fold[row.group] != k])
        for place, row in enumerate(rows):
            if fold[row.group] == k:
                sums[place] = bias + beta @ np.array(row.signals)
    return sums


def area(positive: Floats, negative: Floats) -> float:
    """Give the area under the ROC curve."""
    wins = (positive[:, None] > negative[None]).mean() + 0.5 * (positive[:, None] == negative[None]).mean()
    return float(wins)


def curve(rows: Sequence[Row], sums: Floats) -> tuple[float, float]:
    """Give steepness and shift that put the answer and suggestion thresholds where they belong."""
    weight = np.array([row.weight for row in rows])
    right = np.array([row.right for row in rows])
    order = np.argsort(-sums)
    wrong = np.cumsum((weight * ~right)[order]) / weight.sum()
    answer = float(sums[order][int(np.searchsorted(wrong, WRONG_SHARE, side="right"))])
    suggest = min(math.log(SUGGESTION_RIGHT / (1 - SUGGESTION_RIGHT)), answer - 0.2)
    high, low = math.log(ANSWER / (1 - ANSWER)), math.log(SUGGEST / (1 - SUGGEST))
    steepness = (high - low) / (answer - suggest)
    return steepness, high - steepness * answer


def report(rows: Sequence[Row], sums: Floats, answer: float) -> None:
    """Say how good the sums of left-out entries are."""
    for full in (True, False):
        chosen = [place for place, row in enumerate(rows) if row.full is full]
        part, values = [rows[place] for place in chosen], sums[chosen]
        yes = np.array([row.answerable for row in part])
        right = np.array([row.right for row in part])
        above = values >= answer
        print(
            f"  {'one bot' if full else 'bots of a domain'}: top-1 {right[yes].mean():.3f},"
            f" AUC {area(values[yes], values[~yes]):.3f}, AUC of right {area(values[right], values[~right]):.3f},"
            f" answered right {(above & right).sum() / yes.sum():.3f} of the answerable,"
            f" wrong {(above & ~right).mean():.3f} of all"
        )


def main() -> None:
    """Fit for both encoders and print what belongs into the table of weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("tests/data/faq_dev.jsonl"))
    encoders: list[Encoder] = [SentenceEncoder(), CharEncoder()]
    path = parser.parse_args().data
    for encoder in encoders:
        rows = collect(encoder, path)
        sums = left_out(rows)
        steepness, shift = curve(rows, sums)
        print(f"{encoder.name}, {len(rows)} rows; entries left out:")
        report(rows, sums, (math.log(ANSWER / (1 - ANSWER)) - shift) / steepness)
        bias, beta = fit(rows)
        weights = Weights(
            round(bias, 3), Signals(*(round(float(b), 3) for b in beta)), round(steepness, 3), round(shift, 3)
        )
        print(f"  {weights}")


if __name__ == "__main__":
    main()
