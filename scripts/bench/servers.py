"""HTTP servers as processes of their own, and what they cost."""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 30.0
POOL_SIZE = 8


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers on a loopback port."""

    port: int
    process: psutil.Process

    def cpu_seconds(self) -> float:
        """Return the processor time that the process and its children have used so far."""
        used = [process.cpu_times() for process in (self.process, *self.process.children(recursive=True))]
        return float(sum(times.user + times.system for times in used))


@asynccontextmanager
async def our_server(url: str, *, jobs: bool = False) -> AsyncIterator[Server]:
    """Start the real service as its users do, by default without the scheduler, and without a log line per request."""
    port = free_port()
    settings = {
        "DATABASE_URL": url,
        "HUIYIN_JOBS": str(jobs),
        "HUIYIN_DEMO": "false",
        "HUIYIN_LOG_LEVEL": "WARNING",
        "HUIYIN_POOL_SIZE": str(POOL_SIZE),
    }
    async with started(["-m", "app", "run", "--port", str(port)], settings, port) as server:
        yield server


@asynccontextmanager
async def asgi_server(application: str, environment: Mapping[str, str]) -> AsyncIterator[Server]:
    """Start an ASGI application, ``module:name``, under uvicorn with uvloop and httptools."""
    port = free_port()
    options = [
        "--port",
        str(port),
        "--loop",
        "uvloop",
        "--http",
        "httptools",
        "--no-access-log",
        "--log-level",
        "warning",
    ]
    async with started(["-m", "uvicorn", application, *options], environment, port) as server:
        yield server


@asynccontextmanager
async def started(arguments: Sequence[str], environment: Mapping[str, str], port: int) -> AsyncIterator[Server]:
    """Run Python with ``arguments`` until the end of the block, from the moment the port answers on."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=ROOT, env=os.environ | environment, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(START_SECONDS):
            while not await _answers(port):
                if process.returncode is not None:
                    raise RuntimeError(f"{' '.join(arguments)} ended with {process.returncode}")
                await asyncio.sleep(0.05)
        yield Server(port, psutil.Process(process.pid))
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


def free_port() -> int:
    """Return a port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


async def _answers(port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
    except OSError:
        return False
    return answer.startswith(b"HTTP/1.1 ")
