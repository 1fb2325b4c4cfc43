import importlib.util
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "dev.py"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("dev_script", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


dev = load()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout with both locks and a `.venv` that looks finished but for its stamp."""
    root = tmp_path / "a check out"
    (root / ".venv" / "bin").mkdir(parents=True)
    (root / ".venv" / "bin" / "python").symlink_to(sys.executable)
    (root / dev.RUN_LOCK).write_text("one==1\n")
    (root / dev.DEV_LOCK).write_text("one==1\ntwo==2\n")
    return root


@pytest.mark.parametrize(
    ("platform", "version", "words"),
    [
        ("linux", (3, 11), ""),
        ("darwin", (3, 14), ""),
        ("linux", (4, 0), ""),
        ("linux", (3, 10), "3.11 or newer; this is 3.10"),
        ("darwin", (2, 7), "3.11 or newer; this is 2.7"),
        ("win32", (3, 13), "WSL"),
    ],
)
def test_unfit_machine_is_told_why(platform: str, version: tuple[int, int], words: str) -> None:
    problem = dev.platform_problem(platform, *version)
    assert words in problem
    assert bool(problem) is bool(words)


@pytest.mark.parametrize(
    ("recorded", "asked", "served"),
    [
        ("requirements.lock", "requirements.lock", True),
        ("requirements.lock", "requirements-dev.lock", False),
        ("requirements-dev.lock", "requirements-dev.lock", True),
        ("requirements-dev.lock", "requirements.lock", True),
    ],
)
def test_lock_for_development_serves_both(root: Path, recorded: str, asked: str, *, served: bool) -> None:
    venv = dev.Venv(root)
    venv.record(recorded)
    assert venv.serves(asked) is served


def test_venv_without_stamp_serves_nothing(root: Path) -> None:
    assert not dev.Venv(root).serves(dev.RUN_LOCK)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"identity": 3}'])
def test_broken_stamp_serves_nothing(root: Path, text: str) -> None:
    venv = dev.Venv(root)
    venv.stamp.write_text(text)
    assert not venv.serves(dev.RUN_LOCK)


def test_changed_lock_is_not_served(root: Path) -> None:
    venv = dev.Venv(root)
    venv.record(dev.DEV_LOCK)
    (root / dev.RUN_LOCK).write_text("one==1.1\n")
    assert not venv.serves(dev.RUN_LOCK)
    assert venv.serves(dev.DEV_LOCK)


def test_moved_checkout_is_not_served(root: Path) -> None:
    dev.Venv(root).record(dev.RUN_LOCK)
    moved = root.rename(root.with_name("elsewhere"))
    assert not dev.Venv(moved).serves(dev.RUN_LOCK)


def test_other_python_is_not_served(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dev.Venv(root).record(dev.RUN_LOCK)
    monkeypatch.setattr(dev.sys.implementation, "cache_tag", "cpython-399")
    assert not dev.Venv(root).serves(dev.RUN_LOCK)


def test_vanished_python_is_not_served(root: Path) -> None:
    venv = dev.Venv(root)
    venv.record(dev.RUN_LOCK)
    venv.python.unlink()
    venv.python.symlink_to(root / "no-such-python")
    assert not venv.serves(dev.RUN_LOCK)


@pytest.fixture
def pip_calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the locks that pip was asked to install; nothing is installed."""
    calls: list[str] = []

    def install(_python: Path, *arguments: str, hold: int) -> None:
        assert hold > 0
        calls.append(Path(arguments[-1]).name)

    def make_venv(path: Path, _hold: int) -> None:
        (path / "bin").mkdir(parents=True)
        (path / "bin" / "python").symlink_to(sys.executable)

    monkeypatch.setattr(dev, "install", install)
    monkeypatch.setattr(dev, "make_venv", make_venv)
    return calls


def test_running_never_narrows_a_venv_for_development(root: Path, pip_calls: list[str]) -> None:
    venv = dev.Venv(root)
    venv.record(dev.DEV_LOCK)
    (root / dev.RUN_LOCK).write_text("one==1.1\n")
    venv.ensure(dev.RUN_LOCK)
    assert pip_calls == [dev.DEV_LOCK]
    assert venv.serves(dev.RUN_LOCK)


def test_second_call_installs_nothing(root: Path, pip_calls: list[str]) -> None:
    for _ in range(2):
        dev.Venv(root).ensure(dev.RUN_LOCK)
    assert pip_calls == [dev.RUN_LOCK]


def test_an_installation_compiles_the_service(root: Path, pip_calls: list[str]) -> None:
    (root / "app").mkdir()
    (root / "app" / "module.py").write_text("answer = 42\n")
    (root / "app" / "broken.py").write_text("no python\n")
    dev.Venv(root).ensure(dev.RUN_LOCK)
    assert [path.name.partition(".")[0] for path in (root / "app" / "__pycache__").iterdir()] == ["module"]
    assert pip_calls == [dev.RUN_LOCK]


def test_interrupted_install_starts_anew(root: Path, pip_calls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    venv = dev.Venv(root)
    venv.record(dev.RUN_LOCK)
    leftover = venv.path / "half-written"
    leftover.touch()

    def interrupted(*_arguments: object, **_named: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(dev, "install", interrupted)
        with pytest.raises(KeyboardInterrupt):
            venv.ensure(dev.DEV_LOCK)
    assert not venv.serves(dev.RUN_LOCK)
    venv.ensure(dev.RUN_LOCK)
    assert pip_calls == [dev.RUN_LOCK]
    assert not leftover.exists()


def test_two_at_once_install_one_after_the_other(tmp_path: Path) -> None:
    events: list[str] = []

    def second() -> None:
        with dev.exclusive(tmp_path / "lock"):
            events.append("second")

    with dev.exclusive(tmp_path / "lock"):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.1)
        events.append("first")
    thread.join(timeout=60)
    assert events == ["first", "second"]


@pytest.mark.parametrize(
    ("given", "handed_on"),
    [
        ([], []),
        (["--no-demo"], ["--no-demo"]),
        (["--host", "0.0.0.0", "--port", "0"], ["--host", "0.0.0.0", "--port", "0"]),  # noqa: S104
        (["--data-dir", "/srv/my data"], ["--data-dir", "/srv/my data"]),
    ],
)
def test_run_hands_on_what_was_given(given: list[str], handed_on: list[str]) -> None:
    assert dev.run_arguments(dev.parse(["run", *given])) == handed_on


def test_data_directory_is_that_of_the_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert dev.run_arguments(dev.parse(["run", "--data-dir", "d"])) == ["--data-dir", str(tmp_path / "d")]


@pytest.mark.parametrize(
    ("given", "fast", "for_pytest"),
    [
        ([], False, []),
        (["--fast"], True, []),
        (["-k", "a or b", "tests/unit", "--fast", "-x"], True, ["-k", "a or b", "tests/unit", "-x"]),
    ],
)
def test_other_arguments_of_test_go_to_pytest(given: list[str], for_pytest: list[str], *, fast: bool) -> None:
    options = dev.parse(["test", *given])
    assert options.fast is fast
    assert options.pytest_arguments == for_pytest


@pytest.mark.parametrize(
    ("given", "chosen"),
    [
        ([], ["tests/unit"]),
        (["-k", "reply"], ["-k", "reply", "tests/unit"]),
        (["tests/e2e/test_a.py::test_b"], ["tests/e2e/test_a.py::test_b"]),
    ],
)
def test_fast_means_unit_tests_unless_files_are_named(given: list[str], chosen: list[str], tmp_path: Path) -> None:
    (tmp_path / "tests" / "e2e").mkdir(parents=True)
    (tmp_path / "tests" / "e2e" / "test_a.py").touch()
    assert dev.fast_arguments(tmp_path, given) == chosen


@pytest.mark.parametrize("given", [[], ["fly"], ["run", "--prot", "1"], ["run", "extra"], ["lock", "-x"]])
def test_unknown_arguments_are_refused(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refusal:
        dev.parse(given)
    assert refusal.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_the_schema_is_written_as_it_is_kept() -> None:
    root = SCRIPT.parents[1]
    written = dev.all_migrations(Path(sys.executable), root, os.environ)
    assert written == (root / dev.SCHEMA).read_text(encoding="utf-8")
    assert dev.parse(["schema"]).command is dev.schema


def test_migrations_are_split_by_revision() -> None:
    sql = (
        "BEGIN;\n\nCREATE TABLE alembic_version (v text);\n\n"
        "-- Running upgrade  -> 0001, first\n\nCREATE TABLE a (i int);\n\n"
        "-- Running upgrade 0001 -> 0002\n\nCREATE TABLE b (i int);\n\nCOMMIT;\n\n"
    )
    parts = dev.split_migrations(sql)
    assert {name: text.strip() for name, text in parts.items()} == {
        "0001": "CREATE TABLE a (i int);",
        "0002": "CREATE TABLE b (i int);",
    }


@pytest.mark.parametrize(
    ("given", "handed_on"),
    [
        ([], ["--numprocesses=auto", "--dist=loadfile", "--no-loadscope-reorder"]),
        (["-k", "reply", "--pdb"], ["-k", "reply", "--pdb"]),
    ],
)
def test_all_tests_run_side_by_side_and_chosen_ones_as_they_are_asked_for(
    given: list[str], handed_on: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []

    def note(_root: Path, command: list[str], _env: dict[str, str]) -> int:
        commands.append(command)
        return 0

    monkeypatch.setattr(dev, "call", note)
    env = {"COVERAGE_FILE": str(tmp_path / "coverage" / "data")}
    check, *_ = dev.test_checks(dev.Venv(tmp_path), env, given)
    assert check.work() == 0
    assert commands[0][-len(handed_on) - 1 :] == ["pytest", *handed_on]


def test_summary_has_a_row_for_each_check() -> None:
    table = dev.summary([dev.Outcome("ruff", "ok", 0.25), dev.Outcome("pytest", "FAILED", 12.0)])
    assert table.splitlines()[-2:] == ["ruff        0.2 s  ok", "pytest     12.0 s  FAILED"]


@pytest.mark.parametrize(
    ("ci", "result"), [("true", "FAILED"), ("", "SKIPPED: not to be had here, NO BROWSER TEST RUNS")]
)
def test_missing_browser_fails_only_on_ci(ci: str, result: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dev, "provide_browser", lambda: 1)
    env = {"CI": ci}
    assert dev.browser_outcome(env, fast=False).result == result
    assert env[dev.NO_BROWSER] == "1"


def test_script_works_from_any_directory(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, os.path.relpath(SCRIPT, tmp_path), "test", "--help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "--fast" in done.stdout
