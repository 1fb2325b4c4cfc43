"""Which bytes of a file a request wants (RFC 9110, section 14); several ranges at once are answered with all of it."""

import re
from dataclasses import dataclass
from typing import Final

_ONE_RANGE: Final = re.compile(r"bytes=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes from ``start`` to ``end``, the end not included."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """How many bytes they are."""
        return self.end - self.start

    def content_range(self, size: int) -> str:
        """Write it for ``Content-Range``."""
        return f"bytes {self.start}-{self.end - 1}/{size}"


class Unsatisfiable(Exception):  # noqa: N818 - the RFC's word
    """The file has none of the bytes that were asked for."""


def read_range(header: str | None, size: int) -> Span | None:
    """Read a ``Range`` header for a file of ``size`` bytes; None: answer with all of it.

    What is no range, in another unit, or several ranges, counts as not asked for, as the RFC allows.

    Raises:
        Unsatisfiable: well-formed, but nothing of it is there.
    """
    match = _ONE_RANGE.fullmatch(header) if header else None
    if match is None:
        return None
    first, last = match.groups()
    if not first:
        return _suffix(last, size)
    start = int(first)
    end = int(last) + 1 if last else size
    if end <= start and last:
        return None
    if start >= size:
        raise Unsatisfiable
    return Span(start, min(end, size))


def _suffix(last: str, size: int) -> Span | None:
    """Read ``bytes=-N``: the last N bytes."""
    if not last:
        return None
    if int(last) == 0 or size == 0:
        raise Unsatisfiable
    return Span(max(0, size - int(last)), size)
