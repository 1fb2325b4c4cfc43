"""PostgreSQL's own directory: made whole or not at all, and rid of what a dead server left in it."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from app.gateways.embedded_postgres.errors import EmbeddedPostgresError
from app.gateways.embedded_postgres.installation import Installation
from app.gateways.embedded_postgres.places import Places
from app.gateways.embedded_postgres.runner import Handover

SUPERUSER = "huiyin"
# The first that the C library knows wins; pg_trgm and the like ask it what a letter is.
_CTYPES = ("C.UTF-8", "C.utf8", "en_US.UTF-8", "UTF-8", "C")
_PAUSE = 0.005
_STATUS_LINE = 7


def initialise(installation: Installation, lock: int, stopping: threading.Event) -> bool:
    """Makes the cluster under another name and renames it once it is complete; nothing if there is one.

    Returns:
        Whether it was made.

    Raises:
        EmbeddedPostgresError: `initdb` failed, or something else lies in the cluster's place.
    """
    places, log = installation.places, installation.log_file
    if (places.cluster / "PG_VERSION").exists():
        return False
    if places.cluster.exists() and any(places.cluster.iterdir()):
        raise EmbeddedPostgresError(
            f"{places.cluster} holds files but no PostgreSQL cluster. Move them away, or choose another data directory."
        )
    _require_name(installation.runner.uid)
    start = log.size()
    for ctype in _CTYPES:
        attempt = log.size()
        if _initdb(installation, lock, ctype, stopping):
            places.unflushed.touch()
            places.draft.rename(places.cluster)
            return True
        if "invalid locale name" not in log.since(attempt):
            break
    raise EmbeddedPostgresError(f"cannot make a database cluster in {places.home}:\n{log.since(start)}")


def _initdb(installation: Installation, lock: int, ctype: str, stopping: threading.Event) -> bool:
    draft = installation.places.draft
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    installation.runner.own(draft)

    def arguments(handover: Handover) -> list[str]:
        return [
            *("-D", handover.name(draft)),
            *("--username", SUPERUSER, "--auth=trust", "--encoding=UTF8"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            *("--locale=C", f"--lc-ctype={ctype}"),
            # The files are flushed once the server answers: see `flush`.
            *("--no-sync", "--no-instructions"),
        ]

    try:
        return _wait(installation.run("initdb", arguments, lock, locale=ctype), stopping) == 0
    except EmbeddedPostgresError:
        # Whoever stops it may never come back. What is left here nevertheless, the next start removes.
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _wait(child: subprocess.Popen[bytes], stopping: threading.Event) -> int:
    while (code := child.poll()) is None:
        if stopping.wait(_PAUSE):
            # The whole group, which the child leads: a bootstrapping postgres would go on writing for a while.
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            raise EmbeddedPostgresError("stopped while the database cluster was made")
    return code


def _require_name(uid: int) -> None:
    try:
        pwd.getpwuid(uid)
    except KeyError as error:
        raise EmbeddedPostgresError(
            f"user id {uid} has no name in /etc/passwd, which PostgreSQL's initdb insists on. Give it one, "
            "start the service as another user, or set DATABASE_URL."
        ) from error


def adopt(installation: Installation) -> None:
    """Gives the server's user a cluster that root owns, such as one that was restored by copying."""
    cluster, runner = installation.places.cluster, installation.runner
    if runner.switched and cluster.stat().st_uid == 0:
        for path in _walk(cluster):
            runner.own(path)
        cluster.chmod(0o700)


def flush(places: Places, interrupted: Callable[[], bool]) -> None:
    """Writes a new cluster through to the disk, while it is already in use.

    `initdb` would do it before the first start, for seconds on a slow disk. What the server itself writes is
    flushed by the server; this is for the catalogues that it found there. Interrupted, it is done again from the
    start the next time.
    """
    for path in (*_walk(places.cluster), places.home):
        if interrupted():
            return
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            continue
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:  # the server removed it meanwhile
            continue
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    places.unflushed.unlink(missing_ok=True)


def _walk(top: Path) -> Iterator[Path]:
    for folder, _, files in os.walk(top):
        yield Path(folder)
        yield from (Path(folder, name) for name in files)


def is_ready(cluster: Path, process: int) -> bool:
    """Whether the postmaster with this process id accepts connections, by what it wrote into its pid file."""
    lines = _pid_file_lines(cluster)
    return len(lines) > _STATUS_LINE and lines[0] == str(process) and lines[_STATUS_LINE].strip() == "ready"


def discard_stale_pid_file(cluster: Path) -> None:
    """Removes a pid file that would keep PostgreSQL from starting although its process is some other program now.

    One whose process is dead stays: PostgreSQL deals with it, and looks for leftover shared memory by its contents.

    Raises:
        EmbeddedPostgresError: a server that was started by other means runs on this cluster.
    """
    if not (cluster / "postmaster.pid").exists():
        return
    lines = _pid_file_lines(cluster)
    # A server in single-user mode writes its number with a minus sign.
    process = int(number) if lines and (number := lines[0].strip().removeprefix("-")).isdecimal() else None
    if process is not None and not _alive(process):
        return
    if process is not None and _serves(process, cluster):
        raise EmbeddedPostgresError(
            f"PostgreSQL, process {process}, already runs on {cluster} and was not started by this service. "
            f"Stop it first (pg_ctl stop -D '{cluster}'), or choose another data directory."
        )
    (cluster / "postmaster.pid").unlink(missing_ok=True)


def _pid_file_lines(cluster: Path) -> list[str]:
    try:
        return (cluster / "postmaster.pid").read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return []


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


def _serves(process: int, cluster: Path) -> bool:
    """Whether a live process is a postmaster of this cluster; a postmaster's working directory is its cluster."""
    if sys.platform != "linux":
        command = ["/bin/ps", "-p", str(process), "-o", "comm="]
        return b"postgres" in subprocess.run(command, capture_output=True, check=False).stdout  # noqa: S603 - all of it is ours but a number
    try:
        program = Path(f"/proc/{process}/exe").readlink().name
        return program.startswith("postgres") and Path(f"/proc/{process}/cwd").samefile(cluster)
    except OSError:
        return False
