"""Settings that would leave somebody with less protection than they believe to have."""

import json
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from pydantic import ValidationError

from app.config import Settings
from app.environment import read, shown
from app.errors import StartupError


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


@pytest.mark.parametrize(
    ("name", "least"), [("AUDIT", 1), ("MESSAGES", 7), ("RECORDINGS", 1), ("TRANSCRIPTS", 1), ("BOOKKEEPING", 7)]
)
def test_what_is_kept_is_kept_long_enough_to_decide_by(monkeypatch: pytest.MonkeyPatch, name: str, least: int) -> None:
    for days in (least, 36_500):
        monkeypatch.setenv(f"HUIYIN_RETENTION_{name}_DAYS", str(days))
        assert getattr(Settings(), f"retention_{name.lower()}_days") == days
    for days in (least - 1, -1, 36_501):
        monkeypatch.setenv(f"HUIYIN_RETENTION_{name}_DAYS", str(days))
        with pytest.raises(ValidationError, match=name.lower()):
            Settings()


def test_secrets_come_from_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, text in {
        "HUIYIN_API_KEYS": "one\ntwo, three\n",
        "HUIYIN_ALIYUN_ACCESS_KEY_SECRET": " s3cret \n",
        "DATABASE_URL": "postgresql://me@db.example.com:6432/huiyin?sslmode=require\n",
        "DATABASE_PASSWORD": "p:@/?#%&密\n",
    }.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        monkeypatch.setenv(f"{name}_FILE", str(tmp_path / name))
    # Files of others, and settings that are no secrets, are none of ours.
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
    monkeypatch.setenv("HUIYIN_PORT_FILE", "/nowhere")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    settings = Settings()
    assert [key.get_secret_value() for key in settings.api_keys] == ["one", "two", "three"]
    assert settings.aliyun_access_key_secret is not None
    assert settings.aliyun_access_key_secret.get_secret_value() == "s3cret"
    assert settings.database_url is not None
    parts = urlsplit(settings.database_url.get_secret_value())
    assert unquote(parts.password or "") == "p:@/?#%&密"
    assert (parts.username, parts.hostname, parts.port) == ("me", "db.example.com", 6432)
    assert (parts.path, parts.query) == ("/huiyin", "sslmode=require")
    printed = "\n".join(shown(settings))
    assert "DATABASE_URL=postgresql://me:****@db.example.com:6432/huiyin?sslmode=require" in printed
    assert "HUIYIN_API_KEYS=****,****,****" in printed
    assert "HUIYIN_ALIYUN_ACCESS_KEY_SECRET=****" in printed
    assert "s3cret" not in printed + repr(settings)


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"HUIYIN_API_KEYS_FILE": "/no/such/file"}, "HUIYIN_API_KEYS_FILE: /no/such/file cannot be read"),
        ({"HUIYIN_API_KEYS_FILE": "/dev/null"}, "/dev/null is empty"),
        ({"HUIYIN_API_KEYS_FILE": "/x", "HUIYIN_API_KEYS": "geheim"}, "are both set"),
        ({"DATABASE_PASSWORD": "geheim", "DATABASE_URL": ""}, "DATABASE_PASSWORD goes with"),
        ({"DATABASE_PASSWORD": "geheim", "DATABASE_URL": "postgresql://h/x"}, "DATABASE_PASSWORD goes with"),
        ({"DATABASE_PASSWORD": "geheim", "DATABASE_URL": "postgresql://u:p@h/x"}, "DATABASE_PASSWORD goes with"),
    ],
)
def test_secrets_that_cannot_be_read_are_told_without_showing_any(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], sentence: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StartupError, match=sentence) as caught:
        read({})
    assert "geheim" not in str(caught.value)


def test_hosts_of_receivers_are_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUIYIN_NOTIFY_HOSTS", "hooks.example.com, 10.0.0.7 ,")
    assert Settings().notify_hosts == ("hooks.example.com", "10.0.0.7")
    assert Settings().notify_private is False
    monkeypatch.setenv("HUIYIN_ANALYST_URL", "api.example.com")
    with pytest.raises(ValidationError, match="analyst_url"):
        Settings()
