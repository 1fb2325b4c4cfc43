"""Recordings in a store that speaks S3, by ``obstore`` (extra ``s3``); ``AWS_*`` variables name keys and endpoint."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from app.gateways.recordings.store import PIECE_BYTES, RecordingTooLargeError, StoreError, bounded, checked

_PART_BYTES: Final = 8 * 1024 * 1024
"""What is held in memory of one recording."""


class BucketStore:
    """Keeps recordings in any store of obstore's, S3 or one that tests make."""

    def __init__(self, store: Any) -> None:
        self._store = store

    async def save(self, key: str, pieces: AsyncIterator[bytes]) -> int:
        """Upload in parts; nothing appears before all of it is there."""
        path, counted = checked(key), _Counted(pieces)
        with _told(counted):
            await obstore.put_async(self._store, path, aiter(counted), chunk_size=_PART_BYTES, max_concurrency=2)
        return counted.size

    async def size(self, key: str) -> int | None:
        """Ask the store."""
        path = checked(key)
        try:
            with _told():
                return int((await obstore.head_async(self._store, path))["size"])
        except FileNotFoundError:
            return None

    async def read(self, key: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Fetch a range piece by piece."""
        path = checked(key)
        try:
            with _told():
                answer = await obstore.get_async(self._store, path, options={"range": (start, end)})
                async for piece in answer.stream(min_chunk_size=PIECE_BYTES):
                    start += len(piece)
                    yield bytes(piece)
        except FileNotFoundError as error:
            raise StoreError("a recording is gone") from error
        if start != end:
            raise StoreError("a recording ended early")

    async def delete(self, key: str) -> None:
        """Remove the object."""
        path = checked(key)
        try:
            with _told():
                await obstore.delete_async(self._store, path)
        except FileNotFoundError as error:
            if await self.size(key) is not None:
                raise StoreError("the store of recordings did not delete one") from error


class _Counted:
    """Bounded pieces that remember how much they were and what stopped them."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces
        self.size = 0
        self.stopped_by: Exception | None = None

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        try:
            async for piece in bounded(self._pieces):
                self.size += len(piece)
                yield piece
        except Exception as error:
            self.stopped_by = error
            raise


@contextmanager
def _told(counted: _Counted | None = None) -> Iterator[None]:
    """Turn obstore's errors into the store's; what the pieces raised comes through as it was."""
    try:
        yield
    except (FileNotFoundError, RecordingTooLargeError, StoreError):
        raise
    except (BaseError, OSError, ValueError) as error:
        if counted is not None and counted.stopped_by is not None:
            raise counted.stopped_by from None
        raise StoreError(f"the store of recordings: {type(error).__name__}") from error


def open_bucket(bucket: str, prefix: str) -> BucketStore:
    """Open a bucket with what the ``AWS_*`` variables say about keys, region and endpoint."""
    return BucketStore(
        S3Store(
            bucket,
            prefix=prefix or None,
            # Time-outs are the library's (5 s to connect, 30 s a request): options here would hide AWS_ALLOW_HTTP.
            retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=60)},
        )
    )
