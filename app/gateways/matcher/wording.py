"""What can be seen in the wording of a question without understanding it.

The vectors know what a text is about; they hardly know whether somebody asks how long or whether at all. These
observations are general ones about Chinese questions; none depends on a subject.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final, NamedTuple

from app.errors import InvalidInputError

MAX_CHARS: Final = 512
"""Longer texts are cut here; what a person wants to know stands before that."""

_NOT_WORD: Final = re.compile(r"[\W_]+")
_DIGITS: Final = re.compile(r"\d+(?:\.\d+)?")
# "A or not A" asks, it does not deny.
_ASKING_NEGATION: Final = re.compile(r"(.)[不没]\1|有没有|有木有|是否|能否|可否|不好意思|不同|不小心")
_NEGATION: Final = re.compile(r"[不没无未别勿]|\b(?:not|no|never|can't|cannot|don't|doesn't|won't)\b")
_KINDS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"多久|多长|几天|几个?月|几年|多少天|什么时候|啥时候?|几点|何时|几号|哪天|how long|when",
        r"多少(?!天)|几(?![点号天个月年])|how (?:much|many)",
        r"哪里|哪儿|在哪|去哪|什么地方|哪个地方|where",
        r"为什么|为啥|为何|凭什么|why",
        r"[谁]|who",
        r"怎么|如何|怎样|咋|怎办|how(?! (?:long|much|many))",
        r"[吗么]$|(.)[不没]\1|有没有|是否|能否|可否|行不行?$|是不是|^(?:can|do|does|is|are) ",
    )
)


class Wording(NamedTuple):
    """A text as the comparison sees it.

    ``kinds`` are the kinds of question in it by number: a time, a quantity, a place, a reason, a person, a way, yes
    or no. Its pieces are cut when they are wanted: kept for 10,000 questions they would need more memory than vectors.
    """

    key: str
    kinds: frozenset[int]
    negated: bool
    numbers: frozenset[str]


def clean(text: str) -> str:
    """Trim a text and cut it at `MAX_CHARS`.

    Raises:
        InvalidInputError: Nothing is left.

    """
    trimmed = text.strip()[:MAX_CHARS].strip()
    if not trimmed:
        raise InvalidInputError("The text is empty. 文本不能为空。")
    return trimmed


def normalise(text: str) -> str:
    """Give the form in which two texts count as the same: width, case, spaces and punctuation do not matter."""
    folded = unicodedata.normalize("NFKC", text[:MAX_CHARS]).casefold()
    return _NOT_WORD.sub("", folded) or folded.strip()


@lru_cache(maxsize=1024)
def grams_of(key: str) -> frozenset[str]:
    """Give the one- and two-character pieces of a normalised text; those of much-asked questions are kept."""
    return frozenset(key) | frozenset(key[i : i + 2] for i in range(len(key) - 1))


def observe(text: str) -> Wording:
    """Look at a text once; questions of an index are looked at when they come in."""
    key = normalise(text)
    folded = _NOT_WORD.sub(" ", unicodedata.normalize("NFKC", text[:MAX_CHARS]).casefold()).strip()
    return Wording(
        key=key,
        kinds=frozenset(number for number, kind in enumerate(_KINDS) if kind.search(folded)),
        negated=bool(_NEGATION.search(_ASKING_NEGATION.sub("", folded))),
        numbers=frozenset(_DIGITS.findall(folded)),
    )
