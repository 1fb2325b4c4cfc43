"""The command line: ``python -m app run``, ``migrate``, ``release``, ``keys``, ``config``.

How a start goes, in an order that loses no time: the port (taken before anything slow, so that a taken one is told at
once), then the embedded PostgreSQL in a thread of its own while this one reads the settings and imports the libraries,
then migrations (only on the embedded database, which is nobody else's), then the service. It ends in reverse: no new
connections, what is under way is finished within the grace time, PostgreSQL last, exit code 0.

Nothing above the standard library is imported here: making a database takes as long as importing everything, so a
first start begins with that.
"""

import argparse
import errno
import gc
import importlib
import os
import signal
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple

from app.errors import StartupError
from app.gateways.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError, running_url

if TYPE_CHECKING:
    from app.config import Settings

_BACKLOG = 2048
_SCHEMA = Path(__file__).resolve().parents[1] / "alembic" / "schema.sql"
_HIGHEST_PORT = 65535
# How soon the thread that imports gives way to the one that starts PostgreSQL, whose many short steps would otherwise
# wait for 5 ms each.
_SWITCH_SECONDS = 0.0005


class Place(NamedTuple):
    """Where a service listens and keeps its data."""

    host: str
    port: int
    data_dir: Path


class _StoppedError(BaseException):
    """Asked to stop while starting; no ``Exception``, so that nothing on the way takes it for a fault."""


class _Signals:
    """SIGTERM and SIGINT: end a start at once, and leave a running service to the server's own handlers.

    The server gives the signal back after its end, which would kill the process by default; it ends in here.
    """

    def __init__(self) -> None:
        self.asked = False
        self._interrupts = True

    def install(self) -> None:
        """Take both signals."""
        sys.unraisablehook = self._lost
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle)

    def check(self) -> None:
        """End the start if a wish to stop came where an exception cannot rise, such as a callback from C."""
        if self.asked:
            raise _StoppedError

    @contextmanager
    def starting(self) -> Iterator[None]:
        """Lend a block that the wish to stop may end at any point; an error that comes of it is no fault."""
        try:
            yield
        # Any: libraries make errors of their own of what rises in Python that they call from C (pydantic's core does).
        except Exception:
            if self._interrupts:
                self.check()
            raise

    def only_remember(self) -> None:
        """From now on note the wish in ``asked`` and interrupt nothing."""
        self._interrupts = False

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True
        if self._interrupts:
            raise _StoppedError

    def _lost(self, lost: "sys.UnraisableHookArgs") -> None:
        if not isinstance(lost.exc_value, _StoppedError):
            sys.__unraisablehook__(lost)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    given = {name: value for name, value in vars(_parser().parse_args(arguments)).items() if value is not None}
    command = given.pop("command")
    try:
        code: int = command(given)
    except (StartupError, EmbeddedPostgresError) as error:
        _say(f"huiyin: {error}")
        return 1
    except _StoppedError:
        return 0
    return code


def run(given: Mapping[str, Any]) -> int:
    """Start the service and keep it running until it is told to stop."""
    # What is imported stays: looking through it for garbage again and again is a tenth of the time of a start.
    gc.disable()
    usual = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_SECONDS)
    signals = _Signals()
    signals.install()
    with signals.starting(), ExitStack() as ending:
        settings, place = None, first_start(given, os.environ)
        if place is None:
            settings = _settings(given)
            place = Place(settings.host, settings.port, settings.data_dir)
        listeners = listen(place.host, place.port)
        for listener in listeners:
            ending.callback(listener.close)
        server: EmbeddedPostgres | None = None
        if settings is None or settings.database_url is None:
            server = _embedded(place.data_dir, script=_SCHEMA)
            ending.callback(server.stop)
            server.begin()
        settings = settings or _agreed(_settings(given), place)
        serving = importlib.import_module("app.serving")
        signals.check()
        url = _url(settings, server)
        sys.setswitchinterval(usual)
        gc.freeze()
        gc.enable()
        signals.only_remember()
        serving.run(settings, url, listeners, lambda: signals.asked)
    return 0


