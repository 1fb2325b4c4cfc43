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
from pathlib import Path
from typing import Any, TextIO

import uvloop

ROOT = Path(__file__).resolve().parents[3]
Work = Callable[[], Awaitable[dict[str, Any]]]
Prepare = Callable[[dict[str, Any]], Awaitable[Work]]


@dataclass(slots=True)
class Worker:
    """A prepared process."""

    process: asyncio.subprocess.Process

    async def work(self) -> dict[str, Any]:
        """Let it work; returns what it says, with ``seconds`` and ``cpu`` (seconds of processor time)."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(b"go\n")
        line = await self.process.stdout.readline()
        assert line, f"the worker ended with {await self.process.wait()}"
        figures: dict[str, Any] = json.loads(line)
        return figures


@asynccontextmanager
async def worker(module: str, **options: object) -> AsyncIterator[Worker]:
    """Start a module, of this package or named in full, as a worker and wait until it is prepared."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module if "." in module else f"scripts.bench.dispatch.{module}", json.dumps(options)),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        line = await process.stdout.readline()
        assert line == b"ready\n", f"{module} said {line!r}"
        yield Worker(process)
    finally:
        process.stdin.close()
        await process.wait()


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
