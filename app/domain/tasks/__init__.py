"""Call tasks: when they may dial, when they dial again, who gets what, and the words for it."""

from app.domain.tasks.bridging import Seat, choose_seat
from app.domain.tasks.choosing import choose_group, share_of
from app.domain.tasks.dial_times import Day, hours_fault
from app.domain.tasks.faults import Fault, Place
from app.domain.tasks.recycling import Detail, RedialDay, rule_fault
from app.domain.tasks.redialling import (
    FAULT,
    Attempt,
    Following,
    Moment,
    Plan,
    Stop,
    after_attempt,
    at_times,
    own_plan,
    rule_plan,
)
from app.domain.tasks.sharing import Claimant, share_out
from app.domain.tasks.waiting import Term, Waiting, WaitReason, why_waiting
from app.domain.tasks.words import (
    END_ACTION_TEXTS,
    MAX_RECYCLES,
    STRATEGY_TEXTS,
    TASK_STATE_TEXTS,
    AnalystKind,
    EndAction,
    PopMode,
    RecycleType,
    Strategy,
    TaskState,
)

__all__ = [
    "END_ACTION_TEXTS",
    "FAULT",
    "MAX_RECYCLES",
    "STRATEGY_TEXTS",
    "TASK_STATE_TEXTS",
    "AnalystKind",
    "Attempt",
    "Claimant",
    "Day",
    "Detail",
    "EndAction",
    "Fault",
    "Following",
    "Moment",
    "Place",
    "Plan",
    "PopMode",
    "RecycleType",
    "RedialDay",
    "Seat",
    "Stop",
    "Strategy",
    "TaskState",
    "Term",
    "WaitReason",
    "Waiting",
    "after_attempt",
    "at_times",
    "choose_group",
    "choose_seat",
    "hours_fault",
    "own_plan",
    "rule_fault",
    "rule_plan",
    "share_of",
    "share_out",
    "why_waiting",
]
