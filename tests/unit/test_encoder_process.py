"""The encoder's own process: the same vectors, and what happens when it dies or stands still."""

import os
import signal
import sys
from collections.abc import Iterator

import numpy as np
import psutil
import pytest

from app.errors import UnavailableError
from app.gateways.matcher import EncoderProcess, SentenceEncoder
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
    for name in ("HUIYIN_API_KEYS", "DATABASE_URL", "PGPASSWORD"):
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
    monkeypatch.setattr(sys, "executable", "/usr/bin/false")
    with pytest.raises(UnavailableError, match="语义模型"):
        encoder.encode(TEXTS)
    monkeypatch.undo()
    assert encoder.encode(TEXTS).shape == (len(TEXTS), encoder.dimensions)


def test_closing_ends_the_process(encoder: EncoderProcess) -> None:
    encoder.encode(TEXTS[:1])
    pid = encoder.pid
    assert pid is not None
    encoder.close()
    assert not psutil.pid_exists(pid)
    encoder.close()
