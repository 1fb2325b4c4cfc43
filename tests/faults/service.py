"""The service as a process of its own, as a user starts it, and what stands in its database."""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
from pydantic import SecretStr

from app.config import Settings
from app.main import create_app
from app.repositories import migrations
from app.repositories.database import Database, plain_dsn
from tests.running import running

ROOT = Path(__file__).parents[2]
PATIENCE = 300.0
"""Seconds after which something that must happen counts as not happening; far more than it takes."""
LEASE = "10"
SENT = "SELECT count(*) FROM follow_up_record WHERE status = 'sent'"
SETTLED = "SELECT count(*) FROM follow_up_record WHERE status IN ('sent', 'unknown')"


class Service:
    """One `python -m app run`."""

    def __init__(self, database_url: str, **variables: str) -> None:
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("HUIYIN_")},
            "DATABASE_URL": database_url,
            "HUIYIN_LEASE_SECONDS": LEASE,
            "HUIYIN_GATEWAY_TIMEOUT_SECONDS": "5",
            "HUIYIN_FIRST_WAIT_SECONDS": "7200",
            **{f"HUIYIN_{name}": value for name, value in variables.items()},
        }
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._process: asyncio.subprocess.Process | None = None
        self.url = ""

    @property
    def log(self) -> str:
        """What the service said so far."""
        # Not by a seek: the process writes where this file stands, and would go over its own beginning.
        file = self._log.fileno()
        return os.pread(file, os.fstat(file).st_size, 0).decode(errors="replace")

    async def start(self) -> None:
        """Start, and wait until it is ready."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "app", "run", "--port", "0", "--no-demo",
            cwd=ROOT, env=self._environment, stdin=asyncio.subprocess.DEVNULL, stdout=self._log, stderr=self._log,
        )  # fmt: skip
        await eventually(lambda: "listens on http" in self.log or self.has_ended)
        assert not self.has_ended, self.log
        self.url = self.log.partition("listens on ")[2].split()[0]

    @property
    def has_ended(self) -> bool:
        """Whether the process is gone."""
        return self._process is None or self._process.returncode is not None

    async def kill(self) -> None:
        """End it as a power cut would."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    @property
    def pid(self) -> int:
        """The id of the process."""
        assert self._process is not None
        return self._process.pid

    def freeze(self) -> None:
        """Let it stand still, as a machine that is paused."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on as if no time had passed."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    async def terminate(self) -> int:
        """Ask it to end; returns its exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            return await self._process.wait()

    async def several_looks(self, loop: str = "dispatch") -> None:
        """Wait until a loop of its scheduler came round several times over."""
        async with httpx2.AsyncClient(base_url=self.url) as client:
            await several_looks(client, loop)

    async def close(self) -> None:
        """End it if it still runs."""
        if not self.has_ended:
            await self.kill()
        self._log.close()


@asynccontextmanager
async def running_service(database_url: str, **variables: str) -> AsyncIterator[Service]:
    """Lend a service that is ready."""
    service = Service(database_url, **variables)
    try:
        await service.start()
        yield service
    finally:
        await service.close()


async def eventually(check: Callable[[], bool]) -> None:
    """Wait until ``check()`` is true."""
    async with asyncio.timeout(PATIENCE):
        while not check():  # noqa: ASYNC110 - another process sets no event
            await asyncio.sleep(0.01)


async def eventually_equal(connection: asyncpg.Connection, statement: str, expected: Any) -> None:
    """Wait until a statement gives ``expected``."""
    found = None
    try:
        async with asyncio.timeout(PATIENCE):
            while (found := await connection.fetchval(statement)) != expected:  # noqa: ASYNC110 - the same
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"{statement} stayed at {found}, not {expected}") from None


async def several_looks(client: httpx2.AsyncClient, loop: str = "dispatch") -> None:
    """Wait until a loop of the service's scheduler came round several times over."""
    name = f'huiyin_loop_duration_seconds_count{{loop="{loop}"}} '

    async def looks() -> float:
        lines = (await client.get("/metrics")).text.splitlines()
        return next((float(line.removeprefix(name)) for line in lines if line.startswith(name)), 0.0)

    before = await looks()
    async with asyncio.timeout(PATIENCE):
        while await looks() < before + 3:  # noqa: ASYNC110 - a pass sets no event
            await asyncio.sleep(0.05)


async def migrated(url: str) -> None:
    """Bring a database up, compare it with the models, take it down and bring it up again."""
    database = Database(url, pool_size=2)
    try:
        await migrations.upgrade(database)
        await migrations.check(database)
        await migrations.downgrade(database, "base")
        await migrations.upgrade(database)
    finally:
        await database.close()


@asynccontextmanager
async def connected(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Lend a connection."""
    connection = await asyncpg.connect(plain_dsn(database_url))
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def running_api(database_url: str) -> AsyncIterator[httpx2.AsyncClient]:
    """Lend a client of a service in this process that does nothing by itself."""
    app = create_app(Settings(database_url=SecretStr(database_url), jobs=False, demo=False, pool_size=2))
    async with running(app, raises=True) as client:
        yield client


async def enroll_people(database_url: str, count: int) -> None:
    """Make people and enroll them through the API; they are due in an hour, until `make_due`."""
    async with connected(database_url) as connection:
        await connection.execute(
            "INSERT INTO contact (bot_id, user_id, name, position, position_key, chat_token)"
            " SELECT (SELECT id FROM bot WHERE is_default), 'user-' || n, '林小满', '测试', '测试', 'a-token-of-' || n"
            " FROM generate_series(1, $1::int) AS n",
            count,
        )
        async with running_api(database_url) as client:
            config = await client.post("/api/followup-configs", json={"name": "测试", "is_active": True})
            assert config.status_code == 201, config.text
            script = {"config_id": config.json()["id"], "day_number": 1, "content": "第一天", "interval_hours": 24}
            assert (await client.post("/api/followup-scripts", json=script)).status_code == 201
            answer = await client.post("/api/followup-enrollments", json={"position": "测试"})
            assert answer.status_code == 201, answer.text
        assert await connection.fetchval("SELECT count(*) FROM follow_up_enrollment WHERE state = 'active'") == count
        await connection.execute("UPDATE follow_up_enrollment SET due_at = now() + interval '1 hour'")
        await connection.execute("ANALYZE")


async def make_due(connection: asyncpg.Connection) -> None:
    """Make everybody due in one moment."""
    await connection.execute("UPDATE follow_up_enrollment SET due_at = now()")


async def use_gateway(database_url: str, url: str, secret: str) -> None:
    """Let the default bot deliver to a gateway."""
    async with connected(database_url) as connection:
        await connection.execute(
            "UPDATE bot SET delivery_kind = 'webhook', url = $1, secret = $2 WHERE is_default", url, secret
        )


async def unknown_people(service: Service) -> list[int]:
    """Return the people whose send the service lists as unknown, through its API."""
    people: list[int] = []
    async with httpx2.AsyncClient(base_url=service.url, timeout=PATIENCE) as client:
        while True:
            query: dict[str, str | int] = {"status": "unknown", "page": len(people) // 100 + 1, "page_size": 100}
            answer = await client.get("/api/followup-records", params=query)
            assert answer.status_code == 200, answer.text
            people += [record["contact_id"] for record in answer.json()["results"]]
            if len(people) >= answer.json()["total"]:
                return people
