"""The sound of a simulated call: real WAV, 8 kHz, 16 bit, mono; tones that rise and fall in place of voices."""

import math
import struct
from array import array
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import repeat
from typing import Final

from app.domain.calls import Action, Speaker
from app.gateways.dialer.simulator.stories import Turn

RATE: Final = 8000
_SAMPLE_BYTES: Final = 2
SECOND_BYTES: Final = RATE * _SAMPLE_BYTES
HEADER_BYTES: Final = 44
_LOUDNESS: Final = 9000
_SYLLABLES: Final = 4
"""Swells a second."""
_PITCHES: Final = {Speaker.ROBOT: (220, 247), Speaker.CONTACT: (147, 165)}
_SPOKEN: Final = frozenset({Action.BROADCAST, Action.DIALOGUE})


def header(seconds: int) -> bytes:
    """Return the head of a WAV file of so many seconds (RIFF, one ``fmt`` and one ``data`` chunk, 44 bytes)."""
    size = seconds * SECOND_BYTES
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF", HEADER_BYTES - 8 + size, b"WAVE",
        b"fmt ", 16, 1, 1, RATE, SECOND_BYTES, _SAMPLE_BYTES, 8 * _SAMPLE_BYTES,
        b"data", size,
    )  # fmt: skip


def sound(turns: Sequence[tuple[int, Turn]], begin: int, end: int) -> Iterator[bytes]:
    """Yield a WAV file piece by piece, one second each.

    Args:
        turns: The turns of the talk and the second at which each begins; it lasts until the next.
        begin: The second at which somebody picked up.
        end: The second at which the call was over.
    """
    yield header(end - begin)
    second = begin
    for (at, turn), until in zip(turns, [*(at for at, _ in turns[1:]), end], strict=True):
        yield from repeat(_second(None), at - second)
        yield from repeat(_second(turn.speaker if turn.action in _SPOKEN else None), until - at)
        second = until
    yield from repeat(_second(None), end - second)


@cache
def _second(speaker: Speaker | None) -> bytes:
    """Return one second of a voice, or of silence; it ends where it began, so that seconds can follow each other."""
    if speaker is None:
        return bytes(SECOND_BYTES)
    samples = array("h")
    for index in range(RATE):
        swell = math.sin(math.pi * _SYLLABLES * index / RATE) ** 2
        tone = sum(math.sin(2 * math.pi * pitch * index / RATE) for pitch in _PITCHES[speaker])
        samples.append(int(_LOUDNESS * swell * tone / len(_PITCHES[speaker])))
    if struct.pack("=H", 1) != struct.pack("<H", 1):
        samples.byteswap()  # WAV is little-endian everywhere
    return samples.tobytes()
