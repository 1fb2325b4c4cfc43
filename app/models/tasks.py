"""Call tasks: what an account has dialled, number by number, and what follows from each call."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.agent import Owned
from app.models.base import Base, BigId, CreatedAt, Moment

_JSON_LIST = text("'[]'::jsonb")


class CallTask(Owned, Base):
    """A task: whom to dial with what, within which hours, over which lines, how often.

    What it was made from is named by ids without foreign keys: a deleted task still names what it had, and what a
    running one uses cannot be deleted (the services see to it, holding the account).
    """

    __tablename__ = "call_task"
    __table_args__ = (
        Index("ix_call_task_account_id_id", "account_id", "id", postgresql_where=text("deleted_at IS NULL")),
        Index("ix_call_task_due_at", "due_at", postgresql_where=text("due_at IS NOT NULL")),
        CheckConstraint("status IN (1, 2, 3)", name="status"),
        CheckConstraint("(status = 1) = (due_at IS NULL)", name="due_at_of_status"),
        CheckConstraint("end_action IN (0, 1, 2)", name="end_action"),
        CheckConstraint("pop_mode IN (0, 1, 2)", name="pop_mode"),
        CheckConstraint("maximumcall BETWEEN 1 AND 100000", name="maximumcall"),
        CheckConstraint("redial_interval BETWEEN 1 AND 10080", name="redial_interval"),
        CheckConstraint("redial_max_times BETWEEN 0 AND 50", name="redial_max_times"),
        CheckConstraint("start_time < stop_time", name="stop_time"),
        CheckConstraint("deleted_at IS NULL OR status = 1", name="deleted_is_paused"),
    )

    name: Mapped[str] = mapped_column(String(128))
    destination_extension: Mapped[int] = mapped_column(BigInteger)
    """The group of scripts (`OutboundGroup`) that talks, unless there are several (`CallTaskScript`)."""
    dial_time_id: Mapped[int | None] = mapped_column(BigInteger)
    """Hours (`DialTimeGroup`); null: the account's default group, else the service's hours."""
    maximumcall: Mapped[int]
    """Most calls of the task at a time."""
    bridge_group_id: Mapped[int | None] = mapped_column(BigInteger)
    auto_recycle_rule_id: Mapped[int | None] = mapped_column(BigInteger)
    """Replaces the task's own redial fields."""
    end_action: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    llm_intention_id: Mapped[int | None] = mapped_column(BigInteger)
    call_notify_url: Mapped[str | None] = mapped_column(Text)
    start_time: Mapped[datetime | None]
    stop_time: Mapped[datetime | None]
    """From then on nothing is dialled, and the task is paused."""
    holidays: Mapped[list[str]] = mapped_column(JSONB, server_default=_JSON_LIST)
    """ISO dates without calls; ``holiday`` on the wire."""
    pop_mode: Mapped[int] = mapped_column(SmallInteger, server_default=text("1"))
    """0: in random order, 1: in order, 2: the last first."""
    redial_interval: Mapped[int] = mapped_column(SmallInteger, server_default=text("30"))
    """Minutes from the end of a call to the next one to the number."""
    redial_max_times: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    redial_statuses: Mapped[list[int]] = mapped_column(JSONB, server_default=_JSON_LIST)
    """``redial_conditions.number_status`` on the wire."""
    status: Mapped[int] = mapped_column(SmallInteger, server_default=text("1"))
    """1: paused, 2: running, 3: waiting for its hours or its start."""
    due_at: Mapped[datetime | None]
    """When the dialer looks at it next; null: paused."""
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    """When its last number was done, since it was started; its end action was taken then."""
    stopped_by: Mapped[str | None] = mapped_column(String(64))
    """Who paused it last: an actor, ``end_action`` or ``stop_time``."""
    deleted_at: Mapped[datetime | None]
    """Its numbers are deleted soon after, its calls stay."""


