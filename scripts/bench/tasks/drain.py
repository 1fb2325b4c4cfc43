"""O2: a task is dialled to its end by both sides in turns, on fresh copies of the same data."""

import statistics
import sys

import asyncpg

from scripts.bench.databases import results
from scripts.bench.dispatch.data import Postgres, own_postgres
from scripts.bench.dispatch.drain import IS_FULL, Round, figures, rate
from scripts.bench.dispatch.worker import worker
from scripts.bench.report import Row
from scripts.bench.tasks.data import RESULTS, SLOTS, fill

NUMBERS = 100_000 if IS_FULL else 5_000
ROUNDS = 3
FULL_SPEED = 0.00001
"""A minute of the simulated world takes 0.6 ms: what is measured is the dialer."""
LASTING = 0.02
"""Fifty times faster than life: calls last, as they do, much longer than the work on them."""
LASTING_NUMBERS = 20_000 if IS_FULL else 4_000
TICK = 0.01
SIDES = {"ours": "scripts.bench.tasks.ours", "limit": "scripts.bench.tasks.limit"}


async def dialing() -> list[Row]:
    """O2: the rate of dials at full speed; and, with calls that last, how many slots are in use meanwhile."""
    seen: dict[str, list[Round]] = {side: [] for side in SIDES}
    used: dict[str, list[float]] = {side: [] for side in SIDES}
    async with own_postgres() as postgres:
        await fill(await postgres.make("task"), NUMBERS)
        await fill(await postgres.make("lasting"), LASTING_NUMBERS)
        for number in range(ROUNDS):
            sides = list(reversed(SIDES)) if number % 2 else list(SIDES)
            written = []
            for side in sides:
                async with postgres.copy("task", "round") as url:
                    done, _ = await _round(postgres, url, side, FULL_SPEED)
                    seen[side].append(done)
                    written.append(await results(url, RESULTS))
            assert written[1:] == written[:-1], f"the two sides wrote different things: {written}"
            for side in sides:
                async with postgres.copy("lasting", "round") as url:
                    used[side].append((await _round(postgres, url, side, LASTING))[1])
    ours, limit = seen["ours"], seen["limit"]
    work = f"{NUMBERS:,} numbers, {ours[0].jobs:,} dials, {SLOTS} slots"
    mine, theirs = (statistics.median(used[side]) for side in SIDES)
    lasting = f"slots in use, {LASTING_NUMBERS:,} numbers, fifty times faster than life"
    return [
        Row("O2", work, figures(ours), figures(limit), rate(ours) / rate(limit), 0.6),
        Row("O2", lasting, f"{mine * SLOTS:.0f}", f"of {SLOTS}", mine, 0.95, f"{theirs * SLOTS:.0f} by hand"),
    ]


async def _round(postgres: Postgres, url: str, side: str, scale: float) -> tuple[Round, float]:
    async with worker(SIDES[side], url=url, scale=scale, tick=TICK) as process:
        before = postgres.cpu_seconds()
        done = await process.work()
        spent = postgres.cpu_seconds() - before
    connection = await asyncpg.connect(url)
    dials = await connection.fetchval("SELECT count(*) FROM outbound_call")
    await connection.close()
    micro = 1e6 / dials
    share = _share(done["slots"])
    told = f"  {side}: {dials / done['seconds']:,.0f} dials/s, {share:.2f} of the slots"
    print(told, file=sys.stderr, flush=True)
    return Round(dials, done["seconds"], done["cpu"] * micro, spent * micro, []), share


def _share(slots: list[int]) -> float:
    """Return the share of slots in use, without the beginning and the end, where there is not enough to dial."""
    middle = slots[len(slots) // 5 : -max(1, len(slots) // 3)]
    return statistics.mean(middle) / SLOTS
