"""Python modules as processes that speak over their standard streams, and servers among them that count."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from scripts.bench.servers import ROOT


@dataclass(frozen=True, slots=True)
class Process:
    """A process; it lives on until its input ends."""

    module: str
    process: asyncio.subprocess.Process

    async def line(self) -> bytes:
        """Return the next line that it writes.

        Raises:
            AssertionError: it has ended.
        """
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        assert line, f"{self.module} ended with {await self.process.wait()}"
        return line

    def tell(self, line: bytes) -> None:
        """Write to its input."""
        assert self.process.stdin is not None
        self.process.stdin.write(line)


@asynccontextmanager
async def process_of(module: str, *arguments: str) -> AsyncIterator[Process]:
    """Run a module until the end of the block."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    try:
        yield Process(module, process)
    finally:
        process.stdin.close()
        await process.wait()


@asynccontextmanager
async def counting_server(module: str, *arguments: str) -> AsyncIterator[int]:
    """Run a server that first of all says its port, until the end of the block; returns the port."""
    async with process_of(module, *arguments) as process:
        yield int(await process.line())


async def counted(port: int) -> dict[str, Any]:
    """Ask such a server what came since the last time."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    seen: dict[str, Any] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return seen