class CallTaskLine(Base):
    """A line of a task, in the order in which they were given; a task without any uses those of its scripts."""

    __tablename__ = "call_task_line"
    __table_args__ = (Index("ix_call_task_line_line_id", "line_id"),)

    task_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("call_task.id", ondelete="CASCADE"), primary_key=True)
    line_id: Mapped[str] = mapped_column(String(64), ForeignKey("caller_line.id"), primary_key=True)
    position: Mapped[int] = mapped_column(SmallInteger)


class CallTaskScript(Base):
    """One of several groups of scripts that a task compares; each number keeps the one that it was given first."""

    __tablename__ = "call_task_script"
    __table_args__ = (
        Index("ix_call_task_script_group_id", "group_id"),
        CheckConstraint("weight BETWEEN 1 AND 1000", name="weight"),
    )

    task_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("call_task.id", ondelete="CASCADE"), primary_key=True)
    group_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("outbound_group.id"), primary_key=True)
    weight: Mapped[int]
    position: Mapped[int] = mapped_column(SmallInteger)


class LineHold(Base):
    """Slots of a line that a task keeps for itself after its end (end action 2), until it is restarted or deleted."""

    __tablename__ = "line_hold"
    __table_args__ = (
        Index("ix_line_hold_line_id", "line_id"),
        CheckConstraint("slots BETWEEN 1 AND 100000", name="slots"),
    )

    task_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("call_task.id", ondelete="CASCADE"), primary_key=True)
    line_id: Mapped[str] = mapped_column(String(64), ForeignKey("caller_line.id", ondelete="CASCADE"), primary_key=True)
    slots: Mapped[int]


class TaskNumber(Base):
    """A number of a task and how far it is; no foreign keys, as on the other hot tables.

    ``waiting`` with ``due_at``: 1970-01-01 for numbers that were never dialled, later for those that are dialled again
    or looked at again; of a claimed one it is the lease.
    """

    __tablename__ = "task_number"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'calling', 'done', 'refused')", name="state"),
        CheckConstraint("(state = 'waiting') = (due_at IS NOT NULL)", name="due_at_of_state"),
        CheckConstraint("number_status BETWEEN 0 AND 12", name="number_status"),
        Index("uq_task_number_task_id_phone", "task_id", "phone", unique=True, postgresql_where=text("NOT is_repeat")),
        Index("ix_task_number_task_id_id", "task_id", "id"),
        Index(
            "ix_task_number_task_id_due_at_id", "task_id", "due_at", "id", postgresql_where=text("due_at IS NOT NULL")
        ),
        Index(
            "ix_task_number_task_id_draw",
            "task_id",
            "draw",
            postgresql_where=text("due_at = '1970-01-01 00:00:00+00'::timestamptz"),
        ),
        Index("ix_task_number_calling", "task_id", postgresql_where=text("state = 'calling'")),
        Index("ix_task_number_phone", "phone"),
        {"postgresql_with": {"fillfactor": "80"}},
    )

    id: Mapped[BigId]
    task_id: Mapped[int] = mapped_column(BigInteger)
    phone: Mapped[str] = mapped_column(String(32))
    """E.164; after an erasure ``erased-`` and the id."""
    is_repeat: Mapped[bool] = mapped_column(server_default=text("false"))
    """The number stands in the task already, and was wanted once more all the same."""
    name: Mapped[str | None] = mapped_column(String(128))
    words: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    """What the script may say beside the name; ``variables`` on the wire."""
    draw: Mapped[int] = mapped_column(Integer, server_default=text("(random() * 2147483647)::int"))
    """Its place where numbers are dialled in random order."""
    group_id: Mapped[int | None] = mapped_column(BigInteger)
    """The group of scripts that was chosen for it at its first call, for good."""
    state: Mapped[str] = mapped_column(String(16), server_default="waiting")
    due_at: Mapped[datetime | None] = mapped_column(server_default=text("'1970-01-01 00:00:00+00'::timestamptz"))
    number_status: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    reason: Mapped[str | None] = mapped_column(String(32))
    """Why it was not dialled at the last look, or is not dialled again."""
    reason_until: Mapped[datetime | None]
    calls: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    """Attempts that count."""
    redials: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    """How often it was dialled again, by the status that caused it."""
    faults: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    """Attempts in a row that were the line's or the provider's fault."""
    failures: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    """Tries in a row that the provider did not take."""
    intention: Mapped[int | None] = mapped_column(SmallInteger)
    """The level of the last talk, 1 (A) to 6 (F)."""
    last_call_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]


