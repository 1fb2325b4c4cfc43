"""Recordings in a folder, one file each, in folders by day."""

import asyncio
import errno
import os
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from app.gateways.recordings.store import PIECE_BYTES, StoreError, StoreFullError, bounded, checked

_P = ParamSpec("_P")
_T = TypeVar("_T")

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_LEFT_BEHIND_SECONDS: Final = 3600.0


class FolderStore:
    """Keeps recordings under ``root``, which is made when it is first needed."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def save(self, key: str, pieces: AsyncIterator[bytes]) -> int:
        """Write beside the place, make sure that it is on the disk, then rename."""
        path = self._path(key)
        part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
        handle = await _in_thread(_begin, path, part)
        size = 0
        try:
            try:
                async for piece in bounded(pieces):
                    size += await _in_thread(_write_all, handle, piece)
                await _in_thread(os.fsync, handle)
            finally:
                os.close(handle)
            await _in_thread(_finish, part, path)
        except BaseException:
            with suppress(OSError):
                part.unlink()
            raise
        return size

    async def size(self, key: str) -> int | None:
        """Ask the file."""
        try:
            return (await asyncio.to_thread(self._path(key).stat)).st_size
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _meaning(error) from error

    async def read(self, key: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Read piece by piece; a file that is shorter than it was is an error, not a short answer."""
        handle = await _in_thread(os.open, self._path(key), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            while start < end:
                piece = await _in_thread(os.pread, handle, min(PIECE_BYTES, end - start), start)
                if not piece:
                    raise StoreError("a recording ended early")
                start += len(piece)
                yield piece
        finally:
            os.close(handle)

    async def delete(self, key: str) -> None:
        """Remove the file; its folder stays."""
        await _in_thread(lambda: self._path(key).unlink(missing_ok=True))

    def _path(self, key: str) -> Path:
        return self._root / checked(key)


async def _in_thread(work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Do something with files where it holds up nobody; what fails is told in the store's words."""

    def done() -> _T:
        with _told():
            return work(*args, **kwargs)

    return await asyncio.to_thread(done)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _meaning(error) from error


def _meaning(error: OSError) -> StoreError:
    if error.errno in _FULL or error.errno == errno.EROFS:
        return StoreFullError("the storage of recordings is full or read-only")
    return StoreError(f"the folder of recordings: {error.strerror or error}")


def _begin(path: Path, part: Path) -> int:
    """Open the file beside the place, in folders that nobody else may look into."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in path.parent.glob(f".{path.name}.*.part"):  # of a process that was killed in the middle
        with suppress(FileNotFoundError):
            if left.stat().st_mtime < time.time() - _LEFT_BEHIND_SECONDS:
                left.unlink()
    return os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


def _write_all(handle: int, piece: bytes) -> int:
    view = memoryview(piece)
    while view:
        view = view[os.write(handle, view) :]
    return len(piece)


def _finish(part: Path, path: Path) -> None:
    """Put the file into its place, and the place onto the disk."""
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
