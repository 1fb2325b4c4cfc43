"""The sentence encoder in a process of its own: see ``docs/decisions/encoder-process.md``."""

import json
import os
import socket
import struct
import subprocess
import sys
import threading
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
_SECRET: Final = ("HUIYIN_", "DATABASE_", "PG", "OTEL_")
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
    if it dies, the texts under way are given to a new one. One list at a time; the others wait.
    """

    name = SentenceEncoder.name
    dimensions = SentenceEncoder.dimensions
    lexical = SentenceEncoder.lexical

    def __init__(self, patience: int = PATIENCE) -> None:
        self._patience = patience
        self._running: _Running | None = None
        self._turn = threading.Lock()
        self._is_closed = False

    @property
    def pid(self) -> int | None:
        """The process's id, None while there is none."""
        return self._running.process.pid if self._running else None

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode texts, one row each.

        Raises:
            UnavailableError: Two processes, one after the other, gave no answer, or this was closed.
            EncodingError: The encoder cannot encode one of them, or is broken.
        """
        if not texts:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        question = json.dumps(list(texts)).encode()
        with self._turn:
            try:
                trouble, vectors = self._ask(question)
            except _LostError:  # killed by somebody, or by the system for want of memory
                trouble, vectors = self._ask_again(question)
        if trouble:
            raise EncodingError(trouble.decode())
        return np.frombuffer(vectors, dtype=np.float32).reshape(len(texts), self.dimensions)

    def close(self) -> None:
        """End the process for good; from any thread: what another one waits for fails at once."""
        self._is_closed = True
        if not self._turn.acquire(blocking=False):
            running = self._running
            if running is not None:
                running.process.kill()
            self._turn.acquire()
        try:
            self._end()
        finally:
            self._turn.release()

    def _end(self) -> None:
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
            raise _no_answer() from error

    def _ask(self, question: bytes) -> tuple[bytes, bytes]:
        running = self._process()
        try:
            running.pipe.send_bytes(question)
            return running.pipe.recv_bytes(), running.pipe.recv_bytes()
        except (EOFError, OSError) as error:
            self._end()
            if not self._is_closed:
                log.warning(
                    "the encoder's process is lost",
                    error=repr(error),
                    pid=running.process.pid,
                    ended=running.process.returncode,
                )
            raise _LostError from error
        except BaseException:  # the rest of this answer must not be taken for the next one
            self._end()
            raise

    def _process(self) -> _Running:
        if self._running is None and not self._is_closed:
            try:
                self._running = _start(self._patience)
            except OSError as error:
                log.warning("the encoder's process does not begin", error=repr(error))
                raise _LostError from error
        # Looked at once the process stands where `close` finds it.
        if self._running is None or self._is_closed:
            raise _no_answer()
        return self._running


def _no_answer() -> UnavailableError:
    return UnavailableError("The sentence encoder gives no answer. 语义模型暂时没有响应。")


def _start(patience: int) -> _Running:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):  # reads and writes that take longer fail
            ours.setsockopt(socket.SOL_SOCKET, option, struct.pack("@ll", patience, 0))
        process = subprocess.Popen(  # noqa: S603 - the command is built here, no part of it comes from a request
            [sys.executable, "-m", _WORKER, str(theirs.fileno())],
            cwd=_SOURCE,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,  # Ctrl-C is for the service, which has turns to finish
        )
        return _Running(process, Connection(ours.detach()))


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_SECRET)}
    # Named, and not only the directory it starts in: with PYTHONSAFEPATH that one is not looked into.
    paths = [str(_SOURCE), *filter(None, [kept.get("PYTHONPATH")])]
    return {**kept, "PYTHONPATH": os.pathsep.join(paths)}


def best_encoder() -> Encoder:
    """Give the sentence encoder where its package is installed, else the characters."""
    return EncoderProcess() if SentenceEncoder.available() else CharEncoder()
