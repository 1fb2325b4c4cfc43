"""docs/faults.md names tests that are there, all tests of faults are in it, and its table is printed with results."""

import ast
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.promises import PLACE, Row, read_rows, summary, verdict

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
ROWS = read_rows((ROOT / PLACE).read_text(encoding="utf-8"))


def found_in(place: Path) -> set[str]:
    """Return `file::test` of all tests below a file or a folder."""
    files = [place] if place.is_file() else sorted(place.rglob("test_*.py"))
    return {
        f"{file.relative_to(TESTS)}::{node.name}"
        for file in files
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def test_every_line_of_a_table_is_read() -> None:
    lines = (ROOT / PLACE).read_text(encoding="utf-8").splitlines()
    written = [line for line in lines if line.startswith("| ") and line != "| tried | by |"]
    assert len(ROWS) == len(written) > 50
    assert all(row.fault and row.promise and row.tests for row in ROWS)
    assert len({(row.fault, row.tried) for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("named", sorted({test for row in ROWS for test in row.tests}))
def test_what_a_row_names_is_there(named: str) -> None:
    file, _, test = named.partition("::")
    there = found_in(TESTS / file)
    assert named in there if test else there


def test_every_test_of_faults_stands_in_a_row() -> None:
    unnamed = [node for node in sorted(found_in(TESTS / "faults")) if not any(row.names(node) for row in ROWS)]
    assert unnamed == []


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ({}, None),
        ({"b/test_b.py::test_1": Counter(passed=1)}, None),
        ({"a/test_a.py::test_11": Counter(failed=1)}, None),
        ({"a/test_a.py::test_1": Counter(passed=3), "c/test_c.py::test_2": Counter(passed=1)}, ("kept", 4)),
        ({"a/test_a.py::test_1": Counter(passed=2, skipped=1), "c/c.py::test_2": Counter(passed=1)}, ("kept", 3)),
        ({"a/test_a.py::test_1": Counter(passed=2)}, ("in part", 2)),
        ({"a/test_a.py::test_1": Counter(passed=2), "c/test_c.py::test_2": Counter(skipped=1)}, ("in part", 2)),
        ({"a/test_a.py::test_1": Counter(skipped=1)}, ("NOT TRIED", 0)),
        ({"a/test_a.py::test_1": Counter(passed=2, failed=1)}, ("BROKEN", 3)),
        ({"a/test_a.py::test_1": Counter(passed=1), "c/deep/test_c.py::test_9": Counter(error=1)}, ("BROKEN", 2)),
    ],
)
def test_the_verdict_on_a_row(results: dict[str, Counter[str]], expected: tuple[str, int] | None) -> None:
    assert verdict(Row("f", "p", "t", ("a/test_a.py::test_1", "c")), results) == expected


def test_a_row_that_was_not_chosen_is_counted_and_not_told() -> None:
    rows = [Row("f", "p", "one", ("a::b",)), Row("f", "p", "two", ("a::c",)), Row("g", "q", "three", ("a::d",))]
    told = summary(rows, {"a::b": Counter(passed=1)})
    assert told == ["f", "    promise: p", "    kept          1 tests  one", "faults tried: 1 kept, 2 not chosen"]
    assert summary(rows, {"z::z": Counter(passed=1)}) == []


DOCUMENT = """
## Rain
Promise: dry feet
| tried | by |
|---|---|
| a shower | `test_it.py::test_kept` |
| a flood | `test_it.py::test_kept` `test_it.py::test_broken` |
| a drought | `test_it.py::test_left` |
"""
TRIED = """
import pytest

@pytest.mark.parametrize("number", range(3))
def test_kept(number): pass

def test_broken(): raise AssertionError

def test_left(): pytest.skip("no water")
"""


def test_the_table_is_printed_once_by_many_workers(tmp_path: Path) -> None:
    for name, text in {
        "docs/faults.md": DOCUMENT,
        "tests/test_it.py": TRIED,
        "conftest.py": "from tests.promises import pytest_terminal_summary\n",
        "pytest.ini": "[pytest]\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "xdist", "-n2", "-p", "no:cacheprovider", "--import-mode=importlib"],
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "CI": ""},
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    table = done.stdout.partition("faults tried and promises kept")[2].splitlines()[1:7]
    assert table == [
        "Rain",
        "    promise: dry feet",
        "    kept          3 tests  a shower",
        "    BROKEN        4 tests  a flood",
        "    NOT TRIED     0 tests  a drought",
        "faults tried: 1 kept, 1 BROKEN, 1 NOT TRIED",
    ]
    assert done.stdout.count("promise: dry feet") == 1
