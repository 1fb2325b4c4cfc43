"""A load client in a process of its own: one path over and over on kept-alive connections, a bounded number of times.

    python scripts/bench/load.py PORT PATH REQUESTS CONNECTIONS [BODIES]

Without BODIES it sends GETs, and an answer that is not 200, or whose body has another length than the first one's, ends
it. BODIES is a file with a JSON document on each line: they are POSTed in turn, and an answer that is not 200 or does
not begin with ``{"rc":0,`` ends it. Prints JSON: requests per second, median and 99th percentile in milliseconds, and
the client's own processor time for each request in microseconds.
"""

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import uvloop

_MOST_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Load:
    """What a run of the client saw."""

    rate: float
    p50_ms: float
    p99_ms: float
    client_us: float = 0.0


async def measure(port: int, path: str, *, requests: int, connections: int = 32, bodies: Path | None = None) -> Load:
    """Run the client as a process and return what it saw."""
    arguments = [str(port), path, str(requests), str(connections), *([str(bodies)] if bodies else [])]
    process = await asyncio.create_subprocess_exec(sys.executable, __file__, *arguments, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    assert process.returncode == 0, f"the load client ended with {process.returncode}"
    return Load(**json.loads(output))


class _Connection(asyncio.Protocol):
    """Sends the next request when the answer to the last one is complete."""

    def __init__(self, run: "_Run") -> None:
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
        self._run.answered(self._received, head + 4, length, time.perf_counter() - self._sent_at)
        self._received.clear()
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waits:
            self._run.lost(exc)

    def _next(self) -> None:
        request = self._run.take()
        self._waits = request is not None
        if request is not None:
            self._sent_at = time.perf_counter()
            self._transport.write(request)
        else:
            self._transport.close()


class _Run:
    """How many requests are left, and how long each took."""

    def __init__(self, wanted: int, requests: Sequence[bytes], begins: bytes | None) -> None:
        self._wanted = wanted
        self._requests: Iterator[bytes] = itertools.islice(itertools.cycle(requests), wanted)
        self._begins = begins
        self._length: int | None = None
        self.seconds: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def take(self) -> bytes | None:
        return next(self._requests, None)

    def answered(self, received: bytearray, body: int, length: int, seconds: float) -> None:
        """Judge an answer whose body begins at ``body``; without a beginning to expect, all have the same length."""
        self._length = self._length or length
        is_good = length == self._length if self._begins is None else received.startswith(self._begins, body)
        if not received.startswith(b"HTTP/1.1 200 OK") or not is_good:
            self._fail(RuntimeError(f"not as expected: {bytes(received[:2000])!r}"))
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


async def _main(port: int, path: str, wanted: int, connections: int, bodies: Sequence[bytes]) -> Load:
    host = f"HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
    if not bodies:
        run = _Run(wanted, [f"GET {path} {host}\r\n".encode()], None)
    else:
        run = _Run(wanted, [_post(path, host, line) for line in bodies], b'{"rc":0,')
    cpu, began = time.process_time(), time.perf_counter()
    loop = asyncio.get_running_loop()
    for _ in range(connections):
        await loop.create_connection(lambda: _Connection(run), "127.0.0.1", port)
    async with asyncio.timeout(_MOST_SECONDS):
        await run.done
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    times = sorted(run.seconds)
    middle, slow = times[len(times) // 2] * 1000, times[len(times) * 99 // 100] * 1000
    return Load(wanted / took, middle, slow, cpu / wanted * 1_000_000)


def _post(path: str, host: str, body: bytes) -> bytes:
    head = f"POST {path} {host}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


if __name__ == "__main__":
    given = Path(sys.argv[5]).read_bytes().splitlines() if len(sys.argv) > 5 else []
    seen = uvloop.run(_main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), given))
    print(json.dumps(asdict(seen)))
