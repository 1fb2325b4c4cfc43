"""The matrix that bends vectors, and the script that fits it; what it gains is in test_matcher_quality.py."""

import numpy as np
import pytest

from app.gateways.matcher import CharEncoder, SentenceEncoder
from app.gateways.matcher.metric import bend, metric_of
from scripts import fit_metric
from scripts.fit_metric import Floats, Material


def material(count: int) -> Material:
    """Questions with four wordings each, which keep the first two of six numbers and blur the others."""
    random = np.random.default_rng(1)
    questions = random.normal(size=(count, 6))
    own = np.repeat(np.arange(count), 4)
    wordings = questions[own].copy()
    wordings[:, 2:] += 2 * random.normal(size=(len(own), 4))
    ignored = np.zeros((len(own), count), dtype=np.bool_)
    ignored[0, 5] = ignored[7, 3] = True
    return Material(questions, wordings, random.normal(size=(5, 6)), own, ignored)


def surprise(data: Material, matrix: Floats) -> float:
    """Give what `fit_metric.slope` is the gradient of."""
    (questions, _), (wordings, _), (unanswered, _) = (
        fit_metric.unit(vectors @ matrix.T) for vectors in (data.questions, data.wordings, data.unanswered)
    )
    own = fit_metric.choices(wordings, questions, data.ignored)[np.arange(len(data.own)), data.own]
    none = 1 - fit_metric.choices(unanswered, questions).sum(axis=1)
    return float(-np.log(own).mean() - fit_metric.UNANSWERED_SHARE * np.log(none).mean())


def test_an_encoder_without_a_metric_keeps_its_vectors() -> None:
    vectors = CharEncoder().encode(["怎么开发票", "在吗"])
    assert metric_of(CharEncoder.name) is None
    assert np.array_equal(bend(vectors, None), vectors)


def test_the_metric_fits_the_encoder_and_keeps_length_one() -> None:
    metric = metric_of(SentenceEncoder.name)
    assert metric is not None
    assert metric.shape == (SentenceEncoder.dimensions, SentenceEncoder.dimensions)
    bent = bend(SentenceEncoder().encode(["怎么开发票", "在吗"]).astype(np.float16), metric)
    assert bent.dtype == np.float32
    assert np.allclose(np.linalg.norm(bent, axis=1), 1, atol=1e-5)
    assert not bend(np.zeros((1, SentenceEncoder.dimensions), dtype=np.float16), metric).any()


def test_the_slope_is_that_of_the_surprise() -> None:
    data = material(8)
    matrix = np.eye(6) + 0.1 * np.random.default_rng(2).normal(size=(6, 6))
    slope, step = fit_metric.slope(data, matrix), 1e-6
    for row, column in np.ndindex(matrix.shape):
        moved = np.zeros_like(matrix)
        moved[row, column] = step
        measured = (surprise(data, matrix + moved) - surprise(data, matrix - moved)) / (2 * step)
        assert slope[row, column] == pytest.approx(measured, rel=1e-4, abs=1e-5)


def test_fitting_turns_to_what_wordings_of_a_question_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit_metric, "RATE", 0.02)
    data = material(40)
    matrix = fit_metric.fit(data)
    assert surprise(data, matrix) < surprise(data, np.eye(6)) - 0.1
    stretched = np.linalg.norm(matrix, axis=0)
    assert stretched[:2].min() > stretched[2:].max()
