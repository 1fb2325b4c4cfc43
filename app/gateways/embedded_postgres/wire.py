"""As much of PostgreSQL's wire protocol as it takes to ask a server that trusts us one question.

The service's own driver is asynchronous and slow to import; both would cost more than these few lines.
"""

import socket
import struct
from pathlib import Path
from typing import BinaryIO

_PROTOCOL_3 = 196_608
_HEADER = struct.Struct("!cI")
_SECONDS = 60.0


class ServerError(Exception):
    """The server's answer is an error: its message and its five-character code."""


def execute(address: Path, user: str, database: str, statement: str) -> str:
    """Runs one statement over the Unix socket at `address`.

    Returns:
        The command tag, which counts rows: `SELECT 1`.

    Raises:
        ServerError: the server refused the connection or the statement.
        OSError: there is no server, or it went away.
    """
    with socket.socket(socket.AF_UNIX) as connection, connection.makefile("rb") as answers:
        connection.settimeout(_SECONDS)
        connection.connect(str(address))
        greeting = f"user\0{user}\0database\0{database}\0\0".encode()
        connection.sendall(struct.pack("!II", len(greeting) + 8, _PROTOCOL_3) + greeting)
        _await_ready(answers)
        text = statement.encode() + b"\0"
        connection.sendall(_HEADER.pack(b"Q", len(text) + 4) + text)
        tag = _await_ready(answers)
        connection.sendall(_HEADER.pack(b"X", 4))
        return tag


def _await_ready(answers: BinaryIO) -> str:
    tag = ""
    while True:
        kind, length = _HEADER.unpack(_read(answers, _HEADER.size))
        body = _read(answers, length - 4)
        if kind == b"E":
            fields = {field[:1]: field[1:].decode(errors="replace") for field in body.split(b"\0") if field}
            raise ServerError(f"{fields.get(b'M', 'no message')} ({fields.get(b'C', '?????')})")
        if kind == b"C":
            tag = body.rstrip(b"\0").decode()
        if kind == b"Z":
            return tag


def _read(answers: BinaryIO, size: int) -> bytes:
    data = answers.read(size)
    if len(data) < size:
        raise ConnectionResetError("the server closed the connection")
    return data
