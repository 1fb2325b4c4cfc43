"""Log lines: one sentence with keys, as JSON on stdout, or readable where stdout is a terminal.

Nothing that identifies a person or opens a door is written: phone numbers and WeChat IDs are masked in every value,
secrets by the name of their key. Logs of libraries take the same way, from warnings on.
"""

import contextlib
import json
import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, Final, TextIO

import structlog
from structlog.typing import EventDict

_SECRET_KEY: Final = re.compile(
    r"secret|passw|token|authorization|api_?key|signature|cookie|wechat|weixin", re.IGNORECASE
)
_PERSONAL: Final = re.compile(
    r"(?<!\d)(?P<head>(?:\+?86[ -]?|0086[ -]?)?1[3-9]\d)[ -]?\d{4}[ -]?(?P<tail>\d{4})(?!\d)"
    r"|(?P<label>(?<![A-Za-z])(?:微信号?|v信|wechat|weixin|wx)(?: ?id)?[ ::=是]{1,3})[A-Za-z][A-Za-z0-9_-]{5,19}"
    r"|(?P<wxid>wxid_)\w+"
    r"|(?P<scheme>(?:Bearer|Basic) )[A-Za-z0-9._~+/=-]{6,}"
    r"|(?P<query>[?&](?:ssl)?password=)[^&\s]+"
    r"|(?P<abroad>(?<!\d)\+[1-9]\d{1,2})\d{2,8}(?P<last>\d{4})(?!\d)"
    r"|(?P<area>(?<![\w.+-])0\d{2,3}[ -]?)\d{3,4}(?P<end>\d{4})(?![\w.-])",
    re.IGNORECASE,
)
# Up to the last @ of a word, as a password may hold one. Atomic: where no @ follows the first address of a word, none
# follows the others either, and looking for it behind each would take a second for a long line of a stranger's.
_USER: Final = re.compile(r"(?<!\S)(?P<user>(?>\S*?://[^/\s:@]*:))\S+(?=@)")
_HIDDEN: Final = "****"
_KEPT: Final = ("head", "label", "wxid", "scheme", "query", "abroad", "area")
_LOWEST_PHONE: Final = 13_000_000_000
_HIGHEST_PHONE: Final = 19_999_999_999
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""What would move a terminal's cursor, or begin a line that looks like one of ours."""
_LONGEST_TRACEBACK: Final = 20_000
# Keys that every line has come first, in this order.
_FIRST: Final = ("time", "level", "event", "logger")


def configure(level: str, stream: TextIO | None = None) -> None:
    """Send all logs of this process to ``stream``, stdout by default.

    Args:
        level: Name of the lowest level written, such as ``INFO``; libraries are heard from ``WARNING`` on.
        stream: Written to line by line; readable lines if it is a terminal, else JSON.

    Raises:
        ValueError: no level has this name.
    """
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ValueError(f"log level {level!r} is not one of DEBUG, INFO, WARNING, ERROR, CRITICAL")
    out = stream or sys.stdout
    render = _readable if out.isatty() else _json
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, _complete, _mask_all, render],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *names: _Writer(out, *names),
        cache_logger_on_first_use=stream is None,
    )
    logging.basicConfig(handlers=[_Bridge()], level=max(number, logging.WARNING), force=True)
    logging.captureWarnings(capture=True)


def mask(text: str) -> str:
    """Return a text with phone numbers, WeChat IDs and credentials made unrecognisable (``138****8000``)."""
    return _PERSONAL.sub(_hide, _USER.sub(rf"\g<user>{_HIDDEN}", text))


def _hide(match: re.Match[str]) -> str:
    kept = next(match[name] for name in _KEPT if match[name])
    return f"{kept}{_HIDDEN}{match['tail'] or match['last'] or match['end'] or ''}"


class _Writer:
    """Writes finished lines; the method called is the level."""

    def __init__(self, stream: TextIO, name: str = "app") -> None:
        self._stream = stream
        self.name = name

    def msg(self, line: str) -> None:
        """Write one line at once, so that nothing is lost when the process is killed.

        A line that cannot be written is lost: a full disk, or a reader that went away, must not keep what was sent
        from being written down, and there is nobody left to be told.
        """
        with contextlib.suppress(OSError):
            self._stream.write(f"{_writable(line, self._stream)}\n")
            self._stream.flush()

    debug = info = warning = error = critical = exception = log = msg


def _writable(line: str, stream: TextIO) -> str:
    """Return a line with what the stream cannot take, such as half a character, as an escape."""
    encoding = stream.encoding or "utf-8"
    return line.encode(encoding, "backslashreplace").decode(encoding)


class _Bridge(logging.Handler):
    """Hands records of the standard library's logging to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record as one of our lines."""
        logger = structlog.get_logger(record.name)
        logger.log(record.levelno, record.getMessage(), exc_info=record.exc_info)


def _complete(logger: _Writer, method: str, event: EventDict) -> EventDict:
    """Add time, level and logger, and turn an exception into one field."""
    event["time"] = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    event["level"] = "error" if method == "exception" else method
    event["logger"] = logger.name
    error = _exception(event.pop("exc_info", None))
    if error is not None:
        event["exception"] = "".join(traceback.format_exception(error))[-_LONGEST_TRACEBACK:]
    return {key: event[key] for key in (*_FIRST, *event) if key in event}


def _exception(info: Any) -> BaseException | None:
    if isinstance(info, BaseException):
        return info
    if isinstance(info, tuple):
        return info[1] if isinstance(info[1], BaseException) else None
    return sys.exc_info()[1] if info else None


def _mask_all(_logger: _Writer, _method: str, event: EventDict) -> EventDict:
    return {key: _masked(key, value) for key, value in event.items()}


def _masked(key: str, value: Any) -> Any:
    if isinstance(value, bool | float) or value is None:
        return value
    if _SECRET_KEY.search(key):
        return _HIDDEN
    if isinstance(value, dict):
        return {name: _masked(str(name), each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(key, each) for each in value]
    is_plain_number = isinstance(value, int) and not _LOWEST_PHONE <= value <= _HIGHEST_PHONE
    return value if is_plain_number else mask(str(value))


def _json(_logger: _Writer, _method: str, event: EventDict) -> str:
    return json.dumps(event, ensure_ascii=False, default=str)


def _readable(_logger: _Writer, _method: str, event: EventDict) -> str:
    error = event.pop("exception", None)
    moment, level, sentence, _name = (event.pop(key) for key in _FIRST)
    keys = "".join(f" {key}={value}" for key, value in event.items())
    line = _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), f"{sentence}{keys}")
    line = f"{moment[11:23]} {level:<7} {line}"
    return line if error is None else f"{line}\n{error.rstrip()}"
