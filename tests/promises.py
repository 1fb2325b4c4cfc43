"""The table of docs/faults.md: which faults were tried, by which tests, and whether what was promised was kept.

The document is the only list. A row names tests by their place under `tests/`: `faults/test_calls.py::test_killed_…`,
or a file or a folder whose tests all count. At the end of a run the rows whose tests ran are printed with results.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

PLACE = Path("docs", "faults.md")
_FAULT = re.compile(r"^## (?P<fault>.+)$")
_PROMISE = re.compile(r"^Promise: (?P<promise>.+)$")
_ROW = re.compile(r"^\| (?P<tried>[^|]+) \| (?P<tests>`[^|]+`) \|$")
_TEST = re.compile(r"`([^`]+)`")
_RAN = ("passed", "failed", "error", "skipped", "xfailed", "xpassed")
_BROKEN = ("failed", "error", "xpassed")


class Row(NamedTuple):
    """One thing that was tried."""

    fault: str
    promise: str
    tried: str
    tests: tuple[str, ...]
    """Places under `tests/`."""

    def names(self, node: str) -> bool:
        """Tell whether a test, `file::test` under `tests/`, belongs to this row."""
        return any(_is_below(node, test) for test in self.tests)


def _is_below(node: str, place: str) -> bool:
    return node == place or node.startswith((f"{place}::", f"{place}/"))


def read_rows(document: str) -> list[Row]:
    """Return the rows of the document, in its order."""
    return list(_rows(document.splitlines()))


def _rows(lines: Iterable[str]) -> Iterator[Row]:
    fault = promise = ""
    for line in lines:
        if found := _FAULT.match(line):
            fault, promise = found["fault"], ""
        elif found := _PROMISE.match(line):
            promise = found["promise"]
        elif found := _ROW.match(line):
            yield Row(fault, promise, found["tried"].strip(), tuple(_TEST.findall(found["tests"])))


def results_of(stats: Mapping[str, Sequence[Any]]) -> dict[str, Counter[str]]:
    """Count the results of each test, `file::test` under `tests/`, over its parameters."""
    results: dict[str, Counter[str]] = {}
    for outcome in _RAN:
        for report in stats.get(outcome, ()):
            node = getattr(report, "nodeid", "").partition("[")[0]
            if node.startswith("tests/"):
                results.setdefault(node.removeprefix("tests/"), Counter())[outcome] += 1
    return results


def verdict(row: Row, results: Mapping[str, Counter[str]]) -> tuple[str, int] | None:
    """Return what became of a row and how many of its tests ran; None: none of them was chosen.

    `kept`, `BROKEN`, `in part` where some of what the row names did not run, `NOT TRIED` where all was skipped.
    """
    found = {place: Counter[str]() for place in row.tests}
    for node, outcomes in results.items():
        for place in row.tests:
            if _is_below(node, place):
                found[place] += outcomes
    if not any(found.values()):
        return None
    ran = {place: outcomes.total() - outcomes["skipped"] for place, outcomes in found.items()}
    if any(outcomes[word] for outcomes in found.values() for word in _BROKEN):
        word = "BROKEN"
    elif all(ran.values()):
        word = "kept"
    else:
        word = "in part" if any(ran.values()) else "NOT TRIED"
    return word, sum(ran.values())


def summary(rows: Sequence[Row], results: Mapping[str, Counter[str]]) -> list[str]:
    """Return the lines of the table: each fault with its promise, and under it what was tried."""
    verdicts = [(row, verdict(row, results)) for row in rows]
    told = [(row, *found) for row, found in verdicts if found is not None]
    lines: list[str] = []
    for number, (row, word, ran) in enumerate(told):
        if number == 0 or told[number - 1][0].fault != row.fault:
            lines += [row.fault, f"    promise: {row.promise}"]
        lines.append(f"    {word:<9}  {ran:>4} tests  {row.tried}")
    if told:
        counts = Counter(word for _row, word, _ran in told)
        counts["not chosen"] = len(rows) - len(told)
        lines.append("faults tried: " + ", ".join(f"{number} {word}" for word, number in counts.items() if number))
    return lines


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table at the end of a run; with pytest-xdist once, by the process that hears of all results."""
    document = terminalreporter.config.rootpath / PLACE
    lines = summary(read_rows(document.read_text(encoding="utf-8")), results_of(terminalreporter.stats))
    if lines:
        terminalreporter.section("faults tried and promises kept")
        for line in lines:
            terminalreporter.write_line(line)
