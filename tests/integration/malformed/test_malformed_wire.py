"""Headers that are none, lengths that are wrong, requests that are no HTTP: answered or hung up on, never a fault."""

import asyncio
import base64
import json

import pytest

from tests.integration.malformed.conftest import JSON, LIMIT, Target
from tests.integration.malformed.judging import faults, is_refused
from tests.integration.malformed.operations import FAMILIES, Operation
from tests.integration.malformed.wire import Wire

NULS = json.dumps(dict.fromkeys(("appId", "timestamp", "random", "signature"), "\0")).encode()


def encoded(text: bytes) -> str:
    return base64.b64encode(text).decode()


HEADERS = {
    "Authorization": (
        "", "Bearer", "Bearer ", "Bearer \xff\xfe", "Basic", "Basic !!!", "Basic /w==", "Basic Og==", "\x80",
        *map(encoded, (b"{}", b"null", b'{"appId": 1}', NULS, b"[" * 50_000 + b"]" * 50_000)),
    ),
    "X-API-Key": ("", "\xe9", "x" * 5000, "hy_", "hy__", "hy_a_b_c"),
    "Idempotency-Key": ("", " ", "\xff", "x" * 5000, "a b"),
    "Last-Event-ID": ("", "-1", "x", "9" * 400, "9223372036854775808", "\xff", "1e400"),
    "Range": ("bytes=", "bytes=9-1", "bytes=-", "bytes=" + "0-0," * 1000, f"bytes={'9' * 20}-", "x=0-1", "\xff"),
    "Accept": ("\xff", "text/html", "*/*;q=NaN", ", " * 1000),
    "Cookie": ("\xff=\xfe; =;;", "a" * 5000),
    "X-Request-ID": ("\xff", "x" * 5000, "a b"),
    "If-None-Match": ('"', "\xff"),
    "Content-Type": ("\xff", "application/json; charset=\xff", "application/json;;;", "/", "x" * 5000),
}  # fmt: skip
BROKEN = {
    "a length that is no number": b"Content-Length: abc\r\n\r\n[]",
    "a negative length": b"Content-Length: -1\r\n\r\n[]",
    "a huge length": b"Content-Length: 99999999999999999999999\r\n\r\n[]",
    "two lengths": b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n[]]",
    "a length and chunks": b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n",
    "a chunk of no size": b"Transfer-Encoding: chunked\r\n\r\nzz\r\n[]\r\n0\r\n\r\n",
    "a chunk of a negative size": b"Transfer-Encoding: chunked\r\n\r\n-2\r\n[]\r\n0\r\n\r\n",
    "a chunk of a huge size": b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n[]\r\n0\r\n\r\n",
    "chunks longer than they say": b"Transfer-Encoding: chunked\r\n\r\n1\r\n[][][]\r\n0\r\n\r\n",
    "an encoding that nobody knows": b"Transfer-Encoding: gzip\r\n\r\n",
    "a header without a name": b": x\r\nContent-Length: 2\r\n\r\n[]",
    "a header without a colon": b"nonsense\r\nContent-Length: 2\r\n\r\n[]",
    "a header of 200 KB": b"X: " + b"x" * 200_000 + b"\r\nContent-Length: 2\r\n\r\n[]",
    "NUL in a header": b"X: a\x00b\r\nContent-Length: 2\r\n\r\n[]",
}
"""What follows the first lines of a request."""
NO_HTTP = {
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/9.9": b"GET /healthz HTTP/9.9\r\nHost: localhost\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) + b"\r\n\r\n",
    "zeros": b"\x00" * 1000 + b"\r\n\r\n",
    "a path with a space": b"GET /api/contacts /x HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a path with NUL": b"GET /api/contacts\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a path with bytes": b"GET /api/contacts/\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a path of 100 KB": b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "no path": b"GET HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a star": b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a tunnel": b"CONNECT localhost:22 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a method that nobody knows": b"FROBNICATE /api/contacts HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a method in small letters": b"get /api/contacts HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a host that is none": b"GET /api/contacts HTTP/1.1\r\nHost: [::1\r\n\r\n",
    "no host": b"GET /api/contacts HTTP/1.1\r\n\r\n",
    "an origin that is none": b"GET /api/contacts HTTP/1.1\r\nHost: localhost\r\nOrigin: http://[::1\r\n\r\n",
    "a web socket": b"GET /api/contacts HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n",
}


