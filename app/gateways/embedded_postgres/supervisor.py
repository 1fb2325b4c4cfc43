"""The supervising thread, and the class that the service sees."""

import atexit
import os
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from app.gateways.embedded_postgres import cluster, wire
from app.gateways.embedded_postgres.binaries import find_binaries, reachable_binaries
from app.gateways.embedded_postgres.errors import EmbeddedPostgresError
from app.gateways.embedded_postgres.installation import Installation
from app.gateways.embedded_postgres.locks import take, take_over
from app.gateways.embedded_postgres.logfile import LogFile
from app.gateways.embedded_postgres.places import Places, prepare_home, socket_url
from app.gateways.embedded_postgres.runner import choose_runner
from app.gateways.embedded_postgres.server import DATABASE, Server

_WATCH_EVERY = 0.1
_FIRST_RETRY = 0.2
_LAST_RETRY = 5.0
# A service that is just being replaced gets this long to let go.
_HANDOVER_SECONDS = 1.0
_STOP_SECONDS = 10.0
_FORCE_SECONDS = 10.0


class EmbeddedPostgres:
    """A PostgreSQL server of our own on one directory; its methods belong to one thread, as does `with`.

    All children are forked by one thread that lives as long as they do, because Linux ties "die with your parent" to
    the thread that forked. The thread is a daemon: it never keeps the service from ending, and an orderly end of
    the interpreter stops the server in an orderly way.

    Args:
        data_dir: Made if missing; belongs to the server alone.
        settings: Server settings beside and instead of the defaults; those that make the server private stay.
        script: SQL that is run in the database when it is made, in one transaction that it begins and ends itself.
        log: Called with one sentence at a time, also from the supervising thread.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        settings: Mapping[str, str] | None = None,
        script: Path | None = None,
        log: Callable[[str], None] | None = None,
    ) -> None:
        self._places = Places(Path(data_dir).absolute())
        self._settings = dict(settings or {})
        self._script = script
        self._log = log or _ignore
        self._stopping = threading.Event()
        self._settled = threading.Event()
        self._patience = _STOP_SECONDS
        self._failure: BaseException | None = None
        self._thread: threading.Thread | None = None
        self._url: str | None = None

    @property
    def url(self) -> str:
        """Where the database is, for SQLAlchemy's asyncpg dialect; stays the same across restarts of the server."""
        if self._url is None:
            raise EmbeddedPostgresError(f"the server on {self._places.home} is not started")
        return self._url

    def begin(self) -> None:
        """Begins to start the server and returns at once; `start` waits for it. Does nothing if that was done."""
        if self._thread is not None:
            return
        self._stopping.clear()
        self._settled.clear()
        self._failure = None
        self._thread = threading.Thread(target=self._live, name="embedded-postgres", daemon=True)
        self._thread.start()
        atexit.register(self.stop)

    def start(self) -> str:
        """Starts the server and waits until the database answers; does nothing if it runs.

        Returns:
            `url`.

        Raises:
            EmbeddedPostgresError: it cannot run; the message says why and what to do.
        """
        self.begin()
        with ExitStack() as undo:
            undo.callback(self.stop)  # also after a Ctrl-C while it starts
            self._settled.wait()
            if self._failure is not None:
                raise self._failure
            undo.pop_all()
        return self.url

    def stop(self, timeout: float = _STOP_SECONDS) -> None:
        """Shuts the server down: open transactions are rolled back, committed ones are kept. Harmless when repeated.

        Args:
            timeout: Seconds for an orderly shutdown; an immediate one follows, which the next start recovers from.
        """
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._patience = timeout
        self._stopping.set()
        thread.join(timeout + _FORCE_SECONDS)
        self._url = None
        atexit.unregister(self.stop)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _live(self) -> None:
        """The supervising thread."""
        try:
            lock = self._claim()
        except (EmbeddedPostgresError, OSError) as error:
            self._fail(error)
            return
        server: Server | None = None
        try:
            server = self._prepare()
            self._first_start(server)
            self._settled.set()
            self._watch(server)
        except (EmbeddedPostgresError, OSError, wire.ServerError) as error:
            self._fail(error)
        finally:
            if server is not None:
                server.halt(self._patience)
            os.close(lock)
            self._settled.set()

    def _fail(self, error: Exception) -> None:
        if not isinstance(error, EmbeddedPostgresError):
            error = EmbeddedPostgresError(f"cannot run PostgreSQL on {self._places.home}: {error}")
        self._failure = error
        self._settled.set()

    def _claim(self) -> int:
        home = self._places.home
        prepare_home(home)
        path = self._places.service_lock
        lock = take(path, _HANDOVER_SECONDS, self._stopping)
        if lock is None:
            holder = path.read_text(errors="replace").strip() or "unknown"
            raise EmbeddedPostgresError(
                f"the data directory {home} is in use by another running service (process {holder}). Stop that one "
                "first, give this one another data directory, or set DATABASE_URL so that both share one server."
            )
        os.truncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        return lock

    def _prepare(self) -> Server:
        runner = choose_runner(self._places.cluster)
        bindir = reachable_binaries(find_binaries(), runner)
        installation = Installation(self._places, bindir, runner, LogFile(self._places.log))
        return Server(installation, self._settings, self._log, self._script)

    def _first_start(self, server: Server) -> None:
        """Starts the server, if need be after making its cluster."""
        with ExitStack() as undo:
            lock = take_over(self._places.postmaster_lock, self._stopping, self._log)
            undo.callback(os.close, lock)
            server.fresh = cluster.initialise(server.installation, lock, self._stopping)
            cluster.adopt(server.installation)
            undo.pop_all()  # `start` closes it from here on
        socket_directory = server.start(lock, self._stopping)
        self._url = socket_url(socket_directory, cluster.SUPERUSER, DATABASE)

    def _watch(self, server: Server) -> None:
        while not self._stopping.wait(_WATCH_EVERY):
            if not server.running:
                self._revive(server)
            elif self._places.unflushed.exists():
                cluster.flush(self._places, lambda: self._stopping.is_set() or not server.running)
            else:
                server.installation.log_file.bound()

    def _revive(self, server: Server) -> None:
        """Starts the server again until it runs, for as long as the service does."""
        self._log(f"PostgreSQL on {self._places.home} ended by itself; starting it again")
        pause = _FIRST_RETRY
        while not self._stopping.is_set():
            try:
                server.start(take_over(self._places.postmaster_lock, self._stopping, self._log), self._stopping)
            except (EmbeddedPostgresError, OSError, wire.ServerError) as error:
                self._log(f"PostgreSQL could not be started again, next try in {pause} s: {error}")
                server.halt(self._patience)
                self._stopping.wait(pause)
                pause = min(2 * pause, _LAST_RETRY)
            else:
                self._log(f"PostgreSQL on {self._places.home} is back")
                return


def _ignore(_: str) -> None:
    """Where sentences go that nobody asked for."""
