"""Loads a service for minutes and looks whether it stays as it was: memory, connections, files, lag, its log.

    python scripts/dev.py soak [--minutes N]

One service process with the simulator and a stub gateway on a PostgreSQL of its own (or on a database made on that of
DATABASE_URL). The exit code is 1 if anything grew beyond its bound.
"""

import argparse
import asyncio
import json
import os
import re
import signal
import statistics
import sys
import tempfile
from http import HTTPStatus
from pathlib import Path
from typing import IO, NamedTuple

import asyncpg
import httpx2
import psutil

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from scripts.bench.databases import fresh_database  # noqa: E402 - found through ROOT
from scripts.soak.load import Gateway, Load, gateway  # noqa: E402 - the same

EVERY_SECONDS = 2.0
WARM_UP = 0.4
"""The part of the time in which pools open, caches fill and the first of everything is imported."""
POOL = 8
GROWTH_MIB = 15.0
GROWTH_PART = 0.08
GROWTH_FILES = 10
LAG_SECONDS = {"follow_up": 40.0, "poll": 15.0, "event": 30.0}
"""A row that was committed behind the dispatcher's watermark waits for the next sweep: up to 30 seconds."""
ANSWER_SECONDS = 60.0
_SAMPLE = re.compile(r'^(huiyin_\w+)(?:\{\w+="(\w+)"\})? (\S+)$', re.MULTILINE)


class Sample(NamedTuple):
    """The service at one moment."""

    mebibytes: float
    files: int
    connections: int
    lags: dict[str, float]


