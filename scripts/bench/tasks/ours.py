"""Our side: the real dialer with the service's own context, woken as the scheduler wakes it."""

import asyncio
import contextlib
import itertools
from typing import Any

from pydantic import SecretStr

from app.config import Settings
from app.main import create_app
from app.services.calls.caller import Caller
from app.services.context import Context
from app.serving import calm_collector
from scripts.bench.dispatch.worker import Work, serve
from scripts.bench.tasks.watching import all_done, watch

SWEEP_EVERY = 100


async def prepare(options: dict[str, Any]) -> Work:
    app = create_app(
        Settings(
            database_url=SecretStr(options["url"]),
            jobs=False,
            demo=False,
            log_level="ERROR",
            simulator_time_scale=options["scale"],
            daily_call_cap=50,
        )
    )
    context: Context = app.state.context
    caller = Caller(app.state.desk)
    async with context.database.connection(), context.database.connection():
        pass
    calm_collector()

    async def dial() -> None:
        """Begin calls when a line is free or a redial due."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(options["tick"]):
                    await context.wake_calls.wait()
            context.wake_calls.clear()
            await caller.rounds()

    async def poll() -> None:
        """Ask often; sweep often too: in this world a poll is due before the row that says so is committed."""
        for number in itertools.count():
            if number % SWEEP_EVERY == 0:
                await caller.sweep()
            await caller.polls()
            await asyncio.sleep(options["tick"])

    async def work() -> dict[str, Any]:
        async with watch(options["url"]) as watched:
            working = [asyncio.create_task(dial()), asyncio.create_task(poll())]
            await all_done(options["url"])
            for task in working:
                task.cancel()
            await asyncio.gather(*working, return_exceptions=True)
            await caller.idle()
        return {"slots": watched.slots}

    return work


if __name__ == "__main__":
    serve(prepare)
