"""What must be out of sight before anything is looked for: links, files, long numbers, ranges.

E-mail addresses are found here too, since their names must never be read as WeChat IDs or QQ numbers.
All patterns start behind a boundary and repeat possessively or within bounds, so they take linear time.
"""

import re
from collections.abc import Iterator
from typing import Final

from app.domain.contact_details.kinds import DetailKind, Found, Rule
from app.patterns import compile_later

MASK: Final = "\ufffc"
"""Replaces every hidden character; no pattern matches it."""

_PROVIDER: Final = r"(?:qq|foxmail|163|126|139|189|yeah|gmail|outlook|hotmail|sina|sohu|aliyun|icloud|yahoo)"
_EMAIL: Final = compile_later(
    r"(?<![A-Za-z0-9._%+\-])(?P<name>[A-Za-z0-9][A-Za-z0-9._%+\-]{0,63}+)"
    r"(?: ?(?:@|[(\[{] ?at ?[)\]}]|艾特) ?"
    r"(?P<domain>(?:[A-Za-z0-9\-]{1,40}(?:\.|[。点](?=(?:com|cn|net|org)(?![A-Za-z])))){1,4}[A-Za-z]{2,10})"
    rf"| ?[#*圈]a? ?(?P<provider>{_PROVIDER}[.。点](?:com|cn|net)))"
    r"(?![A-Za-z0-9@])",
    re.IGNORECASE,
)
_FILE_ENDING: Final = (
    r"(?:pdf|docx?|xlsx?|pptx?|txt|csv|zip|rar|7z|jpe?g|png|gif|svg|webp|mp[34]|apk|exe|dmg|py|[jt]sx?|"
    r"vue|java|go"
    r"|rs|cpp|json|ya?ml|toml|xml|html?|css|md|sql|sh|log|ini|conf|jar|war|so|dll)"
)
_NOT_A_DOMAIN: Final = compile_later(rf"\.{_FILE_ENDING}$", re.IGNORECASE)
_LINK_REST: Final = r"[^\s\u3000-\u303f\u4e00-\u9fff\uff00-\uffef,;!()<>\"'|\ufffc]"

_LINK: Final = compile_later(
    rf"(?<![A-Za-z0-9])(?:[a-z][a-z0-9+.\-]{{1,15}}+://|www\.){_LINK_REST}++"
    r"|(?<![A-Za-z0-9])[A-Za-z0-9_.\-]{1,32}+@[A-Za-z0-9.\-]{3,60}+:(?!\d{5})[A-Za-z0-9_/.~\-]++",
    re.IGNORECASE,
)
_DOMAIN_OR_FILE: Final = compile_later(
    r"(?<![A-Za-z0-9._\-])(?:[A-Za-z0-9_\-]{1,63}\.){1,5}"
    r"(?:com|cn|net|org|io|dev|app|me|cc|top|xyz|vip|ai|co|info|tech|site|shop|club|tv|edu|gov|"
    rf"{_FILE_ENDING})(?![A-Za-z0-9_\-])(?:[:/?#]{_LINK_REST}*+)?",
    re.IGNORECASE,
)
_CALL: Final = compile_later(r"(?<![A-Za-z0-9._])[A-Za-z_]\w*+(?:\.[A-Za-z_]\w*+)++\(", re.ASCII)
_IP: Final = compile_later(
    r"(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\d.])(?::\d{2,5})?"
)
_VERSION: Final = compile_later(
    r"(?<![A-Za-z0-9_.\-])v\d{1,4}(?:\.\d{1,4}){1,3}(?![A-Za-z0-9_])"
    r"|(?<![A-Za-z0-9_.\-])\d{1,2}(?:\.\d{1,3}){2}(?:-[a-z]+\d*)?(?![A-Za-z0-9_.])",
    re.IGNORECASE,
)
_ID_NUMBER: Final = compile_later(r"(?<!\d)\d{6} ?(?:19|20)\d{2} ?\d{4} ?\d{3}[\dXx](?!\d)")
_BANK_CARD: Final = compile_later(r"(?<!\d)(?<!\d[ -])\d{4}(?:([ -])\d{4})(?:\1\d{4}){2,3}(?:\1\d{1,3})?(?!\1?\d)")
_LONG_RUN: Final = compile_later(r"(?<!\d)(?!(?:86|0086)1[3-9]\d{9}(?!\d))\d{12,}+")
_RANGE: Final = compile_later(
    r"(?<![\dA-Za-z.])\d{1,6}(?:\.\d{1,2})? ?[kw万千]? ?[-~—至到] ?\d{1,6}(?:\.\d{1,2})?"
    r" ?(?:[kw](?![A-Za-z])|万|千|元|块)"
    r"|(?<![\d.\-])\d{1,3}0{2} ?[-~—至到] ?\d{1,4}0{2}(?![\d\-])",
    re.IGNORECASE,
)
_AFTER_EMAIL: Final = (
    _DOMAIN_OR_FILE,
    _CALL,
    _IP,
    _VERSION,
    _ID_NUMBER,
    _BANK_CARD,
    _LONG_RUN,
    _RANGE,
)


def _hide(match: re.Match[str]) -> str:
    return MASK * len(match[0])


def _clean_domain(match: re.Match[str]) -> str:
    raw = str(match["domain"] or match["provider"])
    return raw.replace("。", ".").replace("点", ".")


def _emails(text: str) -> Iterator[Found]:
    for match in _EMAIL.finditer(text):
        domain = _clean_domain(match)
        if _NOT_A_DOMAIN.search(domain):
            continue
        value = f"{match['name']}@{domain}"
        typed_plainly = value == match[0]
        yield Found(DetailKind.EMAIL, value, match.start(), match.end(), Rule.EMAIL, 0.98 if typed_plainly else 0.85)


def _cover(text: str, spans: list[tuple[int, int]]) -> str:
    pieces: list[str] = []
    done = 0
    for start, end in spans:
        pieces.extend((text[done:start], MASK * (end - start)))
        done = end
    pieces.append(text[done:])
    return "".join(pieces)


def mask(text: str) -> tuple[str, list[Found]]:
    """Hide everything that only looks like a contact detail.

    Returns:
        The text at its old length with the hidden parts replaced by `MASK`, and the e-mail addresses.
    """
    text = _LINK.sub(_hide, text)
    emails = list(_emails(text))
    text = _cover(text, [(email.start, email.end) for email in emails])
    for pattern in _AFTER_EMAIL:
        text = pattern.sub(_hide, text)
    return text, emails
