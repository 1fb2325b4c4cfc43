"""Patterns that are compiled when they are first used do what compiled ones do."""

import re

import pytest

from app.patterns import compile_later


def test_a_pattern_is_what_re_makes_of_it() -> None:
    later, now = compile_later(r"(微信|wx)\s*(\w+)", re.IGNORECASE), re.compile(r"(微信|wx)\s*(\w+)", re.IGNORECASE)
    text = "WX abc, 微信 回音"
    for _ in range(2):
        assert [found.span() for found in later.finditer(text)] == [found.span() for found in now.finditer(text)]
        assert later.sub("*", text) == now.sub("*", text)
        assert later.fullmatch(text) is None
    assert (later.pattern, later.flags, later.groups) == (now.pattern, now.flags, now.groups)


def test_bytes_are_patterns_too() -> None:
    assert compile_later(rb"%[0-9A-F]{2}").sub(b"-", b"a%20b") == b"a-b"


def test_nothing_is_compiled_before_the_first_use() -> None:
    later = compile_later("(")
    with pytest.raises(re.error, match="unterminated"):
        later.search("")
    with pytest.raises(AttributeError):
        _ = compile_later("x").no_such_method  # type: ignore[attr-defined]
