"""The command line: ``python -m app run``, ``migrate``, ``config``.

How a start goes, in an order that loses no time: settings, the port (taken before anything slow, so that a taken one is
told at once), then the embedded PostgreSQL while another thread imports the libraries, then migrations (only on the
embedded database, which is nobody else's), then the service. It ends in reverse: no new connections, what is under
way is finished within the grace time, PostgreSQL last, exit code 0.
"""

import argparse
import errno
import gc
import importlib
import os
import re
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any
from zoneinfo import ZoneInfoNotFoundError

from pydantic import SecretStr, ValidationError
from pydantic_settings import SettingsError

from app.config import Settings
from app.errors import StartupError
from app.gateways.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError

_BACKLOG = 2048
_PASSWORD = re.compile(r"(?P<before>://[^:@/]*:)[^@]*(?=@)|(?P<name>[?&]password=)[^&]*")


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
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle)

    def only_remember(self) -> None:
        """From now on note the wish in ``asked`` and interrupt nothing."""
        self._interrupts = False

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True
        if self._interrupts:
            raise _StoppedError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    options = _parser().parse_args(arguments)
    try:
        settings = _settings(options)
        code: int = options.command(settings)
    except (StartupError, EmbeddedPostgresError) as error:
        _say(f"huiyin: {error}")
        return 1
    except _StoppedError:
        return 0
    return code


def run(settings: Settings) -> int:
    """Start the service and keep it running until it is told to stop."""
    # What is imported stays: looking through it for garbage again and again is a tenth of the time of a start.
    gc.disable()
    signals = _Signals()
    signals.install()
    listeners = listen(settings.host, settings.port)
    is_new = settings.database_url is None and not (settings.data_dir / "cluster").exists()
    imports = threading.Thread(target=_import_slowly, args=(is_new,), name="imports", daemon=True)
    imports.start()
    try:
        with _database(settings) as url:
            imports.join()
            serving = importlib.import_module("app.serving")
            gc.freeze()
            gc.enable()
            signals.only_remember()
            serving.run(settings, url, listeners, lambda: signals.asked)
    finally:
        for listener in listeners:
            listener.close()
    return 0


def migrate(settings: Settings) -> int:
    """Bring the database to the newest revision."""
    with _database(settings) as url:
        importlib.import_module("app.serving").migrate(settings, url)
    return 0


def config(settings: Settings) -> int:
    """Print all settings under the names of their environment variables, secrets masked."""
    for name, field in Settings.model_fields.items():
        sys.stdout.write(f"{_variable(name, field)}={_shown(getattr(settings, name))}\n")
    return 0


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

    command = commands.add_parser("config", help="print all settings, secrets masked", allow_abbrev=False)
    command.set_defaults(command=config)
    return top


def _settings(options: argparse.Namespace) -> Settings:
    """Read the settings from the environment; options of the command line win."""
    given = {name: value for name, value in vars(options).items() if name != "command" and value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        # Only names and reasons: the values may be secrets.
        lines = [f"  {_place(problem['loc'])}: {problem['msg']}" for problem in error.errors()]
        raise StartupError("settings that cannot be used:\n" + "\n".join(lines)) from None
    except ZoneInfoNotFoundError as error:
        raise StartupError(f"settings that cannot be used:\n  HUIYIN_TIME_ZONE: {error.args[0]}") from None
    except SettingsError as error:
        raise StartupError(f"settings that cannot be used: {error}") from None


def _place(location: tuple[int | str, ...]) -> str:
    if not location:
        return "together"
    first, *rest = (str(part) for part in location)
    field = Settings.model_fields.get(first)
    return ".".join([first if field is None else _variable(first, field), *rest])


def _variable(name: str, field: Any) -> str:
    return str(field.validation_alias or f"{Settings.model_config['env_prefix']}{name}".upper())


def _shown(value: Any) -> str:
    if isinstance(value, SecretStr):
        return _PASSWORD.sub(lambda found: f"{found['before'] or found['name']}****", value.get_secret_value())
    if isinstance(value, tuple):
        return ",".join("****" if isinstance(each, SecretStr) else str(each) for each in value)
    return "" if value is None else str(value)


@contextmanager
def _database(settings: Settings) -> Iterator[str]:
    """Lend the URL of the database: the one that is set, else that of an embedded server that ends with us."""
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    if not (settings.data_dir / "cluster").exists():
        _say(f"Making a database in {settings.data_dir.absolute()} …")
    server = EmbeddedPostgres(settings.data_dir, log=_say)
    try:
        yield server.start()
    finally:
        server.stop()


def _import_slowly(is_new: bool) -> None:
    """Import while PostgreSQL starts; an import that fails here fails again, and audibly, where it is needed.

    Only a new database needs the migrations' library. A process that is stopped meanwhile breaks the import off:
    libraries that want to be told of its end get a `RuntimeError` then.
    """
    with suppress(ImportError, RuntimeError):
        importlib.import_module("app.serving")
        if is_new:
            importlib.import_module("alembic.command")


def _say(text: str) -> None:
    """Tell the person at the terminal; stdout is for the log."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
