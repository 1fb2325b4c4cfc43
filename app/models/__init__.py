"""Tables, constraints and indexes."""

from app.models.agent import (
    Account,
    AutoRecycleRule,
    BridgeGroup,
    BridgeGroupSeat,
    CustomerService,
    DialTimeGroup,
    LlmIntentionConfig,
    OutboundGroup,
    OutboundGroupLine,
)
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
from app.models.keys import ApiKey
from app.models.mediation import Mediation, MediationCase, MediationNode, MediationParty, MediationRecord
from app.models.messages import ChatMessage, FollowUpRecord, RecordTally, RowTally
from app.models.retention import MessageTombstone, RetentionWalk
from app.models.tasks import (
    CallIntention,
    CallNotice,
    CallTask,
    CallTaskLine,
    CallTaskScript,
    LineHold,
    TaskImport,
    TaskNumber,
)

__all__ = [
    "Account",
    "ApiKey",
    "AuditEntry",
    "AutoRecycleRule",
    "Base",
    "Bot",
    "BotUserTally",
    "BridgeGroup",
    "BridgeGroupSeat",
    "CalendarYear",
    "CallEvent",
    "CallIntention",
    "CallNotice",
    "CallPoll",
    "CallTask",
    "CallTaskLine",
    "CallTaskScript",
    "CallerLine",
    "ChatMessage",
    "Contact",
    "ContactRecord",
    "ContactSearch",
    "CustomerService",
    "DialTimeGroup",
    "DoNotContact",
    "FaqCategory",
    "FaqEntry",
    "FaqQuestion",
    "FollowUpConfig",
    "FollowUpEnrollment",
    "FollowUpRecord",
    "FollowUpScript",
    "IdempotencyKey",
    "LineHold",
    "LlmIntentionConfig",
    "Mediation",
    "MediationCase",
    "MediationNode",
    "MediationParty",
    "MediationRecord",
    "MessageTombstone",
    "OutboundCall",
    "OutboundGroup",
    "OutboundGroupLine",
    "OutboxEvent",
    "RecordTally",
    "RetentionWalk",
    "RowTally",
    "Secret",
    "SeenSignature",
    "TaskImport",
    "TaskNumber",
]
