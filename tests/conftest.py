"""One real PostgreSQL for the whole run, one fresh database for each test that asks for one."""

import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import hypothesis
import pytest
import structlog
from fastapi import FastAPI, routing
from pydantic import SecretStr
from starlette.routing import BaseRoute
from xdist.workermanage import WorkerController

from app.clock import ManualClock
from app.config import Settings
from app.gateways.embedded_postgres import EmbeddedPostgres
from app.gateways.matcher import CharEncoder, Matcher
from app.main import create_app
from app.repositories import migrations
from app.repositories.database import Database, plain_dsn
from app.services.chatbot.knowledge import Knowledge

if "tests" not in sys.modules:  # pytest begins here: modules that tests share shall explain what failed, too
    pytest.register_assert_rewrite("tests")
from tests.lacking import pytest_runtest_makereport
from tests.promises import pytest_terminal_summary
from tests.running import client_of
from tests.servers import found_servers

__all__ = ["pytest_runtest_makereport", "pytest_terminal_summary"]

# The same examples on every run: a build fails for what was changed. HUIYIN_TEST_DEEP looks further by chance.
hypothesis.settings.register_profile("steady", derandomize=True)
if not os.environ.get("HUIYIN_TEST_DEEP"):
    hypothesis.settings.load_profile("steady")

TEMPLATE = f"huiyin_template_{uuid.uuid4().hex}"
ROOM = 2 * 1024**3
LONGEST = ("property", "faults", "e2e")
SERVER = pytest.StashKey[str]()
START = datetime(2026, 3, 5, 10, 30, tzinfo=UTC)


def quick_folder() -> str | None:
    """Name a folder in memory with room for a server: a database is 300 files, slow to make on many disks."""
    memory = Path("/dev/shm")  # noqa: S108 - a private folder is made in it
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > ROOM else None


@pytest.fixture(scope="session", autouse=True)
def _no_foreign_settings() -> Iterator[None]:
    """Keep the developer's own HUIYIN_* variables out of tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith("HUIYIN_") and not name.startswith("HUIYIN_TEST_"):
                patch.delenv(name)
        yield


@pytest.fixture(scope="session", autouse=True)
def _plain_tracebacks() -> None:
    """Log errors in few lines: structlog finds rich, which a tool of the tests needs, and draws all local variables."""
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], plain])


@pytest.fixture(scope="session", autouse=True)
def _routes_are_built_once() -> Iterator[None]:
    """Build what FastAPI makes of a route once for all applications in this process, not once for each.

    It was half of the time of a test that calls the API. Services that run as processes of their own build theirs.
    """
    build = routing._IncludedRouter._build_effective_context
    built: dict[tuple[int, str], Any] = {}

    def build_once(router: routing._IncludedRouter, route: BaseRoute) -> Any:
        key = (id(route), router.include_context.prefix)
        if key not in built:
            built[key] = build(router, route)
        return built[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(routing._IncludedRouter, "_build_effective_context", build_once)
        yield


@contextmanager
def server() -> Iterator[str]:
    """Lend the URL of a server to make databases on: DATABASE_URL's, or an embedded one of this run."""
    given = os.environ.get("DATABASE_URL")
    if given:
        yield plain_dsn(given)
        return
    with tempfile.TemporaryDirectory(prefix="huiyin-test-", dir=quick_folder()) as folder:
        Path(folder).chmod(0o755)
        settings = {"fsync": "off", "max_connections": "200", "full_page_writes": "off"}
        with EmbeddedPostgres(Path(folder) / "data", settings=settings) as running:
            yield plain_dsn(running.url)


def pytest_report_header() -> str:
    """Say which servers tests/faults/test_servers.py tries; a version that is not named was not tried."""
    found = ", ".join(f"{server.version} ({server.programs})" for server in found_servers())
    return f"PostgreSQL tried: {found}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that at the end no worker of pytest-xdist is alone with it."""
    items.sort(key=lambda item: [folder not in item.path.parts for folder in LONGEST])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Say how many tests `-n auto` runs side by side; more than four need more connections than servers allow."""
    return min(4, os.cpu_count() or 1)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: WorkerController) -> None:
    """Start the one server of the run before the first worker, and tell each worker where it is."""
    config = node.config
    if SERVER not in config.stash:
        stack = ExitStack()
        config.add_cleanup(stack.close)
        config.stash[SERVER] = stack.enter_context(server())
    node.workerinput["server_url"] = config.stash[SERVER]


@pytest.fixture(scope="session")
def server_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The server of this run; each worker of pytest-xdist is told the same one."""
    told = getattr(request.config, "workerinput", {}).get("server_url")
    with nullcontext(told) if told else server() as url:
        yield url


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


@asynccontextmanager
async def fresh_database(template: str) -> AsyncIterator[str]:
    """Lend the URL of a migrated, empty database (but for the default bot)."""
    name = f"test_{uuid.uuid4().hex}"
    admin = await asyncpg.connect(template)
    try:
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY")
        yield with_database(template, name)
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()


@pytest.fixture
async def database_url(template: str) -> AsyncIterator[str]:
    """The URL of a database for this test alone."""
    async with fresh_database(template) as url:
        yield url


@pytest.fixture(scope="module")
async def shared_settings(template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Settings]:
    """Settings as `settings`, on a database for a whole module: for tests that change nothing in it."""
    async with fresh_database(template) as url:
        yield settings_for(url, tmp_path_factory.mktemp("data"))


def settings_for(url: str, folder: Path) -> Settings:
    """Return settings without the scheduler: tests run the passes themselves."""
    return Settings(database_url=SecretStr(url), jobs=False, demo=False, pool_size=5, data_dir=folder)


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
    """Settings of a service on a fresh database."""
    return settings_for(database_url, tmp_path)


@pytest.fixture
async def app(settings: Settings, clock: ManualClock) -> AsyncIterator[FastAPI]:
    """The service itself, started."""
    service = create_app(settings, clock=clock)
    async with service.router.lifespan_context(service):
        yield service


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """A client that speaks to the service in this process, from the loopback address."""
    async with client_of(app) as opened:
        yield opened


@pytest.fixture
async def light_app(app: FastAPI) -> AsyncIterator[FastAPI]:
    """The service without its sentence encoder, whose model takes a second to load: it compares characters."""
    context = app.state.context
    whole, app.state.knowledge = app.state.knowledge, Knowledge(context.database, Matcher(CharEncoder()))
    yield app
    await app.state.knowledge.close()
    app.state.knowledge = whole
