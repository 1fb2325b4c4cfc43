"""What becomes of a call: the numbers whose fate is fixed, and the odds of all others."""

from dataclasses import dataclass
from enum import StrEnum, auto
from typing import Final

from app.domain.calls import TaskStatus
from app.gateways.dialer.simulator.draws import Draws


class Fate(StrEnum):
    """How an attempt ends."""

    TALK = auto()
    """Answers and talks to the end."""
    TALK_AND_HANG_UP = auto()
    ASK_BACK = auto()
    """Answers, asks what the agreement says, and listens."""
    SILENT = auto()
    HANG_UP = auto()
    """Picks up and hangs up without a word."""
    WANTS_PERSON = auto()
    NO_ANSWER = auto()
    BUSY = auto()
    POWERED_OFF = auto()
    EMPTY_NUMBER = auto()
    REJECTED = auto()
    """It rings, and the call is turned away."""
    OUT_OF_SERVICE = auto()
    IN_ARREARS = auto()
    INTERCEPTED = auto()
    """A machine of the carrier answers."""
    LINE_FAILED = auto()
    """The carrier gives up before it rings."""


class Whim(StrEnum):
    """What the provider itself does with certain numbers, whatever the faults on demand."""

    REFUSE = auto()
    THROTTLE = auto()
    LOSE_ANSWER = auto()
    FORGET = auto()


@dataclass(frozen=True, slots=True)
class Ending:
    """How a fate is told: the attempt's status, whether it rang, whether somebody or something picked up."""

    task_status: TaskStatus
    has_rung: bool
    is_answered: bool


ENDINGS: Final = {
    Fate.TALK: Ending(TaskStatus.SUCCEEDED_FINISH, True, True),
    Fate.TALK_AND_HANG_UP: Ending(TaskStatus.SUCCEEDED_CLIENT_HANG_UP, True, True),
    Fate.ASK_BACK: Ending(TaskStatus.SUCCEEDED_FINISH, True, True),
    Fate.SILENT: Ending(TaskStatus.SUCCEEDED_CHATBOT_HANG_UP_AFTER_SILENCE, True, True),
    Fate.HANG_UP: Ending(TaskStatus.SUCCEEDED_CLIENT_HANG_UP, True, True),
    Fate.WANTS_PERSON: Ending(TaskStatus.SUCCEEDED_TRANSFER_BY_INTENT, True, True),
    Fate.NO_ANSWER: Ending(TaskStatus.NO_ANSWER, True, False),
    Fate.BUSY: Ending(TaskStatus.BUSY, False, False),
    Fate.POWERED_OFF: Ending(TaskStatus.POWERED_OFF, False, False),
    Fate.EMPTY_NUMBER: Ending(TaskStatus.EMPTY_NUMBER, False, False),
    Fate.REJECTED: Ending(TaskStatus.NOT_CONNECTED, True, False),
    Fate.OUT_OF_SERVICE: Ending(TaskStatus.OUT_OF_SERVICE, False, False),
    Fate.IN_ARREARS: Ending(TaskStatus.IN_ARREARS, False, False),
    Fate.INTERCEPTED: Ending(TaskStatus.SUCCEEDED_INTERCEPT_VOICE, False, True),
    Fate.LINE_FAILED: Ending(TaskStatus.FAILED, False, False),
}

# The last four digits of a number that tests and demonstrations can count on.
NUMBERS: Final = {
    "9001": Fate.TALK,
    "9002": Fate.TALK_AND_HANG_UP,
    "9003": Fate.ASK_BACK,
    "9004": Fate.SILENT,
    "9005": Fate.HANG_UP,
    "9006": Fate.WANTS_PERSON,
    "9011": Fate.NO_ANSWER,
    "9012": Fate.BUSY,
    "9013": Fate.POWERED_OFF,
    "9014": Fate.EMPTY_NUMBER,
    "9015": Fate.REJECTED,
    "9016": Fate.OUT_OF_SERVICE,
    "9017": Fate.IN_ARREARS,
    "9018": Fate.INTERCEPTED,
    "9019": Fate.LINE_FAILED,
}
WHIMS: Final = {
    "9021": Whim.REFUSE,
    "9022": Whim.THROTTLE,
    "9023": Whim.LOSE_ANSWER,
    "9024": Whim.FORGET,
}

# A number that does not exist today does not exist tomorrow: these belong to the number, the others to the attempt.
_LASTING: Final = {Fate.EMPTY_NUMBER: 3, Fate.OUT_OF_SERVICE: 2, Fate.IN_ARREARS: 1, None: 94}
_ODDS: Final = {
    Fate.TALK: 22,
    Fate.TALK_AND_HANG_UP: 14,
    Fate.ASK_BACK: 9,
    Fate.SILENT: 4,
    Fate.HANG_UP: 6,
    Fate.WANTS_PERSON: 4,
    Fate.NO_ANSWER: 21,
    Fate.BUSY: 8,
    Fate.POWERED_OFF: 5,
    Fate.REJECTED: 4,
    Fate.INTERCEPTED: 2,
    Fate.LINE_FAILED: 1,
}


def fate_of(seed: int, job_id: str, phone: str) -> Fate:
    """Return how the attempt ``job_id`` on a number ends."""
    fixed = NUMBERS.get(phone[-4:])
    if fixed is not None:
        return fixed
    lasting = Draws(seed, "number", phone).weighted(_LASTING)
    return lasting or Draws(seed, "fate", job_id, phone).weighted(_ODDS)