class Soak:
    """A running service under load, and what was seen of it."""

    def __init__(self, url: str, log: IO[bytes]) -> None:
        self._url = url
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self.samples: list[Sample] = []

    async def start(self) -> str:
        """Start the service; returns where it listens."""
        settings = {
            "DATABASE_URL": self._url,
            "HUIYIN_FIRST_WAIT_SECONDS": "2",
            "HUIYIN_MIN_GAP_SECONDS": "0",
            "HUIYIN_SIMULATOR_TIME_SCALE": "0.02",
            "HUIYIN_POOL_SIZE": str(POOL),
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HUIYIN_")}
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "app", "run", "--port", "0", "--no-demo",
            cwd=ROOT, env=kept | settings, stdout=self._log, stderr=self._log,
        )  # fmt: skip
        async with asyncio.timeout(ANSWER_SECONDS):
            while not (found := re.search(r"listens on (\S+)", self.said())):
                if self._process.returncode is not None:
                    raise RuntimeError(self.said())
                await asyncio.sleep(0.1)
        return found[1]

    async def watch(self, client: httpx2.AsyncClient, seconds: float) -> None:
        """Take samples for a time."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        connection = await asyncpg.connect(self._url)
        try:
            while loop.time() < end:
                self.samples.append(await self._sample(client, connection))
                await asyncio.sleep(EVERY_SECONDS)
        finally:
            await connection.close()

    async def stop(self) -> int:
        """Ask it to end; returns its exit code."""
        assert self._process is not None  # noqa: S101 - started above
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(ANSWER_SECONDS):
            return await self._process.wait()

    def said(self) -> str:
        """Return all that it wrote."""
        self._log.seek(0)
        return self._log.read().decode("utf-8", "replace")

    def lines(self, level: str) -> list[str]:
        """Return the lines of its log of one level."""
        found = []
        for line in self.said().splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if entry.get("level") == level:
                found.append(line)
        return found

    async def _sample(self, client: httpx2.AsyncClient, connection: asyncpg.Connection) -> Sample:
        assert self._process is not None  # noqa: S101 - started above
        process = psutil.Process(self._process.pid)
        text = (await client.get("/metrics")).text
        figures = {(name, label): float(value) for name, label, value in _SAMPLE.findall(text)}
        query = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'huiyin'"
        )
        return Sample(
            mebibytes=process.memory_full_info().uss / 2**20,
            files=process.num_fds(),
            connections=await connection.fetchval(query),
            lags={kind: figures.get(("huiyin_lag_seconds", kind), float("inf")) for kind in LAG_SECONDS},
        )


class Verdict(NamedTuple):
    """One thing that was looked at."""

    what: str
    seen: str
    bound: str
    holds: bool


async def soak(minutes: float) -> bool:
    """Run it and print a table; returns whether all held."""
    seconds = 60 * minutes
    with tempfile.TemporaryFile() as log:
        async with fresh_database() as url, gateway() as stub:
            run = Soak(url, log)
            base = await run.start()
            try:
                async with httpx2.AsyncClient(base_url=base, timeout=ANSWER_SECONDS) as client:
                    load = Load(client, stub)
                    await load.prepare()
                    await asyncio.gather(load.run(seconds), run.watch(client, seconds))
            finally:
                code = await run.stop()
        for line in (*run.lines("error"), *run.lines("critical"))[:5]:
            print(line[:2000])
        verdicts = judge(run, load, stub, code)
        show(verdicts, load, run)
    return all(verdict.holds for verdict in verdicts)


def judge(run: Soak, load: Load, stub: Gateway, code: int) -> list[Verdict]:
    """Compare what was seen with the bounds."""
    steady = run.samples[int(WARM_UP * len(run.samples)) :]
    fifth = max(1, len(steady) // 5)
    before, after = ([s.mebibytes for s in part] for part in (steady[:fifth], steady[-fifth:]))
    first, last = statistics.median(before), statistics.median(after)
    bound = max(GROWTH_MIB, GROWTH_PART * first)
    files = max(s.files for s in steady[-fifth:]) - max(s.files for s in steady[:fifth])
    connections = max(s.connections for s in run.samples)
    errors = len(run.lines("error")) + len(run.lines("critical"))
    failed = sum(count for (_, status), count in load.answers.items() if status >= HTTPStatus.INTERNAL_SERVER_ERROR)
    verdicts = [
        Verdict("error lines in the log", str(errors), "0", errors == 0),
        Verdict("answers 5xx", str(failed), "0", failed == 0),
        Verdict(
            "memory after the warm-up", f"{first:.1f} -> {last:.1f} MiB", f"+{bound:.0f} MiB", last - first <= bound
        ),
        Verdict("open files after the warm-up", f"{files:+d}", f"+{GROWTH_FILES}", files <= GROWTH_FILES),
        Verdict("connections to PostgreSQL", str(connections), str(2 * POOL), connections <= 2 * POOL),
        Verdict("messages that came twice", str(stub.twice), f"0 of {len(stub.seen)}", stub.twice == 0),
        Verdict("messages that came", str(len(stub.seen)), "> 0", bool(stub.seen)),
        Verdict("exit code after SIGTERM", str(code), "0", code == 0),
    ]
    for kind, most in LAG_SECONDS.items():
        seen = max(s.lags[kind] for s in steady)
        verdicts.append(Verdict(f"greatest lag of a {kind}", f"{seen:.1f} s", f"{most:.0f} s", seen <= most))
    return verdicts


def show(verdicts: list[Verdict], load: Load, run: Soak) -> None:
    """Print the table."""
    print(f"\nanswers, {len(run.samples)} samples, {len(run.lines('warning'))} warning lines:")
    for (what, status), count in sorted(load.answers.items()):
        print(f"  {count:>7} x {status} {what}")
    tenth = max(1, len(run.samples) // 10)
    print(f"\nmemory over time (MiB): {' '.join(f'{s.mebibytes:.0f}' for s in run.samples[::tenth])}")
    print(f"\n{'looked at':<32}{'seen':<24}{'bound':<14}")
    for verdict in verdicts:
        print(f"{verdict.what:<32}{verdict.seen:<24}{verdict.bound:<14}{'ok' if verdict.holds else 'FAILED'}")


def main() -> int:
    """Read the command line; the answer is the exit code."""
    parser = argparse.ArgumentParser(prog="dev.py soak", description="Load a service for minutes.", allow_abbrev=False)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (default: 10)")
    return 0 if asyncio.run(soak(parser.parse_args().minutes)) else 1


if __name__ == "__main__":
    sys.exit(main())
