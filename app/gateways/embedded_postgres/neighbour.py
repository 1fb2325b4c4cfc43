"""The server that another process of ours runs on a data directory, for commands beside a running service.

The directory stays the service's: nothing here starts, stops or signals a server. A command is one more client on the
private socket, which only the user of the service can open.
"""

import os
import time
from pathlib import Path

from app.gateways.embedded_postgres import wire
from app.gateways.embedded_postgres.cluster import SUPERUSER
from app.gateways.embedded_postgres.errors import EmbeddedPostgresError
from app.gateways.embedded_postgres.locks import take
from app.gateways.embedded_postgres.places import Places, find_socket_directory, socket_file, socket_url
from app.gateways.embedded_postgres.server import DATABASE

_PAUSE = 0.05
_PATIENCE = 60.0


def running_url(data_dir: Path, patience: float = _PATIENCE) -> str | None:
    """Returns where the database is that a running service has in `data_dir`; None if no service runs there.

    A service that is just starting is waited for.

    Raises:
        EmbeddedPostgresError: the directory is in use, but no database answers in it within `patience` seconds.
    """
    places = Places(Path(data_dir).absolute())
    deadline = time.monotonic() + patience
    while _is_taken(places.service_lock):
        directory = find_socket_directory(places.home)
        if directory is not None and _answers(socket_file(directory)):
            return socket_url(directory, SUPERUSER, DATABASE)
        if time.monotonic() >= deadline:
            raise EmbeddedPostgresError(
                f"the data directory {places.home} is in use, but its database does not answer. If a service is "
                "starting there, try again; else end what uses it."
            )
        time.sleep(_PAUSE)  # the other process tells nobody when it is ready; no event loop runs here yet
    return None


def _is_taken(lock: Path) -> bool:
    if not lock.exists():
        return False
    try:
        descriptor = take(lock)
    except OSError as error:
        raise EmbeddedPostgresError(f"cannot look into {lock.parent}: {error}. Run this as its owner.") from error
    if descriptor is None:
        return True
    os.close(descriptor)
    return False


def _answers(address: Path) -> bool:
    try:
        wire.execute(address, SUPERUSER, DATABASE, "SELECT 1")
    except (OSError, wire.ServerError):
        return False
    return True
