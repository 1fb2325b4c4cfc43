"""HTTP/1.1 byte for byte: what a client library would mend or refuse to send, sent as it is.

One connection for all requests: an answer that leaves it unusable shows at the next one.
"""

import asyncio
from types import TracebackType
from typing import NamedTuple, Self

PATIENCE = 120.0
"""Seconds after which an answer counts as never coming; far more than any takes."""


class Answer(NamedTuple):
    """What came back; header names in lower case. The body of a stream of events is not waited for."""

    status: int
    headers: dict[str, str]
    body: bytes


class Wire:
    """A connection to the service that is kept as long as the service keeps it."""

    def __init__(self, url: str) -> None:
        self._host, _, port = url.removeprefix("http://").partition(":")
        self._port = int(port)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def request(self, method: str, target: bytes, headers: dict[str, str], body: bytes | None = None) -> Answer:
        """Send a request with its right length and return the answer."""
        lines = [f"{method} ".encode() + target + b" HTTP/1.1", b"Host: localhost"]
        lines += [f"{name}: {value}".encode("latin-1") for name, value in headers.items()]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}".encode())
        answer = await self.raw(b"\r\n".join(lines) + b"\r\n\r\n" + (body or b""), is_head=method == "HEAD")
        assert answer is not None, f"no answer to {method} {target[:200]!r} {(body or b'')[:200]!r}"
        return answer

    async def raw(self, sent: bytes, *, is_head: bool = False) -> Answer | None:
        """Send bytes and return the answer; None where the service hangs up instead."""
        async with asyncio.timeout(PATIENCE):
            reader, writer = self._streams or await self._open()
            writer.write(sent)
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionResetError):
                await self.close()
                return None
            status, headers = _head(head)
            body = b"" if is_head else await self._body(reader, status, headers)
            if headers.get("connection") == "close" or _is_stream(headers):
                await self.close()
            return Answer(status, headers, body)

    async def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self._streams = await asyncio.open_connection(self._host, self._port)
        return self._streams

    async def _body(self, reader: asyncio.StreamReader, status: int, headers: dict[str, str]) -> bytes:
        if "content-length" in headers:
            return await reader.readexactly(int(headers["content-length"]))
        if headers.get("transfer-encoding") != "chunked" or _is_stream(headers):
            assert status == 204 or _is_stream(headers), "where does this answer end?"
            return b""
        whole = b""
        while size := int(await reader.readline(), 16):
            whole += (await reader.readexactly(size + 2))[:-2]
        await reader.readline()
        return whole


def _is_stream(headers: dict[str, str]) -> bool:
    return headers.get("content-type", "").startswith("text/event-stream")


def _head(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines if line)
    return int(first.split(" ")[1]), {name.lower(): value.strip() for name, _, value in pairs}
