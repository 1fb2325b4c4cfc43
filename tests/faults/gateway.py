"""A real gateway on loopback for tests: checks signatures, counts what arrives, and fails as it is told to.

Raw asyncio instead of a web framework, because it must also do what a framework forbids: hang up in the middle of an
answer, answer rubbish, or never.
"""

import asyncio
import hmac
import json
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from app.clock import Clock

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HUGE = 32 * 1024 * 1024
TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the gateway does with one request."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    delay: float = 0.0
    """Seconds before the answer."""
    wait_for: asyncio.Event | None = None
    """Answer only after this is set."""
    raw: bytes | None = None
    """Written instead of an answer; the connection is closed after it."""


OK = Reply()
CLOSE = Reply(raw=b"")
RUBBISH = Reply(raw=b"\x00\xffthis is not HTTP\r\n\r\n")
HALF_AN_ANSWER = Reply(raw=b"HTTP/1.1 20")
NOT_FOUND = Reply(404)
GONE = Reply(410)
BAD_REQUEST = Reply(400)
BROKEN = Reply(500)
HUGE_BODY = Reply(body=b"x" * HUGE)
HANG = Reply(wait_for=asyncio.Event())
"""Never answers: nobody sets this event."""


def busy(retry_after: int | str, status: int = 429) -> Reply:
    """Return an answer that asks for a pause, in seconds or as an HTTP date."""
    return Reply(status, {"Retry-After": str(retry_after)})


def inbox(*messages: dict[str, Any]) -> Reply:
    """Return the answer of an inbox that holds these messages."""
    return Reply(body=json.dumps({"messages": messages}).encode())


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message or event that came in."""

    key: str
    body: dict[str, Any]
    at: float
    """By the clock of the event loop."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class Gateway:
    """Counts and answers; replies of ``by_user`` come first, then those of ``script``, then ``default``."""

    def __init__(self, secret: str = SECRET, clock: Clock | None = None) -> None:
        self._webhook = Webhook(secret)
        self._clock = clock
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.arrivals: list[Arrival] = []
        self.events: list[Arrival] = []
        self.bad_signatures = 0
        self.in_flight = 0
        self.most_in_flight = 0
        self.default = OK
        self.script: deque[Reply] = deque()
        self.by_user: dict[str, deque[Reply]] = {}
        self.inbox: Callable[[str, str | None], Reply] = lambda _user, _after: inbox()
        self.inbox_asked: list[tuple[str, str | None]] = []
        self.event_replies: deque[Reply] = deque()
        self.on_arrival: Callable[[Arrival], None] = lambda _arrival: None

    @property
    def url(self) -> str:
        """Where messages go."""
        return f"http://127.0.0.1:{self.port}/send"

    @property
    def inbox_url(self) -> str:
        """Where answers are asked for."""
        return f"http://127.0.0.1:{self.port}/inbox?box=1"

    @property
    def event_url(self) -> str:
        """Where events go."""
        return f"http://127.0.0.1:{self.port}/events"

    @property
    def per_key(self) -> Counter[str]:
        """How often each ``webhook-id`` came."""
        return Counter(arrival.key for arrival in self.arrivals)

    @property
    def per_contact(self) -> Counter[int]:
        """How often each person was written to."""
        return Counter(arrival.body["contact_id"] for arrival in self.arrivals)

    @property
    def texts(self) -> list[str]:
        """The texts that came, oldest first."""
        return [arrival.body["content"] for arrival in self.arrivals]

    async def start(self) -> None:
        """Listen, on the same port as before if there was one."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuse connections and cut those that are open."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._writers):
            writer.transport.abort()
        while self._writers:  # noqa: ASYNC110 - handlers notice at their next step
            await asyncio.sleep(0.01)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                while await self._serve_one(reader, writer):
                    pass
        finally:
            writer.transport.abort() if writer.transport.is_closing() else writer.close()
            self._writers.discard(writer)

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        request = await read(reader)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            reply = self._reply_to(request)
            await asyncio.sleep(reply.delay)
            if reply.wait_for is not None:
                await until_set_or_gone(reply.wait_for, reader)
        finally:
            self.in_flight -= 1
        return await write(writer, reply)

    def _reply_to(self, request: Request) -> Reply:
        if not self._is_signed(request):
            self.bad_signatures += 1
            return Reply(401)
        url = urlsplit(request.target)
        if url.path == "/inbox" and request.method == "GET":
            query = parse_qs(url.query)
            assert query["box"] == ["1"], "the address's own query is kept"
            user_id, after = query["user_id"][0], query.get("after", [None])[0]
            self.inbox_asked.append((user_id, after))
            return self.inbox(user_id, after)
        arrival = Arrival(request.headers["webhook-id"], json.loads(request.body), asyncio.get_running_loop().time())
        if url.path == "/events":
            self.events.append(arrival)
            return self.event_replies.popleft() if self.event_replies else OK
        assert url.path == "/send"
        self.arrivals.append(arrival)
        self.on_arrival(arrival)
        own = self.by_user.get(arrival.body["user_id"])
        if own:
            return own.popleft()
        return self.script.popleft() if self.script else self.default

    def _is_signed(self, request: Request) -> bool:
        """Check by the library where the machine's clock is used, else by the test's clock."""
        try:
            if self._clock is None:
                self._webhook.verify(request.body, request.headers, json_parse=False)
                return True
            at = datetime.fromtimestamp(int(request.headers["webhook-timestamp"]), UTC)
            expected = self._webhook.sign(request.headers["webhook-id"], at, request.body.decode())
            is_recent = abs(at - self._clock.now()) <= TOLERANCE
            return is_recent and hmac.compare_digest(expected, request.headers["webhook-signature"])
        except (KeyError, ValueError, WebhookVerificationError):
            return False


async def read(reader: asyncio.StreamReader) -> Request:
    """Read one request."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip().split("\r\n")
    method, target, _version = first.split(" ")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, target, headers, body)


async def write(writer: asyncio.StreamWriter, reply: Reply) -> bool:
    """Answer one request; tells whether the connection lives on."""
    if reply.raw is None:
        headers = "".join(f"{name}: {value}\r\n" for name, value in reply.headers.items())
        head = f"HTTP/1.1 {reply.status} Answer\r\n{headers}Content-Length: {len(reply.body)}\r\n\r\n"
        writer.write(head.encode() + reply.body)
    else:
        writer.write(reply.raw)
    await writer.drain()
    return reply.raw is None


async def until_set_or_gone(event: asyncio.Event, reader: asyncio.StreamReader) -> None:
    """Wait for the event, or until the other side has had enough."""
    waits = [asyncio.create_task(event.wait()), asyncio.create_task(reader.read(1))]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
    if not event.is_set():
        raise ConnectionResetError


@asynccontextmanager
async def running_gateway(secret: str = SECRET, clock: Clock | None = None) -> AsyncIterator[Gateway]:
    """Lend a gateway that listens."""
    gateway = Gateway(secret, clock)
    await gateway.start()
    try:
        yield gateway
    finally:
        await gateway.stop()
