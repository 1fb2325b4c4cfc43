"""From observations about a query and an entry to a confidence: one weighted sum and one curve.

The weights were fitted by ``scripts/fit_matcher.py`` on ``tests/data/faq_dev.jsonl`` (a logistic regression whose
weights may only have the sign that an observation's meaning allows), the curve so that 0.8 and 0.6 are the thresholds
at which a bot should answer and suggest. Run the script again after changing an observation.
"""

import math
from operator import mul
from typing import Final, NamedTuple


class Signals(NamedTuple):
    """What speaks for an entry, and what against it; each about 0..1."""

    cosine: float
    """Between the query and the entry's best question, as the metric bends them."""
    close: float
    """How far the cosine is above `CLOSE`, 0..1: nearly the same words say more than a straight line would give."""
    score: float
    """What entries are ranked by; see `Index`."""
    margin: float
    """To the best other entry; negative unless this is the best. At most `MARGIN_CAP` either way."""
    gap: float
    """To the mean of the next five entries: how much this one stands out."""
    length: float
    """How much longer the query is than the question (logarithm, 0..`LENGTH_CAP`); chance nearness is short."""
    asked: float
    """Share of the query's pieces, weighted by rarity, that the entry's questions contain."""
    answered: float
    """Share of the best question's pieces, weighted by rarity, that the query contains. Given the cosine this speaks
    against: nearness that shared words explain says less about what is meant than nearness without them."""
    elsewhere: float
    """Share of the query's pieces that other entries contain and this one does not."""
    kind_added: float
    """The query asks for something (a time, a place, …) that the question does not ask for."""
    kind_missing: float
    """The question asks for something that the query does not ask for."""
    negation: float
    """One of them denies, the other does not."""
    number: float
    """The query names a number that the entry does not."""


CLOSE: Final = 0.7
MARGIN_CAP: Final = 0.25
LENGTH_CAP: Final = 1.0
SIGNS: Final = Signals(1, 1, 1, 1, 1, 1, 1, 0, -1, -1, -1, -1, -1)
"""The direction in which each signal may move the confidence."""
HIGHEST: Final = 0.99
"""Only the same text is 1."""


class Weights(NamedTuple):
    """The fitted sum: ``steepness * (bias + sum of weight * signal) + shift`` is the logit of the confidence."""

    bias: float
    signals: Signals
    steepness: float
    shift: float


FITTED: Final[dict[bool, Weights]] = {
    False: Weights(
        bias=-4.118,
        signals=Signals(
            cosine=3.695,
            close=4.205,
            score=3.727,
            margin=5.685,
            gap=0.893,
            length=1.246,
            asked=0.0,
            answered=-5.374,
            elsewhere=-0.398,
            kind_added=-0.576,
            kind_missing=-0.707,
            negation=0.0,
            number=0.0,
        ),
        steepness=0.717,
        shift=0.405,
    ),
    True: Weights(
        bias=-1.934,
        signals=Signals(
            cosine=0.183,
            close=4.456,
            score=0.938,
            margin=0.0,
            gap=4.891,
            length=0.195,
            asked=2.792,
            answered=0.531,
            elsewhere=-3.641,
            kind_added=-1.27,
            kind_missing=-0.728,
            negation=-0.345,
            number=-1.63,
        ),
        steepness=4.904,
        shift=1.255,
    ),
}
"""By `Encoder.lexical`."""


def confidence(signals: Signals, weights: Weights) -> float:
    """Give the confidence of an entry for a query that is not word for word one of its questions: 0..0.99."""
    total = weights.bias + sum(map(mul, weights.signals, signals))
    logit = max(-30.0, min(30.0, weights.steepness * total + weights.shift))
    return min(HIGHEST, 1 / (1 + math.exp(-logit)))
