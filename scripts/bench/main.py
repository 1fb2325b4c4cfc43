"""Runs benchmarks by name, prints a table of ratios and keeps it as JSON.

    python scripts/bench/main.py [NAME…] [--full] [--output FILE]

Every figure is a ratio against a *limit* (the same work by hand) measured in turns in the same run. The database is
that of DATABASE_URL, on which a database is made for the run and dropped after it, else an embedded one.
"""

import argparse
import asyncio
import importlib
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from scripts.bench.report import Row, print_table, write_json  # noqa: E402 - found through ROOT

Benchmark = Callable[[], Awaitable[list[Row]]]

BENCHMARKS = {
    "H1": "scripts.bench.lists:config_list",
    "H2": "scripts.bench.lists:record_page",
    "D1": "scripts.bench.dispatch.drain:webchat",
    "D3": "scripts.bench.dispatch.gateway_run:gateway",
    "D4": "scripts.bench.dispatch.idle:idle_tick",
    "D5": "scripts.bench.dispatch.idle:open_snapshot",
    "C1": "scripts.bench.chat:history_pages",
    "C2": "scripts.bench.turns:answers",
    "O1": "scripts.bench.calls.polling:polling",
    "O2": "scripts.bench.tasks.drain:dialing",
    "S1": "scripts.bench.startup:first_answer",
    "S2": "scripts.bench.startup:idle_memory",
}
"""Name → ``module:coroutine function``; a module is imported only when it is run."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the chosen benchmarks; returns 1 when a figure is not reached."""
    parser = argparse.ArgumentParser(description="Measure speed.", allow_abbrev=False)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)} (default: all)")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "bench.json", help="where the figures go")
    parser.add_argument("--full", action="store_true", help="full sizes: minutes for each benchmark of the dispatcher")
    options = parser.parse_args(arguments)
    if options.full:
        os.environ["BENCH_FULL"] = "1"
    unknown = [name for name in options.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    rows: list[Row] = []
    for name in options.names or BENCHMARKS:
        print(f"{name} …", file=sys.stderr, flush=True)
        module, _, function = BENCHMARKS[name].partition(":")
        benchmark: Benchmark = getattr(importlib.import_module(module), function)
        rows += asyncio.run(_run(benchmark))
    print_table(rows)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    write_json(rows, options.output)
    return 0 if all(row.is_reached for row in rows) else 1


async def _run(benchmark: Benchmark) -> list[Row]:
    return await benchmark()


if __name__ == "__main__":
    sys.exit(main())
