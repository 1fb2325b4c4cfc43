"""The sentence encoder in a process of its own: see ``docs/decisions/encoder-process.md``."""

import json
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import numpy as np
import structlog

from app.errors import UnavailableError
from app.gateways.matcher.encoders import CharEncoder, Encoder, SentenceEncoder, Vectors

log = structlog.get_logger(__name__)

PATIENCE: Final = 60
"""Seconds for the longest list, loading the model included; both take about a second on an idle machine."""
_ENDING: Final = 2
"""Seconds to leave after the pipe was closed."""
_WORKER: Final = "app.gateways.matcher.worker"
_SOURCE: Final = Path(__file__).parents[3]
_SECRET: Final = ("HUIYIN_", "DATABASE_", "PG")
"""How the names of settings begin that an encoder has no use for."""


class EncodingError(Exception):
    """What the encoder raised."""


class _LostError(Exception):
    """The process ended, or did not answer."""


@dataclass(frozen=True, slots=True)
class _Running:
    process: "subprocess.Popen[bytes]"
    pipe: "Connection[Any, Any]"


class EncoderProcess:
    """`SentenceEncoder` at the other end of a pipe.

    The process begins with the first text and ends with the pipe, so also when the service is killed. It has no state:
    if it dies, the texts under way are given to a new one. Not safe for concurrent calls: `Matcher` has one thread.
    """

    name = SentenceEncoder.name
    dimensions = SentenceEncoder.dimensions
    lexical = SentenceEncoder.lexical

    def __init__(self, patience: int = PATIENCE) -> None:
        self._patience = patience
        self._running: _Running | None = None

    @property
    def pid(self) -> int | None:
        """The process's id, None while there is none."""
        return self._running.process.pid if self._running else None

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode texts, one row each.

        Raises:
            UnavailableError: Two processes, one after the other, gave no answer.
            EncodingError: The encoder cannot encode one of them, or is broken.
        """
        if not texts:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        question = json.dumps(list(texts)).encode()
        try:
            trouble, vectors = self._ask(question)
        except _LostError:  # killed by somebody, or by the system for want of memory
            trouble, vectors = self._ask_again(question)
        if trouble:
            raise EncodingError(trouble.decode())
        return np.frombuffer(vectors, dtype=np.float32).reshape(len(texts), self.dimensions)

    def close(self) -> None:
        """End the process; the next text begins another."""
        if self._running is not None:
            running, self._running = self._running, None
            running.pipe.close()
            try:
                running.process.wait(_ENDING)
            except subprocess.TimeoutExpired:
                running.process.kill()
                running.process.wait()

    def _ask_again(self, question: bytes) -> tuple[bytes, bytes]:
        try:
            return self._ask(question)
        except _LostError as error:
            raise UnavailableError("The sentence encoder gives no answer. 语义模型暂时没有响应。") from error

    def _ask(self, question: bytes) -> tuple[bytes, bytes]:
        self._running = self._running or _start(self._patience)
        try:
            self._running.pipe.send_bytes(question)
            return self._running.pipe.recv_bytes(), self._running.pipe.recv_bytes()
        except (EOFError, OSError) as error:
            process = self._running.process
            self.close()
            log.warning("the encoder's process is lost", error=repr(error), pid=process.pid, ended=process.returncode)
            raise _LostError from error


def _start(patience: int) -> _Running:
    ours, theirs = socket.socketpair()
    with theirs:
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):  # reads and writes that take longer fail
            ours.setsockopt(socket.SOL_SOCKET, option, struct.pack("@ll", patience, 0))
        process = subprocess.Popen(  # noqa: S603 - the command is built here, no part of it comes from a request
            [sys.executable, "-m", _WORKER, str(theirs.fileno())],
            cwd=_SOURCE,
            env={name: value for name, value in os.environ.items() if not name.startswith(_SECRET)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,  # Ctrl-C is for the service, which has turns to finish
        )
    return _Running(process, Connection(ours.detach()))


def best_encoder() -> Encoder:
    """Give the sentence encoder where its package is installed, else the characters."""
    return EncoderProcess() if SentenceEncoder.available() else CharEncoder()
