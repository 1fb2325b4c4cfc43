"""What a store of recordings can do."""

import re
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final, Protocol

MAX_BYTES: Final = 256 * 1024 * 1024
"""No recording is larger: nine hours at the simulator's quality, an hour and a half of the best that lines carry."""
PIECE_BYTES: Final = 256 * 1024
_KEY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}(/[A-Za-z0-9][A-Za-z0-9._-]{0,127}){0,7}")


class StoreError(Exception):
    """The store could not do it; later it may."""


class StoreFullError(StoreError):
    """Nothing can be written until somebody makes room; the handlers answer 507."""


class RecordingTooLargeError(StoreError):
    """It has more bytes than any recording."""


class RecordingStore(Protocol):
    """Keeps recordings under keys such as ``2026/03/05/<job id>.wav``; raises nothing but ``StoreError``."""

    async def save(self, key: str, pieces: AsyncIterator[bytes]) -> int:
        """Keep a recording and return how many bytes it has.

        It is there wholly or not at all, whatever happens meanwhile; what was there is replaced. What ``pieces``
        raises comes through, and nothing is kept.
        """
        ...

    async def size(self, key: str) -> int | None:
        """Return how many bytes a recording has; None if it is not there."""
        ...

    def read(self, key: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes from ``start`` to ``end``, the end not included."""
        ...

    async def delete(self, key: str) -> None:
        """Remove a recording; one that is not there is no error."""
        ...


def checked(key: str) -> str:
    """Return a key that leads nowhere but into the store."""
    if not _KEY.fullmatch(key) or ".." in key:
        raise ValueError("no key of a recording")
    return key


async def bounded(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield pieces of a size that is worth a step, and stop a recording that does not end."""
    total = 0
    waiting = bytearray()
    async for piece in pieces:
        total += len(piece)
        if total > MAX_BYTES:
            raise RecordingTooLargeError(f"more than {MAX_BYTES} bytes")
        waiting += piece
        if len(waiting) >= PIECE_BYTES:
            yield bytes(waiting)
            waiting.clear()
    if waiting:
        yield bytes(waiting)
