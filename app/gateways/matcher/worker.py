"""The process behind `EncoderProcess`: ``python -m app.gateways.matcher.worker FILE_DESCRIPTOR``.

A question is a JSON list of texts. An answer is two messages: what went wrong, mostly nothing, and the bytes of the
vectors, float32.
"""

import json
import signal
import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

from app.gateways.matcher.encoders import Encoder, SentenceEncoder, keep_to_one_core


def serve(pipe: "Connection[Any, Any]", encoder: Encoder) -> None:
    """Answer until the other end is closed."""
    while True:
        try:
            question = pipe.recv_bytes()
        except (EOFError, OSError):  # gone, or killed in the middle of a question
            return
        trouble, vectors = _encode(encoder, json.loads(question))
        try:
            pipe.send_bytes(trouble.encode(errors="replace"))
            pipe.send_bytes(vectors)
        except ConnectionError:  # whoever asked is gone
            return


def _encode(encoder: Encoder, texts: Sequence[str]) -> tuple[str, bytes]:
    try:
        return "", encoder.encode(texts).tobytes()
    except Exception as error:  # noqa: BLE001 - it is raised where the texts came from; the next ones harm nobody
        return repr(error), b""


def main() -> None:
    """Serve the pipe that the service handed over."""
    # A supervisor may signal every process of the service; turns that are being finished still need their vectors.
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, signal.SIG_IGN)
    keep_to_one_core()
    with Connection(int(sys.argv[1])) as pipe:
        serve(pipe, SentenceEncoder())


if __name__ == "__main__":
    main()