class TaskImport(Base):
    """A file of numbers: how far it is read, and what was wrong with which line."""

    __tablename__ = "task_import"
    __table_args__ = (
        Index("ix_task_import_task_id_id", "task_id", "id"),
        CheckConstraint("state IN ('running', 'done', 'failed')", name="state"),
    )

    id: Mapped[BigId]
    task_id: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(16), server_default="running")
    lines: Mapped[int] = mapped_column(server_default=text("0"))
    """Read so far, the heading not counted."""
    imported: Mapped[int] = mapped_column(server_default=text("0"))
    duplicates: Mapped[int] = mapped_column(server_default=text("0"))
    rejected: Mapped[int] = mapped_column(server_default=text("0"))
    errors: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=_JSON_LIST)
    """``{line, message}`` of the first thousand."""
    problem: Mapped[str | None] = mapped_column(Text)
    """Why it broke off."""
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]
    """The last sign of life; a running one without any for minutes was broken off."""


class CallIntention(Base):
    """What an analyst read from a talk, with the sentences that led to it; or that it is still to be read."""

    __tablename__ = "call_intention"
    __table_args__ = (
        CheckConstraint("state IN ('pending', 'done', 'failed')", name="state"),
        CheckConstraint("level BETWEEN 1 AND 6", name="level"),
        Index("ix_call_intention_attempts_due_at", "attempts", "due_at", postgresql_where=text("state = 'pending'")),
    )

    call_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    config_id: Mapped[int | None] = mapped_column(BigInteger)
    """Null: nobody asked for a level; the talk is only read for a refusal."""
    state: Mapped[str] = mapped_column(String(16), server_default="pending")
    due_at: Mapped[Moment]
    """When it is read; it is the lease too."""
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    """0: not read for refusals yet; 1: read for them, and waiting for a language model."""
    level: Mapped[int | None] = mapped_column(SmallInteger)
    """1 (A) to 6 (F)."""
    tags: Mapped[list[str]] = mapped_column(JSONB, server_default=_JSON_LIST)
    evidence: Mapped[list[str]] = mapped_column(JSONB, server_default=_JSON_LIST)
    """The person's sentences that led to the level; they go with an erasure."""
    model: Mapped[str | None] = mapped_column(String(128))
    """``rules``, or the name of the language model."""
    problem: Mapped[str | None] = mapped_column(Text)
    """Why another analyst than the wanted one had to do, or none could."""
    analysed_at: Mapped[datetime | None]


class CallNotice(Base):
    """A finished call on its way to the task's ``call_notify_url``; the payload is put together when it leaves."""

    __tablename__ = "call_notice"
    __table_args__ = (
        CheckConstraint("status IN ('pending', 'delivered', 'dead')", name="status"),
        # By task, so that one whose receiver is dead is passed over without reading its notices.
        Index(
            "ix_call_notice_task_id_due_at_id",
            "task_id",
            "due_at",
            "id",
            postgresql_where=text("status = 'pending'"),
        ),
        Index("ix_call_notice_task_id_id", "task_id", "id"),
        Index("uq_call_notice_call_id", "call_id", unique=True),
    )

    id: Mapped[BigId]
    call_id: Mapped[int] = mapped_column(BigInteger)
    task_id: Mapped[int] = mapped_column(BigInteger)
    key: Mapped[uuid.UUID] = mapped_column(server_default=text("gen_random_uuid()"))
    """``webhook-id``: the same at every try."""
    status: Mapped[str] = mapped_column(String(16), server_default="pending")
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    due_at: Mapped[Moment]
    last_error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[CreatedAt]
    delivered_at: Mapped[datetime | None]
