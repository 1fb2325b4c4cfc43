"""Every parameter of every path and query with every kind of malformed bytes, over one connection."""

from tests.integration.malformed.conftest import JSON, Target
from tests.integration.malformed.judging import faults

NO_TEXT = (b"%00", b"a%00b", b"%ff", b"%ed%a0%80", b"%c0%80", b"1%00", b"%f4%90%80%80")
"""Never taken: neither UTF-8 nor anything that PostgreSQL would keep."""
ODD = (
    b"%", b"%zz", b"%u0000", b"0", b"-1", b"-0", b"%2B1", b"1.5", b"1e400", b"NaN", b"null", b"true", b"0x1", b"1_000",
    b"9999999999999999999", b"9223372036854775807", b"2147483648", b"9" * 400, b"9" * 5000, b"%D9%A1%D9%A2",
    b"%EF%BC%91", b"%E2%80%AE", b"%20", b"%0A", b"%0D%0A", b"%5B%5D", b"%7B%7D", b"..%2F..%2Fetc", b"%2e%2e", b"%25",
    b"'--", b"+", b"*", b"x" * 5000, b"%F0%9F%98%80" * 500, b"2026-02-30", b"99999-01-01T00:00:00Z",
    b"0001-01-01T00:00:00%2B14:00",
)  # fmt: skip
QUERIES = (
    b"%00", b"%00=1", b"a=%ff", b"&&==&=", b"=", b"%", b"a=1&" * 5000, b"x" * 50_000, b"?" * 100, b"%5B%5D=1", b"#",
)  # fmt: skip
ELSEWHERE = {404, 405}
"""What a path may be answered that a bad value has made another path."""


async def test_every_parameter_of_every_path(target: Target) -> None:
    problems = []
    for operation in target.operations:
        for name in operation.places:
            for raw in (*NO_TEXT, *ODD):
                answer = await target.call(operation, target.path_of(operation, **{name: raw}), b"{}", JSON)
                found = faults(operation, answer, f"{name}={raw!r}", must_refuse=raw in NO_TEXT)
                problems += [text for text in found if answer.status not in ELSEWHERE]
    assert not problems, "\n".join(problems)


async def test_every_parameter_of_every_query(target: Target) -> None:
    problems = []
    for operation in target.operations:
        path = target.path_of(operation)
        for name in operation.query:
            for raw in (*NO_TEXT, *ODD, b"", b"1&" + name.encode() + b"=x"):
                answer = await target.call(operation, path + b"?" + name.encode() + b"=" + raw, b"{}", JSON)
                problems += faults(operation, answer, f"{name}={raw!r}", must_refuse=raw in NO_TEXT)
        for raw in QUERIES:
            answer = await target.call(operation, path + b"?" + raw, b"{}", JSON)
            problems += faults(operation, answer, f"?{raw[:50]!r}")
    assert not problems, "\n".join(problems)
    assert (await target.wire.request("GET", b"/readyz", {})).status == 200
