"""What one connection may take, over real sockets, before anybody was asked who they are."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from app.connections import BoundedProtocol

PATIENCE = 60.0
"""Seconds after which a connection counts as held open."""
LARGE = 32 * 1024 * 1024
"""Bytes of an answer; more than the buffers of the machine take."""
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
REFUSED = b"POST /refused HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"


class Impatient(BoundedProtocol):
    """The same with less time."""

    HEAD_SECONDS = 0.3
    TAKE_SECONDS = 0.3


class Patient(BoundedProtocol):
    """The same with all the time of a test."""

    HEAD_SECONDS = TAKE_SECONDS = 3600.0


class Watched(Patient):
    """One whose time is over when the test says so."""

    made: ClassVar[list[BoundedProtocol]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.made.append(self)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Read a body and answer how long it was; refuse without reading; answer much at once; or talk for ever."""
    length = 0
    if scope["path"] == "/":
        more = True
        while more:
            message = await receive()
            length += len(message.get("body", b""))
            more = message.get("more_body", False)
    text = bytes(LARGE) if scope["path"] == "/large" else b"%d" % length
    endless = scope["path"] == "/endless"
    headers = [] if endless else [(b"content-length", b"%d" % len(text))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    while endless and (await asyncio.wait_for(_is_open(receive), PATIENCE)):
        await send({"type": "http.response.body", "body": bytes(100_000), "more_body": True})
    await send({"type": "http.response.body", "body": text})


async def _is_open(receive: Receive) -> bool:
    """Tell whether the client is still there; the first message is the empty body."""
    try:
        async with asyncio.timeout(0):
            return bool((await receive())["type"] != "http.disconnect")
    except TimeoutError:
        return True


@asynccontextmanager
async def connected(
    protocol: type[BoundedProtocol],
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    server = uvicorn.Server(
        uvicorn.Config(
            echo, port=0, lifespan="off", http=protocol, ws="none", log_config=None, timeout_keep_alive=3600,
            timeout_graceful_shutdown=1,
        )
    )  # fmt: skip
    task = asyncio.create_task(server.serve())
    while not server.started:
        assert not task.done(), "the server did not start"
        await asyncio.sleep(0.02)
    reader, writer = await asyncio.open_connection(*server.servers[0].sockets[0].getsockname()[:2])
    try:
        yield reader, writer
    finally:
        writer.close()
        server.should_exit = True
        await task


async def rest(reader: asyncio.StreamReader) -> bytes:
    """Return what comes until the connection is closed."""
    found = b""
    async with asyncio.timeout(PATIENCE):
        try:
            while piece := await reader.read(65536):
                found += piece
        except ConnectionResetError:
            pass
    return found


@pytest.mark.parametrize("sent", [b"", b"GET /", GET, GET + b"X-Slow: ", b"\r\n"])
async def test_who_never_finishes_a_head_is_cut_off(sent: bytes) -> None:
    async with connected(Impatient) as (reader, writer):
        writer.write(sent)
        assert await rest(reader) == b""


@pytest.mark.parametrize("begin", [GET + b"X-Slow: ", REFUSED, GET + b"\r\nGET /"])
async def test_a_byte_now_and_then_gains_no_time(begin: bytes) -> None:
    async with connected(Impatient) as (reader, writer):
        writer.write(begin)
        reading = asyncio.create_task(rest(reader))
        while not reading.done():
            writer.write(b"a")
            await asyncio.wait([reading], timeout=0.05)
        await reading


@pytest.mark.parametrize(
    ("begin", "status"),
    [
        (GET + b"X-Large: ", b"HTTP/1.1 431"),
        (b"GET /", b"HTTP/1.1 431"),
        (GET, b"HTTP/1.1 431"),
        (CHUNKED + b"1\r\na\r\n0\r\nX-Behind: ", b""),
        (CHUNKED + b"1;", b""),
    ],
)
async def test_an_endless_head_is_not_kept(begin: bytes, status: bytes) -> None:
    async with connected(Patient) as (reader, writer):
        writer.write(begin)
        reading = asyncio.create_task(rest(reader))
        sent = 0
        while not reading.done():
            piece = b"X: " + b"a" * 997 + b"\r\n" if begin == GET else b"a" * 1000
            writer.write(piece)
            sent += len(piece)
            assert sent < 64 * 1024 * 1024, "all of it is kept"
            try:
                await writer.drain()
            except ConnectionError:
                break
        answered = await reading
    assert answered.startswith(status)


async def write_for_ever(writer: asyncio.StreamWriter) -> None:
    """Write what begins no request: uvicorn tells only the newest one that the connection is lost."""
    async with asyncio.timeout(PATIENCE):
        while True:
            writer.write(b"\r\n")
            await writer.drain()
            await asyncio.sleep(0.05)


async def test_who_takes_nothing_of_an_answer_is_cut_off() -> None:
    async with connected(Impatient) as (_, writer):
        writer.write(b"GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n")
        # Nothing is read; once the service cuts it off, writing fails.
        with pytest.raises(ConnectionError):
            await write_for_ever(writer)


async def test_who_takes_a_large_answer_slowly_gets_all_of_it() -> None:
    async with connected(Watched) as (reader, writer):
        writer.write(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        taken = 0
        await reader.readuntil(b"\r\n\r\n")
        [protocol] = Watched.made
        for _ in range(3):
            left = protocol.transport.get_write_buffer_size()
            async with asyncio.timeout(PATIENCE):
                while left - protocol.transport.get_write_buffer_size() < protocol.LEAST_TAKEN_BYTES:
                    taken += len(await reader.read(65536))
            protocol._look_at_taking(left)
            assert not protocol.transport.is_closing()
        async with asyncio.timeout(PATIENCE):
            while taken < LARGE:
                taken += len(await reader.read(65536))
    assert taken == LARGE


async def test_usual_requests_one_after_another_are_answered() -> None:
    body = bytes(200_000)
    async with connected(Patient) as (reader, writer):
        for _ in range(3):
            writer.write(GET + b"\r\n")
            writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            writer.write(CHUNKED + b"5;name=value\r\nhello\r\n0\r\nX-Behind: 1\r\n\r\n")
            writer.write(GET + b"X-Large: " + b"a" * 60_000 + b"\r\n\r\n")
        found = b""
        async with asyncio.timeout(PATIENCE):
            while found.count(b"HTTP/1.1 200") < 12 or not found.endswith(b"\r\n\r\n0"):
                found += await reader.read(65536)
    lengths = [part.partition(b"\r\n\r\n")[2] for part in found.split(b"HTTP/1.1 200")[1:]]
    assert [int(length) for length in lengths] == [0, 200_000, 5, 0] * 3
