"""The service as a user starts it: a process of its own on an embedded database, told to stop by signals."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import httpx2
import psutil
import pytest

from app.gateways.embedded_postgres import EmbeddedPostgres
from app.models.revision import HEAD
from tests.conftest import with_database

ROOT = Path(__file__).parents[2]
SECONDS = 180


class Service:
    """A process that runs ``python -m app run``, and what it wrote."""

    def __init__(self, folder: Path, *options: str, **variables: str) -> None:
        self._stdout, self._stderr = folder / "stdout", folder / "stderr"
        self.process = start("run", *options, stdout=self._stdout, stderr=self._stderr, **variables)

    @property
    def told(self) -> str:
        return self._stderr.read_text(encoding="utf-8")

    @property
    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self._stdout.read_text(encoding="utf-8").splitlines()]

    def url(self) -> str:
        """Wait until it says where it listens."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            if found := re.search(r"listens on (\S+)", self.told):
                return found[1]
            assert self.process.poll() is None, self.told
            time.sleep(0.02)
        raise TimeoutError(self.told)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(SECONDS)


def start(*arguments: str, stdout: Path, stderr: Path, **variables: str) -> subprocess.Popen[bytes]:
    kept = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    with stdout.open("wb") as out, stderr.open("wb") as err:
        return subprocess.Popen(
            [sys.executable, "-m", "app", *arguments], cwd=ROOT, env=kept | variables, stdout=out, stderr=err
        )


def finish(folder: Path, *arguments: str, **variables: str) -> tuple[int, str, str]:
    """Run a command to its end; returns exit code, stdout and stderr."""
    out, err = folder / "finished.stdout", folder / "finished.stderr"
    code = start(*arguments, stdout=out, stderr=err, **variables).wait(SECONDS)
    return code, out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8")


@contextmanager
def running(folder: Path, *options: str, **variables: str) -> Iterator[Service]:
    service = Service(folder, "--port", "0", *options, **variables)
    try:
        yield service
    finally:
        if service.process.poll() is None:
            service.process.kill()
            service.process.wait()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_it_starts_serves_and_stops(tmp_path: Path, data: Path) -> None:
    with running(tmp_path, "--data-dir", str(data), "--no-demo") as service:
        url = service.url()
        assert httpx2.get(f"{url}/docs", timeout=SECONDS).status_code == 200
        assert httpx2.get(f"{url}/readyz", timeout=SECONDS).json()["status"] == "ready"
        assert "There are no keys" in service.told
        assert f"{url}/docs" in service.told
        children = psutil.Process(service.process.pid).children(recursive=True)
        assert any("postgres" in child.name() for child in children)

        code, _, told = finish(tmp_path, "run", "--port", "0", "--data-dir", str(data))
        assert code == 1
        assert "in use by another running service" in told
        assert "Traceback" not in told

        port = url.rpartition(":")[2]
        code, _, told = finish(tmp_path, "run", "--port", port, "--data-dir", str(tmp_path / "other"))
        assert code == 1
        assert f"port {port}: Address already in use" in told
        assert not (tmp_path / "other").exists()

        assert service.stop() == 0
        _, alive = psutil.wait_procs(children, timeout=SECONDS)
        assert alive == []
        answered = [line for line in service.lines if line["event"] == "request answered"]
        assert ("/docs", 200) in [(line["route"], line["status"]) for line in answered]
        assert "Traceback" not in service.told

    with running(tmp_path, "--data-dir", str(data), "--no-demo") as service:
        assert httpx2.get(f"{service.url()}/healthz", timeout=SECONDS).status_code == 200
        assert "Making a database" not in service.told
        assert service.stop(signal.SIGINT) == 0


def test_a_head_that_does_not_end_is_not_read(tmp_path: Path, data: Path) -> None:
    with running(tmp_path, "--data-dir", str(data), "--no-demo") as service:
        place = urlsplit(service.url())
        with socket.create_connection((place.hostname, place.port), timeout=SECONDS) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nX-Large: " + b"a" * 70_000)
            assert connection.recv(65536).startswith(b"HTTP/1.1 431")
        assert service.stop() == 0


def test_an_empty_database_of_its_own_is_migrated(tmp_path: Path, data: Path) -> None:
    """As it is after a first start that was killed between making the database and filling it."""
    with EmbeddedPostgres(data):
        pass
    with running(tmp_path, "--data-dir", str(data), "--no-demo") as service:
        assert httpx2.get(f"{service.url()}/readyz").json()["status"] == "ready"
        assert service.stop() == 0


def test_a_first_start_with_wrong_settings_leaves_no_database(tmp_path: Path, data: Path) -> None:
    code, _, told = finish(tmp_path, "run", "--port", "0", "--data-dir", str(data), HUIYIN_TIME_ZONE="Mars/Base")
    assert code == 1
    assert "HUIYIN_TIME_ZONE" in told
    assert {path.name for path in data.iterdir()} <= {"service.lock", "postmaster.lock", "postgres.log"}


