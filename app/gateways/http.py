"""The one HTTP client of the service: bounded time-outs, no redirects, no proxies from the environment, bounded reads.

pyreqwest, because the dispatcher needs thousands of requests a second from one process; measured beside others in
``docs/decisions/http-client.md``. Imported when first used: a start does not need it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from pyreqwest.client import Client

MAX_ANSWER_BYTES = 4 * 1024 * 1024


class Failure(StrEnum):
    """How a request failed: did the other side possibly get it?"""

    NOT_SENT = "not_sent"
    """It certainly did not: no connection, no name, no free place in the pool."""
    UNKNOWN = "unknown"
    """Nobody can know: it was written, wholly or in part, and no answer came."""


class TransportError(Exception):
    """A request without an answer."""

    def __init__(self, failure: Failure, message: str) -> None:
        super().__init__(message)
        self.failure = failure


class StatusError(Exception):
    """A file that was asked for and is not handed out."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status, the pause that was asked for in seconds, the start of the body."""

    status: int
    retry_after: str | None
    body: bytes

    @property
    def is_success(self) -> bool:
        """Whether the status says that what was asked for is done (2xx)."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES


class HttpClient:
    """Sends requests; safe for many at a time."""

    def __init__(self, *, timeout_seconds: float, max_connections: int, pins: Mapping[str, str] | None = None) -> None:
        """Make a client.

        Args:
            timeout_seconds: For all of a request, its answer included.
            max_connections: At a time.
            pins: Addresses by host name, to which it connects instead of asking again what a name stands for.
        """
        self._timeout = timedelta(seconds=timeout_seconds)
        self._max_connections = max_connections
        self._pins = dict(pins or {})
        self._client: Client | None = None

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        pause_header: str = "retry-after",
    ) -> Answer:
        """Send one request and return its answer, whatever its status; raises ``TransportError`` without one.

        ``pause_header`` is where the other side says how long it wants to be left alone.
        """
        from pyreqwest import exceptions  # noqa: PLC0415 - see the module's docstring

        try:
            request = self._opened().request(method, url).headers(dict(headers))
            if body is not None:
                request = request.body_bytes(body)
            async with request.build_streamed() as response:
                content = await response.body_reader.read(MAX_ANSWER_BYTES)
                return Answer(response.status, response.get_header(pause_header), bytes(content or b""))
        except exceptions.PyreqwestError as error:
            raise TransportError(_failure(error), _describe(error)) from error

    async def download(self, url: str, *, timeout_seconds: float) -> AsyncGenerator[bytes, None]:
        """GET a file piece by piece, of any size; ``timeout_seconds`` for all of it.

        Raises ``StatusError`` for any other answer than 200, ``TransportError`` if it breaks off.
        """
        from pyreqwest import exceptions  # noqa: PLC0415 - see the module's docstring

        try:
            request = self._opened().request("GET", url).timeout(timedelta(seconds=timeout_seconds))
            async with request.build_streamed() as response:
                if response.status != HTTPStatus.OK:
                    raise StatusError(response.status)
                while (piece := await response.body_reader.read_chunk()) is not None:
                    yield bytes(piece)
        except exceptions.PyreqwestError as error:
            raise TransportError(_failure(error), _describe(error)) from error

    async def close(self) -> None:
        """Close all connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    def _opened(self) -> Client:
        if self._client is None:
            from pyreqwest.client import ClientBuilder  # noqa: PLC0415 - see the module's docstring

            builder = ClientBuilder()
            for host, address in self._pins.items():
                builder = builder.resolve(host, address, 0)
            self._client = (
                builder.timeout(self._timeout)
                .connect_timeout(min(self._timeout, timedelta(seconds=5)))
                .pool_timeout(self._timeout)
                .max_connections(self._max_connections)
                .follow_redirects(False)
                .no_proxy()
                .http1_only()
                .user_agent("huiyin")
                .build()
            )
        return self._client


def _failure(error: Exception) -> Failure:
    """Tell what certainly never left from what may have arrived.

    The class of the error is no proof: a connection that was reset after the request was written is a ``ConnectError``
    too, and a time-out while waiting for the answer a ``ConnectTimeoutError``. Only the chain of causes says that it
    was the connecting itself that failed; whatever does not say so counts as possibly sent.
    """
    from pyreqwest import exceptions  # noqa: PLC0415 - see the module's docstring

    if isinstance(error, (exceptions.BuilderError, exceptions.PoolTimeoutError)):
        return Failure.NOT_SENT
    details = getattr(error, "details", None) or {}
    causes = [cause["message"] for cause in details.get("causes") or ()]
    return Failure.NOT_SENT if "client error (Connect)" in causes else Failure.UNKNOWN


def _describe(error: Exception) -> str:
    details = getattr(error, "details", None) or {}
    causes = [cause["message"] for cause in details.get("causes") or ()]
    return f"{type(error).__name__}: {causes[-1] if causes else error}"[:300]
