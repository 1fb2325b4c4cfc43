"""Our side: the real dispatcher with the service's own context, told to drain what is due."""

import asyncio
import time
from typing import Any

from pydantic import SecretStr

from app.config import Settings
from app.main import create_app
from app.services.context import Context
from app.services.dispatch.dispatcher import Dispatcher
from app.serving import calm_collector
from scripts.bench.dispatch.worker import Work, serve

WATCH_EVERY = 0.05


async def prepare(options: dict[str, Any]) -> Work:
    settings = Settings(
        database_url=SecretStr(options["url"]),
        gateway_concurrency=options.get("concurrency", 200),
        jobs=False,
        demo=False,
    )
    context: Context = create_app(settings).state.context
    dispatcher = Dispatcher(context, context.messenger)
    async with context.database.connection(), context.database.connection():
        pass
    calm_collector()

    async def drain() -> dict[str, Any]:
        watching = asyncio.create_task(_progress(dispatcher))
        await dispatcher.tick()
        await dispatcher.idle()
        watching.cancel()
        return {"jobs": dispatcher.sent, "progress": await watching}

    async def tick() -> dict[str, Any]:
        """Ticks with nothing due, each timed; then one after a sweep, which looks without the watermark."""
        await dispatcher.sweep()
        began = time.perf_counter()
        await dispatcher.tick()
        sweep = time.perf_counter() - began
        times = []
        for _ in range(options["ticks"]):
            began = time.perf_counter()
            await dispatcher.tick()
            times.append(time.perf_counter() - began)
        await dispatcher.idle()
        return {"sent": dispatcher.sent, "sweep": sweep, "ticks": times}

    works = {"drain": drain, "tick": tick}
    order = iter(options["works"])

    async def work() -> dict[str, Any]:
        return await works[next(order)]()

    return work


async def _progress(dispatcher: Dispatcher) -> list[tuple[float, int]]:
    """Note how many messages had left at which second."""
    began = time.perf_counter()
    seen = []
    try:
        while True:
            seen.append((time.perf_counter() - began, dispatcher.sent))
            await asyncio.sleep(WATCH_EVERY)
    except asyncio.CancelledError:
        seen.append((time.perf_counter() - began, dispatcher.sent))
        return seen


if __name__ == "__main__":
    serve(prepare)
