"""The decision what one inbound message means.

The first rule that fits decides:

1. `fromId` is not 0: ours. If its text is a record's, sent within ten minutes of it, it is that record; else
   somebody wrote it by hand. Never a reply.
2. What stands in texts sent to this contact is taken out. Nothing left: an echo. The rest is judged by what follows.
3. Words that refuse contact: a refusal. Contact details beside them do not undo it.
4. 「微信号」 without a WeChat ID or any other contact detail: an operator must look at it.
5. An automatic answer: filtered, unless it gives contact details, which a person once put there to be used.
6. Anything else is a reply.

In doubt a message is a reply: to write on after a real answer is worse than to stop without one. A message more than
five minutes older than the enrollment is history: its refusal and its details count, but it answers nothing of ours.
Contact details in what is left make a message neither an echo nor anything else that is filtered.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from app.domain.replies.auto_replies import is_auto_reply
from app.domain.replies.echoes import take_out
from app.domain.replies.opt_outs import is_asked_keyword, is_opt_out
from app.domain.replies.texts import normalise

OWN_RECORD_WINDOW: Final = timedelta(minutes=10)
"""How far apart a record and the platform's copy of it may be by the two clocks."""

HISTORY_GRACE: Final = timedelta(minutes=5)
"""How much older than the enrollment a message may be and still be an answer to it."""

THEIRS: Final = 0
"""The `fromId` of what the other side wrote."""


class Verdict(StrEnum):
    """What a message is."""

    OWN_RECORD = "own_record"
    OWN_BY_HAND = "own_by_hand"
    ECHO = "echo"
    OPT_OUT = "opt_out"
    NEEDS_REVIEW = "needs_review"
    AUTO_REPLY = "auto_reply"
    REPLY = "reply"


class FilterReason(StrEnum):
    """Why a message of theirs is kept but answers nothing; stored with the message."""

    ECHO = "echo"
    WECHAT_WITHOUT_ID = "wechat_without_id"
    AUTO_REPLY = "auto_reply"


_FILTERED: Final = {
    Verdict.ECHO: FilterReason.ECHO,
    Verdict.NEEDS_REVIEW: FilterReason.WECHAT_WITHOUT_ID,
    Verdict.AUTO_REPLY: FilterReason.AUTO_REPLY,
}


@dataclass(frozen=True, slots=True)
class SentText:
    """A text that was sent to the contact, variables filled in.

    Attributes:
        record_id: The record that sent it; None for what was written by hand in the chat.
        text: What was sent.
        sent_at: When, with a time zone.
    """

    record_id: int | None
    text: str
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class Inbound:
    """A message as it came in.

    Attributes:
        from_id: 0 if the other side wrote it.
        content: Its text.
        sent_at: When it was sent, cut to now (`clamp_sent_at`), with a time zone.
    """

    from_id: int
    content: str
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a message means.

    Attributes:
        verdict: Which rule decided.
        remainder: What is left after our own texts were taken out; for ours, the whole text.
        record_id: For `OWN_RECORD` the record it is; for `OPT_OUT` and `REPLY` the record that it answers, None if
            there is none or the message is history.
        is_history: The message is older than the enrollment: it is no reply, but refusal and details count.
        has_details: The remainder gives contact details; always false for ours and for echoes.
    """

    verdict: Verdict
    remainder: str
    record_id: int | None = None
    is_history: bool = False
    has_details: bool = False

    @property
    def filter_reason(self) -> FilterReason | None:
        """Why the message is filtered, or None if it is not."""
        return _FILTERED.get(self.verdict)

    @property
    def is_reply(self) -> bool:
        """Whether the message answers us, which ends the automatic messages."""
        return self.verdict in {Verdict.OPT_OUT, Verdict.REPLY} and not self.is_history


def clamp_sent_at(sent_at: datetime | None, now: datetime) -> datetime:
    """Give the time of a message: `now` if it has none, or one in the future."""
    return now if sent_at is None else min(sent_at, now)


def judge(
    message: Inbound,
    sent_texts: Iterable[SentText],
    *,
    enrolled_at: datetime | None,
    has_details: Callable[[str], bool],
    mentions_wechat: Callable[[str], bool],
) -> Judgement:
    """Decide what a message means.

    Args:
        message: The message, its time already cut to now.
        sent_texts: Everything sent to this contact, in any order.
        enrolled_at: When the current enrollment began; None if there is none, and then nothing is history.
        has_details: Whether a text gives a contact detail of any kind.
        mentions_wechat: Whether a text speaks of a WeChat ID.

    Returns:
        The judgement; it depends on nothing but the arguments, and not on the order of `sent_texts`.
    """
    sent = tuple(sent_texts)
    is_history = enrolled_at is not None and message.sent_at < enrolled_at - HISTORY_GRACE
    if message.from_id != THEIRS:
        return _judge_ours(message, sent, is_history=is_history)
    rest = take_out(message.content, (own.text for own in sent))
    remainder = rest.text
    details = has_details(remainder)
    if not details and rest.loose != remainder and has_details(rest.loose):
        # The detail stood in what looked like the wrapping of a quotation.
        remainder, details = rest.loose, True
    verdict = _read(
        remainder,
        is_nothing=rest.is_nothing,
        details=details,
        refuses_as_asked=lambda: is_asked_keyword(remainder, (own.text for own in sent)),
        mentions_wechat=mentions_wechat,
    )
    answers = verdict in {Verdict.OPT_OUT, Verdict.REPLY} and not is_history
    return Judgement(
        verdict,
        remainder,
        record_id=record_answered(message.sent_at, sent) if answers else None,
        is_history=is_history,
        has_details=details,
    )


def _judge_ours(message: Inbound, sent: Iterable[SentText], *, is_history: bool) -> Judgement:
    """Apply rule 1: find the record that a message of ours is.

    Source: 「通过 fromId 字段区分消息来源」, and that a copy within ten minutes is the record itself.
    """
    plain = normalise(message.content)
    copies = [
        (abs(own.sent_at - message.sent_at), -own.record_id)
        for own in sent
        if own.record_id is not None
        and abs(own.sent_at - message.sent_at) <= OWN_RECORD_WINDOW
        and normalise(own.text) == plain
    ]
    if not copies:
        return Judgement(Verdict.OWN_BY_HAND, message.content, is_history=is_history)
    return Judgement(Verdict.OWN_RECORD, message.content, record_id=-min(copies)[1], is_history=is_history)


def _read(
    remainder: str,
    *,
    is_nothing: bool,
    details: bool,
    refuses_as_asked: Callable[[], bool],
    mentions_wechat: Callable[[str], bool],
) -> Verdict:
    """Apply rules 2 to 6 to what is left of their message."""
    if is_nothing and not details:
        return Verdict.ECHO
    if is_opt_out(remainder) or refuses_as_asked():
        return Verdict.OPT_OUT
    if details:
        return Verdict.REPLY
    if mentions_wechat(remainder):
        return Verdict.NEEDS_REVIEW
    if is_auto_reply(remainder):
        return Verdict.AUTO_REPLY
    return Verdict.REPLY


def record_answered(at: datetime, sent_texts: Iterable[SentText]) -> int | None:
    """Give the record that a message answers: the latest one sent before it.

    If none is earlier by the clocks it is the first, and None if nothing was sent. Also for a filtered message that
    an operator marks as a reply.
    """
    records = sorted((own.sent_at, own.record_id) for own in sent_texts if own.record_id is not None)
    if not records:
        return None
    earlier = [record_id for sent_at, record_id in records if sent_at <= at]
    return earlier[-1] if earlier else records[0][1]
