"""Chance that is no chance: numbers that follow from what they are drawn for."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import TypeVar

_Choice = TypeVar("_Choice")
_WIDTH = 4
_RANGE = 1 << (8 * _WIDTH)


class Draws:
    """A row of numbers that is the same for the same ``parts``, in every process and on every machine."""

    def __init__(self, *parts: object) -> None:
        self._digest = blake2b("|".join(map(str, parts)).encode(), digest_size=64).digest()
        self._at = 0

    def share(self) -> float:
        """Return the next number, 0 to 1, the end not included."""
        if self._at == len(self._digest):
            self._digest, self._at = blake2b(self._digest, digest_size=64).digest(), 0
        word = self._digest[self._at : self._at + _WIDTH]
        self._at += _WIDTH
        return int.from_bytes(word, "big") / _RANGE

    def between(self, low: int, high: int) -> int:
        """Return a whole number from ``low`` to ``high``, both included."""
        return low + int(self.share() * (high - low + 1))

    def weighted(self, weights: Mapping[_Choice, int]) -> _Choice:
        """Return one of the keys, as likely as its weight."""
        left = self.share() * sum(weights.values())
        for choice, weight in weights.items():
            left -= weight
            if left < 0:
                return choice
        raise ValueError("weights must not all be zero")


def identifier(*parts: object) -> str:
    """Return an id in the form of a UUID that is the same for the same ``parts``."""
    text = blake2b("|".join(map(str, parts)).encode(), digest_size=16).hexdigest()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
