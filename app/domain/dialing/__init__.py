"""Placing calls: the gate, rounds, what a call is placed with, how often a provider is asked."""

from app.domain.dialing.gate import (
    LIMIT,
    MUST_WAIT,
    TEXTS,
    Active,
    Facts,
    Reason,
    Refusal,
    Room,
    Rules,
    decide,
    refusals,
)
from app.domain.dialing.jobs import Named, Script, job_id, script_for, words_for
from app.domain.dialing.numbers import is_dialable
from app.domain.dialing.pace import Slowness, draw_of, pause_after, poll_after
from app.domain.dialing.rounds import (
    MAX_FAULTS,
    Attempt,
    Following,
    after,
    after_refusal_of_provider,
    fault_pause,
    retry_at,
)

__all__ = [
    "LIMIT",
    "MAX_FAULTS",
    "MUST_WAIT",
    "TEXTS",
    "Active",
    "Attempt",
    "Facts",
    "Following",
    "Named",
    "Reason",
    "Refusal",
    "Room",
    "Rules",
    "Script",
    "Slowness",
    "after",
    "after_refusal_of_provider",
    "decide",
    "draw_of",
    "fault_pause",
    "is_dialable",
    "job_id",
    "pause_after",
    "poll_after",
    "refusals",
    "retry_at",
    "script_for",
    "words_for",
]
