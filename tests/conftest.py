"""One real PostgreSQL for the whole run, one fresh database for each test that asks for one."""

import os
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import httpx2
import hypothesis
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from app.clock import ManualClock
from app.config import Settings
from app.gateways.matcher import CharEncoder, Matcher
from app.main import create_app
from app.repositories import migrations
from app.repositories.database import Database, plain_dsn
from app.services.chatbot.knowledge import Knowledge
from tests.lacking import pytest_runtest_makereport

__all__ = ["pytest_runtest_makereport"]

# The same examples on every run: a build fails for what was changed. HUIYIN_TEST_DEEP looks further by chance.
hypothesis.settings.register_profile("steady", derandomize=True)
if not os.environ.get("HUIYIN_TEST_DEEP"):
    hypothesis.settings.load_profile("steady")

TEMPLATE = f"huiyin_template_{os.getpid()}"
START = datetime(2026, 3, 5, 10, 30, tzinfo=UTC)


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A server to make databases on: DATABASE_URL's, or an embedded one of this run."""
    given = os.environ.get("DATABASE_URL")
    if given:
        yield plain_dsn(given)
        return
    from app.gateways.embedded_postgres import EmbeddedPostgres  # noqa: PLC0415 - not needed with DATABASE_URL

    with tempfile.TemporaryDirectory(prefix="huiyin-test-") as folder:
        Path(folder).chmod(0o755)
        server = EmbeddedPostgres(
            Path(folder) / "data", settings={"fsync": "off", "max_connections": "200", "full_page_writes": "off"}
        )
        yield plain_dsn(server.start())
        server.stop()


def with_database(url: str, name: str) -> str:
    """Return the URL of another database on the same server."""
    head, _, tail = url.partition("://")
    authority, _, path = tail.partition("/")
    _, mark, query = path.partition("?")
    return f"{head}://{authority}/{name}{mark}{query}"


@pytest.fixture(scope="session")
async def template(server_url: str) -> AsyncIterator[str]:
    """A migrated database that tests copy."""
    connection = await asyncpg.connect(server_url)
    try:
        await connection.execute(f"CREATE DATABASE {TEMPLATE}")
        database = Database(with_database(server_url, TEMPLATE), pool_size=2)
        await migrations.upgrade(database)
        await database.close()
        yield server_url
        await connection.execute(f"DROP DATABASE {TEMPLATE} WITH (FORCE)")
    finally:
        await connection.close()


@pytest.fixture
async def database_url(template: str) -> AsyncIterator[str]:
    """The URL of a fresh, migrated, empty database (but for the default bot)."""
    name = f"test_{uuid.uuid4().hex}"
    admin = await asyncpg.connect(template)
    try:
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY")
        yield with_database(template, name)
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A fresh database, opened."""
    opened = Database(database_url, pool_size=5)
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> ManualClock:
    """A clock that tests move."""
    return ManualClock(START)


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings of a service on a fresh database, without the scheduler: tests run the passes themselves."""
    return Settings(database_url=SecretStr(database_url), jobs=False, demo=False, pool_size=5, data_dir=tmp_path)


@pytest.fixture
async def app(settings: Settings, clock: ManualClock) -> AsyncIterator[FastAPI]:
    """The service itself, started."""
    service = create_app(settings, clock=clock)
    async with service.router.lifespan_context(service):
        yield service


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """A client that speaks to the service in this process, from the loopback address."""
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False, client=("127.0.0.1", 50000))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as opened:
        yield opened


@pytest.fixture
async def light_app(app: FastAPI) -> AsyncIterator[FastAPI]:
    """The service without its sentence encoder, whose model takes a second to load: it compares characters."""
    context = app.state.context
    whole, app.state.knowledge = app.state.knowledge, Knowledge(context.database, Matcher(CharEncoder()))
    yield app
    await app.state.knowledge.close()
    app.state.knowledge = whole


@pytest.fixture(autouse=True)
def _no_foreign_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the developer's own HUIYIN_* variables out of tests."""
    for name in os.environ:
        if name.startswith("HUIYIN_") and not name.startswith("HUIYIN_TEST_"):
            monkeypatch.delenv(name)
