"""D3: the dispatcher through a signed HTTP gateway, beside the same by hand."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import asyncpg

from app.gateways.signing import new_secret
from scripts.bench.dispatch.data import fill, own_postgres
from scripts.bench.dispatch.drain import IS_FULL, figures, rate, rounds
from scripts.bench.dispatch.worker import ROOT
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
            async with gateway_server(delay, secret) as port:
                await point_bot_at(template, port, secret)
                options = {"concurrency": concurrency, "gateway_port": port, "secret": secret}
                ours, limit = await rounds(
                    postgres, "people", JOBS, "limit_gateway", options, after=partial(check, port, concurrency)
                )
            work = f"{JOBS:,} signed POSTs, {delay * 1000:.0f} ms, {concurrency:,} in flight"
            rows.append(Row("D3", work, figures(ours), figures(limit), rate(ours) / rate(limit), reach))
    return rows


@asynccontextmanager
async def gateway_server(delay: float, secret: str) -> AsyncIterator[int]:
    """Run the gateway until the end of the block; returns its port."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "scripts.bench.dispatch.gateway_server", str(delay), secret),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield int(await process.stdout.readline())
    finally:
        process.stdin.close()
        await process.wait()


async def point_bot_at(url: str, port: int, secret: str) -> None:
    """Let the default bot deliver to the gateway."""
    connection = await asyncpg.connect(url)
    statement = "UPDATE bot SET delivery_kind = 'webhook', url = $1, secret = $2 WHERE id = 1"
    await connection.execute(statement, f"http://127.0.0.1:{port}/", secret)
    await connection.close()


async def check(port: int, concurrency: int) -> None:
    """Ask the gateway what came: every message once, rightly signed, never more at a time than allowed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    seen: dict[str, Any] = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert seen["requests"] == seen["keys"] == JOBS, f"the gateway saw {seen}"
    assert seen["verified"] == JOBS // 100, f"the gateway saw {seen}"
    assert seen["in_flight"] <= concurrency, f"the gateway saw {seen}"
