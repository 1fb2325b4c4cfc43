"""What is too old to be kept, and how a walk over a table that only grows goes on.

What names or quotes people is kept for ever unless somebody sets a limit; what the service wrote for itself and nobody
reads any more goes by itself. Nothing here is asked before somebody is contacted: who may be, and what was sent to
whom and when, stands in rows that are never deleted.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

ROUND: Final = timedelta(days=1)
"""How soon a walk that came to its end begins anew, for rows that had to be left the last time."""


class Kind(StrEnum):
    """What is kept for a time, walked in the order of its ids."""

    MESSAGES = "messages"
    RECORD_TEXTS = "record_texts"
    RECORDINGS = "recordings"
    TRANSCRIPTS = "transcripts"
    CALL_EVENTS = "call_events"
    CALL_NOTICES = "call_notices"
    EVENTS = "events"
    IMPORTS = "imports"


@dataclass(frozen=True, slots=True)
class Policy:
    """Days for which things are kept; None: for ever."""

    messages: int | None
    recordings: int | None
    transcripts: int | None
    bookkeeping: int


@dataclass(frozen=True, slots=True)
class Walk:
    """How far a table was looked through: everything up to the id ``place``, since ``began_at``."""

    place: int
    began_at: datetime


def limits(policy: Policy, now: datetime) -> dict[Kind, datetime]:
    """Return, for each kind that has a limit, the moment before which it is too old; that moment itself is not.

    A day is 24 hours, whatever the clocks on the wall do.
    """
    days = {
        Kind.MESSAGES: policy.messages,
        Kind.RECORD_TEXTS: policy.messages,
        Kind.RECORDINGS: policy.recordings,
        Kind.TRANSCRIPTS: policy.transcripts,
        Kind.CALL_EVENTS: policy.bookkeeping,
        Kind.CALL_NOTICES: policy.bookkeeping,
        Kind.EVENTS: policy.bookkeeping,
        Kind.IMPORTS: policy.bookkeeping,
    }
    return {kind: now - timedelta(days=number) for kind, number in days.items() if number is not None}


def walk_after(walk: Walk, place: int, now: datetime, *, is_at_end: bool) -> Walk:
    """Return where a walk stands after a batch that looked at all up to ``place``: there, or at a new beginning.

    Only what came to its end begins anew: rows that stay in their table are passed over in each round, and a table
    that is too long for a day would never be looked through. A clock that was set back begins a new round, too: whoever
    looks twice at a row does no harm.
    """
    is_over = is_at_end and not timedelta(0) <= now - walk.began_at < ROUND
    return Walk(0, now) if is_over else Walk(place, walk.began_at)
