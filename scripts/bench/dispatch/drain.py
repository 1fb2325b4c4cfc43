"""Rounds of both sides on fresh copies of the same data, and D1."""

import os
import statistics
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from scripts.bench.databases import results
from scripts.bench.dispatch.data import RESULTS, Postgres, fill, own_postgres
from scripts.bench.dispatch.worker import worker
from scripts.bench.report import Row

ROUNDS = 3
IS_FULL = bool(os.environ.get("BENCH_FULL"))


@dataclass(frozen=True, slots=True)
class Round:
    """One drain of one side."""

    jobs: int
    seconds: float
    client_us: float
    """Processor time of the client's process for each job, in microseconds."""
    database_us: float
    """The same of PostgreSQL."""
    progress: list[tuple[float, int]]


async def webchat() -> list[Row]:
    """D1: people who are due are written to in their web chats."""
    sizes = [(20_000, 1_000_000), (200_000, 1_000_000)] if IS_FULL else [(20_000, 100_000)]
    rows = []
    for due, others in sizes:
        async with own_postgres() as postgres:
            await fill(await postgres.make("people"), due=due, others=others)
            ours, limit = await rounds(postgres, "people", due, "limit_webchat", {})
        work = f"{due:,} due web chats, {others:,} not due"
        rows.append(Row("D1", work, figures(ours), figures(limit), rate(ours) / rate(limit), 0.8))
    return rows


async def rounds(
    postgres: Postgres,
    template: str,
    jobs: int,
    limit: str,
    options: dict[str, Any],
    *,
    count: int = ROUNDS,
    after: Callable[[], Awaitable[None]] | None = None,
) -> tuple[list[Round], list[Round]]:
    """Drain copies of ``template`` by both sides in turns; the first round compares what they wrote."""
    sides = {"ours": {"works": ["drain"]}, limit: {}}
    seen: dict[str, list[Round]] = {side: [] for side in sides}
    for number in range(count):
        written = []
        for side in sides if number % 2 == 0 else reversed(sides):
            async with postgres.copy(template, "round") as url:
                done = await one_round(postgres, side, {"url": url, **sides[side], **options})
                assert done.jobs == jobs, f"{side} sent {done.jobs} of {jobs}"
                seen[side].append(done)
                if after is not None:
                    await after()
                if number == 0:
                    written.append(await results(url, RESULTS))
            print(f"  {side}: {done.jobs / done.seconds:,.0f} jobs/s", file=sys.stderr, flush=True)
        assert written[1:] == written[:-1], f"the two sides wrote different things: {written}"
    return seen["ours"], seen[limit]


async def one_round(postgres: Postgres, side: str, options: dict[str, Any]) -> Round:
    async with worker(side, **options) as process:
        before = postgres.cpu_seconds()
        done = await process.work()
        micro = 1e6 / max(1, done["jobs"])
        database = (postgres.cpu_seconds() - before) * micro
        return Round(done["jobs"], done["seconds"], done["cpu"] * micro, database, done.get("progress", []))


def rate(rounds: list[Round]) -> float:
    """Return the median of jobs per second."""
    return statistics.median(part.jobs / part.seconds for part in rounds)


def figures(rounds: list[Round]) -> str:
    """Describe a side: jobs per second, processor time of the client and of PostgreSQL for each job."""
    client = statistics.median(part.client_us for part in rounds)
    database = statistics.median(part.database_us for part in rounds)
    return f"{rate(rounds):,.0f}/s, {client:.0f} + {database:.0f} µs CPU"