@pytest.fixture
def one_of_each(target: Target) -> list[Operation]:
    """An operation with a JSON body for each family."""
    families = [next((family for family in FAMILIES if each.path.startswith(family)), "") for each in target.operations]
    found = {
        family: operation
        for family, operation in zip(families, target.operations, strict=True)
        if operation.media_type == JSON
    }
    assert len(found) >= 5
    return list(found.values())


async def assert_calm(target: Target, capsys: pytest.CaptureFixture[str]) -> None:
    """The service answers others, and has logged no fault of its own."""
    assert (await target.wire.request("GET", b"/readyz", {})).status == 200
    assert "[error" not in capsys.readouterr().out


async def test_headers_that_are_none(
    target: Target, one_of_each: list[Operation], capsys: pytest.CaptureFixture[str]
) -> None:
    """Where a header is documented, where bytes or events are streamed, and one operation of each family."""
    reading = [
        each
        for each in target.operations
        if each.reads_headers or each.path.endswith(("/stream", "/recordings/{jobId}", "/export", "{name}"))
    ]
    assert len(reading) > 8
    problems = []
    for operation in dict.fromkeys([each.name for each in (*reading, *one_of_each)]):
        problems += await faults_of_headers(target, next(each for each in target.operations if each.name == operation))
    assert not problems, "\n".join(problems)
    await assert_calm(target, capsys)


async def faults_of_headers(target: Target, operation: Operation) -> list[str]:
    path, body = target.path_of(operation), None if operation.media_type is None else b"{"
    problems = []
    for name, values in HEADERS.items():
        for value in values:
            answer = await target.wire.request(operation.method, path, {"Content-Type": JSON, name: value}, body)
            problems += faults(operation, answer, f"{name}: {value!r}", must_refuse=body is not None)
    return problems


async def test_requests_with_wrong_lengths(
    target: Target, one_of_each: list[Operation], capsys: pytest.CaptureFixture[str]
) -> None:
    for operation in one_of_each:
        first = f"{operation.method} ".encode() + target.path_of(operation) + b" HTTP/1.1\r\nHost: localhost\r\n"
        for name, rest in BROKEN.items():
            async with Wire(target.url) as wire:
                answer = await wire.raw(first + b"Content-Type: application/json\r\n" + rest)
            assert answer is None or is_refused(answer), (operation.name, name, answer)
            assert answer is None or answer.status < 500, (operation.name, name, answer)
    await assert_calm(target, capsys)


async def test_bodies_that_never_end(
    target: Target, one_of_each: list[Operation], capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever hangs up in the middle of a body, or sends more than is read."""
    for operation in one_of_each:
        first = f"{operation.method} ".encode() + target.path_of(operation) + b" HTTP/1.1\r\nHost: localhost\r\n"
        first += b"Content-Type: application/json\r\n"
        for rest in (b"Content-Length: 100\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n5\r\n{"):
            _, writer = await asyncio.open_connection("127.0.0.1", int(target.url.rpartition(":")[2]))
            writer.write(first + rest)
            await writer.drain()
            writer.close()
        announced = await target.wire.raw(first + f"Content-Length: {LIMIT + 1}\r\n\r\n".encode())
        chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
        counted = await target.wire.raw(
            first + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * (LIMIT // 65536 + 1) + b"0\r\n\r\n"
        )
        for answer in (announced, counted):
            assert answer is not None
            assert not faults(operation, answer, "too large", must_refuse=True), operation.name
            assert answer.status in {413, 200}, operation.name
    await assert_calm(target, capsys)


async def test_what_is_no_http(target: Target, capsys: pytest.CaptureFixture[str]) -> None:
    for name, sent in NO_HTTP.items():
        async with Wire(target.url) as wire:
            answer = await wire.raw(sent)
        assert answer is None or answer.status < 500, (name, answer)
    await assert_calm(target, capsys)
