"""The chatbot's pure rules, as tables."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.chat import (
    Credentials,
    Ranked,
    SignatureError,
    Slice,
    check_signature,
    check_time,
    choose_answer,
    page_count,
    page_slice,
    read_credentials,
    signature_of,
    spellings,
)

NOW = 1_772_706_600


def header(document: Any) -> str:
    return base64.b64encode(json.dumps(document).encode()).decode()


def fields(**changes: Any) -> dict[str, Any]:
    return {"appId": "bot", "timestamp": "1772706600", "random": "abc", "signature": "00"} | changes


@pytest.mark.parametrize(
    ("changes", "timestamp", "random"),
    [
        ({}, "1772706600", "abc"),
        ({"timestamp": 1772706600, "random": 0.5}, "1772706600", "0.5"),
        ({"timestamp": 1772706600.0, "random": 12}, "1772706600", "12"),
        ({"more": "is ignored"}, "1772706600", "abc"),
    ],
)
def test_credentials_are_read_as_they_were_written(changes: dict[str, Any], timestamp: str, random: str) -> None:
    read = read_credentials(header(fields(**changes)))
    assert (read.app_id, read.timestamp, read.random, read.signature) == ("bot", timestamp, random, "00")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "authorization is required."),
        ("", "authorization is required."),
        ("Bearer abc", "invalid authorization header."),
        ("%%%", "invalid authorization header."),
        ("密钥", "invalid authorization header."),
        (base64.b64encode(b"\xff").decode(), "invalid authorization header."),
        (base64.b64encode(b"[" * 100_000).decode(), "invalid authorization header."),
        (base64.b64encode(b'{"appId": NaN}').decode(), "invalid authorization header."),
        (header([]), "invalid authorization header."),
        (header({}), "invalid authorization header."),
        (header(fields(appId=None)), "invalid authorization header."),
        (header(fields(timestamp=True)), "invalid authorization header."),
        (header(fields(timestamp=float("inf"))), "invalid authorization header."),
        (header(fields(timestamp=10**400)), "invalid authorization header."),
        (header(fields(timestamp=float("nan"))), "invalid authorization header."),
        (header(fields(random=["a"])), "invalid authorization header."),
        (header(fields(random="")), "invalid authorization header."),
        (header(fields(random="x" * 129)), "invalid authorization header."),
        (header(fields(random="a\x00")), "invalid authorization header."),
        (header(fields(random="\ud800")), "invalid authorization header."),
    ],
)
def test_a_header_that_is_none(given: str | None, message: str) -> None:
    with pytest.raises(SignatureError, match=message):
        read_credentials(given)


@given(st.binary(max_size=200))
def test_no_header_breaks_the_reading(content: bytes) -> None:
    with pytest.raises(SignatureError):
        read_credentials(base64.b64encode(content).decode() + "=")


@pytest.mark.parametrize(
    ("stamp", "good"),
    [
        (str(NOW), True),
        (str(NOW - 300), True),
        (str(NOW + 300), True),
        (str(NOW - 300 - 1), False),
        (str(NOW + 300 + 1), False),
        (str(NOW * 1000), False),
        ("1" * 50, False),
        ("-5", False),
        ("1e9", False),
        ("٣٣٣٣", False),
    ],
)
def test_five_minutes_around(stamp: str, good: bool) -> None:
    credentials = Credentials("bot", stamp, "abc", "00")
    if good:
        check_time(credentials, NOW)
    else:
        with pytest.raises(SignatureError, match=r"^invalid timestamp\.$"):
            check_time(credentials, NOW)


def test_a_signature_that_was_computed_elsewhere() -> None:
    # printf 'bot1772706600abcGET/api/v1/chatbot/bot/users' | openssl dgst -sha1 -hmac secret
    credentials = Credentials("bot", str(NOW), "abc", "")
    made = signature_of("secret", credentials, "GET", "/api/v1/chatbot/bot/users")
    assert made == "175192012207d4af5f1d8a309bac902decc1119d"


@pytest.mark.parametrize(
    ("change", "good"),
    [
        (lambda made: made, True),
        (lambda made: made[:-1] + "x", False),
        (lambda _: "", False),
        (lambda _: "签名", False),
    ],
)
def test_one_of_the_spellings_must_fit(change: Any, good: bool) -> None:
    made = signature_of("secret", Credentials("bot", "1", "abc", ""), "GET", "/张三")
    credentials = Credentials("bot", "1", "abc", change(made))
    targets = ("/%E5%BC%A0%E4%B8%89", "/张三")
    if good:
        check_signature("secret", credentials, "GET", targets)
    else:
        with pytest.raises(SignatureError, match=r"^invalid signature\.$"):
            check_signature("secret", credentials, "GET", targets)
    for secret, method in (("other", "GET"), ("secret", "PUT")):
        with pytest.raises(SignatureError):
            check_signature(secret, credentials, method, targets)


@pytest.mark.parametrize(
    ("wire", "written"),
    [
        (b"/users?limit=1", ["/users?limit=1"]),
        (b"/users/a+b", ["/users/a+b"]),
        (b"/users/%E5%BC%A0", ["/users/%E5%BC%A0", "/users/张"]),
        (b"/users/a%2Fb", ["/users/a%2Fb", "/users/a/b"]),
        (b"/a%2F%E5%BC%A0%20b", ["/a%2F%E5%BC%A0%20b", "/a%2F张 b", "/a%2F张%20b", "/a/张 b"]),
        (b"/50%25", ["/50%25", "/50%"]),
        (b"/%C3%BC?q=%C3%A9", ["/%C3%BC?q=%C3%A9", "/%C3%BC?q=é", "/ü?q=%C3%A9", "/ü?q=é"]),
        (b"/a%3Fb?q=1", ["/a%3Fb?q=1", "/a?b?q=1"]),
        (b"/%FF", ["/%FF"]),
        (b"/%zz%4", ["/%zz%4"]),
        (b"/\xff", []),
    ],
)
def test_how_a_target_may_have_been_written(wire: bytes, written: list[str]) -> None:
    assert list(spellings(wire)) == written


A, B, C = Ranked(1, 0.9), Ranked(2, 0.7), Ranked(3, 0.5)


@pytest.mark.parametrize(
    ("ranked", "muted", "best", "suggest", "provider", "first", "suggestions"),
    [
        ([A, B, C], True, 0.8, 0.6, "mute", None, ()),
        ([A, B, C], False, 0.8, 0.6, "faq", A, (A, B)),
        ([A, B, C], False, 0.9, 0.9, "faq", A, (A,)),
        ([A, B, C], False, 0.91, 0.6, "fallback", None, (A, B)),
        ([A, B, C], False, 1.0, 0.0, "fallback", None, (A, B, C)),
        ([C], False, 0.8, 0.6, "fallback", None, ()),
        ([], False, 0.0, 0.0, "fallback", None, ()),
    ],
)
def test_the_order_of_an_answer(
    ranked: list[Ranked],
    muted: bool,
    best: float,
    suggest: float,
    provider: str,
    first: Ranked | None,
    suggestions: tuple[Ranked, ...],
) -> None:
    answer = choose_answer(ranked, muted=muted, best=best, suggest=suggest)
    assert (answer.provider, answer.best, answer.suggestions) == (provider, first, suggestions)


@given(st.integers(0, 60), st.integers(1, 20), st.booleans())
def test_pages_are_the_history_cut_up(total: int, limit: int, newest_first: bool) -> None:
    pages = page_count(total, limit)
    cut: list[int] = []
    for page in range(1, pages + 2):
        part = page_slice(total, page, limit, newest_first=newest_first)
        ordinals = list(range(part.first, part.last + 1))
        cut += ordinals[::-1] if newest_first else ordinals
    whole = list(range(1, total + 1))
    assert cut == (whole[::-1] if newest_first else whole)


def test_a_page_beyond_the_end_is_empty() -> None:
    assert page_slice(5, 9, 2, newest_first=True) == Slice(1, -11)
    assert page_slice(5, 9, 2, newest_first=False) == Slice(17, 5)


@pytest.mark.parametrize(("total", "limit", "pages"), [(0, 20, 1), (1, 20, 1), (20, 20, 1), (21, 20, 2), (7, 1, 7)])
def test_how_many_pages(total: int, limit: int, pages: int) -> None:
    assert page_count(total, limit) == pages
