"""Settings that would leave somebody with less protection than they believe to have."""

import json

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


@pytest.mark.parametrize("begin", ["9:00", "09:00"])
def test_hours_are_read(monkeypatch: pytest.MonkeyPatch, begin: str) -> None:
    week = [{"week": 1, "times": [{"begin_time": begin, "end_time": "24:00"}]}]
    monkeypatch.setenv("HUIYIN_DIAL_WINDOW", json.dumps(week))
    assert Settings().dial_window[0].times[0].begin_time == begin


@pytest.mark.parametrize("begin", ["９:00", "24:00", "9:60", "12:00"])
def test_hours_that_no_clock_shows_are_refused(monkeypatch: pytest.MonkeyPatch, begin: str) -> None:
    week = [{"week": 1, "times": [{"begin_time": begin, "end_time": "12:00"}]}]
    monkeypatch.setenv("HUIYIN_DIAL_WINDOW", json.dumps(week))
    with pytest.raises(ValidationError, match="begin_time"):
        Settings()