def migrate(given: Mapping[str, Any]) -> int:
    """Bring the database to the newest revision."""
    settings = _settings(given)
    with ExitStack() as ending:
        server: EmbeddedPostgres | None = None
        if settings.database_url is None:
            server = _embedded(settings.data_dir)
            ending.callback(server.stop)
        importlib.import_module("app.upkeep").migrate(settings, _url(settings, server))
    return 0


def keys(given: Mapping[str, Any]) -> int:
    """Make, list, revoke or forget API keys, beside a running service or without one."""
    return _in_database("keys", given)


def release(given: Mapping[str, Any]) -> int:
    """Let a database that was restored or moved send and call by itself again, beside a running service or without."""
    return _in_database("release", given)


def _in_database(name: str, given: Mapping[str, Any]) -> int:
    places = {name: given[name] for name in ("data_dir",) if name in given}
    settings = _settings(places)
    with ExitStack() as ending:
        server: EmbeddedPostgres | None = None
        url = None
        if settings.database_url is None:
            # A service that runs on the data directory has its database open; else it is started for the moment.
            url = running_url(settings.data_dir)
            if url is None:
                server = _embedded(settings.data_dir)
                ending.callback(server.stop)
        commands = importlib.import_module("app.commands")
        code: int = getattr(commands, name)(settings, url or _url(settings, server), given, is_ours=server is not None)
    return code


def config(given: Mapping[str, Any]) -> int:
    """Print all settings under the names of their environment variables, secrets masked."""
    for line in importlib.import_module("app.environment").shown(_settings(given)):
        sys.stdout.write(f"{line}\n")
    return 0


def first_start(given: Mapping[str, Any], environment: Mapping[str, str]) -> Place | None:
    """Tell where a start takes place that has to make its database, before the settings can be read.

    Args:
        given: Options of the command line, by the names of the settings.
        environment: The environment variables, whose case does not matter.

    Returns:
        None if it is no such start, or if what is set is unusual; the settings must be read first then.
    """
    found = {name.lower(): value for name, value in environment.items()}
    if not {"database_url", "huiyin_database_url", "database_url_file"}.isdisjoint(found):
        return None
    host = str(given.get("host", found.get("huiyin_host", "127.0.0.1")))
    port = str(given.get("port", found.get("huiyin_port", "8000")))
    data_dir = Path(given.get("data_dir", found.get("huiyin_data_dir", "data")))
    if not (port.isascii() and port.isdigit() and int(port) <= _HIGHEST_PORT) or (data_dir / "cluster").exists():
        return None
    return Place(host, int(port), data_dir)


def listen(host: str, port: int) -> list[socket.socket]:
    """Take the port on every address of ``host``; callers wait in line until the service answers.

    Raises:
        StartupError: the name is unknown, or the port cannot be had.
    """
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise StartupError(f"cannot listen on {host!r}: {error}") from error
    listeners: list[socket.socket] = []
    problem: OSError | None = None
    for family, _kind, _protocol, _name, address in dict.fromkeys(found):
        # With port 0 the system chooses once, and the other addresses follow.
        chosen = listeners[0].getsockname()[1] if listeners else port
        try:
            listeners.append(socket.create_server((str(address[0]), chosen), family=family, backlog=_BACKLOG))
        except OSError as error:
            problem = error
    if problem is not None and (not listeners or problem.errno != errno.EADDRNOTAVAIL):
        for listener in listeners:
            listener.close()
        reason = f"cannot listen on {host}, port {port}: {os.strerror(problem.errno or 0)}."
        advice = " Stop what is running there, or choose another port with --port (or HUIYIN_PORT)."
        raise StartupError(reason + (advice if problem.errno == errno.EADDRINUSE else "")) from problem
    return listeners


