"""Where everything of one data directory lies."""

import hashlib
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from app.gateways.embedded_postgres.errors import EmbeddedPostgresError
from app.gateways.embedded_postgres.runner import Runner

PORT = 5432
# Linux allows 107 bytes for the path of a Unix socket, macOS 103.
_LONGEST_SOCKET_PATH = 100


@dataclass(frozen=True)
class Places:
    """The paths below one data directory."""

    home: Path

    @property
    def cluster(self) -> Path:
        """PostgreSQL's own directory, once it is complete."""
        return self.home / "cluster"

    @property
    def draft(self) -> Path:
        """The cluster while it is made."""
        return self.home / "cluster.new"

    @property
    def unflushed(self) -> Path:
        """Exists until a new cluster is known to be on the disk."""
        return self.home / "cluster.unflushed"

    @property
    def log(self) -> Path:
        """The server's messages."""
        return self.home / "postgres.log"

    @property
    def service_lock(self) -> Path:
        """Held by the service."""
        return self.home / "service.lock"

    @property
    def postmaster_lock(self) -> Path:
        """Held by PostgreSQL and its children."""
        return self.home / "postmaster.lock"


def socket_file(directory: Path) -> Path:
    """The socket that the server makes in `directory`."""
    return directory / f".s.PGSQL.{PORT}"


def socket_url(directory: Path, user: str, database: str) -> str:
    """The database behind the socket in `directory`, as SQLAlchemy's asyncpg dialect names it."""
    return f"postgresql+asyncpg://{user}@/{database}?host={quote(str(directory))}&port={PORT}"


def prepare_home(home: Path) -> None:
    """Makes the data directory, private; one that exists keeps its permissions."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise EmbeddedPostgresError(
            f"cannot make the data directory {home}: {error.strerror}. Choose another one, or set DATABASE_URL."
        ) from error
    if os.statvfs(home).f_flag & os.ST_RDONLY:
        raise EmbeddedPostgresError(
            f"the data directory {home} is on a file system that is read-only. "
            "Make it writable, choose another one, or set DATABASE_URL."
        )
    if not os.access(home, os.R_OK | os.W_OK | os.X_OK):
        raise EmbeddedPostgresError(
            f"the data directory {home} does not belong to this user (id {os.geteuid()}). "
            "Start the service as its owner, or choose another one."
        )


def prepare_socket_directory(home: Path, runner: Runner) -> Path:
    """Makes the private directory of the socket, empty of sockets; call it only while no server runs."""
    base = home if _fits(home / "run") else _short_base(home)
    directory = base / "run"
    directory.mkdir(mode=0o700, exist_ok=True)
    if directory.is_symlink():
        raise EmbeddedPostgresError(f"{directory} is a link; remove it, the server's socket must be private")
    directory.chmod(0o700)
    runner.own(directory)
    # The lock file beside an old socket holds a process id too, which PostgreSQL would take at its word.
    for stale in directory.glob(f"{socket_file(directory).name}*"):
        stale.unlink()
    return directory


def find_socket_directory(home: Path) -> Path | None:
    """The directory in which a running server has made its socket; None if there is none that only its user enters."""
    base = home if _fits(home / "run") else _short_name(home)
    directory = base / "run"
    if not socket_file(directory).exists() or directory.is_symlink() or directory.stat().st_mode & 0o077:
        return None
    # A base elsewhere lies in a directory where everybody may make things.
    return directory if base == home or _is_private(base) else None


def remove_socket_directory(home: Path) -> None:
    """Leaves nothing behind in the temporary directory when the server has ended in an orderly way."""
    for directory in (home / "run", _short_name(home) / "run", _short_name(home)):
        with suppress(OSError):
            directory.rmdir()


def _fits(directory: Path) -> bool:
    """Whether the path is short enough, and survives a URL in which a comma parts hosts."""
    path = str(socket_file(directory))
    return len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH and path.isprintable() and "," not in path


def _short_base(home: Path) -> Path:
    """A private directory with a short name made from the long one; nobody else may have made it."""
    base = _short_name(home)
    base.mkdir(mode=0o700, exist_ok=True)
    if not _is_private(base):
        raise EmbeddedPostgresError(
            f"{base}, where the socket would go, is not a private directory of this user. "
            f"Remove it, or choose a data directory with a shorter path than {home}."
        )
    return base


def _is_private(base: Path) -> bool:
    status = base.lstat()
    return not base.is_symlink() and status.st_uid == os.geteuid() and not status.st_mode & 0o077


def _short_name(home: Path) -> Path:
    digest = hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:16]
    name = f"huiyin-{os.geteuid()}-{digest}"
    places = [Path(tempfile.gettempdir()), Path("/tmp")]  # noqa: S108 - owner and mode are checked before use
    return next((place / name for place in places if _fits(place / name / "run")), places[-1] / name)
