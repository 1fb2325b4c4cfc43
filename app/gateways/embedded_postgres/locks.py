"""The two locks of a data directory, and what becomes of those who still hold one after their service died."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from app.gateways.embedded_postgres.errors import EmbeddedPostgresError

_PAUSE = 0.01
# How long each kind of request gets to work. To a postmaster SIGINT is a fast shutdown; to an orphaned backend it
# cancels the query, after which it notices that its postmaster is gone.
_ESCALATION = ((1.0, signal.SIGINT), (8.0, signal.SIGQUIT), (4.0, signal.SIGKILL))
_LAST_WAIT = 4.0
_PROGRAMS = frozenset({"postgres", "initdb"})


def take(path: Path, patience: float = 0.0, stopping: threading.Event | None = None) -> int | None:
    """Locks a file.

    Returns:
        The descriptor that holds the lock until it and all its inherited copies are closed; None if somebody else
        held it for all of `patience` seconds.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + patience
    stopping = stopping or threading.Event()
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # A lock can only be asked for again and again: there is no request that gives up after a time.
            if time.monotonic() >= deadline or stopping.wait(_PAUSE):
                os.close(descriptor)
                return None
        except OSError:
            os.close(descriptor)
            raise
        else:
            return descriptor


def take_over(path: Path, stopping: threading.Event, log: Callable[[str], None]) -> int:
    """Takes the postmaster's lock as soon as the last process of an earlier server is gone, which it hastens.

    Only for the holder of the service's lock: then nobody is left who wants those processes.

    Raises:
        EmbeddedPostgresError: they do not go, or we are to stop.
    """
    for patience, request in _ESCALATION:
        descriptor = take(path, patience, stopping)
        if descriptor is not None:
            return descriptor
        if stopping.is_set():
            raise EmbeddedPostgresError("stopped while it waited for an earlier server to end")
        count = sum(_signal(process, path, request) for process in _processes(path))
        log(f"an earlier PostgreSQL still uses {path.parent}: {request.name} sent to {count} of its processes")
    descriptor = take(path, _LAST_WAIT, stopping)
    if descriptor is None:
        raise EmbeddedPostgresError(
            f"{path.parent} is still used by an earlier PostgreSQL server that does not end. End its processes "
            f"(`fuser {path}` names them), or choose another data directory."
        )
    return descriptor


def _processes(lock: Path) -> Iterator[int]:
    """Candidates, among which `_signal` chooses."""
    if sys.platform == "linux":
        yield from (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    else:
        command = ["/usr/sbin/lsof", "-t", "-a", "-c", "postgres", str(lock)]
        found = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - the path is our own file
        yield from (int(line) for line in found.stdout.split())


def _signal(process: int, lock: Path, request: signal.Signals) -> bool:
    """Signals a process if it is PostgreSQL and holds the lock; a pidfd so that it cannot change in between."""
    if sys.platform != "linux":
        with suppress(OSError):  # lsof has just said who holds it; there is no pidfd
            os.kill(process, request)
            return True
        return False
    with suppress(OSError):
        handle = os.pidfd_open(process)
        try:
            if process != os.getpid() and _is_postgres(process) and _holds(process, lock):
                signal.pidfd_send_signal(handle, request)
                return True
        finally:
            os.close(handle)
    return False


def _is_postgres(process: int) -> bool:
    program = Path(f"/proc/{process}/exe").readlink().name
    return program.removesuffix(" (deleted)") in _PROGRAMS


def _holds(process: int, lock: Path) -> bool:
    return any(_same(entry, lock) for entry in Path(f"/proc/{process}/fd").iterdir())


def _same(entry: Path, lock: Path) -> bool:
    try:
        return entry.samefile(lock)
    except OSError:
        return False
