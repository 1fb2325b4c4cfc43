"""What an analyst outside can do."""

from collections.abc import Sequence
from typing import Protocol

from app.domain.intention import Line, Reading


class AnalystError(Exception):
    """A talk was not read; the message says why, without a word of the talk.

    ``is_silent``: no answer came at all, so that others should not wait for one either.
    """

    def __init__(self, message: str, *, is_silent: bool = False) -> None:
        super().__init__(message)
        self.is_silent = is_silent


class Analyst(Protocol):
    """Reads talks."""

    name: str
    """What is kept as the model of a reading."""

    async def read(self, lines: Sequence[Line]) -> Reading:
        """Read a talk; raises ``AnalystError`` where it was not read, or the answer is not to be believed."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...
