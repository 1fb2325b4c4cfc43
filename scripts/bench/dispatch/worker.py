"""One side of a comparison as a process of its own: prepares, waits for the word, works, says what it cost.

Speaks JSON over its standard streams: the options as argument; ``ready`` when prepared; a line in means go; a line of
figures out. It lives on until its input ends, so that its database connections are still there to be looked at.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TextIO

import uvloop

from scripts.bench.processes import Process, process_of

Work = Callable[[], Awaitable[dict[str, Any]]]
Prepare = Callable[[dict[str, Any]], Awaitable[Work]]


@dataclass(slots=True)
class Worker:
    """A prepared process."""

    process: Process

    async def work(self) -> dict[str, Any]:
        """Let it work; returns what it says, with ``seconds`` and ``cpu`` (seconds of processor time)."""
        self.process.tell(b"go\n")
        figures: dict[str, Any] = json.loads(await self.process.line())
        return figures


@asynccontextmanager
async def worker(module: str, **options: object) -> AsyncIterator[Worker]:
    """Start a module, of this package or named in full, as a worker and wait until it is prepared."""
    name = module if "." in module else f"scripts.bench.dispatch.{module}"
    async with process_of(name, json.dumps(options)) as process:
        line = await process.line()
        assert line == b"ready\n", f"{name} said {line!r}"
        yield Worker(process)


def serve(prepare: Prepare) -> None:
    """Be the process; what others print goes where errors go."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)
        uvloop.run(_serve(prepare, out))


async def _serve(prepare: Prepare, out: TextIO) -> None:
    work = await prepare(json.loads(sys.argv[1]))
    print("ready", file=out, flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        cpu, began = time.process_time(), time.perf_counter()
        figures = await work()
        times = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu}
        print(json.dumps(times | figures), file=out, flush=True)
