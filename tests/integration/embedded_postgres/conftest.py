"""Data directories, made and used before, and processes that start a server on them."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.gateways.embedded_postgres import EmbeddedPostgres
from tests.integration.embedded_postgres.helpers import Service, StartService, ask, until


@pytest.fixture
def service() -> Iterator[StartService]:
    started: list[Service] = []

    def start(data_dir: Path, **options: Any) -> Service:
        started.append(Service(data_dir, **options))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.end()


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A server for the tests that only ask."""
    settings = {"work_mem": "7MB", "listen_addresses": "*", "unix_socket_permissions": "0777"}
    with EmbeddedPostgres(tmp_path_factory.mktemp("shared") / "data", settings=settings) as server:
        yield server


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with a cluster in it and no server on it; copy it."""
    home = tmp_path_factory.mktemp("made") / "data"
    with EmbeddedPostgres(home) as server:
        ask(server.url, "CREATE TABLE kept (word text)", "INSERT INTO kept VALUES ('回音')")
        until(lambda: not (home / "cluster.unflushed").exists())
    return home


@pytest.fixture
def lent_dir(made: Path, data_dir: Path) -> Iterator[Path]:
    """The same without the copying, for tests that leave it as it was, under whatever name."""
    made.rename(data_dir)
    yield data_dir
    next(path for path in data_dir.parent.iterdir() if (path / "cluster" / "PG_VERSION").exists()).rename(made)


@pytest.fixture
def old_dir(made: Path, data_dir: Path) -> Path:
    """A data directory that was used before: table `kept`, one row."""
    subprocess.run(["cp", "-a", str(made), str(data_dir)], check=True)
    return data_dir
