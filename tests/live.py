"""Server-sent events over a real port."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import uvicorn
from fastapi import FastAPI

PATIENCE = 20.0
"""Seconds after which something live counts as lost; it takes half a second."""


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[str]:
    """Serve on a port of this machine and lend the URL."""
    running = uvicorn.Server(
        uvicorn.Config(app, port=0, lifespan="on", log_config=None, ws="none", timeout_graceful_shutdown=5)
    )
    task = asyncio.create_task(running.serve())
    try:
        while not running.started:
            assert not task.done(), "the server did not start"
            await asyncio.sleep(0.02)
        yield f"http://127.0.0.1:{running.servers[0].sockets[0].getsockname()[1]}"
    finally:
        app.state.context.stopping.set()
        running.should_exit = True
        await task


class Stream:
    """Reads server-sent events as they come."""

    def __init__(self, response: httpx2.Response) -> None:
        self._lines = response.aiter_lines()

    async def next(self) -> tuple[int, str, dict[str, Any]]:
        """Return number, event name and data of the next event."""
        number, name, data = await self.next_event()
        return int(number), name, data

    async def next_event(self) -> tuple[str, str, dict[str, Any]]:
        """Return id, event name and data of the next event."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(PATIENCE):
            async for line in self._lines:
                if not line and "data" in fields:
                    return fields["id"], fields["event"], json.loads(fields["data"])
                name, _, text = line.partition(":")
                if name:
                    fields[name] = text.strip()
        raise AssertionError("the stream ended")
