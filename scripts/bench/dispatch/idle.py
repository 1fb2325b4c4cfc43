"""D4: a tick with nothing due. D5: draining while a snapshot is held open, and the ticks after it."""

import statistics
import sys

import asyncpg

from scripts.bench.dispatch.data import fill, own_postgres
from scripts.bench.dispatch.drain import IS_FULL
from scripts.bench.dispatch.worker import worker
from scripts.bench.report import Row

TICKS = 400
SMALL = 10_000
SIZES = (1_000_000, 5_000_000) if IS_FULL else (1_000_000,)
SNAPSHOT_JOBS = 1_000_000 if IS_FULL else 100_000
TENTH = 10


async def idle_tick() -> list[Row]:
    """D4: nobody is due; ten thousand enrolled beside many more."""
    rows = []
    async with own_postgres(max_wal_size="4GB") as postgres:
        small = await postgres.make("small")
        await fill(small, due=0, others=SMALL, has_contacts=False)
        for size in SIZES:
            print(f"  filling {size:,} …", file=sys.stderr, flush=True)
            large = await postgres.make("large")
            # A tick reads no contacts, and without them the tables are filled in a third of the time.
            await fill(large, due=0, others=size, has_contacts=False)
            ours: list[float] = []
            limit: list[float] = []
            options = {"works": ["tick"] * 5, "ticks": TICKS // 5}
            async with worker("ours", url=large, **options) as many, worker("ours", url=small, **options) as few:
                for _ in range(5):
                    for process, seen in ((many, ours), (few, limit)):
                        done = await process.work()
                        assert done["sent"] == 0, "somebody was due"
                        seen.extend(done["ticks"])
            await postgres.admin.execute("DROP DATABASE large WITH (FORCE)")
            ratio = statistics.median(ours) / statistics.median(limit)
            work = f"tick, nobody due, {size:,} enrolled beside {SMALL:,}"
            rows.append(Row("D4", work, _milliseconds(ours), _milliseconds(limit), ratio, 1.2, at_most=True))
    return rows


async def open_snapshot() -> list[Row]:
    """D5: the last tenth of the jobs beside the first one; D4 once more on what was left behind."""
    async with own_postgres(max_wal_size="4GB") as postgres:
        small = await postgres.make("small")
        await fill(small, due=0, others=SMALL, has_contacts=False)
        url = await postgres.make("people")
        await fill(url, due=SNAPSHOT_JOBS, others=SMALL)
        await postgres.admin.execute("CHECKPOINT")
        backup = await asyncpg.connect(url)
        await backup.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM bot")
        options = {"ticks": TICKS}
        async with (
            worker("ours", url=url, works=["drain", "tick"], **options) as process,
            worker("ours", url=small, works=["tick"], **options) as few,
        ):
            done = await process.work()
            assert done["jobs"] == SNAPSHOT_JOBS, f"{done['jobs']} jobs"
            after, limit = await process.work(), await few.work()
        await backup.close()
    first, last = _tenths(done["progress"], done["jobs"])
    ratio = statistics.median(after["ticks"]) / statistics.median(limit["ticks"])
    dead = f"{SNAPSHOT_JOBS:,} dead entries under an open snapshot"
    note = f"a sweep: {after['sweep'] * 1000:.1f} ms"
    return [
        Row("D5", f"last tenth beside the first, {dead}", f"{last:,.0f}/s", f"{first:,.0f}/s", last / first, 0.75),
        Row(
            "D4",
            f"tick after {dead}",
            _milliseconds(after["ticks"]),
            _milliseconds(limit["ticks"]),
            ratio,
            1.2,
            note,
            at_most=True,
        ),
    ]


def _tenths(progress: list[tuple[float, int]], jobs: int) -> tuple[float, float]:
    """Return jobs per second of the first and of the last tenth; the very first batch, a warm-up, is left out."""
    begin = next(seen for seen in progress if seen[1] > 0)
    end = next(seen for seen in progress if seen[1] >= begin[1] + jobs // TENTH)
    last_end = next(seen for seen in progress if seen[1] >= jobs)
    last_begin = next(seen for seen in progress if seen[1] >= jobs - jobs // TENTH)
    return (end[1] - begin[1]) / (end[0] - begin[0]), (last_end[1] - last_begin[1]) / (last_end[0] - last_begin[0])


def _milliseconds(times: list[float]) -> str:
    return f"{statistics.median(times) * 1000:.2f} ms"
