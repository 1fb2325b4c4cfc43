"""Tables, constraints and indexes."""

from app.models.base import Base
from app.models.contacts import (
    AuditEntry,
    Bot,
    Contact,
    ContactRecord,
    DoNotContact,
    IdempotencyKey,
    OutboxEvent,
    Secret,
)
from app.models.followup import FollowUpConfig, FollowUpEnrollment, FollowUpScript
from app.models.messages import ChatMessage, FollowUpRecord, RecordTally

__all__ = [
    "AuditEntry",
    "Base",
    "Bot",
    "ChatMessage",
    "Contact",
    "ContactRecord",
    "DoNotContact",
    "FollowUpConfig",
    "FollowUpEnrollment",
    "FollowUpRecord",
    "FollowUpScript",
    "IdempotencyKey",
    "OutboxEvent",
    "RecordTally",
    "Secret",
]
