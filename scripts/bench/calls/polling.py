"""O1: 5,000 calls under way, a provider that answers after 50 ms; and how long a request for calls takes."""

import asyncio
import statistics
import sys
import time

import aiohttp
import asyncpg

from scripts.bench.calls.data import RESULTS, fill
from scripts.bench.databases import fresh_database, results
from scripts.bench.dispatch.data import Postgres, own_postgres
from scripts.bench.dispatch.drain import IS_FULL, Round, figures, rate
from scripts.bench.dispatch.worker import worker
from scripts.bench.processes import counted, counting_server
from scripts.bench.report import Row
from scripts.bench.servers import our_server

CALLS = 5_000
CONCURRENCIES = (50, 500)
"""The setting's default, where both sides mostly wait for the provider, and ten times it, where they mostly work."""
DELAY = 0.05
ROUNDS = 5 if IS_FULL else 3
STEADY_SECONDS = 60 if IS_FULL else 20
INTERVAL = 2.0
SIDES = {"ours": "scripts.bench.calls.ours", "limit": "scripts.bench.calls.limit"}
REQUESTS = 400 if IS_FULL else 150


async def polling() -> list[Row]:
    """O1: every call is asked about once, one in ten is over; then twenty seconds of it, and requests for calls."""
    async with own_postgres() as postgres, counting_server("scripts.bench.calls.provider", str(DELAY)) as port:
        await fill(await postgres.make("calls"), CALLS, some_are_over=True)
        rows = [await _compare(postgres, port, concurrency) for concurrency in CONCURRENCIES]
        await fill(await postgres.make("ringing"), CALLS, some_are_over=False)
        lags, steady = await _steadily(postgres, port)
    late = max(lags)
    return [
        *rows,
        Row(
            "O1",
            f"oldest due poll, {CALLS:,} calls ringing for {STEADY_SECONDS} s",
            f"{late:.2f} s late at most, {statistics.median(lags):.2f} s mostly",
            f"every {INTERVAL:g} s",
            late / INTERVAL,
            2,
            f"{steady.jobs / steady.seconds:,.0f} polls/s, {steady.database_us:.0f} µs of PostgreSQL each",
            at_most=True,
        ),
        await _requests(),
    ]


async def _compare(postgres: Postgres, port: int, concurrency: int) -> Row:
    seen: dict[str, list[Round]] = {side: [] for side in SIDES}
    for number in range(ROUNDS):
        await _round(postgres, port, seen, number, concurrency)
    ours, limit = seen["ours"], seen["limit"]
    work = f"{CALLS:,} calls asked about, {DELAY * 1000:.0f} ms at {concurrency} in flight, 10 % over"
    return Row("O1", work, figures(ours), figures(limit), rate(ours) / rate(limit), 0.17)


async def _round(postgres: Postgres, port: int, seen: dict[str, list[Round]], number: int, concurrency: int) -> None:
    written = []
    for side in reversed(SIDES) if number % 2 else SIDES:
        async with postgres.copy("calls", "round") as url:
            async with worker(SIDES[side], url=url, port=port, calls=CALLS, concurrency=concurrency) as process:
                before = postgres.cpu_seconds()
                done = await process.work()
                micro = 1e6 / CALLS
                database = (postgres.cpu_seconds() - before) * micro
            seen[side].append(Round(CALLS, done["seconds"], done["cpu"] * micro, database, []))
            asked = await counted(port)
            assert asked == {"ListJobs": -(-CALLS // 99), "DescribeJob": CALLS // 10, "jobs": CALLS * 11 // 10}, asked
            if number == 0:
                written.append(await results(url, RESULTS))
        print(f"  {side}: {CALLS / done['seconds']:,.0f} calls/s", file=sys.stderr, flush=True)
    assert written[1:] == written[:-1], f"the two sides wrote different things: {written}"


async def _steadily(postgres: Postgres, port: int) -> tuple[list[float], Round]:
    async with postgres.copy("ringing", "round") as url:
        options = {"calls": CALLS, "concurrency": CONCURRENCIES[0], "steady": STEADY_SECONDS}
        async with worker(SIDES["ours"], url=url, port=port, **options) as process:
            before = postgres.cpu_seconds()
            done = await process.work()
            micro = 1e6 / max(1, done["jobs"])
            database = (postgres.cpu_seconds() - before) * micro
    # All of them are due at first, which no service is; from the second interval on they are spread.
    lags = done["lags"][int(2 * INTERVAL / 0.1) :]
    return lags, Round(done["jobs"], done["seconds"], done["cpu"] * micro, database, [])


async def _requests() -> Row:
    """Post call-v2 for cases of two parties, one after another and eight at a time, with the simulator behind it."""
    async with fresh_database() as url, our_server(url) as server, aiohttp.ClientSession() as client:
        connection = await asyncpg.connect(url)
        await connection.execute("UPDATE caller_line SET call_line = 100000")
        await connection.close()
        base = f"http://127.0.0.1:{server.port}/api/v1"
        bodies = [await _case(client, base, number) for number in range(REQUESTS)]
        singly = [await _post(client, base, body) for body in bodies[: REQUESTS // 2]]
        together: list[float] = []
        for start in range(REQUESTS // 2, REQUESTS, 8):
            together += await asyncio.gather(*(_post(client, base, body) for body in bodies[start : start + 8]))
    p50, p99 = (statistics.quantiles(singly, n=100)[place] * 1000 for place in (49, 98))
    busy = statistics.median(together) * 1000
    work = f"call-v2, two parties, {len(singly)} times"
    note = f"p99 beside p50; eight at a time {busy:.0f} ms"
    return Row("O1", work, f"p99 {p99:.1f} ms", f"p50 {p50:.1f} ms", p99 / p50, 4, note, at_most=True)


async def _case(client: aiohttp.ClientSession, base: str, number: int) -> dict[str, object]:
    parties = [
        {"personId": f"{number}-{place}", "name": "林小满", "personType": 0,
         "phoneNumber": f"139{2 * number + place:08}"}
        for place in range(2)
    ]  # fmt: skip
    body = {"caseId": f"K-{number}", "title": "工资支付纠纷", "nodeId": 5, "parties": parties}
    async with client.post(f"{base}/mediation/cases", json=body) as answer:
        assert answer.status == 201, await answer.text()
        made = (await answer.json())["data"]
    return {"caseId": made["caseId"], "mediationId": made["mediationId"], "callAuto": 0, "callPersonId": ""}


async def _post(client: aiohttp.ClientSession, base: str, body: dict[str, object]) -> float:
    began = time.perf_counter()
    async with client.post(f"{base}/outbound-bot/call-v2", json=body) as answer:
        items = (await answer.json())["data"]
    took = time.perf_counter() - began
    assert [item["errorCode"] for item in items] == [0, 0], items
    return took
