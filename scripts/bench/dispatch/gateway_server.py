"""A gateway that takes every message: plain HTTP by hand on uvloop, in a process of its own.

    python -m scripts.bench.dispatch.gateway_server DELAY_SECONDS SECRET

Prints its port. Counts requests and their keys, answers 204 after the delay, and keeps one request in a hundred to
verify its signature when it is asked: ``GET /`` answers ``{"requests", "keys", "in_flight", "verified"}`` and resets.
"""

import asyncio
import json
import sys
from typing import cast

import uvloop
from standardwebhooks.webhooks import Webhook

KEPT_ONE_IN = 100
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"


class Counts:
    """What the gateway saw since it was last asked."""

    def __init__(self, secret: str) -> None:
        self._webhook = Webhook(secret)
        self.requests = self.now = self.most = 0
        self.keys: set[bytes] = set()
        self.kept: list[tuple[dict[str, str], bytes]] = []

    def take(self, head: bytes, body: bytes) -> None:
        self.requests += 1
        self.now += 1
        self.most = max(self.most, self.now)
        self.keys.add(_header(head, b"webhook-id"))
        if self.requests % KEPT_ONE_IN == 0:
            names = ("webhook-id", "webhook-timestamp", "webhook-signature")
            self.kept.append(({name: _header(head, name.encode()).decode() for name in names}, body))

    def answer(self) -> bytes:
        """Return the figures as an HTTP answer, and begin anew; a signature that is not right raises."""
        for headers, body in self.kept:
            self._webhook.verify(body.decode(), headers)
        figures = {
            "requests": self.requests,
            "keys": len(self.keys),
            "in_flight": self.most,
            "verified": len(self.kept),
        }
        self.requests = self.most = 0
        self.keys, self.kept = set(), []
        body = json.dumps(figures).encode()
        return b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


class Gateway(asyncio.Protocol):
    """One connection; a client sends its next request after the answer to the last."""

    def __init__(self, counts: Counts, delay: float) -> None:
        self._counts = counts
        self._delay = delay
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator:
            return
        if head.startswith(b"GET"):
            self._transport.write(self._counts.answer())
            self._transport.close()
            return
        if len(body) < int(_header(head, b"content-length")):
            return
        self._received = b""
        self._counts.take(head, body)
        if self._delay:
            asyncio.get_running_loop().call_later(self._delay, self._done)
        else:
            self._done()

    def _done(self) -> None:
        self._counts.now -= 1
        self._transport.write(NO_CONTENT)


def _header(head: bytes, name: bytes) -> bytes:
    at = head.lower().find(b"\r\n" + name + b":")
    assert at >= 0, f"a request without {name!r}"
    begin = at + len(name) + 3
    end = head.find(b"\r\n", begin)
    return head[begin : end if end >= 0 else None].strip()


async def _main(delay: float, secret: str) -> None:
    counts = Counts(secret)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Gateway(counts, delay), "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(_main(float(sys.argv[1]), sys.argv[2]))
