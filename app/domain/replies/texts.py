"""Forms of a text in which it is compared.

Two forms, for two questions:

1. *Plain* (`normalise`, `Skeleton`): "are these the same words?" Platforms change widths, quotes, spaces and
   line ends on the way, so only letters, digits, symbols, `?` and `!` are left, in one case. The question and
   exclamation marks stay because a person answers with them alone.
2. *Folded* (`fold`): "does it say this?" Punctuation stays, because it ends a clause; widths, case and the
   traditional forms of the characters that our word lists use are made one.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

_KEPT_MARKS = frozenset("?!")
_DROPPED_SYMBOLS = frozenset("~^`|<>=")
# Hangul fillers and the empty Braille cell are letters and symbols to Unicode, and nothing to the eye.
_BLANKS = frozenset("\u115f\u1160\u3164\u2800\u20e3")
_VARIATION_SELECTORS = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))

_TRADITIONAL = str.maketrans(
    "別發聯繫係絡訂擾騷煩們給訊資關閉電話舉報請還閱傳這對嗎沒麼為說條讓廣過複復應動號單稱離線機會後來刪許準停簡處無時間緊儘將開駕駛駐驗證請",
    "别发联系系络订扰骚烦们给讯资关闭电话举报请还阅传这对吗没么为说条让广过复复应动号单称离线机会后来删许准停简处无时间紧尽将开驾驶驻验证请",
)


@lru_cache(maxsize=16_384)
def _is_invisible(char: str) -> bool:
    category = unicodedata.category(char)
    return (
        category in {"Cc", "Cf"} or char in _BLANKS or any(ord(char) in selectors for selectors in _VARIATION_SELECTORS)
    )


def _is_noise(char: str) -> bool:
    if char in _KEPT_MARKS:
        return False
    return unicodedata.category(char)[0] in "PZ" or char in _DROPPED_SYMBOLS or _is_invisible(char)


@lru_cache(maxsize=16_384)
def _plain(char: str) -> str:
    """Give the plain form of one character.

    Decomposed rather than composed, so that every character stands for itself and keeps its place.
    """
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", char).casefold())
    return "".join(part for part in folded if not _is_noise(part))


@dataclass(frozen=True, slots=True)
class Skeleton:
    """A text in plain form, with the place that each of its characters has in the original.

    Attributes:
        text: The plain form; it never holds a NUL, which therefore can mark what was taken out.
        places: For each character of `text`, its index in the original.
    """

    text: str
    places: tuple[int, ...]

    @classmethod
    def of(cls, original: str) -> Self:
        """Build the skeleton of a text."""
        pairs = [(part, place) for place, char in enumerate(original) for part in _plain(char)]
        return cls("".join(part for part, _ in pairs), tuple(place for _, place in pairs))

    def cuts(self) -> list[int]:
        """List the indexes, in order, before which the plain form may be cut.

        Not inside a Latin word or a number: a text of ours such as 「123456」 must not be cut out of the ID `wx123456`
        that a person gives.
        """
        inner = range(1, len(self.text))
        return [0, *(index for index in inner if not self._is_inside_token(index)), len(self.text)]

    def _is_inside_token(self, index: int) -> bool:
        touching = self.places[index] - self.places[index - 1] <= 1
        return touching and _is_token(self.text[index - 1]) and _is_token(self.text[index])


def _is_token(char: str) -> bool:
    return char.isascii() and char.isalnum()


def normalise(text: str) -> str:
    """Give the plain form of a text, in which an echo is compared with what was sent.

    Compatibility form, case folded, without zero-width characters, spaces and punctuation (but for `?` and `!`).
    A text of nothing but punctuation keeps it, or all such texts would be one.
    """
    plain = "".join(map(_plain, text))
    return plain or "".join(unicodedata.normalize("NFKC", text).casefold().split())


def is_blank(text: str) -> bool:
    """Say whether a text holds neither a letter, a digit, a symbol nor a question or exclamation mark."""
    return not any(map(_plain, text))


@lru_cache(maxsize=8)
def fold(text: str) -> str:
    """Give the folded form of a text: NFKC, one case, simplified, nothing invisible, lines ended by `。`.

    Several rules look at it in turn, so the last ones are kept.
    """
    lines = re.split(r"[\r\n\u2028\u2029\x85\v\f]+", text)
    folded = unicodedata.normalize("NFKC", "。".join(line.strip() for line in lines)).casefold()
    visible = "".join(char for char in folded if char == "\t" or not _is_invisible(char))
    return " ".join(visible.translate(_TRADITIONAL).split()).strip("。 ")
