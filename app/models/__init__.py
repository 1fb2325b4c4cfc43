"""Tables, constraints and indexes."""

from app.models.base import Base
from app.models.calls import CalendarYear, CallerLine, CallEvent, CallPoll, OutboundCall
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
from app.models.mediation import Mediation, MediationCase, MediationNode, MediationParty, MediationRecord
from app.models.messages import ChatMessage, FollowUpRecord, RecordTally, RowTally

__all__ = [
    "AuditEntry",
    "Base",
    "Bot",
    "BotUserTally",
    "CalendarYear",
    "CallEvent",
    "CallPoll",
    "CallerLine",
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
    "Mediation",
    "MediationCase",
    "MediationNode",
    "MediationParty",
    "MediationRecord",
    "OutboundCall",
    "OutboxEvent",
    "RecordTally",
    "RowTally",
    "Secret",
    "SeenSignature",
]
