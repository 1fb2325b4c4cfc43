"""The course of one simulated call: when it is dialled, answered and over, in seconds of the simulated world.

The times do not depend on what is said: whoever asks how a call stands need not know the texts of its script.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from app.domain.calls import Action, Speaker
from app.gateways.dialer.simulator.draws import Draws
from app.gateways.dialer.simulator.fates import ENDINGS, Ending, Fate, fate_of

_JOB_DIGITS: Final = 13
_REMEMBERED: Final = 10_000
"""Stories that are kept to be told again; a call is asked about every few seconds."""
MAX_SECONDS: Final = 300
"""No simulated call, and so no recording, is longer; the longest talk below takes about 150 seconds."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing that happens in a talk; ``line`` names the text that is said, if any is."""

    speaker: Speaker
    action: Action
    line: str | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """What becomes of one call; all numbers are seconds since it was made."""

    job_id: str
    begins_at: datetime
    fate: Fate
    dialled: int
    answered: int | None
    ended: int
    turns: tuple[tuple[int, Turn], ...]
    """The talk between its first and its last line, with the second at which each turn begins."""

    @property
    def ending(self) -> Ending:
        """Return how the fate is told."""
        return ENDINGS[self.fate]


def _robot(line: str) -> Turn:
    return Turn(Speaker.ROBOT, Action.BROADCAST, line)


def _contact(line: str) -> Turn:
    return Turn(Speaker.CONTACT, Action.DIALOGUE, line)


_SILENCE = Turn(Speaker.CONTACT, Action.SILENCE_TIMEOUT)
_ROBOT_LEAVES = Turn(Speaker.ROBOT, Action.HANG_UP)
_CONTACT_LEAVES = Turn(Speaker.CONTACT, Action.HANG_UP)

_TALKS: Final[dict[Fate, tuple[Turn, ...]]] = {
    Fate.TALK: (
        _robot("opening"),
        _contact("it_is_me"),
        _robot("question"),
        _contact("agrees"),
        _robot("closing"),
        _ROBOT_LEAVES,
    ),
    Fate.TALK_AND_HANG_UP: (_robot("opening"), _contact("it_is_me"), _robot("question"), _CONTACT_LEAVES),
    Fate.ASK_BACK: (
        _robot("opening"),
        _contact("asks_back"),
        _robot("explanation"),
        _contact("understands"),
        _robot("closing"),
        _ROBOT_LEAVES,
    ),
    Fate.SILENT: (
        _robot("opening"),
        _SILENCE,
        _robot("still_there"),
        _SILENCE,
        _robot("calls_again"),
        _ROBOT_LEAVES,
    ),
    Fate.HANG_UP: (_robot("opening"), _CONTACT_LEAVES),
    Fate.WANTS_PERSON: (
        _robot("opening"),
        _contact("wants_person"),
        _robot("transfer"),
        Turn(Speaker.ROBOT, Action.TRANSFER_TO_AGENT),
    ),
    Fate.INTERCEPTED: (_contact("carrier"),),
}
# How long a turn takes: a robot reads out, a person answers, a silence lasts.
_SECONDS: Final = {
    (Speaker.ROBOT, Action.BROADCAST): (5, 16),
    (Speaker.CONTACT, Action.DIALOGUE): (1, 6),
    (Speaker.CONTACT, Action.SILENCE_TIMEOUT): (6, 9),
}
# How long it rings, or until the network says what is the matter, before an attempt without an answer is over.
_WAITS: Final = {
    Fate.NO_ANSWER: (30, 55),
    Fate.REJECTED: (3, 15),
    Fate.LINE_FAILED: (1, 3),
}
_OTHER_WAIT: Final = (2, 6)
_RINGS: Final = (3, 14)


def made_at(job_id: str) -> datetime | None:
    """Return when a job id was made, from the milliseconds that it begins with; None if it does not."""
    digits = job_id[:_JOB_DIGITS]
    if len(digits) < _JOB_DIGITS or not (digits.isascii() and digits.isdigit()):
        return None
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=int(digits))


@lru_cache(maxsize=_REMEMBERED)
def story_of(seed: int, job_id: str, phone: str) -> Story | None:
    """Tell what becomes of a call, the same to everybody; None if ``job_id`` is none of this service's."""
    begins_at = made_at(job_id)
    if begins_at is None:
        return None
    draws = Draws(seed, "story", job_id, phone)
    fate = fate_of(seed, job_id, phone)
    dialled = draws.between(2, 6)
    if not ENDINGS[fate].is_answered:
        ended = dialled + draws.between(*_WAITS.get(fate, _OTHER_WAIT))
        return Story(job_id, begins_at, fate, dialled, None, ended, ())
    answered = dialled + draws.between(*_RINGS)
    turns, second = [], answered
    for turn in _TALKS[fate]:
        second += draws.between(0, 2)
        turns.append((second, turn))
        second += draws.between(*_SECONDS.get((turn.speaker, turn.action), (0, 0)))
    return Story(job_id, begins_at, fate, dialled, answered, second, tuple(turns))
