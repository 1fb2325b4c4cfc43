"""Mobile numbers of mainland China in plain, grouped or spaced-out digits."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from app.domain.contact_details import labels
from app.domain.contact_details.kinds import DetailKind, Found, Rule
from app.patterns import compile_later

_RUN: Final = compile_later(r"\d++(?:(?: ?- ?|[ .])\d++)*+")
_GROUP: Final = compile_later(r"\d+")
_MOBILE: Final = compile_later(r"1[3-9]\d{9}")
_PREFIXES: Final = frozenset({"86", "0086"})
_PREFIXED: Final = compile_later(r"(?:86|0086)(1[3-9]\d{9})")
_LENGTH: Final = 11
_LONGEST_LIST_MARK: Final = 2
"""Digits that number a line of a list, as in “1.138…”."""
_USUAL_GROUPINGS: Final = frozenset(
    {(3, 4, 4), (4, 4, 3), (3, 8), (7, 4), (4, 7), (3, 3, 5), (1,) * _LENGTH, (2, 2, 2, 2, 2, 1)}
)
_LETTERS_BEFORE: Final = compile_later(r"[A-Za-z_]+$")
_LETTERS_AFTER: Final = compile_later(r"[A-Za-z_]+")
_LABEL_LETTERS: Final = frozenset(
    {"v", "wx", "vx", "wechat", "weixin", "wxid", "qq", "q", "tel", "t", "phone", "p", "ph", "hp", "mobile", "mob", "m"}
    | {"call", "cell", "dial", "sms", "number", "add"}
)
_CUE_BEFORE: Final = compile_later(
    r"(?:电话|手机|号码|联系|打|拨|呼|致电|短信|微信|[vw]x|wechat|tel|phone|mobile|call|cell|contact|加我|号|✆)[^\d\n]{0,6}$",
    re.IGNORECASE,
)
_CUE_AFTER: Final = compile_later(r"[^\d\n]{0,4}(?:电话|手机|号码|微信|同号|打我|call|[vw]x)", re.IGNORECASE)
_UNIT_AFTER: Final = compile_later(r" ?(?:元|块|万|亿|分(?!机)|条|人次|美元|件|公里|平米|rmb|usd)|%", re.IGNORECASE)


class _Group(NamedTuple):
    digits: str
    start: int
    end: int


class Number(NamedTuple):
    """Eleven digits that may be a mobile number, and where they stand."""

    digits: str
    start: int
    end: int
    grouped: bool
    usual: bool


def is_valid_mobile(digits: str) -> bool:
    """Whether the number lies in a range that is in use, by the tables of `phonenumbers`."""
    import phonenumbers  # noqa: PLC0415 - its tables are slow to import, and no start needs them

    return phonenumbers.is_valid_number(phonenumbers.PhoneNumber(country_code=86, national_number=int(digits)))


def _separator(text: str, left: _Group, right: _Group) -> str:
    return text[left.end : right.start]


def _joined(text: str, groups: list[_Group], first: int) -> tuple[Number, int] | None:
    """The number that begins with group `first`, and the index of the group after it."""
    digits = ""
    for last in range(first, len(groups)):
        digits += groups[last].digits
        if len(digits) >= _LENGTH:
            break
    if not _MOBILE.fullmatch(digits):
        return None
    used = groups[first : last + 1]
    separators = {_separator(text, *pair) for pair in pairwise(used)}
    lengths = tuple(len(group.digits) for group in used)
    usual = lengths in _USUAL_GROUPINGS and (len(separators) <= 1 or max(lengths) == 1)
    number = Number(digits, used[0].start, used[-1].end, len(used) > 1, len(used) == 1 or usual)
    return number, last + 1


def _opens(text: str, groups: list[_Group], first: int, free_from: int) -> bool:
    """Whether a number may begin at group `first`: nothing before it belongs to the same figure."""
    if first == free_from:
        return True
    left = groups[first - 1]
    separator = _separator(text, left, groups[first])
    if left.digits in _PREFIXES:
        return True
    if separator.startswith(" "):
        return len(groups[first].digits) > 1
    list_mark = len(left.digits) <= _LONGEST_LIST_MARK and (
        first == 1 or _separator(text, groups[first - 2], left) == " "
    )
    return separator == "." and list_mark and len(groups[first].digits) == _LENGTH


def _closes(text: str, groups: list[_Group], following: int) -> bool:
    """Whether a number may end before group `following`."""
    if following >= len(groups):
        return True
    last, right = groups[following - 1], groups[following]
    if _separator(text, last, right).startswith(" ") and len(last.digits) > 1:
        return True
    return _joined(text, groups, following) is not None or right.digits in _PREFIXES


def _in_run(text: str, run: re.Match[str]) -> Iterator[Number]:
    groups: list[_Group] = []
    for match in _GROUP.finditer(text, run.start(), run.end()):
        prefixed = _PREFIXED.fullmatch(match[0])
        if prefixed is None:
            groups.append(_Group(match[0], match.start(), match.end()))
        else:
            middle = match.end() - _LENGTH
            groups.append(_Group(text[match.start() : middle], match.start(), middle))
            groups.append(_Group(prefixed[1], middle, match.end()))
    index = free_from = 0
    while index < len(groups):
        joined = _joined(text, groups, index)
        if joined is not None and _opens(text, groups, index, free_from) and _closes(text, groups, joined[1]):
            number, index = joined
            free_from = index
            yield number
        else:
            index += 1


def _touches_a_word(text: str, number: Number) -> bool:
    """Letters right beside the digits make them part of a code, unless the letters are a label."""
    left = _LETTERS_BEFORE.search(labels.before(text, number.start))
    right = _LETTERS_AFTER.match(labels.after(text, number.end))
    return any(side is not None and side[0].lower() not in _LABEL_LETTERS for side in (left, right))


def _is_cued(text: str, number: Number) -> bool:
    return (
        _CUE_BEFORE.search(labels.before(text, number.start, 14)) is not None
        or _CUE_AFTER.match(labels.after(text, number.end)) is not None
    )


def _is_other_number(text: str, number: Number) -> bool:
    return (
        text[max(0, number.start - 1) : number.start + 2] in {"+1 ", "+1-"}
        or _touches_a_word(text, number)
        or _UNIT_AFTER.match(labels.after(text, number.end)) is not None
        or labels.numbers_something_else(text, number.start)
    )


def _confidence(text: str, number: Number) -> float | None:
    """How sure a number is; None if it is too unusual for a phone that nothing announces."""
    valid, cued = is_valid_mobile(number.digits), _is_cued(text, number)
    alone = text.strip(" \n+.,。!~") == text[number.start : number.end]
    if number.usual and valid:
        return 0.99 if cued or alone else 0.95
    if cued or alone:
        return 0.8 if valid else 0.6
    return None


def numbers(masked: str) -> list[Number]:
    """Every mobile number in a masked text that is not the number of something else, announced or not."""
    runs = (number for run in _RUN.finditer(masked) for number in _in_run(masked, run))
    return [number for number in runs if not _is_other_number(masked, number)]


def _rule(number: Number, written_out: frozenset[int]) -> Rule:
    if not written_out.isdisjoint(range(number.start, number.end)):
        return Rule.PHONE_WRITTEN_OUT
    return Rule.PHONE_GROUPED if number.grouped else Rule.PHONE


def find_phones(masked: str, written_out: frozenset[int]) -> list[Found]:
    """The mobile numbers of a masked text.

    Args:
        masked: Normalised text without links, long numbers and the like.
        written_out: Where digits stood as words in the original.
    """
    found: list[Found] = []
    for number in numbers(masked):
        confidence = _confidence(masked, number)
        if confidence is None or labels.is_void(masked, number.start, number.end):
            continue
        rule = _rule(number, written_out)
        sureness = confidence if rule is Rule.PHONE else confidence * 0.95
        found.append(Found(DetailKind.PHONE, number.digits, number.start, number.end, rule, round(sureness, 3)))
    return found
