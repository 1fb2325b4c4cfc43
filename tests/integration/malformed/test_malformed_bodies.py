"""Every body of every operation with every kind of malformed bytes, over one connection that must stay usable."""

import gzip
import json

from tests.integration.malformed.conftest import JSON, Target
from tests.integration.malformed.judging import document_of, faults
from tests.integration.malformed.operations import Operation, Place, with_raw
from tests.integration.malformed.wire import Answer

DEEP = 100_000
NOT_JSON = {
    "empty": b"",
    "blank": b" \r\n\t",
    "cut off": b"{",
    "closed only": b"}",
    "a word": b"nonsense",
    "NUL": b"\x00",
    "no UTF-8": b"\xff\xfe{}",
    "overlong UTF-8": b'{"a": "\xc0\x80"}',
    "a raw control character": b'{"a": "\x01"}',
    "single quotes": b"{'a': 1}",
    "a comma too many": b'{"a": 1,}',
    "a bad escape": rb'{"a": "\x"}',
    "half an escape": rb'{"a": "\u00"}',
    "deep lists": b"[" * DEEP,
    "deep lists, closed": b"[" * DEEP + b"]" * DEEP,
    "deep objects": b'{"a":' * DEEP,
    "deep objects, closed": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "two documents": b"{}{}",
}
NO_OBJECT = {
    name: name.encode() for name in ("[]", "[{}]", '"x"', "1", "true", "NaN", "-Infinity", "1e400", "9" * 5000)
}
ODD_OBJECTS = {
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "a surrogate as a name": rb'{"\ud800": 1}',
    "a surrogate as a name in UTF-8": b'{"\xed\xa0\x80": 1}',
    "NUL as a name": rb'{"\u0000": 1}',
    "a long name": b'{"' + b"x" * 100_000 + b'": 1}',
    "many names": json.dumps({str(number): number for number in range(1_000)}).encode(),
}
"""Objects whose fields nobody knows: some families ignore those."""
UNSTORABLE = (
    r'"\u0000"', r'"a\u0000b"', r'"\ud800"', r'"\udfff\ud800"', '"\ud800"', r'{"\u0000": "x"}', r'{"\ud800": "x"}',
    "NaN", "Infinity", "-Infinity", "1e400", "-1e400",
)  # fmt: skip
"""What no field takes: PostgreSQL keeps no NUL and no half of a pair, and JSON has no such numbers."""
STRANGE = (
    "null", "true", "0", "-1", "1.5", "1e30", str(2**31), str(2**63), str(-(2**63) - 1), "9" * 400, "9" * 5000,
    '""', r'"\u2028\u202e"', '"١٢٣"', '"１"', json.dumps("好" * 100_000), "[]", "{}", "[null]", "[[]]", "[{}]",
    "[" * 900 + "]" * 900, '{"a":' * 900 + "1" + "}" * 900, "[" * DEEP + "]" * DEEP,
)  # fmt: skip
"""What some fields take and others refuse, never with a fault."""


def of_json(target: Target) -> list[Operation]:
    return [operation for operation in target.operations if operation.media_type == JSON]


def takes_anything(operation: Operation, place: Place, answer: Answer) -> bool:
    """Tell whether a field is never kept, or a list was taken and the bad one of it refused by itself."""
    if place in {("extras",), ("messages", 0, "fromId")}:
        return True
    return operation.path == "/api/messages/inbound" and bool(document_of(answer).get("refused"))


async def test_bodies_that_are_no_json(target: Target) -> None:
    problems = []
    for operation in of_json(target):
        path = target.path_of(operation)
        for name, body in (NOT_JSON | NO_OBJECT).items():
            may_lack = not operation.must_have_body and body.strip() == b""
            answer = await target.call(operation, path, body, JSON)
            problems += faults(operation, answer, name, must_refuse=not may_lack)
        # Of two values the last one counts, as in every reader of JSON.
        twice = f'{json.dumps(operation.good)[:-1]}, "{next(iter(operation.good))}": NaN}}'.encode()
        problems += faults(operation, await target.call(operation, path, twice, JSON), "twice", must_refuse=True)
        for name, body in ODD_OBJECTS.items():
            problems += faults(operation, await target.call(operation, path, body, JSON), name)
    assert not problems, "\n".join(problems)


async def test_bodies_of_another_kind(target: Target) -> None:
    problems = []
    for operation in of_json(target):
        path, whole = target.path_of(operation), json.dumps(operation.good).encode()
        others = {
            "text/plain": whole,
            "application/x-www-form-urlencoded": b"a=1",
            "multipart/form-data": b"--x--",
            "multipart/form-data; boundary=x": b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n',
            "application/xml": b"<a/>",
            "application/json; charset=utf-16": whole[:-1],
            "application/json/": whole,
            "": whole,
        }
        for media_type, body in others.items():
            answer = await target.call(operation, path, body, media_type)
            problems += faults(operation, answer, media_type, must_refuse=operation.must_have_body)
        headers = {"Content-Encoding": "gzip"}
        for body in (gzip.compress(whole), whole[:-1]):
            answer = await target.call(operation, path, body, JSON, **headers)
            problems += faults(operation, answer, "gzip", must_refuse=True)
        answer = await target.call(operation, path, None, None)
        problems += faults(operation, answer, "no body", must_refuse=operation.must_have_body)
    assert not problems, "\n".join(problems)


async def test_files_that_are_no_table(target: Target) -> None:
    tables = [operation for operation in target.operations if operation.media_type not in {None, JSON}]
    assert len(tables) >= 2
    problems = []
    for operation in tables:
        path, head = target.path_of(operation), operation.good.partition(b"\n")[0]
        for name, body in {
            "empty": b"",
            "NUL": b"\x00" * 100,
            "a zip": b"PK\x03\x04" + bytes(range(256)),
            "no text": bytes(range(128, 256)) * 100,
            "half a character": head + b"\n\xe5",
            "an open quote": head + b'\n"13900009003,x\n' * 1000,
            "commas": head + b"\n" + b"," * 500_000,
            "no columns": b"\n" * 100_000,
            "one long cell": head + b"\n" + b"x" * 900_000,
            "a surrogate": head + b"\n\xed\xa0\x80,\xed\xa0\x80,\xed\xa0\x80",
            "NUL in cells": head + b"\n\x00,\x00,\x00,\x00,\x00",
            "long numbers": head + b"\n" + b"9" * 5000 + b",x,y",
            "UTF-16": operation.good.decode().encode("utf-16"),
        }.items():
            answer = await target.call(operation, path, body, operation.media_type)
            problems += faults(operation, answer, name)
        problems += faults(
            operation, await target.call(operation, path, b"", operation.media_type), "", must_refuse=True
        )
    assert not problems, "\n".join(problems)


async def test_every_field_with_every_bad_value(target: Target) -> None:
    problems = []
    for operation in of_json(target):
        path = target.path_of(operation)
        assert operation.fields, operation.name
        for place in operation.fields:
            for raw in (*UNSTORABLE, *STRANGE):
                answer = await target.call(operation, path, with_raw(operation.good, place, raw), JSON)
                must_refuse = raw in UNSTORABLE and not takes_anything(operation, place, answer)
                problems += faults(operation, answer, f"{place}={raw}", must_refuse=must_refuse)
    assert not problems, "\n".join(problems)
    assert (await target.wire.request("GET", b"/readyz", {})).status == 200
