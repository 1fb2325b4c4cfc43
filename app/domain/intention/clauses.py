"""Pieces of what a person says, and whether they deny it."""

import re
import unicodedata
from collections.abc import Iterator

from app.patterns import compile_later

_BREAK = compile_later(r"[,。!?;:、…~\s]+")
_TURN = compile_later(r"(?=(?:但是|不过|可是|只是|但)(?!不)\w)")
PARTICLES = "啊呀吧呢哦噢嘛哈啦了的呗哟诶哎唉呃"
# Questions that hold both sides say neither.
_EITHER_OR = compile_later(r"(?<!不)(\w)不\1|有没有")
_NOT_DENYING = compile_later(
    r"不好意思|不客气|没关系|没事儿?|没错|不错|差不多|不过|不管|不但|不光|要不然?|不如|不妨|别人|别的|免费"
)
_DENIAL = compile_later(
    r"(不是|不|没有?|(?<![特级区识告分性类个离差])别|未|无|毫无|并非|非)"
    r"(?:是|太|很|怎么|大|会|想|再|算|至于|打算|准备|要|用|需要|能|肯|愿意?|敢|必|那么|这么|什么|啥|任何|半点|一?点儿?都?|特别"
    r"|非常|十分|得|给我?|帮我?|让|去|来)*$"
)
_REACH = 24
"""How many characters before a phrase can deny it."""
_SAID_OTHERWISE = compile_later(r"(?:不是|没说|没有说|并非|并不是|不代表|不等于|谁说)(?:我|要|你|说)*$")
_ASKS = compile_later(r"[吗么]$")


def fold(text: str) -> str:
    """Return a text in the one form in which it is read: widths and case do not count."""
    return unicodedata.normalize("NFKC", text).casefold()


def clauses(text: str) -> Iterator[str]:
    """Give the clauses of a folded text, in their order; a turn (但是, 不过) begins a new one."""
    for piece in _BREAK.split(text):
        yield from filter(None, _TURN.split(piece))


def without_particles(clause: str) -> str:
    """Return a clause without the particles at its end; what is nothing else stays."""
    return clause.rstrip(PARTICLES) or clause


def without_alternatives(clause: str) -> str:
    """Return a clause of the same length without the questions that hold both sides: 要不要, 感不感兴趣."""
    return _EITHER_OR.sub(_blank, clause)


def without_mild(clause: str) -> str:
    """Return a clause of the same length without words that look like denials and are none: 不好意思, 没关系."""
    return _NOT_DENYING.sub(_blank, clause)


def _blank(match: re.Match[str]) -> str:
    return "_" * len(match[0])


def is_denied(before: str) -> bool:
    """Tell whether the words right before a phrase deny it; two denials are none (不是不感兴趣)."""
    before, denials = before[-_REACH:], 0
    while match := _DENIAL.search(before):
        denials += 1
        before = before[: match.start()]
    return denials % 2 == 1


def is_said_otherwise(before: str) -> bool:
    """Tell whether the words right before a refusal take it back: 不是不需要."""
    return _SAID_OTHERWISE.search(before[-_REACH:]) is not None


def asks(clause: str) -> bool:
    """Tell whether a clause is a question by its end: 不需要押金吗."""
    return _ASKS.search(clause) is not None
