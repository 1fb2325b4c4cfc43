"""A load client in a process of its own: one GET over and over on kept-alive connections, a bounded number of times.

    python scripts/bench/load.py PORT PATH REQUESTS CONNECTIONS

Prints JSON: requests per second, median and 99th percentile in milliseconds. An answer that is not 200, or whose body
has another length than the first one's, ends it.
"""

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass
from typing import cast

import uvloop

_MOST_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Load:
    """What a run of the client saw."""

    rate: float
    p50_ms: float
    p99_ms: float


async def measure(port: int, path: str, *, requests: int, connections: int = 32) -> Load:
    """Run the client as a process and return what it saw."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, __file__, str(port), path, str(requests), str(connections), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, f"the load client ended with {process.returncode}"
    return Load(**json.loads(output))


class _Connection(asyncio.Protocol):
    """Sends the next request when the answer to the last one is complete."""

    def __init__(self, request: bytes, run: "_Run") -> None:
        self._request = request
        self._run = run
        self._received = bytearray()
        self._sent_at = 0.0
        self._waits = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._next()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head = self._received.find(b"\r\n\r\n")
        if head < 0:
            return
        length = _content_length(self._received, head)
        if len(self._received) < head + 4 + length:
            return
        self._run.answered(bytes(self._received[:15]), length, time.perf_counter() - self._sent_at)
        self._received.clear()
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waits:
            self._run.lost(exc)

    def _next(self) -> None:
        self._waits = self._run.take()
        if self._waits:
            self._sent_at = time.perf_counter()
            self._transport.write(self._request)
        else:
            self._transport.close()


class _Run:
    """How many requests are left, and how long each took."""

    def __init__(self, requests: int) -> None:
        self._left = self._wanted = requests
        self._length: int | None = None
        self.seconds: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def take(self) -> bool:
        self._left -= 1
        return self._left >= 0

    def answered(self, head: bytes, length: int, seconds: float) -> None:
        self._length = self._length or length
        if head != b"HTTP/1.1 200 OK" or length != self._length:
            self._fail(RuntimeError(f"{head.decode()}, {length} bytes instead of {self._length}"))
        self.seconds.append(seconds)
        if len(self.seconds) == self._wanted and not self.done.done():
            self.done.set_result(None)

    def lost(self, error: Exception | None) -> None:
        self._fail(error or ConnectionError("the server closed a connection"))

    def _fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)


def _content_length(received: bytearray, head: int) -> int:
    at = received.find(b"content-length: ", 0, head)
    assert at >= 0, "the answer names no length"
    return int(received[at + 16 : received.find(b"\r\n", at, head + 2)])


async def _main(port: int, path: str, requests: int, connections: int) -> Load:
    run = _Run(requests)
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    began = time.perf_counter()
    loop = asyncio.get_running_loop()
    for _ in range(connections):
        await loop.create_connection(lambda: _Connection(request, run), "127.0.0.1", port)
    async with asyncio.timeout(_MOST_SECONDS):
        await run.done
    took = time.perf_counter() - began
    times = sorted(run.seconds)
    return Load(requests / took, times[len(times) // 2] * 1000, times[len(times) * 99 // 100] * 1000)


if __name__ == "__main__":
    seen = uvloop.run(_main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
    print(json.dumps(asdict(seen)))
