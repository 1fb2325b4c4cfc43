"""A real HTTP server on loopback that keeps what it gets and answers as it is told."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from tests.faults.gateway import OK, Reply, read, until_set_or_gone, write


@dataclass(frozen=True, slots=True)
class Request:
    """What came in."""

    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(slots=True)
class Receiver:
    """Keeps requests; answers those of ``script`` first, then ``default``, unless ``answer`` says otherwise."""

    port: int = 0
    requests: list[Request] = field(default_factory=list)
    script: deque[Reply] = field(default_factory=deque)
    default: Reply = OK
    answer: Callable[[Request], Reply] | None = None
    in_flight: int = 0
    most_in_flight: int = 0

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                while await self._serve_one(reader, writer):
                    pass
        finally:
            writer.close()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        found = await read(reader)
        request = Request(found.target, found.headers, found.body)
        self.requests.append(request)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            reply = self.answer(request) if self.answer else self.script.popleft() if self.script else self.default
            if reply.wait_for is not None:
                await until_set_or_gone(reply.wait_for, reader)
        finally:
            self.in_flight -= 1
        return await write(writer, reply)


@asynccontextmanager
async def running_receiver() -> AsyncIterator[Receiver]:
    """Lend a server that listens."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
