"""What a test needs and this machine may lack: then it is skipped, with a reason; on CI it fails instead."""

import os
import shutil
from collections.abc import Generator
from pathlib import Path

import pytest

BROWSER = Path("/usr/bin/chromium")
NO_BROWSER = "HUIYIN_TEST_NO_BROWSER"
"""Set to 1 by `dev.py test` where no browser could be installed, or by a developer who wants none."""


def need_program(name: str) -> None:
    """Go on only where a program is installed."""
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed, this was NOT tested")


def need_browser() -> None:
    """Go on only where a browser is installed and wanted."""
    if os.environ.get(NO_BROWSER) == "1":
        pytest.skip(f"{NO_BROWSER}=1, this was NOT tested")
    if not BROWSER.exists():
        pytest.skip(f"{BROWSER} is not there, this was NOT tested")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn each skip on CI into a failure. Left alone is `skipif`: it says what a platform does not have at all."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true" and item.get_closest_marker("skipif") is None:
        report.outcome = "failed"
        report.longrepr = f"Skipped, and CI runs every test: {report.longrepr}"
    return report
