"""What an inbound chat message means: ours, an echo, a refusal, something to look at, or a reply."""

from app.domain.replies.auto_replies import is_auto_reply
from app.domain.replies.echoes import is_echo_prone
from app.domain.replies.judging import (
    HISTORY_GRACE,
    FilterReason,
    Inbound,
    Judgement,
    SentText,
    Verdict,
    clamp_sent_at,
    judge,
    record_answered,
)
from app.domain.replies.opt_outs import is_opt_out
from app.domain.replies.texts import normalise

__all__ = [
    "HISTORY_GRACE",
    "FilterReason",
    "Inbound",
    "Judgement",
    "SentText",
    "Verdict",
    "clamp_sent_at",
    "is_auto_reply",
    "is_echo_prone",
    "is_opt_out",
    "judge",
    "normalise",
    "record_answered",
]
