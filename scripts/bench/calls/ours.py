"""Our side: the real poller with the service's own context and the provider's own client."""

import asyncio
import time
from typing import Any

from pydantic import SecretStr

from app.config import Settings
from app.main import create_app
from app.services.calls.caller import Caller
from app.services.context import Context
from app.serving import calm_collector
from scripts.bench.dispatch.worker import Work, serve

SAMPLE_SECONDS = 0.1
LAG = "SELECT extract(epoch FROM now() - min(next_poll_at))::float FROM call_poll"
POLLS = "SELECT coalesce(sum(polls), 0)::int FROM call_poll"


async def prepare(options: dict[str, Any]) -> Work:
    app = create_app(
        Settings(
            database_url=SecretStr(options["url"]),
            jobs=False,
            demo=False,
            log_level="ERROR",
            dial_provider="aliyun",
            aliyun_access_key_id=SecretStr("an-example-key-id"),
            aliyun_access_key_secret=SecretStr("an-example-key-secret"),
            aliyun_endpoint=f"127.0.0.1:{options['port']}",
            aliyun_protocol="http",
            call_concurrency=options["concurrency"],
        )
    )
    context: Context = app.state.context
    caller = Caller(app.state.desk)
    async with context.database.connection(), context.database.connection():
        pass
    calm_collector()

    async def once() -> dict[str, Any]:
        await caller.polls()
        await caller.idle()
        return {"jobs": options["calls"]}

    async def steadily() -> dict[str, Any]:
        """Tick as the scheduler does, and note how late the oldest due poll is."""
        watching = asyncio.create_task(_lags(context))
        end = time.monotonic() + options["steady"]
        while time.monotonic() < end:
            await caller.polls()
            await asyncio.sleep(context.settings.tick_seconds)
        await caller.idle()
        watching.cancel()
        async with context.database.connection() as connection:
            return {"jobs": await connection.fetchval(POLLS), "lags": await watching}

    return steadily if options.get("steady") else once


async def _lags(context: Context) -> list[float]:
    seen = []
    connection = await context.database.listen()
    try:
        while True:
            seen.append(max(0.0, await connection.fetchval(LAG)))
            await asyncio.sleep(SAMPLE_SECONDS)
    except asyncio.CancelledError:
        return seen
    finally:
        await connection.close()


if __name__ == "__main__":
    serve(prepare)
