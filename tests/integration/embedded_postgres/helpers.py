"""Real servers and the processes that start them, for the tests of the embedded server."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from app.gateways.embedded_postgres import locks

ROOT = Path(__file__).parents[3]
SERVICE = """
import sys
from pathlib import Path
from app.gateways.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError

server = EmbeddedPostgres(Path(sys.argv[1]))
try:
    print(server.start(), flush=True)
except EmbeddedPostgresError as error:
    sys.exit(f"refused: {error}")
print(*(name for name in ("embedded_postgres", "asyncpg") if name in sys.modules), flush=True)
sys.stdin.read()
"""
# A backend that never waits for anything does not notice that its postmaster is gone.
BUSY = "SELECT count(*) FROM generate_series(1, 100000000000) AS n WHERE n % 7 = 0"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def until(condition: Callable[[], bool]) -> None:
    """Waits for something that must happen, far longer than it should take."""
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def ask(url: str, *statements: str) -> Any:
    """The value that the last statement gives."""

    async def run() -> Any:
        connection = await asyncpg.connect(url.replace("+asyncpg", ""), timeout=120)
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return await connection.fetchval(statements[-1])
        finally:
            await connection.close()

    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(run())
    finally:
        loop.close()


def answers(url: str) -> bool:
    with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return bool(ask(url, "SELECT 1") == 1)
    return False


def socket_directory(url: str) -> Path:
    return Path(parse_qs(urlsplit(url).query)["host"][0])


def postmaster(data_dir: Path) -> int:
    return int((data_dir / "cluster" / "postmaster.pid").read_text().split()[0])


def alive(process: int) -> bool:
    """Whether a process runs; one that only waits for its parent's notice does not."""
    try:
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def nothing_left(data_dir: Path) -> bool:
    """Whether every process of the server is gone: they hold this lock."""
    descriptor = locks.take(data_dir / "postmaster.lock")
    if descriptor is None:
        return False
    os.close(descriptor)
    return True


class Service:
    """A process that does what the service does: start the server, work, stop when told."""

    def __init__(self, data_dir: Path, *, prefix: tuple[str, ...] = (), cwd: Path = ROOT, **environment: str) -> None:
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-c", SERVICE, str(data_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            cwd=cwd,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)]),
                "PYTHONIOENCODING": "utf-8",
                **environment,
            },
        )

    def url(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        assert line, self.refusal()
        return line

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def refusal(self) -> str:
        return self.process.communicate(timeout=120)[1]

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        self.process.send_signal(how)
        self.process.communicate(timeout=120)

    def end(self) -> int:
        self.process.communicate("", timeout=120)
        return self.process.returncode


StartService = Callable[..., Service]
