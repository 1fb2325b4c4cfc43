"""People, the bots that know them, and their protection."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, String, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, CreatedAt, Moment


class Bot(Base):
    """A channel: who speaks, and how its messages are delivered (``webchat`` or ``webhook``)."""

    __tablename__ = "bot"
    __table_args__ = (
        CheckConstraint("delivery_kind IN ('webchat', 'webhook')", name="delivery_kind"),
        CheckConstraint("delivery_kind = 'webchat' OR url IS NOT NULL", name="webhook_has_url"),
        Index("uq_bot_default", "is_default", unique=True, postgresql_where=text("is_default")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(start=1000), primary_key=True)
    client_id: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(128))
    is_default: Mapped[bool] = mapped_column(server_default=text("false"))
    delivery_kind: Mapped[str] = mapped_column(String(16), server_default="webchat")
    url: Mapped[str | None] = mapped_column(Text)
    secret: Mapped[str | None] = mapped_column(Text)
    idempotent: Mapped[bool] = mapped_column(server_default=text("false"))
    rate_per_second: Mapped[float | None]
    inbox_url: Mapped[str | None] = mapped_column(Text)
    event_url: Mapped[str | None] = mapped_column(Text)
    next_slot_at: Mapped[datetime | None]
    """When the next paced message may leave; shared by all processes."""
    api_secret: Mapped[str] = mapped_column(
        Text, server_default=text("encode(sha256(gen_random_uuid()::text::bytea), 'hex')")
    )
    """What clients of the chatbot door sign with; not the delivery secret."""
    description: Mapped[str] = mapped_column(Text, server_default="")
    fallback: Mapped[str] = mapped_column(Text, server_default="抱歉,我还不太明白,请换个说法或联系人工客服。")
    welcome: Mapped[str] = mapped_column(Text, server_default="您好,请问有什么可以帮您?")
    primary_language: Mapped[str] = mapped_column(String(16), server_default="zh_CN")
    best_threshold: Mapped[float] = mapped_column(server_default=text("0.8"))
    suggest_threshold: Mapped[float] = mapped_column(server_default=text("0.6"))
    faq_version: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    """Raised in the transaction of every change of the FAQ base; replicas compare it with what they hold."""
    faq_purged_version: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    """Tombstones of the FAQ base up to this version may be gone: who holds an older state of it begins anew."""
    deleted_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]


class Contact(Base):
    """A person, whatever the channel; the row that is locked while something happens to the person."""

    __tablename__ = "contact"
    __table_args__ = (
        Index("uq_contact_bot_id_user_id", "bot_id", "user_id", unique=True),
        Index("ix_contact_phone", "phone", postgresql_where=text("phone IS NOT NULL")),
        Index("ix_contact_position_key", "position_key"),
        Index(
            "ix_contact_lasttime",
            "bot_id",
            text("coalesce(last_message_at, seen_at) DESC"),
            text("id DESC"),
            postgresql_where=text("seen_at IS NOT NULL"),
        ),
        # Hot: one update per message. Room in the page keeps those updates off the indexes.
        {"postgresql_with": {"fillfactor": "80"}},
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(start=1000), primary_key=True)
    bot_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("bot.id"))
    user_id: Mapped[str] = mapped_column(String(256))
    name: Mapped[str | None] = mapped_column(String(128))
    position: Mapped[str | None] = mapped_column(String(64))
    position_key: Mapped[str] = mapped_column(String(64), server_default="")
    phone: Mapped[str | None] = mapped_column(String(20))
    """E.164, or the digits as given where they are no valid number."""
    note: Mapped[str | None] = mapped_column(Text)
    profile: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    do_not_contact: Mapped[bool] = mapped_column(server_default=text("false"))
    muted: Mapped[bool] = mapped_column(server_default=text("false"))
    takeover_until: Mapped[datetime | None]
    """Automation rests until then, because an operator wrote by hand."""
    review_hold_until: Mapped[datetime | None]
    """Automation rests until then, because a message waits for a person's judgement."""
    last_sent_at: Mapped[datetime | None]
    """When the last message left for this person, automatic or by hand."""
    opening_sent_at: Mapped[datetime | None]
    message_count: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    first_message_at: Mapped[datetime | None]
    last_message_at: Mapped[datetime | None]
    seen_at: Mapped[datetime | None]
    """When the person became a user of the bot: by a first message or a mute; written by a trigger, never cleared."""
    chat_token: Mapped[str | None] = mapped_column(String(64), unique=True)
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]


