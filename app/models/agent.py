"""Accounts of the call tasks and what they own: everything that a new task can be made of."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, SmallInteger, String, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from app.models.base import Base, CreatedAt


class Account(Base):
    """Who owns lines, groups, rules and tasks; a sub account has a parent, and no sub accounts of its own.

    Who writes something of an account holds this row: so what is looked up about its other things stays true.
    """

    __tablename__ = "account"
    __table_args__ = (Index("ix_account_parent_id", "parent_id"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    """``user_id`` on the wire."""
    parent_id: Mapped[str | None] = mapped_column(String(64), ForeignKey("account.id"))
    name: Mapped[str] = mapped_column(String(128))
    notify_secret: Mapped[str | None] = mapped_column(String(128))
    """``whsec_…``: signs what its tasks send to their ``call_notify_url``; made when first needed."""
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]


class Owned:
    """What belongs to one account, and never moves to another."""

    @declared_attr
    @classmethod
    def account_id(cls) -> Mapped[str]:
        """The account; ``user_id`` on the wire."""
        return mapped_column(String(64), ForeignKey("account.id"), sort_order=-1)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True, sort_order=-2)
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]


class DialTimeGroup(Owned, Base):
    """Hours in which a task may dial; an account that has any has exactly one default."""

    __tablename__ = "dial_time_group"
    __table_args__ = (
        Index("ix_dial_time_group_account_id_id", "account_id", "id"),
        Index("uq_dial_time_group_default", "account_id", unique=True, postgresql_where=text("is_default")),
    )

    name: Mapped[str | None] = mapped_column(String(128))
    content: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    """``{week, times: [{end_time, begin_time}]}``; 0 is Sunday; times as they were given, ``9:00`` or ``09:00``."""
    skip_holiday: Mapped[bool] = mapped_column(server_default=text("false"))
    is_default: Mapped[bool] = mapped_column(server_default=text("false"))


class OutboundGroup(Owned, Base):
    """A group of scripts (话术组): what is said, over which lines; a deleted one stays for the tasks that had it."""

    __tablename__ = "outbound_group"
    __table_args__ = (
        Index("ix_outbound_group_account_id_id", "account_id", "id", postgresql_where=text("deleted_at IS NULL")),
        Index("uq_outbound_group_default", "account_id", unique=True, postgresql_where=text("is_default")),
        CheckConstraint("deleted_at IS NULL OR NOT is_default", name="default_is_there"),
    )

    name: Mapped[str] = mapped_column(String(128))
    debug: Mapped[bool] = mapped_column(server_default=text("false"))
    is_default: Mapped[bool] = mapped_column(server_default=text("false"))
    """``default`` on the wire."""
    link_word_group_id: Mapped[int | None] = mapped_column(BigInteger)
    tag_scene_id: Mapped[int | None] = mapped_column(BigInteger)
    instance_id: Mapped[str] = mapped_column(String(128))
    """The provider's instance and script with which calls are placed."""
    script_id: Mapped[str] = mapped_column(String(128))
    deleted_at: Mapped[datetime | None]


class OutboundGroupLine(Base):
    """A line of a group of scripts, in the order in which they were given."""

    __tablename__ = "outbound_group_line"
    __table_args__ = (Index("ix_outbound_group_line_line_id", "line_id"),)

    group_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("outbound_group.id", ondelete="CASCADE"), primary_key=True
    )
    line_id: Mapped[str] = mapped_column(String(64), ForeignKey("caller_line.id"), primary_key=True)
    position: Mapped[int] = mapped_column(SmallInteger)


class CustomerService(Owned, Base):
    """A seat (客服): a person to whom a talk is passed on."""

    __tablename__ = "customer_service"
    __table_args__ = (Index("ix_customer_service_account_id_id", "account_id", "id"),)

    name: Mapped[str] = mapped_column(String(128))
    extension: Mapped[str | None] = mapped_column(String(32))
    """Where the seat is reached: a number or an extension."""


class BridgeGroup(Owned, Base):
    """Seats among which one is chosen by a strategy when a talk asks for a person."""

    __tablename__ = "bridge_group"
    __table_args__ = (
        Index("ix_bridge_group_account_id_id", "account_id", "id"),
        CheckConstraint("strategy IN (1, 2, 3)", name="strategy"),
    )

    name: Mapped[str] = mapped_column(String(128))
    strategy: Mapped[int] = mapped_column(SmallInteger)


class BridgeGroupSeat(Base):
    """A seat of a bridge group, in the order in which they were given."""

    __tablename__ = "bridge_group_seat"
    __table_args__ = (Index("ix_bridge_group_seat_seat_id", "seat_id"),)

    group_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("bridge_group.id", ondelete="CASCADE"), primary_key=True
    )
    seat_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("customer_service.id"), primary_key=True)
    position: Mapped[int] = mapped_column(SmallInteger)
    talks: Mapped[int] = mapped_column(server_default=text("0"))
    """How many talks of the group were passed on to it."""


class AutoRecycleRule(Owned, Base):
    """When numbers that were not reached are dialled again."""

    __tablename__ = "auto_recycle_rule"
    __table_args__ = (
        Index("ix_auto_recycle_rule_account_id_id", "account_id", "id"),
        Index("uq_auto_recycle_rule_default", "account_id", unique=True, postgresql_where=text("is_default")),
        CheckConstraint("type IN (1, 2)", name="type"),
        CheckConstraint("(type = 2) = (configs IS NOT NULL)", name="configs_of_type"),
    )

    name: Mapped[str] = mapped_column(String(128))
    remark: Mapped[str | None] = mapped_column(Text)
    status: Mapped[bool] = mapped_column(server_default=text("true"))
    """Whether it is in use."""
    is_default: Mapped[bool | None]
    type: Mapped[int] = mapped_column(SmallInteger)
    """1: after the task's pause; 2: at the times of ``configs``."""
    configs: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB(none_as_null=True))
    """``{week, times: ["9:00"]}``; null for type 1."""
    details: Mapped[list[dict[str, int]]] = mapped_column(JSONB)
    """``{number_status, time}``: how often a number with this status is dialled again."""


class LlmIntentionConfig(Owned, Base):
    """An analyst, by name, that reads the intention from a talk."""

    __tablename__ = "llm_intention_config"
    __table_args__ = (
        Index("ix_llm_intention_config_account_id_id", "account_id", "id"),
        Index("uq_llm_intention_config_default", "account_id", unique=True, postgresql_where=text("is_default")),
        CheckConstraint("llm_type IN (1, 2)", name="llm_type"),
    )

    name: Mapped[str] = mapped_column(String(128))
    llm_type: Mapped[int] = mapped_column(SmallInteger)
    """1: a table of phrases; 2: a language model."""
    is_default: Mapped[bool] = mapped_column(server_default=text("false"))
    """0 or 1 on the wire."""
    phrases: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """Phrases by tag, instead of the default ones of these tags; null: all are the default ones."""
