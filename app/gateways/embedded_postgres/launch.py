"""Becomes another program that dies with its parent; run by path, in a process of its own.

Doing this between fork and exec of a threaded program could deadlock, so a fresh interpreter does it. Arguments: the
parent's process id, the user and group id to become (-1: stay), then the command.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def _become(uid: int, gid: int) -> None:
    if uid < 0:
        return
    try:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    except OSError as error:
        sys.exit(f"cannot become the unprivileged user {uid}, and PostgreSQL refuses to run as root: {error}")


def _die_with(parent: int) -> None:
    """Asks for a fast shutdown when the parent dies; after the change of user, which would cancel the request."""
    # A service started with "&" or nohup ignores SIGINT, and its children would inherit that.
    for each in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGINT), 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the service that asked for this process is gone")


def main() -> None:
    """Changes the user, ties the process to its parent, and becomes the command."""
    parent, uid, gid = (int(argument) for argument in sys.argv[1:4])
    command = sys.argv[4:]
    os.umask(0o077)
    _become(uid, gid)
    _die_with(parent)
    try:
        os.execv(command[0], command)  # noqa: S606 - no shell is wanted: paths may hold anything
    except OSError as error:
        sys.exit(f"cannot run {command[0]}: {error}")


if __name__ == "__main__":
    main()
