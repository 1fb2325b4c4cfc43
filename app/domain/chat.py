"""The chatbot's pure rules: who may speak through the signed door, which answer is given, what a page is.

1. A signature covers bot, time, a random text, method and target, and is valid for five minutes around its time.
2. Order of an answer: a muted person gets none; else the best entry of the FAQ base at or above the threshold; else
   the fallback.
3. A page of a history is a range of ordinals: the newest message has the highest.
"""

import binascii
import hashlib
import hmac
import json
import math
import re
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import unquote_to_bytes

from app.patterns import compile_later

WINDOW_SECONDS: Final = 300
MAX_RANDOM: Final = 128
MOST_STAMP_DIGITS: Final = 12
"""Of a time in seconds: some thirty thousand years, and nothing that is slow to read."""


class SignatureError(ValueError):
    """A request that did not prove who sent it; the text is what real clients show."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the header of a signed request says; time and random text as they were written."""

    app_id: str
    timestamp: str
    random: str
    signature: str


def read_credentials(header: str | None) -> Credentials:
    """Read the ``Authorization`` header: standard base64 of ``{appId, timestamp, random, signature}``."""
    if not header:
        raise SignatureError("authorization is required.")
    try:
        document: Any = json.loads(b64decode(header, validate=True))
        fields = [_written(document[name]) for name in ("appId", "timestamp", "random", "signature")]
    except (binascii.Error, ValueError, TypeError, KeyError, RecursionError) as error:
        raise SignatureError("invalid authorization header.") from error
    if any(not text or len(text) > MAX_RANDOM or "\x00" in text for text in fields):
        raise SignatureError("invalid authorization header.")
    return Credentials(*fields)


def _written(value: object) -> str:
    """Return a field as the client put it into the signed text: clients send strings or numbers."""
    if isinstance(value, str):
        value.encode()  # refuses what is no Unicode text
        return value
    if isinstance(value, float) and math.isfinite(value):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise TypeError("neither a text nor a number")


def signature_of(secret: str, credentials: Credentials, method: str, target: str) -> str:
    """Return the lower-case hex HMAC-SHA1 that a client with this secret sends."""
    message = f"{credentials.app_id}{credentials.timestamp}{credentials.random}{method}{target}"
    return hmac.new(secret.encode(), message.encode(), hashlib.sha1).hexdigest()


def check_time(credentials: Credentials, now_seconds: float) -> None:
    """Refuse a signature whose time is more than five minutes away."""
    stamp = credentials.timestamp
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= MOST_STAMP_DIGITS):
        raise SignatureError("invalid timestamp.")
    if abs(now_seconds - int(stamp)) > WINDOW_SECONDS:
        raise SignatureError("invalid timestamp.")


_ENCODED_BY_CLIENTS = (
    # What Python's requests encodes in an address that its caller wrote as it reads; "/", "?" and "%" stay as written.
    compile_later(rb"(?:%(?:[89A-Fa-f][0-9A-Fa-f]|20|22|3[CcEe]|5[CcEe]|60|7[B-Db-d]))+"),
    compile_later(rb"(?:%[89A-Fa-f][0-9A-Fa-f])+"),
    compile_later(rb"(?:%[0-9A-Fa-f]{2})+"),
)


def spellings(target: bytes) -> tuple[str, ...]:
    """Return how the caller may have written a target before it was percent-encoded, as it is on the wire first.

    Clients sign what their caller wrote. A caller may have encoded all of it, nothing, or only what would otherwise
    end a path; what the client encoded after signing is then some of the escapes, or all. Path and query are written
    in ways of their own: an id that was encoded, and words to search for as they read.
    """
    path, mark, query = target.partition(b"?")
    return tuple(f"{before}{mark.decode()}{after}" for before in _spellings(path) for after in _spellings(query))


def _spellings(part: bytes) -> list[str]:
    written = [part, *(escapes.sub(_decoded, part) for escapes in _ENCODED_BY_CLIENTS)]
    texts: list[str] = []
    for spelling in dict.fromkeys(written):
        try:
            texts.append(spelling.decode())
        except UnicodeDecodeError:
            continue
    return texts


def _decoded(escapes: re.Match[bytes]) -> bytes:
    return unquote_to_bytes(escapes[0])


def check_signature(secret: str, credentials: Credentials, method: str, targets: Sequence[str]) -> None:
    """Refuse a signature that fits none of the spellings of the target; compares in constant time."""
    given = credentials.signature.encode("utf-8", "replace")
    matches = [
        hmac.compare_digest(signature_of(secret, credentials, method, target).encode(), given) for target in targets
    ]
    if not any(matches):
        raise SignatureError("invalid signature.")


@dataclass(frozen=True, slots=True)
class Ranked:
    """One entry of the FAQ base that resembles a question; confidence 1 means the same text."""

    entry_id: int
    confidence: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered: from where, and on which entry."""

    provider: Literal["mute", "faq", "fallback"]
    best: Ranked | None
    suggestions: tuple[Ranked, ...]


def choose_answer(ranked: Sequence[Ranked], *, muted: bool, best: float, suggest: float) -> Answer:
    """Choose by the order of rule 2; ``ranked`` is best first."""
    if muted:
        return Answer("mute", None, ())
    suggestions = tuple(entry for entry in ranked if entry.confidence >= suggest)
    first = ranked[0] if ranked else None
    if first is not None and first.confidence >= best:
        return Answer("faq", first, suggestions)
    return Answer("fallback", None, suggestions)


@dataclass(frozen=True, slots=True)
class Slice:
    """Ordinals of a page, both ends included; empty where ``first`` is beyond ``last``."""

    first: int
    last: int


def page_slice(total: int, page: int, limit: int, *, newest_first: bool) -> Slice:
    """Return the ordinals of a page of a history with ``total`` messages."""
    skipped = (page - 1) * limit
    if newest_first:
        last = total - skipped
        return Slice(max(1, last - limit + 1), last)
    return Slice(skipped + 1, min(total, skipped + limit))


def page_count(total: int, limit: int) -> int:
    """Return how many pages a list has, at least one."""
    return max(1, -(-total // limit))
