"""One person while a batch of messages is applied: what is known, and what changes."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from app.domain.contact_details import ContactDetail, extract_contact_details, mentions_wechat
from app.domain.replies import Inbound, Judgement, SentText, Verdict, clamp_sent_at, judge
from app.repositories.inbound import ContactUpdate, NewMessage

_OPEN = frozenset({"waiting", "active", "paused"})
_MAY_REPLY = _OPEN | {"finished"}
_MAY_CONVERT = _MAY_REPLY | {"replied"}


@dataclass(frozen=True, slots=True)
class Holds:
    """How long automation rests after what a message may cause."""

    takeover: timedelta
    review: timedelta


@dataclass(frozen=True, slots=True)
class Found:
    """Contact details of one message, by its place in the history."""

    ordinal: int
    details: tuple[ContactDetail, ...]


@dataclass(slots=True)
class Person:
    """Takes messages one after another and collects what must be written for them."""

    contact: asyncpg.Record
    enrollment: asyncpg.Record | None
    sent: list[SentText]
    unknown_record_ids: frozenset[int]
    holds: Holds
    state: str | None = None
    reason: str | None = None
    message_count: int = 0
    last_message_at: datetime | None = None
    last_sent_at: datetime | None = None
    takeover_until: datetime | None = None
    review_hold_until: datetime | None = None
    messages: list[NewMessage] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)
    replies: dict[int, tuple[str, datetime]] = field(default_factory=dict)
    confirmed_record_ids: list[int] = field(default_factory=list)
    copies: list[tuple[int, int, str]] = field(default_factory=list)
    """Messages of ours that the platform handed back: contact, record, the platform's id."""
    opted_out: bool = False
    has_ended: bool = False
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Start from what is stored."""
        self.state = self.enrollment["state"] if self.enrollment else None
        self.reason = self.enrollment["reason"] if self.enrollment else None
        self.message_count = self.contact["message_count"]
        self.last_message_at = self.contact["last_message_at"]
        self.last_sent_at = self.contact["last_sent_at"]
        self.takeover_until = self.contact["takeover_until"]
        self.review_hold_until = self.contact["review_hold_until"]

    def take(
        self, content: str, from_id: int, external_id: str | None, sent_at: datetime | None, now: datetime
    ) -> Judgement:
        """Judge one message and note everything that follows from it."""
        message = Inbound(from_id, content, clamp_sent_at(sent_at, now))
        enrolled_at = self.enrollment["enrolled_at"] if self.enrollment else None
        details: tuple[ContactDetail, ...] = ()

        def has_details(text: str) -> bool:
            nonlocal details
            details = extract_contact_details(text)
            return bool(details)

        judgement = judge(
            message, self.sent, enrolled_at=enrolled_at, has_details=has_details, mentions_wechat=mentions_wechat
        )
        if judgement.verdict is Verdict.OWN_RECORD:
            self._confirm(judgement, external_id)
            return judgement
        self._store(message, judgement, external_id, now)
        if judgement.verdict is Verdict.OWN_BY_HAND:
            self._by_hand(message)
        elif judgement.verdict is Verdict.NEEDS_REVIEW:
            self._hold(judgement, now)
        elif judgement.verdict in {Verdict.REPLY, Verdict.OPT_OUT}:
            self.apply_answer(judgement, message, details if judgement.has_details else (), self.message_count)
        return judgement

    def apply_answer(
        self, judgement: Judgement, message: Inbound, details: tuple[ContactDetail, ...], ordinal: int
    ) -> None:
        """Apply an answer: the record that it answers, the details that it gives, the end of the sequence."""
        if details:
            self.found.append(Found(ordinal, details))
        if judgement.record_id is not None:
            self.replies.setdefault(judgement.record_id, (message.content, message.sent_at))
        is_opt_out = judgement.verdict is Verdict.OPT_OUT
        if is_opt_out and not self.opted_out:
            self.opted_out = True
            self.events.append(("opted_out", {"ordinal": ordinal}))
        if details and self.state in _MAY_CONVERT and not is_opt_out:
            self._end("converted", None, ordinal)
        elif judgement.is_reply and self.state in _MAY_REPLY:
            self._end("replied", "do_not_contact" if is_opt_out else None, ordinal)

    def say(
        self, text: str, service: str, now: datetime, *, confidence: float | None = None, doc_id: str | None = None
    ) -> None:
        """Note a message of ours that goes out in the same transaction, behind what was taken in."""
        self.message_count += 1
        self.last_message_at = _later(self.last_message_at, now)
        self.last_sent_at = _later(self.last_sent_at, now)
        self.messages.append(
            NewMessage(
                bot_id=self.contact["bot_id"],
                contact_id=self.contact["id"],
                ordinal=self.message_count,
                direction="outbound",
                text=text,
                service=service,
                external_id=None,
                record_id=None,
                verdict=None,
                filter_reason=None,
                sent_at=self.last_message_at,
                created_at=self.last_message_at,
                confidence=confidence,
                doc_id=doc_id,
            )
        )
        self.sent.append(SentText(None, text, self.last_message_at))

    def update(self) -> ContactUpdate:
        """Return what changes on the contact's row."""
        return ContactUpdate(
            self.contact["id"],
            self.message_count,
            self.last_message_at,
            self.last_sent_at,
            self.takeover_until,
            self.review_hold_until,
        )

    def _end(self, state: str, reason: str | None, ordinal: int) -> None:
        self.state, self.reason, self.has_ended = state, reason, True
        self.events.append((state, {"ordinal": ordinal}))

    def _confirm(self, judgement: Judgement, external_id: str | None) -> None:
        """The platform shows a message of ours: if nobody knew whether it left, now it is known."""
        if judgement.record_id is not None and external_id is not None:
            self.copies.append((self.contact["id"], judgement.record_id, external_id))
        if judgement.record_id in self.unknown_record_ids and judgement.record_id is not None:
            self.confirmed_record_ids.append(judgement.record_id)

    def _by_hand(self, message: Inbound) -> None:
        self.sent.append(SentText(None, message.content, message.sent_at))
        self.takeover_until = _later(self.takeover_until, message.sent_at + self.holds.takeover)
        self.last_sent_at = _later(self.last_sent_at, message.sent_at)

    def _hold(self, judgement: Judgement, now: datetime) -> None:
        if not judgement.is_history:
            self.review_hold_until = _later(self.review_hold_until, now + self.holds.review)
            self.events.append(("needs_review", {"ordinal": self.message_count}))

    def _store(self, message: Inbound, judgement: Judgement, external_id: str | None, now: datetime) -> None:
        is_ours = judgement.verdict is Verdict.OWN_BY_HAND
        self.message_count += 1
        self.last_message_at = _later(self.last_message_at, now)
        self.messages.append(
            NewMessage(
                bot_id=self.contact["bot_id"],
                contact_id=self.contact["id"],
                ordinal=self.message_count,
                direction="outbound" if is_ours else "inbound",
                text=message.content,
                service="agent" if is_ours else None,
                external_id=external_id,
                record_id=None,
                verdict=judgement.verdict,
                filter_reason=judgement.filter_reason,
                sent_at=message.sent_at,
                created_at=self.last_message_at,
            )
        )


def _later(first: datetime | None, second: datetime) -> datetime:
    return second if first is None else max(first, second)
