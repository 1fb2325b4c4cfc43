"""Tables, constraints and indexes."""

from app.models.base import Base
from app.models.contacts import (
    AuditEntry,
    Bot,
    Contact,
    ContactRecord,
    ContactSearch,
    DoNotContact,
    IdempotencyKey,
    OutboxEvent,
    Secret,
)
from app.models.faq import BotUserTally, FaqCategory, FaqEntry, FaqQuestion, SeenSignature
from app.models.followup import FollowUpConfig, FollowUpEnrollment, FollowUpScript
from app.models.messages import ChatMessage, FollowUpRecord, RecordTally, RowTally

__all__ = [
    "AuditEntry",
    "Base",
    "Bot",
    "BotUserTally",
    "ChatMessage",
    "Contact",
    "ContactRecord",
    "ContactSearch",
    "DoNotContact",
    "FaqCategory",
    "FaqEntry",
    "FaqQuestion",
    "FollowUpConfig",
    "FollowUpEnrollment",
    "FollowUpRecord",
    "FollowUpScript",
    "IdempotencyKey",
    "OutboxEvent",
    "RecordTally",
    "RowTally",
    "Secret",
    "SeenSignature",
]
