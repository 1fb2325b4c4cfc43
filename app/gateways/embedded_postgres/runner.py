"""Who runs the server, and how that user names directories it may be unable to walk to."""

import os
import pwd
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from app.gateways.embedded_postgres.errors import EmbeddedPostgresError

_UNPRIVILEGED = ("postgres", "nobody", "daemon")
_LAUNCHER = Path(__file__).with_name("launch.py")


@dataclass(frozen=True)
class Runner:
    """The user that PostgreSQL runs as; `switched` when that is not the user of the service."""

    uid: int
    gid: int
    switched: bool

    def own(self, path: Path) -> None:
        """Gives a directory or file of ours to the server's user."""
        if not self.switched:
            return
        try:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)
        except OSError as error:
            raise EmbeddedPostgresError(
                f"cannot give {path} to the unprivileged user {self.uid}, and PostgreSQL refuses to run as root: "
                f"{error}. Start the service as an ordinary user, choose a data directory on a local disk, "
                "or set DATABASE_URL."
            ) from error

    def may(self, path: Path, want: int) -> bool:
        """Whether the mode bits of `path` and its parents let the user through (`want`: 4 read, 1 search)."""
        try:
            return self._bits(path) & want == want and all(self._bits(parent) & 1 for parent in path.parents)
        except FileNotFoundError:
            return False

    def _bits(self, path: Path) -> int:
        status = path.stat()
        if status.st_uid == self.uid:
            return status.st_mode >> 6
        if status.st_gid == self.gid:
            return status.st_mode >> 3
        return status.st_mode


def choose_runner(cluster: Path) -> Runner:
    """Ourselves; for root, who must not run PostgreSQL, the owner of the cluster or a user made for such things.

    Args:
        cluster: PostgreSQL's directory, which need not exist yet.

    Raises:
        EmbeddedPostgresError: root, and no unprivileged user to be found.
    """
    if os.geteuid() != 0:
        return Runner(os.geteuid(), os.getegid(), switched=False)
    if sys.platform != "linux":
        raise EmbeddedPostgresError(
            "PostgreSQL refuses to run as root. Start the service as an ordinary user, or set DATABASE_URL."
        )
    if cluster.exists() and (status := cluster.stat()).st_uid != 0:
        return Runner(status.st_uid, status.st_gid, switched=True)
    for name in _UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Runner(entry.pw_uid, entry.pw_gid, switched=True)
    raise EmbeddedPostgresError(
        f"PostgreSQL refuses to run as root, and none of the users {', '.join(_UNPRIVILEGED)} exists. "
        "Start the service as an ordinary user, or set DATABASE_URL."
    )


class Handover:
    """Descriptors that a child inherits, and the names under which it finds the directories among them.

    Root's directories may lie under a parent that the server's user cannot enter. An open descriptor needs no parent,
    and `/proc/self/fd/N` names it in the server and in every child it forks.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self.descriptors: list[int] = []

    def name(self, directory: Path) -> str:
        """The path by which the child shall call `directory`."""
        if not self._runner.switched:
            return str(directory)
        self.descriptors.append(os.open(directory, os.O_RDONLY | os.O_DIRECTORY))
        return f"/proc/self/fd/{self.descriptors[-1]}"

    def adopt(self, descriptor: int) -> None:
        """Hands over a descriptor that is already open."""
        self.descriptors.append(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in self.descriptors:
            os.close(descriptor)


def environment(locale: str) -> dict[str, str]:
    """All that the server learns of our environment: its PG*, LC_* and TZ settings would change what it does."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {"PATH": os.defpath, **kept, "LC_ALL": locale, "TZ": "UTC"}


def spawn(
    command: Sequence[str], runner: Runner, handover: Handover, *, output: int, locale: str
) -> subprocess.Popen[bytes]:
    """Starts a program that ends when the calling thread does.

    The kernel ties a parent-death signal to the thread that forked, so only the supervising thread may call this.
    A session of its own keeps a Ctrl-C in the terminal from the server: the service stops first, then its database.
    """
    uid, gid = (runner.uid, runner.gid) if runner.switched else (-1, -1)
    return subprocess.Popen(  # noqa: S603 - the command is built here, no part of it comes from a request
        [sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid()), str(uid), str(gid), *command],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        pass_fds=handover.descriptors,
        env=environment(locale),
        cwd="/",
        start_new_session=True,
    )
