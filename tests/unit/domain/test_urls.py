"""Addresses that the service may call."""

import pytest

from app.domain.urls import outgoing_url


@pytest.mark.parametrize(
    "url",
    [
        "https://gateway.example.com/huiyin",
        "http://127.0.0.1:9000/x?y=1",
        "http://[::1]:9000/",
        "http://gateway:8080",
        "https://gateway_1.example.com./a",
    ],
)
def test_an_address_that_may_be_called_stays_as_it_is(url: str) -> None:
    assert outgoing_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "gateway.example.com",
        "ftp://example.com",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "https://user:pass@example.com",
        "https://user@example.com",
        "https://exa mple.com",
        "https://example.com/\n",
        "https://example.com\\@evil.example",
        "https://[::1",
        "https://example.com:0",
        "https://example.com:99999",
        "https://example.com:abc",
        "https://-.com",
        "https://..",
        "https://" + "a" * 2048,
    ],
)
def test_an_address_that_may_not_be_called_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"\("):
        outgoing_url(url)


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "http://10.0.0.8/", "http://[::1]/", "http://169.254.169.254/"])
def test_private_addresses_can_be_ruled_out(url: str) -> None:
    with pytest.raises(ValueError, match="private"):
        outgoing_url(url, allow_private=False)


def test_public_addresses_stay_allowed_then() -> None:
    assert outgoing_url("http://8.8.8.8/", allow_private=False) == "http://8.8.8.8/"
