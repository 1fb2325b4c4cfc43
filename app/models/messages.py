"""The one history of a person: every message of every channel, in order."""

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, SmallInteger, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, Moment


class ChatMessage(Base):
    """One message to or from a person.

    ``ordinal`` counts a person's messages from 1 without gaps, written under the lock of the contact's row: any
    page of a history is a range of it. What is deleted for its age goes from the first one on, so that no gap comes
    of it. No foreign keys: they cost a quarter of the rate of the dispatcher, and rows of people are removed together.
    """

    __tablename__ = "chat_message"
    __table_args__ = (
        CheckConstraint("direction IN ('inbound', 'outbound')", name="direction"),
        Index("uq_chat_message_contact_id_ordinal", "contact_id", "ordinal", unique=True),
        Index(
            "uq_chat_message_bot_id_external_id",
            "bot_id",
            "external_id",
            unique=True,
            postgresql_where=text("external_id IS NOT NULL"),
        ),
        Index(
            "ix_chat_message_filtered",
            "id",
            postgresql_where=text("filter_reason IS NOT NULL"),
        ),
    )

    id: Mapped[BigId]
    bot_id: Mapped[int] = mapped_column(BigInteger)
    contact_id: Mapped[int] = mapped_column(BigInteger)
    ordinal: Mapped[int] = mapped_column(BigInteger)
    direction: Mapped[str] = mapped_column(String(8))
    text: Mapped[str] = mapped_column(Text)
    service: Mapped[str | None] = mapped_column(String(16))
    """``followup``, ``manual``, ``agent``, ``faq``, ``fallback``; null for what people write."""
    confidence: Mapped[float | None]
    doc_id: Mapped[str | None] = mapped_column(String(64))
    external_id: Mapped[str | None] = mapped_column(String(256))
    record_id: Mapped[int | None] = mapped_column(BigInteger)
    verdict: Mapped[str | None] = mapped_column(String(32))
    filter_reason: Mapped[str | None] = mapped_column(String(32))
    accepted_at: Mapped[datetime | None]
    sent_at: Mapped[Moment]
    """When the sender sent it, by the sender's clock, never after ``created_at``."""
    created_at: Mapped[Moment]
    """When it came in or went out here; never decreases within one person's history."""


class FollowUpRecord(Base):
    """One message that was sent, or tried (the seed's ``FollowUpRecord``).

    ``key`` travels as ``webhook-id``. (enrollment_id, sequence) is unique: the same step cannot be sent twice.
    """

    __tablename__ = "follow_up_record"
    __table_args__ = (
        CheckConstraint("kind IN ('opening', 'script', 'manual', 'test')", name="kind"),
        CheckConstraint("status IN ('reserved', 'sent', 'failed', 'unknown', 'not_sent')", name="status"),
        Index(
            "uq_follow_up_record_enrollment_id_sequence",
            "enrollment_id",
            "sequence",
            unique=True,
            postgresql_where=text("enrollment_id IS NOT NULL"),
        ),
        Index("ix_follow_up_record_contact_id_id", "contact_id", "id"),
        Index("ix_follow_up_record_config_id_id", "config_id", "id"),
        Index("ix_follow_up_record_got_reply", "id", postgresql_where=text("got_reply")),
        # Times grow with the table: a few pages say where a span lies, and writing them costs next to nothing.
        Index("ix_follow_up_record_sent_at", "sent_at", postgresql_using="brin"),
        Index(
            "ix_follow_up_record_open",
            "reserved_at",
            postgresql_where=text("status IN ('reserved', 'unknown')"),
        ),
        Index("ix_follow_up_record_failed", "id", postgresql_where=text("status IN ('failed', 'not_sent')")),
        {"postgresql_with": {"fillfactor": "90"}},
    )

    id: Mapped[BigId]
    bot_id: Mapped[int] = mapped_column(BigInteger)
    contact_id: Mapped[int] = mapped_column(BigInteger)
    enrollment_id: Mapped[int | None] = mapped_column(BigInteger)
    sequence: Mapped[int | None]
    config_id: Mapped[int | None] = mapped_column(BigInteger)
    script_id: Mapped[int | None] = mapped_column(BigInteger)
    day_number: Mapped[int | None]
    kind: Mapped[str] = mapped_column(String(8))
    status: Mapped[str] = mapped_column(String(8))
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    key: Mapped[uuid.UUID]
    content: Mapped[str] = mapped_column(Text)
    reserved_at: Mapped[Moment]
    sent_at: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(Text)
    got_reply: Mapped[bool] = mapped_column(server_default=text("false"))
    reply_content: Mapped[str | None] = mapped_column(Text)
    replied_at: Mapped[datetime | None]


class RecordTally(Base):
    """Changes of the number of records per config, status and reply, written by a trigger.

    The sum over its rows is the exact total within the reader's snapshot; a pass folds the rows together.
    Deltas instead of counters: writers never wait for each other.
    """

    __tablename__ = "follow_up_record_tally"
    __table_args__ = (Index("ix_follow_up_record_tally_config_id", "config_id"),)

    id: Mapped[BigId]
    config_id: Mapped[int | None] = mapped_column(BigInteger)
    status: Mapped[str] = mapped_column(String(8))
    got_reply: Mapped[bool]
    delta: Mapped[int] = mapped_column(BigInteger)


class RowTally(Base):
    """Changes of the number of rows by subject: ``contact``, ``message`` (not filtered), ``filtered``; by triggers."""

    __tablename__ = "row_tally"

    id: Mapped[BigId]
    subject: Mapped[str] = mapped_column(String(16))
    delta: Mapped[int] = mapped_column(BigInteger)
