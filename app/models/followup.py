"""Sequences of follow-up messages, and people's places in them."""

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, CreatedAt, Moment


class FollowUpConfig(Base):
    """The sequence for one position, or the general one (the seed's ``FollowUpConfig``)."""

    __tablename__ = "follow_up_config"
    __table_args__ = (
        Index("ix_follow_up_config_position_key", "position_key", postgresql_where=text("deleted_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(String(128))
    position: Mapped[str | None] = mapped_column(String(64))
    position_key: Mapped[str] = mapped_column(String(64), server_default="")
    """``position`` trimmed, NFKC, case folded; empty for the general config."""
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    opening_message: Mapped[str | None] = mapped_column(Text)
    rearm_at: Mapped[datetime | None]
    """Set when the config became usable: people who stand still because of it are to be looked at again."""
    deleted_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]


class FollowUpScript(Base):
    """One text of a config (the seed's ``FollowUpScript``); ``day_number`` 0 is used from then on."""

    __tablename__ = "follow_up_script"
    __table_args__ = (
        CheckConstraint("day_number >= 0", name="day_number"),
        CheckConstraint("interval_hours BETWEEN 0 AND 8760", name="interval_hours"),
        Index("ix_follow_up_script_config_id", "config_id", postgresql_where=text("deleted_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    config_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("follow_up_config.id"))
    day_number: Mapped[int]
    content: Mapped[str] = mapped_column(Text)
    interval_hours: Mapped[int] = mapped_column(server_default=text("24"))
    order: Mapped[int] = mapped_column(server_default=text("0"))
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    deleted_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]


class FollowUpEnrollment(Base):
    """A person's place in a config.

    ``due_at`` is when the engine looks next; null while nothing but a change from outside can move it. A claim
    moves ``due_at`` to the end of the lease, so that a dead process's rows come back by themselves.
    Progress is (day, order, script): the script's id only breaks ties and may be gone.
    """

    __tablename__ = "follow_up_enrollment"
    __table_args__ = (
        CheckConstraint(
            "state IN ('waiting', 'active', 'paused', 'replied', 'converted', 'finished', 'stopped')",
            name="state",
        ),
        CheckConstraint("due_at IS NULL OR state = 'active'", name="only_active_is_due"),
        Index(
            "uq_follow_up_enrollment_open",
            "contact_id",
            unique=True,
            postgresql_where=text("state IN ('waiting', 'active', 'paused')"),
        ),
        Index("ix_follow_up_enrollment_contact_id_id", "contact_id", "id"),
        Index(
            "ix_follow_up_enrollment_due",
            "bot_id",
            "due_at",
            "id",
            postgresql_where=text("due_at IS NOT NULL"),
        ),
        Index("ix_follow_up_enrollment_config_id_id", "config_id", "id"),
        # The rare states: nearly everybody is active, and those are found without an index.
        Index("ix_follow_up_enrollment_state_id", "state", "id", postgresql_where=text("state <> 'active'")),
        {"postgresql_with": {"fillfactor": "80"}},
    )

    id: Mapped[BigId]
    contact_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("contact.id", ondelete="CASCADE"))
    bot_id: Mapped[int] = mapped_column(BigInteger)
    config_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("follow_up_config.id"))
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(String(32))
    """Why the last look did not send, or why the sequence ended."""
    reason_until: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    claim_token: Mapped[uuid.UUID | None]
    opening_pending: Mapped[bool] = mapped_column(server_default=text("false"))
    opening_at: Mapped[datetime | None]
    """When the opening of this enrollment left; the first wait is counted from here."""
    day: Mapped[int] = mapped_column(server_default=text("1"))
    after_order: Mapped[int | None]
    after_script_id: Mapped[int | None] = mapped_column(BigInteger)
    rotation_order: Mapped[int | None]
    rotation_script_id: Mapped[int | None] = mapped_column(BigInteger)
    sequence: Mapped[int] = mapped_column(server_default=text("0"))
    """How many records were reserved for this enrollment; the next one gets this number plus one."""
    open_record_id: Mapped[int | None] = mapped_column(BigInteger)
    """A reserved or unknown record that stands between this enrollment and its next step."""
    failures: Mapped[int] = mapped_column(server_default=text("0"))
    enrolled_at: Mapped[Moment]
    ended_at: Mapped[datetime | None]
