"""How well the matcher answers three labelled sets: one that its confidence was fitted on, two that nothing was."""

import json
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from app.gateways.matcher import CharEncoder, Encoder, Index, Question, SentenceEncoder, index

DATA = Path(__file__).parent.parent / "data"
ANSWER = 0.8
SUGGEST = 0.6


class Quality(NamedTuple):
    """Shares: ``top1``, ``right`` and ``suggested`` of the answerable, ``wrong`` of all, ``false`` of the others.

    The areas are of confidence: answerable against not, those near the domain and far from it apart; ``auc_right`` is
    that of the answerable whose best entry is right.
    """

    top1: float
    by_distance: tuple[float, float, float]
    auc: float
    auc_near: float
    auc_far: float
    auc_right: float
    right: float
    suggested: float
    wrong: float
    false: float


@cache
def encoder(name: str) -> Encoder:
    return SentenceEncoder() if name == SentenceEncoder.name else CharEncoder()


def lines(name: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    rows = [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]
    return [row for row in rows if row["kind"] == "entry"], [row for row in rows if row["kind"] == "query"]


def index_of(model: Encoder, entries: list[dict[str, Any]]) -> Index:
    texts = [(entry["id"], text) for entry in entries for text in (entry["post"], *entry["similar"])]
    vectors = model.encode([text for _, text in texts])
    index = Index(model)
    index.upsert(Question(f"q{n}", entry, text, vectors[n]) for n, (entry, text) in enumerate(texts))
    return index


def area(positive: list[float], negative: list[float]) -> float:
    wins = sum((p > n) + 0.5 * (p == n) for p in positive for n in negative)
    return wins / (len(positive) * len(negative))


def measure(model: Encoder, name: str) -> Quality:
    entries, queries = lines(name)
    texts = [query["text"] for query in queries]
    found = index_of(model, entries).search_many(texts, model.encode(texts))
    best = [(query, matches[0].entry_id, matches[0].confidence) for query, matches in zip(queries, found, strict=True)]
    answerable = [row for row in best if row[0]["entry"]]
    sure = {place: [c for q, _, c in best if q["distance"] == place] for place in ("near", "far")}
    hits = {d: [e == q["entry"] for q, e, _ in answerable if q["distance"] == d] for d in (1, 2, 3)}
    yes = [c for _, _, c in answerable]
    above = [(q["entry"] == e, q["entry"] is not None) for q, e, c in best if c >= ANSWER]
    near = [m for q, m in zip(queries, found, strict=True) if q["entry"]]
    suggested = [
        any(m.entry_id == q["entry"] and m.confidence >= SUGGEST for m in ms)
        for (q, _, _), ms in zip(answerable, near, strict=True)
    ]
    return Quality(
        top1=sum(e == q["entry"] for q, e, _ in answerable) / len(answerable),
        by_distance=(sum(hits[1]) / len(hits[1]), sum(hits[2]) / len(hits[2]), sum(hits[3]) / len(hits[3])),
        auc=area(yes, sure["near"] + sure["far"]),
        auc_near=area(yes, sure["near"]),
        auc_far=area(yes, sure["far"]),
        auc_right=area([c for q, e, c in answerable if q["entry"] == e], sure["near"] + sure["far"]),
        right=sum(right for right, _ in above) / len(answerable),
        suggested=sum(suggested) / len(answerable),
        wrong=sum(not right for right, _ in above) / len(best),
        false=sum(not known for _, known in above) / (len(best) - len(answerable)),
    )


def show(model: Encoder, name: str, quality: Quality, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        degrees = "/".join(f"{share:.2f}" for share in quality.by_distance)
        print(  # noqa: T201 - the figures are what this test is for
            f"\n{name}, {model.name}: top-1 {quality.top1:.3f} (by distance {degrees}), AUC {quality.auc:.3f}"
            f" (near {quality.auc_near:.3f}, far {quality.auc_far:.3f}, of right answers {quality.auc_right:.3f});"
            f" at {ANSWER}: right {quality.right:.3f} of the answerable, wrong {quality.wrong:.3f} of all,"
            f" {quality.false:.3f} of those without an answer; right at {SUGGEST}: {quality.suggested:.3f}"
        )


@pytest.mark.parametrize(
    ("kind", "name", "top1", "auc", "right", "wrong"),
    [
        (SentenceEncoder, "faq_dev.jsonl", 0.72, 0.84, 0.39, 0.016),
        (SentenceEncoder, "faq_holdout.jsonl", 0.63, 0.80, 0.37, 0.016),
        (SentenceEncoder, "faq_fresh.jsonl", 0.57, 0.86, 0.34, 0.016),
        (CharEncoder, "faq_dev.jsonl", 0.47, 0.58, 0.30, 0.020),
        (CharEncoder, "faq_holdout.jsonl", 0.42, 0.57, 0.30, 0.020),
        (CharEncoder, "faq_fresh.jsonl", 0.40, 0.55, 0.28, 0.020),
    ],
)
def test_quality_stays_what_was_measured(
    kind: type[SentenceEncoder | CharEncoder],
    name: str,
    top1: float,
    auc: float,
    right: float,
    wrong: float,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = encoder(kind.name)
    quality = measure(model, name)
    show(model, name, quality, capsys)
    assert quality.top1 >= top1
    assert quality.auc >= auc
    assert quality.right >= right
    assert quality.wrong <= wrong


def test_the_metric_helps_where_it_was_not_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    model = encoder(SentenceEncoder.name)
    sets = ("faq_dev.jsonl", "faq_holdout.jsonl", "faq_fresh.jsonl")
    bent = [measure(model, name) for name in sets]
    monkeypatch.setattr(index, "metric_of", lambda _: None)
    for name, ours, plain in zip(sets, bent, [measure(model, name) for name in sets], strict=True):
        assert ours.top1 > plain.top1 + 0.02, name
        assert ours.auc > plain.auc + 0.02, name


def test_the_sets_share_no_text() -> None:
    texts = [
        {text for row in (*entries, *queries) for text in (row.get("post"), row.get("text"), *row.get("similar", []))}
        for entries, queries in map(lines, ("faq_dev.jsonl", "faq_holdout.jsonl", "faq_fresh.jsonl", "faq_pairs.jsonl"))
    ]
    for one, other in combinations(texts, 2):
        assert one & other <= {None}
