"""The server's log: one file, one older one, both of bounded size."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

_LIMIT = 4 * 1024 * 1024
_TAIL = 4_000


class LogFile:
    """A file that the server and its children append to.

    It is emptied in place rather than renamed, because the server keeps its descriptor for as long as it lives.
    """

    def __init__(self, path: Path, limit: int = _LIMIT) -> None:
        self.path = path
        self._limit = limit

    def open(self) -> int:
        """A descriptor for a child to write to."""
        return os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def size(self) -> int:
        """Bytes written so far."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def since(self, start: int) -> str:
        """The end of what was written after the file had `start` bytes."""
        size = self.size()
        start = start if start <= size else 0  # it was emptied meanwhile
        try:
            with self.path.open("rb") as file:
                file.seek(max(start, size - _TAIL))
                return file.read().decode(errors="replace").strip()
        except FileNotFoundError:
            return ""

    def bound(self) -> None:
        """Moves the contents aside when the file has grown past its limit."""
        if self.size() <= self._limit:
            return
        with suppress(OSError):  # a full disk is no reason to keep what fills it
            shutil.copyfile(self.path, self.path.with_name(f"{self.path.name}.1"))
        with suppress(FileNotFoundError):
            os.truncate(self.path, 0)
