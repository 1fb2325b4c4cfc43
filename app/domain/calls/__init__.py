"""What a call is: its statuses, what an ended attempt means, when to ask the provider again."""

from app.domain.calls.outcomes import UNKNOWN_RESULT, Outcome, asks_for_person, outcome_of
from app.domain.calls.statuses import (
    NOT_REDIALLED,
    NUMBER_STATUS_TEXTS,
    Action,
    JobStatus,
    NumberStatus,
    Speaker,
    TaskStatus,
)

__all__ = [
    "NOT_REDIALLED",
    "NUMBER_STATUS_TEXTS",
    "UNKNOWN_RESULT",
    "Action",
    "JobStatus",
    "NumberStatus",
    "Outcome",
    "Speaker",
    "TaskStatus",
    "asks_for_person",
    "outcome_of",
]
