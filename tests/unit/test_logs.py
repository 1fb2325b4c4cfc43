"""What a log line looks like and what it never shows."""

import io
import json
import logging
import sys
import warnings
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
import structlog

from app import logs


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    before = structlog.get_config()
    stream = io.StringIO()
    logs.configure("INFO", stream)
    yield stream
    structlog.configure(**before)
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(out: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_is_a_sentence_with_keys(out: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(request_id="abc"):
        structlog.get_logger("app.x").info("a message was sent 已发送", contact_id=7, ok=True, ms=1.5, none=None)
    (line,) = lines(out)
    assert list(line)[:4] == ["time", "level", "event", "logger"]
    assert str(line.pop("time")).endswith("Z")
    assert line == {
        "level": "info",
        "event": "a message was sent 已发送",
        "logger": "app.x",
        "contact_id": 7,
        "ok": True,
        "ms": 1.5,
        "none": None,
        "request_id": "abc",
    }


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("call 13800138000 now", "call 138****8000 now"),
        ("+8613800138000", "+86138****8000"),
        ("138-0013-8000", "138****8000"),
        ("138 0013 8000,13912345678", "138****8000,139****5678"),
        ("电话13800138000。", "电话138****8000。"),
        ("order 113800138000", "order 113800138000"),
        ("1763726400000 ms", "1763726400000 ms"),
        ("微信号:lin_xiaoman88", "微信号:****"),
        ("wechat: abc-12345 ok", "wechat: **** ok"),
        ("wxid_9f8e7d6c", "wxid_****"),
        ("Authorization: Bearer abcdef123456", "Authorization: Bearer ****"),
        ("postgresql://me:geheim@host/db", "postgresql://me:****@host/db"),
        ("postgresql://me:ge/h@eim@host/db", "postgresql://me:****@host/db"),
        ("at=http://h:80/a,postgresql://me:geheim@host/db", "at=http://h:****@host/db"),
        ("postgresql://h/db?password=geheim&sslpassword=x", "postgresql://h/db?password=****&sslpassword=****"),
        ("Key (phone)=(+85291234567) exists", "Key (phone)=(+852****4567) exists"),
        ("+14155552671", "+141****2671"),
        ("010-12345678, 0755 87654321, 05718765432", "010-****5678, 0755 ****4321, 0571****5432"),
        ("1772706600471-447e-96ea-97523c61189b", "1772706600471-447e-96ea-97523c61189b"),
        ("2026-03-05T10:30:00.012345678+08:00", "2026-03-05T10:30:00.012345678+08:00"),
        ("0.01234567890 id-01234567890 0x01234567890", "0.01234567890 id-01234567890 0x01234567890"),
        ("2026-03-05T10:30:00Z", "2026-03-05T10:30:00Z"),
        ("nothing here", "nothing here"),
    ],
)
def test_people_and_secrets_are_masked(text: str, shown: str) -> None:
    assert logs.mask(text) == shown


def test_a_long_line_of_a_stranger_holds_nobody_up() -> None:
    """Looking for an @ behind each of these addresses would take hours."""
    line = "://a:" * 200_000
    assert logs.mask(line) == line
    assert logs.mask(f"{line}geheim@host") == "://a:****@host"


def test_masking_reaches_every_value(out: io.StringIO) -> None:
    structlog.get_logger().warning(
        "13800138000 called",
        phone=13800138000,
        status=HTTPStatus.NOT_FOUND,
        nested={"list": ["13800138000", 5], "api_key": "abc", "13": {"password": 1}},
        token="abc",
        error=ValueError("13800138000"),
    )
    (line,) = lines(out)
    assert "13800138000" not in out.getvalue()
    assert "abc" not in out.getvalue()
    assert line["phone"] == "138****8000"
    assert line["status"] == 404
    assert line["nested"] == {"list": ["138****8000", 5], "api_key": "****", "13": {"password": "****"}}


@pytest.mark.parametrize(
    ("encoding", "written"),
    [("utf-8", "half \\ud83d, 已发送\n"), ("ascii", "half \\ud83d, \\u5df2\\u53d1\\u9001\n")],
)
def test_what_cannot_be_encoded_is_written_all_the_same(encoding: str, written: str) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding)
    logs._Writer(stream).msg("half \ud83d, 已发送")
    assert raw.getvalue().decode() == written


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no file that is always full")
def test_a_full_disk_stops_nothing_but_the_log() -> None:
    with io.TextIOWrapper(io.FileIO("/dev/full", "w"), write_through=True) as full:
        with pytest.raises(OSError, match="No space left"):
            full.write("as it is")
        logs._Writer(full).msg("a message was sent")


def test_nobody_writes_lines_of_their_own_to_a_terminal() -> None:
    event = {"time": "2026-03-05T10:30:00.000Z", "level": "info", "event": "said", "logger": "x"}
    line = logs._readable(logs._Writer(io.StringIO()), "info", event | {"text": "a\n10:30:00.000 error\x1b[2J\u202eb"})
    assert line == r"10:30:00.000 info    said text=a\n10:30:00.000 error\x1b[2J\u202eb"


def test_an_exception_is_one_field(out: io.StringIO) -> None:
    try:
        int("13800138000 is wrong")
    except ValueError as error:
        structlog.get_logger().exception("it failed")
        structlog.get_logger().error("again", exc_info=error)
        logging.getLogger("some.library").exception("theirs")
    for line in lines(out):
        assert line["level"] == "error"
        assert "ValueError: invalid literal for int() with base 10: '138****8000 is wrong'" in str(line["exception"])
    assert len(lines(out)) == 3


def test_libraries_take_the_same_way_from_warnings_on(out: io.StringIO) -> None:
    logging.getLogger("uvicorn.error").info("Started server process")
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received for %s", "13800138000")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    first, second = lines(out)
    assert first["logger"] == "uvicorn.error"
    assert first["event"] == "Invalid HTTP request received for 138****8000"
    assert second["logger"] == "py.warnings"


def test_the_level_is_a_setting(out: io.StringIO) -> None:
    structlog.get_logger().debug("quiet")
    assert out.getvalue() == ""
    logs.configure("debug", out)
    structlog.get_logger().debug("heard")
    assert lines(out)[0]["event"] == "heard"
    with pytest.raises(ValueError, match="LOUD"):
        logs.configure("LOUD", out)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.usefixtures("out")
def test_a_terminal_gets_readable_lines() -> None:
    terminal = Terminal()
    logs.configure("INFO", terminal)
    structlog.get_logger().info("it works", answer=42)
    try:
        int("no")
    except ValueError:
        structlog.get_logger().exception("it failed")
    text = terminal.getvalue()
    assert "info    it works answer=42\n" in text
    assert text.endswith("'no'\n")
    assert sys.stdout is not terminal