def _parser() -> argparse.ArgumentParser:
    about = "Huiyin 回音. Settings are environment variables; `config` lists them."
    top = argparse.ArgumentParser(prog="python -m app", description=about, allow_abbrev=False)
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("run", help="start the service", allow_abbrev=False)
    command.add_argument("--host", help="address to listen on (HUIYIN_HOST, else 127.0.0.1)")
    command.add_argument("--port", type=int, help="port to listen on, 0 for a free one (HUIYIN_PORT, else 8000)")
    command.add_argument("--data-dir", help="directory of the embedded database and of files (HUIYIN_DATA_DIR)")
    command.add_argument("--no-demo", dest="demo", action="store_false", default=None, help="no demonstration data")
    command.set_defaults(command=run)

    command = commands.add_parser("migrate", help="bring the database to the newest revision", allow_abbrev=False)
    command.add_argument("--data-dir", help="directory of the embedded database, used without DATABASE_URL")
    command.set_defaults(command=migrate)

    command = commands.add_parser("release", help="let a restored database send by itself again", allow_abbrev=False)
    command.add_argument("--yes", action="store_true", default=None, help="do it; without, only tell what is known")
    command.add_argument("--data-dir", help="directory of the embedded database, used without DATABASE_URL")
    command.set_defaults(command=release)

    _add_keys(commands.add_parser("keys", help="make, list and revoke API keys", allow_abbrev=False))

    command = commands.add_parser("config", help="print all settings, secrets masked", allow_abbrev=False)
    command.set_defaults(command=config)
    return top


def _add_keys(top: argparse.ArgumentParser) -> None:
    top.set_defaults(command=keys)
    actions = top.add_subparsers(dest="action", required=True, metavar="ACTION")
    made = actions.add_parser("create", help="make a key and print it, once", allow_abbrev=False)
    made.add_argument("--name", required=True, help="whose it is, for the list: up to 64 characters")
    made.add_argument("--scopes", required=True, help="of read, write, operate (send, call) and admin, with commas")
    made.add_argument("--expires-days", type=int, help="how long it works; without an end by default")
    listed = actions.add_parser("list", help="list all keys and their last use", allow_abbrev=False)
    revoked = actions.add_parser("revoke", help="end a key for good, within seconds everywhere", allow_abbrev=False)
    forgotten = actions.add_parser("forget", help="take a revoked or expired key off the list", allow_abbrev=False)
    for action in (revoked, forgotten):
        action.add_argument("id", help="as `keys list` shows it")
    for action in (made, listed, revoked, forgotten):
        action.add_argument("--data-dir", help="directory of the embedded database, used without DATABASE_URL")


def _settings(given: Mapping[str, Any]) -> "Settings":
    """Read the settings from the environment; options of the command line win."""
    settings: Settings = importlib.import_module("app.environment").read(given)
    return settings


def _agreed(settings: "Settings", place: Place) -> "Settings":
    """Return the settings, which must say the same as what was read of them before."""
    if settings.database_url is not None or (settings.host, settings.port, settings.data_dir) != place:
        raise RuntimeError(f"the settings are not those that the start began with: {place}")
    return settings


def _embedded(data_dir: Path, script: Path | None = None) -> EmbeddedPostgres:
    if not (data_dir / "cluster").exists():
        _say(f"Making a database in {data_dir.absolute()} …")
    return EmbeddedPostgres(data_dir, script=script, log=_say)


def _url(settings: "Settings", server: EmbeddedPostgres | None) -> str:
    """Return where the database is, once the embedded one answers."""
    if server is not None:
        return server.start()
    assert settings.database_url is not None  # noqa: S101 - `run` makes a server where no URL is set; for mypy
    return settings.database_url.get_secret_value()


def _say(text: str) -> None:
    """Tell the person at the terminal; stdout is for the log."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
