"""D3: the dispatcher through a signed HTTP gateway, beside the same by hand."""

from functools import partial

import asyncpg

from app.gateways.signing import new_secret
from scripts.bench.dispatch.data import fill, own_postgres
from scripts.bench.dispatch.drain import IS_FULL, figures, rate, rounds
from scripts.bench.processes import counted, counting_server
from scripts.bench.report import Row

JOBS = 100_000 if IS_FULL else 20_000
CASES = ((0.0, 100, 0.25), (0.05, 1000, 0.3))


async def gateway() -> list[Row]:
    """D3: no latency at 100 in flight, 50 ms at 1,000 in flight."""
    rows = []
    secret = new_secret()
    async with own_postgres() as postgres:
        template = await postgres.make("people")
        await fill(template, due=JOBS, others=100_000)
        for delay, concurrency, reach in CASES:
            async with counting_server("scripts.bench.dispatch.gateway_server", str(delay), secret) as port:
                await point_bot_at(template, port, secret)
                options = {"concurrency": concurrency, "gateway_port": port, "secret": secret}
                ours, limit = await rounds(
                    postgres, "people", JOBS, "limit_gateway", options, after=partial(check, port, concurrency)
                )
            work = f"{JOBS:,} signed POSTs, {delay * 1000:.0f} ms, {concurrency:,} in flight"
            rows.append(Row("D3", work, figures(ours), figures(limit), rate(ours) / rate(limit), reach))
    return rows


async def point_bot_at(url: str, port: int, secret: str) -> None:
    """Let the default bot deliver to the gateway."""
    connection = await asyncpg.connect(url)
    statement = "UPDATE bot SET delivery_kind = 'webhook', url = $1, secret = $2 WHERE id = 1"
    await connection.execute(statement, f"http://127.0.0.1:{port}/", secret)
    await connection.close()


async def check(port: int, concurrency: int) -> None:
    """Ask the gateway what came: every message once, rightly signed, never more at a time than allowed."""
    seen = await counted(port)
    assert seen["requests"] == seen["keys"] == JOBS, f"the gateway saw {seen}"
    assert seen["verified"] == JOBS // 100, f"the gateway saw {seen}"
    assert seen["in_flight"] <= concurrency, f"the gateway saw {seen}"
