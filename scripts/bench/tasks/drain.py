"""O2: a task is dialled to its end by both sides in turns, on fresh copies of the same data."""

import statistics
import sys

import asyncpg

from scripts.bench.dispatch.data import Postgres, own_postgres
from scripts.bench.dispatch.drain import IS_FULL, Round, figures, rate
from scripts.bench.dispatch.worker import worker
from scripts.bench.report import Row
from scripts.bench.tasks.data import SLOTS, fill, results

NUMBERS = 100_000 if IS_FULL else 5_000
ROUNDS = 3
SCALE = 0.00001
"""A minute of the simulated world takes 0.6 ms: what is measured is the dialer."""
TICK = 0.01
SIDES = {"ours": "scripts.bench.tasks.ours", "limit": "scripts.bench.tasks.limit"}


async def dialing() -> list[Row]:
    """O2: the rate of dials, and how many slots are in use meanwhile."""
    seen: dict[str, list[Round]] = {side: [] for side in SIDES}
    used: dict[str, list[float]] = {side: [] for side in SIDES}
    async with own_postgres() as postgres:
        await fill(await postgres.make("task"), NUMBERS)
        for number in range(ROUNDS):
            sides = list(reversed(SIDES)) if number % 2 else list(SIDES)
            written = [await _round(postgres, side, seen[side], used[side]) for side in sides]
            assert written[1:] == written[:-1], f"the two sides wrote different things: {written}"
    ours, limit = seen["ours"], seen["limit"]
    work = f"{NUMBERS:,} numbers, {ours[0].jobs:,} dials, {SLOTS} slots"
    mine, theirs = (statistics.median(used[side]) for side in SIDES)
    return [
        Row("O2", work, figures(ours), figures(limit), rate(ours) / rate(limit), 0.6),
        Row("O2", "slots in use", f"{mine * SLOTS:.0f}", f"{theirs * SLOTS:.0f} by hand", mine, 0.95),
    ]


async def _round(postgres: Postgres, side: str, seen: list[Round], used: list[float]) -> dict[str, tuple[object, ...]]:
    async with postgres.copy("task", "round") as url:
        async with worker(SIDES[side], url=url, scale=SCALE, tick=TICK) as process:
            before = postgres.cpu_seconds()
            done = await process.work()
            spent = postgres.cpu_seconds() - before
        connection = await asyncpg.connect(url)
        dials = await connection.fetchval("SELECT count(*) FROM outbound_call")
        await connection.close()
        micro = 1e6 / dials
        seen.append(Round(dials, done["seconds"], done["cpu"] * micro, spent * micro, []))
        used.append(_share(done["slots"]))
        print(
            f"  {side}: {dials / done['seconds']:,.0f} dials/s, {used[-1]:.2f} of the slots",
            file=sys.stderr,
            flush=True,
        )
        return await results(url)


def _share(slots: list[int]) -> float:
    """Return the share of slots in use, without the beginning and the end, where not all of them can be."""
    middle = slots[len(slots) // 5 : -max(1, len(slots) // 5)]
    return statistics.mean(middle) / SLOTS