class ContactSearch(Base):
    """What a person is found by: name, phone, user id and note in lower case, a line each; written by triggers.

    A table of its own, because every message updates ``contact`` and would write the index there again.
    """

    __tablename__ = "contact_search"
    __table_args__ = (Index("ix_contact_search_grams", text("contact_grams(words)"), postgresql_using="gin"),)

    contact_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    words: Mapped[str] = mapped_column(Text)


class DoNotContact(Base):
    """An identifier that nobody may write to or call, kept beyond the person's own row."""

    __tablename__ = "do_not_contact"
    __table_args__ = (
        CheckConstraint("kind IN ('phone', 'user', 'wechat', 'qq', 'email', 'hash')", name="kind"),
        Index("uq_do_not_contact_kind_value", "kind", "value", unique=True),
    )

    id: Mapped[BigId]
    kind: Mapped[str] = mapped_column(String(16))
    value: Mapped[str] = mapped_column(String(320))
    """Phone in E.164; ``user`` as ``<bot id>:<user id>``; WeChat IDs in lower case; ``hash`` salted SHA-256."""
    contact_id: Mapped[int | None] = mapped_column(BigInteger, index=True)
    reason: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[CreatedAt]


class Secret(Base):
    """A value that the service made for itself and that never leaves it, such as the key of the hashed identifiers."""

    __tablename__ = "secret"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class ContactRecord(Base):
    """A contact detail that a person gave (the seed's ``ContactRecord``)."""

    __tablename__ = "contact_record"
    __table_args__ = (
        CheckConstraint("kind IN ('wechat', 'phone', 'qq', 'email')", name="kind"),
        Index("uq_contact_record_contact_id_kind_value", "contact_id", "kind", "value", unique=True),
        Index("ix_contact_record_kind_value", "kind", func.lower(text("value"))),
    )

    id: Mapped[BigId]
    contact_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("contact.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(16))
    value: Mapped[str] = mapped_column(String(320))
    rule: Mapped[str] = mapped_column(String(64))
    confidence: Mapped[float]
    note: Mapped[str | None] = mapped_column(Text)
    message_id: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[CreatedAt]


class AuditEntry(Base):
    """Who decided what about a person, when and by which rule; never a message's text."""

    __tablename__ = "audit_entry"
    __table_args__ = (
        Index("ix_audit_entry_contact_id_id", "contact_id", "id"),
        Index("ix_audit_entry_at", "at"),
    )

    id: Mapped[BigId]
    at: Mapped[Moment]
    actor: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(64))
    contact_id: Mapped[int | None] = mapped_column(BigInteger)
    enrollment_id: Mapped[int | None] = mapped_column(BigInteger)
    reason: Mapped[str | None] = mapped_column(String(64))
    detail: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))


class IdempotencyKey(Base):
    """The answer that a key got, so that the same request gets it again and causes nothing twice."""

    __tablename__ = "idempotency_key"
    __table_args__ = (
        Index("ix_idempotency_key_created_at", "created_at"),
        Index("ix_idempotency_key_record_id", "record_id"),
    )

    scope: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    body_hash: Mapped[str] = mapped_column(String(64))
    record_id: Mapped[int | None] = mapped_column(BigInteger)
    answer: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB)
    """Where a request made several things: what became of each, by ids; nothing that names anybody."""
    created_at: Mapped[CreatedAt]


class OutboxEvent(Base):
    """An event on its way to a bot's ``event_url``; kept until delivered or given up."""

    __tablename__ = "outbox_event"
    __table_args__ = (
        CheckConstraint("status IN ('pending', 'delivered', 'dead')", name="status"),
        Index("ix_outbox_event_due_at", "due_at", postgresql_where=text("status = 'pending'")),
        Index("ix_outbox_event_contact_id", "contact_id"),
    )

    id: Mapped[BigId]
    bot_id: Mapped[int] = mapped_column(BigInteger)
    key: Mapped[uuid.UUID]
    kind: Mapped[str] = mapped_column(String(32))
    contact_id: Mapped[int | None] = mapped_column(BigInteger)
    payload: Mapped[dict[str, Any]]
    status: Mapped[str] = mapped_column(String(16), server_default="pending")
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    due_at: Mapped[Moment]
    last_error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[CreatedAt]
    delivered_at: Mapped[datetime | None]
