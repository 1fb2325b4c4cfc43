"""Call tasks: when they may dial, when they dial again, and the words for both."""

from app.domain.tasks.dial_times import Day, hours_fault
from app.domain.tasks.faults import Fault, Place
from app.domain.tasks.recycling import Detail, RedialDay, rule_fault
from app.domain.tasks.words import (
    END_ACTION_TEXTS,
    MAX_RECYCLES,
    STRATEGY_TEXTS,
    AnalystKind,
    EndAction,
    RecycleType,
    Strategy,
)

__all__ = [
    "END_ACTION_TEXTS",
    "MAX_RECYCLES",
    "STRATEGY_TEXTS",
    "AnalystKind",
    "Day",
    "Detail",
    "EndAction",
    "Fault",
    "Place",
    "RecycleType",
    "RedialDay",
    "Strategy",
    "hours_fault",
    "rule_fault",
]
