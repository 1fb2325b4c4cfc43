"""Finds the FAQ entry that a person means, and says how sure it is.

`Matcher` is what services use: it encodes texts off the event loop, many at a time, and searches an `Index` per bot.
What it does and how well: ``docs/matcher.md``.
"""

from app.gateways.matcher.batching import Matcher
from app.gateways.matcher.encoders import CharEncoder, Encoder, SentenceEncoder
from app.gateways.matcher.index import Index, Match, Question
from app.gateways.matcher.process import EncoderProcess, best_encoder
from app.gateways.matcher.wording import MAX_CHARS, clean, normalise

__all__ = [
    "MAX_CHARS",
    "CharEncoder",
    "Encoder",
    "EncoderProcess",
    "Index",
    "Match",
    "Matcher",
    "Question",
    "SentenceEncoder",
    "best_encoder",
    "clean",
    "normalise",
]
