"""The real service as a process of its own, started the way a user starts it, for tests that speak HTTP to it."""

import asyncio
import os
import signal
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import httpx2

from tests.conftest import with_database

ROOT = Path(__file__).parents[2]
PATIENCE = 300.0
"""Seconds after which something that must happen counts as not happening; far more than it takes."""


class Service:
    """A running service: where it listens, which database it uses, and what it told the terminal."""

    def __init__(self, url: str, database_url: str | None, terminal: Path) -> None:
        self.url = url
        self.database_url = database_url
        self._terminal = terminal

    @property
    def told(self) -> str:
        return _read(self._terminal)

    @property
    def port(self) -> str:
        return self.url.rpartition(":")[2]

    @asynccontextmanager
    async def client(self, **headers: str) -> AsyncIterator[httpx2.AsyncClient]:
        """Lend a client that speaks to it over the network."""
        async with httpx2.AsyncClient(base_url=self.url, timeout=PATIENCE, headers=headers) as client:
            yield client


async def begin(*arguments: str, terminal: Path, **variables: str) -> asyncio.subprocess.Process:
    """Start ``python -m app`` with the settings given and none of the developer's own."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name != "DATABASE_URL" and not name.startswith(("HUIYIN_", "OTEL_"))
    }
    with terminal.open("wb") as output:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "app", *arguments,
            cwd=ROOT, env=kept | variables, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip


@asynccontextmanager
async def running(folder: Path, *options: str, is_calm: bool = True, **variables: str) -> AsyncIterator[Service]:
    """Lend a service that is ready; afterwards SIGTERM must end it with exit code 0.

    Args:
        folder: For its data and what it writes.
        options: Of ``python -m app run``.
        is_calm: It must not have logged a fault of its own.
        variables: Its environment.
    """
    terminal = folder / "terminal"
    arguments = ("run", "--port", "0", "--data-dir", str(folder / "data"), *options)
    process = await begin(*arguments, terminal=terminal, **variables)
    try:
        url = await _address(process, terminal)
        await _ready(process, url, terminal)
        service = Service(url, variables.get("DATABASE_URL"), terminal)
        yield service
        process.send_signal(signal.SIGTERM)
        code = await asyncio.wait_for(process.wait(), PATIENCE)
        assert code == 0, service.told
        assert not is_calm or "Traceback" not in service.told
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@asynccontextmanager
async def migrated_database(server_url: str, folder: Path) -> AsyncIterator[str]:
    """Lend the URL of a database of its own, migrated by ``python -m app migrate``."""
    name = f"e2e_{uuid.uuid4().hex}"
    admin = await asyncpg.connect(server_url)
    try:
        await admin.execute(f"CREATE DATABASE {name}")
        url = with_database(server_url, name)
        terminal = folder / "migration"
        process = await begin("migrate", terminal=terminal, DATABASE_URL=url)
        code = await asyncio.wait_for(process.wait(), PATIENCE)
        assert code == 0, _read(terminal)
        yield url
    finally:
        await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await admin.close()


async def _address(process: asyncio.subprocess.Process, terminal: Path) -> str:
    async with asyncio.timeout(PATIENCE):
        while True:
            told = _read(terminal)
            after = told.partition("listens on ")[2]
            if "\n" in after:
                return after.split()[0]
            assert process.returncode is None, told
            await asyncio.sleep(0.02)


async def _ready(process: asyncio.subprocess.Process, url: str, terminal: Path) -> None:
    async with asyncio.timeout(PATIENCE), httpx2.AsyncClient(base_url=url, timeout=PATIENCE) as client:
        while (await client.get("/readyz")).status_code != 200:
            assert process.returncode is None, _read(terminal)
            await asyncio.sleep(0.02)


def _read(terminal: Path) -> str:
    return terminal.read_text(encoding="utf-8", errors="replace")
