"""The FAQ base of a bot: entries, their questions with vectors, categories, and what guards the signed door."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, CreatedAt, Moment


class FaqCategory(Base):
    """A category of the FAQ tree; ``value`` is its id on the wire."""

    __tablename__ = "faq_category"
    __table_args__ = (
        Index("uq_faq_category_bot_id_value", "bot_id", "value", unique=True),
        Index("uq_faq_category_label", "bot_id", text("coalesce(parent_id, 0)"), "label", unique=True),
    )

    id: Mapped[BigId]
    bot_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("bot.id", ondelete="CASCADE"))
    parent_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("faq_category.id", ondelete="CASCADE"))
    value: Mapped[str] = mapped_column(String(64))
    label: Mapped[str] = mapped_column(String(128))
    created_at: Mapped[CreatedAt]


class FaqEntry(Base):
    """A question with its answers; ``doc_id`` is its id on the wire."""

    __tablename__ = "faq_entry"
    __table_args__ = (
        Index("uq_faq_entry_bot_id_doc_id", "bot_id", "doc_id", unique=True),
        Index("ix_faq_entry_category_id", "category_id"),
    )

    id: Mapped[BigId]
    bot_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("bot.id", ondelete="CASCADE"))
    doc_id: Mapped[str] = mapped_column(String(64))
    post: Mapped[str] = mapped_column(Text)
    replies: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    enabled: Mapped[bool] = mapped_column(server_default=text("true"))
    category_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("faq_category.id", ondelete="SET NULL"))
    """The deepest category; the path to it is what travels on the wire."""
    inquiry_count: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    click_count: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    reply_last_update: Mapped[Moment]
    """The optimistic lock of edits."""
    created_at: Mapped[CreatedAt]


class FaqQuestion(Base):
    """One way to ask for an entry: its own question (``is_main``) or a similar one, with its sentence vector.

    Deleted rows stay as tombstones with a new ``version``, so that every replica hears of them; they go after a time,
    which the bot's ``faq_purged_version`` tells.
    """

    __tablename__ = "faq_question"
    __table_args__ = (
        Index("ix_faq_question_bot_id_version", "bot_id", "version"),
        Index("uq_faq_question_extend_id", "bot_id", "extend_id", unique=True),
        Index(
            "uq_faq_question_text",
            "entry_id",
            text("md5(post)"),
            unique=True,
            postgresql_where=text("NOT is_main AND deleted_at IS NULL"),
        ),
        Index("uq_faq_question_main", "entry_id", unique=True, postgresql_where=text("is_main")),
        Index("ix_faq_question_deleted_at", "deleted_at", postgresql_where=text("deleted_at IS NOT NULL")),
    )

    id: Mapped[BigId]
    bot_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("bot.id", ondelete="CASCADE"))
    entry_id: Mapped[int] = mapped_column(BigInteger)
    extend_id: Mapped[str] = mapped_column(String(64))
    post: Mapped[str] = mapped_column(Text)
    is_main: Mapped[bool] = mapped_column(server_default=text("false"))
    enabled: Mapped[bool] = mapped_column(server_default=text("true"))
    encoder: Mapped[str | None] = mapped_column(String(64))
    vector: Mapped[bytes | None] = mapped_column(LargeBinary)
    """float16, in the byte order of the network's small end; null where the encoder is not there."""
    version: Mapped[int] = mapped_column(BigInteger)
    deleted_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]


class BotUserTally(Base):
    """Changes of the number of users per bot, written by a trigger on contacts; their sum is the total."""

    __tablename__ = "bot_user_tally"
    __table_args__ = (Index("ix_bot_user_tally_bot_id", "bot_id"),)

    id: Mapped[BigId]
    bot_id: Mapped[int] = mapped_column(BigInteger)
    delta: Mapped[int] = mapped_column(BigInteger)


class SeenSignature(Base):
    """Signatures that were used, for as long as their time is valid; unlogged, since a crash only forgets repeats."""

    __tablename__ = "seen_signature"
    __table_args__ = (
        Index("ix_seen_signature_at", "at"),
        {"prefixes": ["UNLOGGED"]},
    )

    app_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    stamp: Mapped[str] = mapped_column(String(32), primary_key=True)
    random: Mapped[str] = mapped_column(String(128), primary_key=True)
    at: Mapped[Moment]
