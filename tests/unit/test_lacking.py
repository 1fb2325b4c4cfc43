import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LACKING = """
from tests.lacking import need_browser, need_program

def test_program():
    need_program("a-program-that-nobody-has")

def test_browser():
    need_browser()

def test_that_runs():
    need_program("{python}")
"""
ELSEWHERE = """
import pytest

@pytest.mark.skipif(True, reason="no such thing on this platform")
def test_elsewhere():
    raise AssertionError
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of tests of which two lack something and one does not concern the platform."""
    (tmp_path / "conftest.py").write_text("from tests.lacking import pytest_runtest_makereport\n")
    (tmp_path / "test_lacking.py").write_text(LACKING.replace("{python}", sys.executable))
    (tmp_path / "test_elsewhere.py").write_text(ELSEWHERE)
    return tmp_path


@pytest.mark.parametrize(
    ("ci", "code", "counts"),
    [("true", 1, "2 failed, 1 passed, 1 skipped"), ("", 0, "1 passed, 3 skipped")],
)
def test_what_lacks_is_skipped_with_its_reason_and_fails_on_ci(folder: Path, ci: str, code: int, counts: str) -> None:
    settings = {"CI": ci, "HUIYIN_TEST_NO_BROWSER": "1", "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-ra", "-p", "no:cacheprovider", str(folder)],
        env=os.environ | settings,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert counts in done.stdout
    for reason in ("a-program-that-nobody-has is not installed", "HUIYIN_TEST_NO_BROWSER=1"):
        assert reason in done.stdout
