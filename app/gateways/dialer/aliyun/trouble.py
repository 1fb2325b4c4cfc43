"""What an answer of OutboundBot means when it is not the one that was hoped for.

Rule: a request counts as not taken only where nothing was sent, or where the answer is one of OutboundBot's own (it has
a code) that turns the request down. Whatever else came back, or nothing, may have been taken.

- codes that begin with ``Throttling``, whatever the HTTP status: not taken; again after the pause that was asked for.
- HTTP 4xx, or 200 without success, with a code: not taken. Trying again helps only where it is about keys and rights.
- HTTP 5xx, and codes that speak of a fault inside OutboundBot: unknown.
- anything that is not OutboundBot's JSON: unknown.
"""

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from app.gateways.dialer.protocol import DialerError, NotPlaced, PlacementUnknown, ThrottledError

_MAX_TEXT: Final = 300
_THROTTLED_SECONDS: Final = 30
_KEYS_SECONDS: Final = 300
"""Wrong keys and missing rights are mended by a person."""
_LONGEST_PAUSE: Final = 3600
_THROTTLED: Final = re.compile(r"Throttling", re.IGNORECASE)
_INSIDE: Final = re.compile(r"Internal|System|Unavailable|Timeout|Unknown", re.IGNORECASE)
_RIGHTS: Final = re.compile(r"AccessKey|Signature|Forbidden|NoPermission|Unauthorized|TimeStamp|Nonce", re.IGNORECASE)
_RIGHTS_STATUS: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


@dataclass(slots=True, eq=False)
class Trouble(Exception):  # noqa: N818 - not every trouble is an error: being throttled is none
    """A request that did not bring what it asked for; ``is_taken`` None: nobody can know."""

    text: str
    is_taken: bool | None = None
    is_throttled: bool = False
    is_final: bool = False
    retry_after: int | None = None
    """Seconds."""

    def __str__(self) -> str:
        return self.text


def judged(status: int, document: Any, pause: str | None) -> Trouble | None:
    """Read the answer to a request; None: it succeeded.

    Args:
        status: The HTTP status.
        document: The body, parsed; None where it is no JSON.
        pause: ``x-acs-retry-after``, milliseconds.
    """
    code = document.get("Code") if isinstance(document, dict) else None
    if not isinstance(code, str) or not code:
        return Trouble(f"HTTP {status} with something that is no answer of OutboundBot")
    if status < HTTPStatus.BAD_REQUEST and code == "OK" and document.get("Success") is not False:
        return None
    text = f"{code}: {document.get('Message')}"[:_MAX_TEXT]
    if _THROTTLED.match(code):
        return Trouble(text, is_taken=False, is_throttled=True, retry_after=_seconds(pause))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT or _INSIDE.search(code):
        return Trouble(text)
    if status in _RIGHTS_STATUS or _RIGHTS.search(code):
        return Trouble(text, is_taken=False, retry_after=_KEYS_SECONDS)
    return Trouble(text, is_taken=False, is_final=True)


def as_placement(trouble: Trouble) -> NotPlaced | PlacementUnknown:
    """Say what trouble in placing calls means for them."""
    if trouble.is_taken is False:
        return NotPlaced(trouble.text, trouble.retry_after, is_final=trouble.is_final)
    return PlacementUnknown(trouble.text)


def as_error(trouble: Trouble) -> DialerError:
    """Say what trouble in asking means: it is asked again later."""
    if trouble.is_throttled:
        return ThrottledError(trouble.text, trouble.retry_after or _THROTTLED_SECONDS)
    return DialerError(trouble.text)


def _seconds(pause: str | None) -> int:
    if pause is None or not (pause.isascii() and pause.isdigit()) or int(pause[:9]) == 0:
        return _THROTTLED_SECONDS
    return min(-(-int(pause[:9]) // 1000), _LONGEST_PAUSE)