@pytest.mark.parametrize("after", [0.15, 0.5])
def test_a_signal_while_it_starts_ends_it(tmp_path: Path, data: Path, after: float) -> None:
    with running(tmp_path, "--data-dir", str(data), "--no-demo") as service:
        while not service.told:  # "Making a database": the handlers are there
            time.sleep(0.01)
        time.sleep(after)
        assert service.stop() == 0
        assert "Traceback" not in service.told


async def test_a_given_database_is_migrated_only_by_command(tmp_path: Path, server_url: str) -> None:
    name = "huiyin_test_run"
    admin = await asyncpg.connect(server_url)
    try:
        await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await admin.execute(f"CREATE DATABASE {name}")
        url = with_database(server_url, name)
        code, _, told = finish(tmp_path, "run", "--port", "0", DATABASE_URL=url)
        assert code == 1
        assert "is empty" in told
        assert "python -m app migrate" in told

        code, _, told = finish(tmp_path, "migrate", DATABASE_URL=url)
        assert (code, told) == (0, f"The database is at revision {HEAD}; it was at None.\n")
        code, _, told = finish(tmp_path, "migrate", DATABASE_URL=url)
        assert (code, told) == (0, f"The database is at revision {HEAD}, as it was.\n")

        variables = {"DATABASE_URL": url, "HUIYIN_API_KEYS": "k1,k2", "HUIYIN_DEMO": "false"}
        with running(tmp_path, "--host", "0.0.0.0", "--data-dir", str(tmp_path / "d"), **variables) as service:  # noqa: S104
            base = service.url()
            assert "Every call needs a key" in service.told
            assert httpx2.get(f"{base}/openapi.json", timeout=SECONDS).status_code == 401
            assert httpx2.get(f"{base}/openapi.json", headers={"X-API-Key": "k2"}, timeout=SECONDS).status_code == 200
            assert not (tmp_path / "d").exists()
            assert service.stop() == 0
    finally:
        await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await admin.close()


def test_a_database_that_is_not_there_is_told(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code, _, told = finish(tmp_path, "run", "--port", "0", DATABASE_URL=f"postgresql://me:geheim@127.0.0.1:{port}/x")
    assert code == 1
    assert "cannot be reached" in told
    assert "geheim" not in told
    code, _, told = finish(tmp_path, "run", "--port", "0", DATABASE_URL="mysql://me:geheim@127.0.0.1/x")
    assert code == 1
    assert told == "huiyin: DATABASE_URL must begin with postgresql://\n"


@pytest.mark.parametrize("mark", "/?#[]@")
@pytest.mark.parametrize("command", [("run", "--port", "0"), ("migrate",), ("keys", "list")])
def test_a_password_that_breaks_the_url_is_not_shown(tmp_path: Path, mark: str, command: tuple[str, ...]) -> None:
    code, printed, told = finish(tmp_path, *command, DATABASE_URL=f"postgresql://me:geh{mark}eim@127.0.0.1:1/x")
    assert code == 1
    assert "DATABASE_PASSWORD" in told
    assert "geh" not in told + printed
    assert "eim" not in told + printed


def test_settings_are_printed_with_secrets_masked(tmp_path: Path) -> None:
    variables = {"DATABASE_URL": "postgresql://me:geh@eim@host/db?password=versteckt", "HUIYIN_API_KEYS": "offen,zwei"}
    variables["HUIYIN_ANALYST_URL"] = "https://me:leise@analyst.example.com/v1"
    code, printed, _ = finish(tmp_path, "config", HUIYIN_PORT="9000", **variables)
    assert code == 0
    assert "DATABASE_URL=postgresql://me:****@host/db?password=****\n" in printed
    assert "HUIYIN_API_KEYS=****,****\n" in printed
    assert "HUIYIN_PORT=9000\n" in printed
    assert not any(secret in printed for secret in ("geh", "eim", "versteckt", "offen", "zwei", "leise"))


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"HUIYIN_PORT": "99999"}, "HUIYIN_PORT: Input should be less than or equal to 65535"),
        ({"HUIYIN_TIME_ZONE": "Mars/Base"}, "HUIYIN_TIME_ZONE: "),
        ({"HUIYIN_TIME_ZONE": "Asia"}, "HUIYIN_TIME_ZONE: "),
        ({"HUIYIN_SEND_WINDOW": "rubbish"}, "send_window"),
        ({"HUIYIN_LOG_LEVEL": "LOUD", "DATABASE_URL": "postgresql://h/x"}, "HUIYIN_LOG_LEVEL: log level 'LOUD'"),
        ({"HUIYIN_HOST": "no.such.host.invalid"}, "cannot listen on 'no.such.host.invalid'"),
        ({"HUIYIN_TRUSTED_PROXIES": "x", "DATABASE_URL": "postgresql://h/x"}, "'x' does not appear to be an IPv4"),
    ],
)
def test_settings_that_cannot_be_used_are_named(tmp_path: Path, variables: dict[str, str], sentence: str) -> None:
    data_dir = str(tmp_path / "data")
    code, _, told = finish(tmp_path, "run", **({"HUIYIN_PORT": "0", "HUIYIN_DATA_DIR": data_dir} | variables))
    assert code == 1
    assert sentence in told
    assert "Traceback" not in told
