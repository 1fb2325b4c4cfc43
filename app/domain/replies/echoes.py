"""Taking our own words out of a message.

A platform may hand back what we sent, and people quote it. Rules:

1. A message that is one of our texts, whole, is ours, however short the text.
2. A text of six characters or more is taken out wherever it stands, the longest first, so that a text inside
   another one does not leave the other's rest behind. A shorter one is not: our 「你好」 stays in 「你好,有兴趣」.
3. The beginning of such a text that ends in an ellipsis is a shortened quotation, and taken out too.
4. What a quotation is wrapped in goes with it: brackets, the speaker's name, 「引用:」, `>`, the line of dashes.
5. A text is never cut out of the middle of a Latin word or a number: that is a person's ID.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

from app.domain.replies.texts import Skeleton, is_blank, normalise
from app.patterns import compile_later

SHORT_TEXT_CHARS = 6
"""Texts with fewer plain characters are an echo only if they are the whole message."""

_CUT = "\0"
_ELLIPSIS = compile_later(r"(?:…|⋯|\.{3}|。{3})[….⋯。]*")
_QUOTE_START = compile_later(r"[「『“\"‘'【\[>::\n…⋯]")

_SPEAKER = r"[^\0\n「」『』“”::]{0,30}[::][ \t]{0,3}"
_WRAPPED = compile_later(
    rf"(?:(?:^|(?<=[\n\0]))[ \t]*(?:引用|回复|转发|quote|re|reply)(?:{_SPEAKER}|[ \t]*(?=[「『“\"])))?"
    rf"(?:[「『“\"‘'【\[(《>|][ \t>|]{{0,4}}(?:{_SPEAKER})?){{0,2}}"
    r"\0[\s。.,,、;;::~…]*[」』”\"’'】\])》]{0,2}",
    re.IGNORECASE,
)
_WROTE = compile_later(r"^[^\0\n]{0,80}(?:写道|wrote)[ \t]*[::][\s>]{0,12}(?=\0)", re.MULTILINE | re.IGNORECASE)
_RULE_LINE = compile_later(r"^[ \t]*[-—–_=─*][-—–_=─* \t]{2,}$", re.MULTILINE)
_EDGES = " \t\r\n,,。.、;;::|>—–~…"

_VARIABLE = compile_later(r"\{\{[^{}|]{0,100}(?:\|([^{}]{0,100}))?\}\}")
_STOCK_ANSWER = compile_later(
    r"(?:您好|你好|在吗|在不在|请问|好的|好|谢谢|感谢|收到|可以|没问题|没有|有|嗯|是的|行|您|你|了|吗|的|啊|呀|哈"
    r"|ok|hello|hi|thanks|yes|[?!])+"
)
_STOCK_LIMIT = 40


@dataclass(frozen=True, slots=True)
class Rest:
    """What a message says beyond our own texts.

    Attributes:
        text: The rest without the wrapping of quotations, in the original's characters.
        loose: The rest with that wrapping, should something of worth have stood in it.
        is_nothing: Our texts were taken out and nothing of the person's is left.
    """

    text: str
    loose: str
    is_nothing: bool


def take_out(message: str, own_texts: Iterable[str]) -> Rest:
    """Take our own texts out of a message; the order in which they are given does not matter.

    Source: 「在等待回复时,过滤掉包含发送话术内容的消息」, and that a text under six characters counts only if it is the
    whole message.
    """
    plain_texts = {normalise(text) for text in own_texts} - {""}
    if normalise(message) in plain_texts:
        return Rest("", "", is_nothing=True)
    skeleton = Skeleton.of(message)
    marked = _mark(message, skeleton, _to_look_for(plain_texts))
    if _CUT not in marked:
        return Rest(message.strip(), message.strip(), is_nothing=False)
    holed = _with_holes(message, skeleton, marked)
    text = _unwrap(holed)
    return Rest(text, _tidy(holed), is_nothing=is_blank(text))


def _to_look_for(plain_texts: Iterable[str]) -> list[str]:
    """List what to look for, longest first: each text, and without its last `?!`, which platforms trim."""
    long_ones = {text for text in plain_texts if len(text) >= SHORT_TEXT_CHARS and not is_blank(text)}
    trimmed = {text.rstrip("?!") for text in long_ones}
    wanted = long_ones | {text for text in trimmed if len(text) >= SHORT_TEXT_CHARS}
    return sorted(wanted, key=lambda text: (-len(text), text))


def _mark(message: str, skeleton: Skeleton, wanted: list[str]) -> str:
    """Overwrite our texts in the plain form with NUL, so that every other character keeps its place."""
    marked = skeleton.text
    cuts = skeleton.cuts()
    for text in wanted:
        marked = _mark_all(marked, cuts, text)
    return _mark_shortened(message, marked, skeleton, wanted)


def _mark_all(marked: str, cuts: list[int], text: str) -> str:
    pieces: list[str] = []
    done = 0
    start = marked.find(text)
    while start >= 0:
        end = start + len(text)
        cut = bisect_left(cuts, start)
        if cuts[cut] != start:
            # Nothing before the next cut can be ours, so a long word costs one step and not one for each letter.
            start = marked.find(text, cuts[cut])
        elif cuts[bisect_left(cuts, end)] != end:
            start = marked.find(text, cuts[cut + 1])
        else:
            pieces += (marked[done:start], _CUT * len(text))
            done = end
            start = marked.find(text, end)
    return "".join((*pieces, marked[done:]))


def _mark_shortened(message: str, marked: str, skeleton: Skeleton, wanted: list[str]) -> str:
    """Overwrite the beginnings of our texts that stand before an ellipsis, as chat programs shorten a quotation."""
    indexes = {place: index for index, place in reversed(list(enumerate(skeleton.places)))}
    quote_starts = sorted({0, *(start.end() for start in _QUOTE_START.finditer(message))})
    behind = done = 0
    for ellipsis_ in _ELLIPSIS.finditer(message):
        while behind + 1 < len(quote_starts) and quote_starts[behind + 1] <= ellipsis_.start():
            behind += 1
        places = range(max(quote_starts[behind], done), ellipsis_.start())
        done = ellipsis_.end()
        quoted = [indexes[place] for place in places if place in indexes]
        if len(quoted) < SHORT_TEXT_CHARS:
            continue
        # From the first plain part of the first character to the last part of the last one.
        first = quoted[0]
        last = _after(skeleton, places.stop, quoted[-1])
        beginning = marked[first:last]
        if any(text.startswith(beginning) for text in wanted):
            marked = marked[:first] + _CUT * len(beginning) + marked[last:]
    return marked


def _after(skeleton: Skeleton, place: int, index: int) -> int:
    while index < len(skeleton.places) and skeleton.places[index] < place:
        index += 1
    return index


def _with_holes(message: str, skeleton: Skeleton, marked: str) -> str:
    """Give the original with one NUL for each stretch of it that was taken out."""
    pieces: list[str] = []
    done = 0
    for stretch in re.finditer(r"\0+", marked):
        start, end = skeleton.places[stretch.start()], skeleton.places[stretch.end() - 1] + 1
        pieces.append(message[done:start].replace(_CUT, " "))
        done = end
    pieces.append(message[done:].replace(_CUT, " "))
    return _CUT.join(pieces)


def _unwrap(holed: str) -> str:
    bare = _WROTE.sub("", holed)
    bare = _WRAPPED.sub(_CUT, bare)
    return _tidy(_RULE_LINE.sub("", bare.replace(_CUT, "\n")))


def _tidy(holed: str) -> str:
    lines = (line.strip() for line in holed.replace(_CUT, "\n").splitlines())
    return "\n".join(line for line in lines if line).strip(_EDGES)


def is_echo_prone(text: str) -> bool:
    """Say whether a person may well answer with a script's own words, so that the answer is taken for an echo.

    For the check of a config. So are texts of under six plain characters (「在吗?」, 「好的」), and longer ones put
    together from nothing but greetings and yes-words (「您好,请问在吗?」). A `{{variable}}` counts as its fallback, or
    as nothing: what is sent may be that short.
    """
    fixed = normalise(_VARIABLE.sub(lambda variable: variable[1] or "", text))
    if len(fixed) < SHORT_TEXT_CHARS:
        return True
    return len(fixed) <= _STOCK_LIMIT and _STOCK_ANSWER.fullmatch(fixed) is not None
