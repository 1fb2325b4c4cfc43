"""What a talk says about the person: a level, tags, and the sentences that led to them."""

from app.domain.intention.answers import checked_answer, speaks_to_machine
from app.domain.intention.phrases import DEFAULT_PHRASES, PhraseTable, default_table
from app.domain.intention.reading import MAX_EVIDENCE, Line, Reading, read_refusals, read_talk
from app.domain.intention.refusals import refuses_calls, without_others
from app.domain.intention.words import (
    LEVEL_TEXTS,
    PHRASE_TAGS,
    REFUSES_CONTACT,
    TAG_TEXTS,
    Level,
    level_of,
)

__all__ = [
    "DEFAULT_PHRASES",
    "LEVEL_TEXTS",
    "MAX_EVIDENCE",
    "PHRASE_TAGS",
    "REFUSES_CONTACT",
    "TAG_TEXTS",
    "Level",
    "Line",
    "PhraseTable",
    "Reading",
    "checked_answer",
    "default_table",
    "level_of",
    "read_refusals",
    "read_talk",
    "refuses_calls",
    "speaks_to_machine",
    "without_others",
]
