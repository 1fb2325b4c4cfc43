"""The encoder's own process: the same vectors, and what happens when it dies or stands still."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import psutil
import pytest

from app.errors import UnavailableError
from app.gateways.matcher import EncoderProcess, Matcher, SentenceEncoder, batching
from app.gateways.matcher.process import EncodingError

TEXTS = ["怎么开发票", "在吗", "a\nb \x00 \"'", "长" * 512]


@pytest.fixture
def encoder() -> Iterator[EncoderProcess]:
    made = EncoderProcess()
    yield made
    made.close()


def test_vectors_are_those_of_the_encoder_in_this_process(encoder: EncoderProcess) -> None:
    assert encoder.pid is None, "nothing was asked yet"
    assert encoder.encode([]).shape == (0, encoder.dimensions)
    assert encoder.pid is None
    assert np.array_equal(encoder.encode(TEXTS[:2]), SentenceEncoder().encode(TEXTS[:2]))
    first = encoder.pid
    assert encoder.encode(TEXTS * 32).shape == (128, encoder.dimensions)
    assert encoder.pid == first


def test_it_is_told_no_secrets(encoder: EncoderProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HUIYIN_API_KEYS", "DATABASE_URL", "PGPASSWORD", "OTEL_EXPORTER_OTLP_HEADERS"):
        monkeypatch.setenv(name, "a secret")
    encoder.encode(TEXTS[:1])
    assert encoder.pid is not None
    assert "a secret" not in psutil.Process(encoder.pid).environ().values()


def test_a_process_that_was_killed_is_replaced(encoder: EncoderProcess) -> None:
    before = encoder.encode(TEXTS[:1])
    killed = encoder.pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    assert np.array_equal(encoder.encode(TEXTS[:1]), before)
    assert encoder.pid != killed


def test_a_process_that_stands_still_is_replaced_after_a_while() -> None:
    encoder = EncoderProcess(patience=10)
    before = encoder.encode(TEXTS[:1])
    stopped = encoder.pid
    assert stopped is not None
    os.kill(stopped, signal.SIGSTOP)
    assert np.array_equal(encoder.encode(TEXTS[:1]), before)
    assert not psutil.pid_exists(stopped)
    encoder.close()


def test_texts_that_cannot_be_encoded_harm_nobody_else(encoder: EncoderProcess) -> None:
    with pytest.raises(EncodingError, match="surrogates not allowed"):
        encoder.encode(["\ud83d"])
    first = encoder.pid
    assert encoder.encode(TEXTS).shape == (len(TEXTS), encoder.dimensions)
    assert encoder.pid == first


def test_no_process_to_be_had_is_an_error(encoder: EncoderProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    open_files = psutil.Process().num_fds()
    for program in ("/usr/bin/false", "/usr/bin/nothing"):  # it ends at once; it cannot even begin
        monkeypatch.setattr(sys, "executable", program)
        with pytest.raises(UnavailableError, match="语义模型"):
            encoder.encode(TEXTS)
    assert psutil.Process().num_fds() == open_files
    monkeypatch.undo()
    assert encoder.encode(TEXTS).shape == (len(TEXTS), encoder.dimensions)


def test_closing_ends_the_process(encoder: EncoderProcess) -> None:
    encoder.encode(TEXTS[:1])
    pid = encoder.pid
    assert pid is not None
    encoder.close()
    assert not psutil.pid_exists(pid)
    encoder.close()
    with pytest.raises(UnavailableError):
        encoder.encode(TEXTS[:1])
    assert encoder.pid is None


async def test_a_matcher_ends_although_its_encoder_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "ENDING", 0.1)
    encoder = EncoderProcess(patience=3600)
    matcher = Matcher(encoder)
    await matcher.encode(TEXTS[:1])
    pid = encoder.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    asked = asyncio.gather(
        matcher.search(matcher.index(), TEXTS[0]), matcher.encode(TEXTS), matcher.encode(TEXTS), return_exceptions=True
    )
    await asyncio.sleep(0.1)
    await matcher.aclose()
    assert [type(answer) for answer in await asked] == [UnavailableError] * 3
    assert not psutil.pid_exists(pid)


def test_an_answer_that_was_not_read_to_its_end_is_not_the_next_one(
    encoder: EncoderProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = encoder.encode(TEXTS[1:2])

    def fail(_pipe: object) -> bytes:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(Connection, "recv_bytes", fail)
        with pytest.raises(MemoryError):
            encoder.encode(TEXTS[:1])
    assert np.array_equal(encoder.encode(TEXTS[1:2]), expected)


def test_the_process_finds_the_service_wherever_python_looks(
    encoder: EncoderProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    monkeypatch.chdir(tmp_path)
    assert encoder.encode(TEXTS[:1]).shape == (1, encoder.dimensions)
