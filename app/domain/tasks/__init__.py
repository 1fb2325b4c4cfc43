"""Call tasks: when they may dial, when they dial again, and the words for both."""

from app.domain.tasks.dial_times import Day, hours_fault
from app.domain.tasks.faults import Fault, Place
from app.domain.tasks.recycling import Detail, RedialDay, rule_fault
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
    "MAX_RECYCLES",
    "STRATEGY_TEXTS",
    "TASK_STATE_TEXTS",
    "AnalystKind",
    "Day",
    "Detail",
    "EndAction",
    "Fault",
    "Place",
    "PopMode",
    "RecycleType",
    "RedialDay",
    "Strategy",
    "TaskState",
    "hours_fault",
    "rule_fault",
]
