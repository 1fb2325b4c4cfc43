"""Settings that would leave somebody with less protection than they believe to have."""

import pytest
from pydantic import ValidationError

from app.config import Settings


@pytest.mark.parametrize(("given", "number"), [("", 0), ("a-key", 1), (" one , two,", 2)])
def test_keys_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch, given: str, number: int) -> None:
    monkeypatch.setenv("HUIYIN_API_KEYS", given)
    assert len(Settings().api_keys) == number


@pytest.mark.parametrize("given", [",", " ", " , ,"])
def test_a_list_of_no_keys_is_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("HUIYIN_API_KEYS", given)
    with pytest.raises(ValidationError, match="holds no key"):
        Settings()


@pytest.mark.parametrize("given", ["huiyin.example.com", "ftp://huiyin.example.com", "https://"])
def test_a_public_address_has_a_scheme_and_a_host(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("HUIYIN_PUBLIC_URL", given)
    with pytest.raises(ValidationError, match="http"):
        Settings()
    monkeypatch.setenv("HUIYIN_PUBLIC_URL", "https://huiyin.example.com")
    assert Settings().public_url == "https://huiyin.example.com"


def test_hosts_of_receivers_are_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUIYIN_NOTIFY_HOSTS", "hooks.example.com, 10.0.0.7 ,")
    assert Settings().notify_hosts == ("hooks.example.com", "10.0.0.7")
    assert Settings().notify_private is False
    monkeypatch.setenv("HUIYIN_ANALYST_URL", "api.example.com")
    with pytest.raises(ValidationError, match="analyst_url"):
        Settings()
