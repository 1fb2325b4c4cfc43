"""One life of a postmaster: started, watched until it answers, shut down."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from app.gateways.embedded_postgres import wire
from app.gateways.embedded_postgres.cluster import SUPERUSER, discard_stale_pid_file, is_ready
from app.gateways.embedded_postgres.errors import EmbeddedPostgresError
from app.gateways.embedded_postgres.installation import Installation
from app.gateways.embedded_postgres.places import (
    PORT,
    prepare_socket_directory,
    remove_socket_directory,
    socket_file,
)
from app.gateways.embedded_postgres.runner import Handover

DATABASE = "huiyin"
DEFAULTS: Mapping[str, str] = {
    "max_connections": "60",
    "shared_buffers": "128MB",
    "max_wal_size": "512MB",
    "fsync": "on",
    "synchronous_commit": "on",
    # Short queries on a small machine: compiling or parallelising them costs more than it saves, and parallel ones
    # need more shared memory than a container gets by default.
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "lc_messages": "C",
}
_SEARCH = f"SELECT FROM pg_database WHERE datname = '{DATABASE}'"
_CREATE = f"CREATE DATABASE {DATABASE} TEMPLATE template0 ENCODING 'UTF8'"
_PAUSE = 0.005
# Crash recovery of a big write-ahead log takes minutes on a slow disk; each step is told.
_READY_SECONDS = 600.0
_TELL_EVERY = 5.0


@dataclass
class Server:
    """What every postmaster of one service has in common, and the one that runs now.

    `script` fills the service's database when it is made; `fresh` says that the cluster was made by this start.
    """

    installation: Installation
    settings: Mapping[str, str]
    log: Callable[[str], None]
    script: Path | None = None
    fresh: bool = False
    process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether the postmaster lives."""
        return self.process is not None and self.process.poll() is None

    def start(self, lock: int, stopping: threading.Event) -> Path:
        """Starts a postmaster, which takes the lock over, and waits until it answers a query.

        Returns:
            The directory of its socket.
        """
        begin = self.installation.log_file.size()
        try:
            discard_stale_pid_file(self.installation.places.cluster)
            directory = prepare_socket_directory(self.installation.places.home, self.installation.runner)
            self.process = self._spawn(lock, directory)
        finally:
            os.close(lock)
        self._await_ready(self.process, socket_file(directory), begin, stopping)
        self._ensure_database(socket_file(directory))
        return directory

    def _spawn(self, lock: int, directory: Path) -> subprocess.Popen[bytes]:
        def arguments(handover: Handover) -> list[str]:
            socket_directory = handover.name(directory).replace('"', '""')
            settings = {
                **DEFAULTS,
                **self.settings,
                "listen_addresses": "",
                "port": str(PORT),
                "unix_socket_directories": f'"{socket_directory}"',
                "unix_socket_permissions": "0700",
                "logging_collector": "off",
            }
            options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
            return ["-D", handover.name(self.installation.places.cluster), *options]

        return self.installation.run("postgres", arguments, lock, locale="C.UTF-8")

    def _await_ready(
        self, process: subprocess.Popen[bytes], address: Path, begin: int, stopping: threading.Event
    ) -> None:
        home = self.installation.places.home
        started = told = time.monotonic()
        # The socket as well: an old pid file may say "ready" about a process whose id our child got again.
        while not (address.exists() and is_ready(self.installation.places.cluster, process.pid)):
            if stopping.is_set():
                raise EmbeddedPostgresError("stopped while PostgreSQL was starting")
            now = time.monotonic()
            said = self.installation.log_file.since(begin)
            if process.poll() is not None:
                raise EmbeddedPostgresError(f"PostgreSQL did not start on {home}:\n{said}")
            if now - started > _READY_SECONDS:
                raise EmbeddedPostgresError(f"PostgreSQL on {home} was not ready in {_READY_SECONDS} s:\n{said}")
            if now - told > _TELL_EVERY:
                told = now
                self.log(f"PostgreSQL has been starting for {now - started:.0f} s: {said[-200:]}")
            stopping.wait(_PAUSE)

    def halt(self, patience: float) -> None:
        """Ends the postmaster: fast shutdown, then immediate, then by force."""
        if self.process is None:
            return
        for request, seconds in ((signal.SIGINT, patience), (signal.SIGQUIT, 5.0), (signal.SIGKILL, None)):
            if self.process.poll() is not None:
                break
            self.process.send_signal(request)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.log(f"PostgreSQL did not end within {seconds} s of {request.name}")
        self.process = None
        remove_socket_directory(self.installation.places.home)

    def _ensure_database(self, address: Path) -> None:
        """Makes the database where there is none and runs the script in it, in one transaction.

        A new cluster holds an empty database `postgres`, of the same encoding and locale, which nobody knows yet: it
        gets our name. To make another one beside it would take a fifth of the time of a whole first start. Asked is
        `template1`, which is always there. Interrupted in between, the database stays empty: its user sees that.
        """
        if self.fresh:
            wire.execute(address, SUPERUSER, "template1", f"ALTER DATABASE postgres RENAME TO {DATABASE}")
            self.fresh = False
        elif wire.execute(address, SUPERUSER, "template1", _SEARCH) == "SELECT 0":
            wire.execute(address, SUPERUSER, "template1", _CREATE)
        else:
            return
        if self.script is not None:
            wire.execute(address, SUPERUSER, DATABASE, self.script.read_text(encoding="utf-8"))
