"""Plain text with a way back: every character knows where it stood in the original.

Decoration is taken off (full-width and circled characters, emoji letters, invisible marks), traditional forms of
the few characters that cues are made of become simplified, and mobile numbers written in words become digits.
"""

import unicodedata
from dataclasses import dataclass
from typing import Final

from app.patterns import compile_later

ORNAMENT: Final = "•"
"""Stands for any emoji or symbol that means nothing here."""

_MARKS_OF_THE_CHARACTER_BEFORE: Final = frozenset("\ufe0e\ufe0f\u20e3")
_SAME_LENGTH: Final = str.maketrans(
    # Traditional and Cantonese forms, dashes, and letters of other alphabets that pass for v, w and x.
    "號碼電話機帳賬這個們聯繫係嘅發給請俾畀揾冇唔搵後還現謝㗎薇溦嶶\u2010\u2011\u2012\u2013\u2212\r\tνѵѴхХᴠᴡ✚╋樣無絡隨時間訊維衛備註記錄對說裏裡嗎過換開與",
    "号码电话机帐账这个们联系是的发给请给给找没不找后还现谢的薇薇薇-----\n "
    "vvVxXvw➕➕样无络随时间讯维卫备注记录对说里里吗过换开与",
)
_MAX_EXPANSION: Final = 4


def _letters(first: int, letters: str) -> dict[int, str]:
    return {first + offset: letter for offset, letter in enumerate(letters)}


_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# Symbols that NFKC does not resolve: negative circled and squared letters, and the flag letters that spell VX.
_SYMBOL_LETTERS: Final = (
    _letters(0x1F150, _ALPHABET) | _letters(0x1F170, _ALPHABET) | {0x1F1FB: "V", 0x1F1FC: "W", 0x1F1FD: "X"}
)

# Symbols that stand in cues: hearts for 信, a plus for 加, a penguin for QQ, a satellite (卫星) and the green logo.
_MEANINGFUL_SYMBOLS: Final = (
    dict.fromkeys("❤♥♡❣💓💕💖💗💘💙💚💛💜💝💞🧡🤍🤎🖤🩷🩵🩶", "❤")
    | {symbol: symbol for symbol in "➕🐧🛰🟢○"}
    | {chr(code): letter for code, letter in _SYMBOL_LETTERS.items()}
)

_WORD_DIGITS: Final = str.maketrans(
    "零〇○一二两三四五六七八九幺壹贰叁肆伍陆柒捌玖洞拐勾oO,、",
    "0001223456789112345678907900--",
)
_WORD_DIGIT_RUN: Final = compile_later(
    r"(?<![A-Za-z])[\d零〇○一二两三四五六七八九幺壹贰叁肆伍陆柒捌玖洞拐勾oO]"
    r"(?:[ .\-,、]?[\d零〇○一二两三四五六七八九幺壹贰叁肆伍陆柒捌玖洞拐勾oO]){10,}+(?![A-Za-z])"
)
_WORD_DIGIT: Final = compile_later(r"[^\d .\-,、]")
_NOT_A_DIGIT: Final = compile_later(r"\D")
_WHOLE_MOBILE: Final = compile_later(r"(?:86)?1[3-9]\d{9}")
_SPOKEN_SIGN: Final = compile_later(
    r"(?<=[A-Za-z0-9]) ?\(?(?:(下划线|底线|底杠|下横线)|(?:中?横线|横杠|中划线|减号|"
    r"短横))\)? ?(?=[A-Za-z0-9])"
)


@dataclass(frozen=True, slots=True)
class Normalised:
    """Normalised text and, for each of its characters, the span it came from.

    `written_out` holds the places of digits that were words in the original (幺三八…).
    """

    text: str
    starts: list[int]
    ends: list[int]
    written_out: frozenset[int] = frozenset()


def _is_invisible(char: str) -> bool:
    return unicodedata.category(char) in {"Cf", "Me"} or "\ufe00" <= char <= "\ufe0f"


def _plain(char: str) -> str:
    """The plain form of one non-ASCII character; empty if it is invisible."""
    if _is_invisible(char):
        return ""
    digit = unicodedata.digit(char, None)
    if digit is not None:
        return str(digit)
    return _MEANINGFUL_SYMBOLS.get(char) or _compatible(char)


def _compatible(char: str) -> str:
    """What NFKC makes of a character; one ornament for a symbol and for what would grow too long."""
    compatible = unicodedata.normalize("NFKC", char)
    if len(compatible) > _MAX_EXPANSION:
        return ORNAMENT
    if compatible == char and unicodedata.category(char) in {"So", "Sk", "Co", "Cn"}:
        return ORNAMENT
    return compatible


def _characters(text: str) -> Normalised:
    chars: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for index, char in enumerate(text):
        plain = char if char < "\x80" or "\u4e00" <= char <= "\u9fff" else _plain(char)
        if not plain and ends and char in _MARKS_OF_THE_CHARACTER_BEFORE:
            ends[-1] = index + 1
        for one in plain:
            chars.append(one)
            starts.append(index)
            ends.append(index + 1)
    return Normalised("".join(chars).translate(_SAME_LENGTH), starts, ends)


def _say_signs(plain: Normalised) -> Normalised:
    """Write 下划线 and 横杠 between two ASCII characters as the sign they name."""
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    done = 0
    for match in _SPOKEN_SIGN.finditer(plain.text):
        pieces.extend((plain.text[done : match.start()], "_" if match[1] else "-"))
        starts.extend((*plain.starts[done : match.start()], plain.starts[match.start()]))
        ends.extend((*plain.ends[done : match.start()], plain.ends[match.end() - 1]))
        done = match.end()
    if not done:
        return plain
    pieces.append(plain.text[done:])
    return Normalised("".join(pieces), starts + plain.starts[done:], ends + plain.ends[done:])


def _digits_for_words(plain: Normalised) -> Normalised:
    """Make digits of each run that is one whole mobile number with at least one digit written as a word."""
    text = plain.text
    written_out: set[int] = set()
    for run in _WORD_DIGIT_RUN.finditer(text):
        mapped = run[0].translate(_WORD_DIGITS)
        if _WORD_DIGIT.search(run[0]) and _WHOLE_MOBILE.fullmatch(_NOT_A_DIGIT.sub("", mapped)):
            text = text[: run.start()] + mapped + text[run.end() :]
            written_out.update(range(run.start(), run.end()))
    return Normalised(text, plain.starts, plain.ends, frozenset(written_out))


def normalise(text: str) -> Normalised:
    """Make `text` plain; see the module's description."""
    return _digits_for_words(_say_signs(_characters(text)))
