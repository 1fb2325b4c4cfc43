"""Calls: attempts on a phone, whatever asked for them; the lines that they take; what happened to them."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, SmallInteger, String, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, CreatedAt, Moment

_ACTIVE = text("ended_at IS NULL")


class CallerLine(Base):
    """A line and how many calls may be on it at once, over all tasks and processes.

    What is in use is the number of active calls on it and nothing else, so that no slot can leak; who takes one locks
    this row. A line without an account is the house's own: mediation calls go over those and no others.
    """

    __tablename__ = "caller_line"
    __table_args__ = (
        CheckConstraint("call_line BETWEEN 0 AND 100000", name="call_line"),
        CheckConstraint("deadline_at > begin_at", name="deadline"),
        Index("ix_caller_line_account_id", "account_id", postgresql_where=text("account_id IS NOT NULL")),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(128))
    call_line: Mapped[int]
    call_number: Mapped[str | None] = mapped_column(String(32))
    account_id: Mapped[str | None] = mapped_column(String(64), ForeignKey("account.id"))
    description: Mapped[str | None] = mapped_column(Text)
    begin_at: Mapped[datetime | None]
    """From when on it may be used; null: since ever."""
    deadline_at: Mapped[datetime | None]
    """Until when, that moment not included; null: without end. ``available_at`` in the seed's list of lines."""
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]


class OutboundCall(Base):
    """One attempt on a phone.

    It is active until ``ended_at``. At most one active call per party and node, and per phone number: by unique
    indexes, whatever is posted on however many replicas. No foreign keys, as on the other hot tables.
    """

    __tablename__ = "outbound_call"
    __table_args__ = (
        CheckConstraint("placement IN ('reserved', 'placed', 'unknown', 'not_placed')", name="placement"),
        CheckConstraint(
            "status IN ('Scheduling', 'Executing', 'Succeeded', 'Paused', 'Failed', 'Cancelled', 'Drafted')",
            name="status",
        ),
        CheckConstraint("recording_state IN ('none', 'pending', 'stored', 'lost', 'removed')", name="recording_state"),
        Index("uq_outbound_call_job_id", "job_id", unique=True),
        Index(
            "uq_outbound_call_active_party",
            "party_id",
            "node_id",
            unique=True,
            postgresql_where=text("ended_at IS NULL AND party_id IS NOT NULL"),
        ),
        Index("uq_outbound_call_active_phone", "phone", unique=True, postgresql_where=_ACTIVE),
        Index("ix_outbound_call_active_line", "line_id", postgresql_where=_ACTIVE),
        Index("ix_outbound_call_phone_created_at", "phone", "created_at"),
        Index("ix_outbound_call_case_id_id", "case_id", "id", postgresql_where=text("case_id IS NOT NULL")),
        Index("ix_outbound_call_person_id_id", "person_id", "id", postgresql_where=text("person_id IS NOT NULL")),
        Index("ix_outbound_call_record_id", "record_id", postgresql_where=text("record_id IS NOT NULL")),
        Index("ix_outbound_call_contact_id_id", "contact_id", "id", postgresql_where=text("contact_id IS NOT NULL")),
        Index("ix_outbound_call_task_id_id", "task_id", "id", postgresql_where=text("task_id IS NOT NULL")),
        Index("ix_outbound_call_number_id_id", "number_id", "id", postgresql_where=text("number_id IS NOT NULL")),
        Index(
            "ix_outbound_call_active_task",
            "task_id",
            postgresql_where=text("ended_at IS NULL AND task_id IS NOT NULL"),
        ),
        # All that a task's summary counts, so that a million records are counted without reading their rows.
        Index(
            "ix_outbound_call_task_id_created_at",
            "task_id",
            "created_at",
            postgresql_include=["number_status", "intention", "group_id", "line_id", "is_counted", "is_reached"],
            postgresql_where=text("ended_at IS NOT NULL AND task_id IS NOT NULL"),
        ),
        Index("ix_outbound_call_unknown", "id", postgresql_where=text("placement = 'unknown'")),
        Index(
            "ix_outbound_call_recording_due_at",
            "recording_due_at",
            postgresql_where=text("recording_due_at IS NOT NULL"),
        ),
        {"postgresql_with": {"fillfactor": "80"}},
    )

    id: Mapped[BigId]
    job_id: Mapped[str] = mapped_column(String(64))
    """Ours, made before the provider is asked, and sent as its reference: 13-digit ms and three groups of a UUID."""
    provider: Mapped[str] = mapped_column(String(16))
    provider_job_id: Mapped[str | None] = mapped_column(String(128))
    provider_task_id: Mapped[str | None] = mapped_column(String(128))
    job_group_id: Mapped[str | None] = mapped_column(String(128))
    instance_id: Mapped[str] = mapped_column(String(128))
    script_id: Mapped[str] = mapped_column(String(128))
    call_type: Mapped[str] = mapped_column(String(32))
    case_id: Mapped[str | None] = mapped_column(String(64))
    mediation_id: Mapped[int | None] = mapped_column(BigInteger)
    node_id: Mapped[int | None]
    party_id: Mapped[int | None] = mapped_column(BigInteger)
    person_id: Mapped[str | None] = mapped_column(String(64))
    record_id: Mapped[int | None] = mapped_column(BigInteger)
    task_id: Mapped[int | None] = mapped_column(BigInteger)
    number_id: Mapped[int | None] = mapped_column(BigInteger)
    group_id: Mapped[int | None] = mapped_column(BigInteger)
    """The group of scripts of a task's call."""
    seat_id: Mapped[int | None] = mapped_column(BigInteger)
    """The seat to whom a task's talk was passed on."""
    contact_id: Mapped[int | None] = mapped_column(BigInteger)
    phone: Mapped[str] = mapped_column(String(32))
    """E.164; after an erasure ``erased-`` and the call's id."""
    line_id: Mapped[str | None] = mapped_column(String(64))
    is_automatic: Mapped[bool]
    """Placed by the scheduler or by callAuto 0; false: a person asked for this one call."""
    placement: Mapped[str] = mapped_column(String(16), server_default="reserved")
    """``reserved``: written and about to be placed; ``unknown``: the provider's answer never came."""
    status: Mapped[str] = mapped_column(String(16), server_default="Scheduling")
    task_status: Mapped[int | None] = mapped_column(SmallInteger)
    """The provider's code of how the attempt ended, 0..32."""
    number_status: Mapped[int | None] = mapped_column(SmallInteger)
    """What a task's ended attempt says about its number, 0..12."""
    intention: Mapped[int | None] = mapped_column(SmallInteger)
    """What a task's talk says about the person, 1 (A) to 6 (F)."""
    is_counted: Mapped[bool] = mapped_column(server_default=text("true"))
    """Counts as an attempt on the person; false where the line or the provider was at fault."""
    is_reached: Mapped[bool] = mapped_column(server_default=text("false"))
    """A connected end with at least one Dialogue of the contact."""
    result: Mapped[str | None] = mapped_column(String(32))
    remark: Mapped[str | None] = mapped_column(Text)
    conversations: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB)
    """``{timestamp (ms), speaker, script, action}`` in the order of the talk."""
    created_at: Mapped[Moment]
    left_at: Mapped[datetime | None]
    """When the request with it was about to leave for the provider; a reserved call without it certainly never did."""
    placed_at: Mapped[datetime | None]
    polled_at: Mapped[datetime | None]
    """When the provider last told of it; of a call that is not over that of ``call_poll`` counts."""
    gives_up_at: Mapped[Moment]
    """When the watchdog ends a call that the provider forgot."""
    cancel_requested_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    recording_state: Mapped[str] = mapped_column(String(16), server_default="none")
    recording_due_at: Mapped[datetime | None]
    """When the recording is fetched next; it is the lease too."""
    recording_attempts: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    recording_bytes: Mapped[int | None] = mapped_column(BigInteger)


class CallPoll(Base):
    """When a provider is asked next about a call that is not over; the row goes when the call ends.

    Apart from the call because it is written every two seconds: there each poll would touch eleven indexes, here two
    (measured: an eighth of the time). ``fetchTime`` is ``polled_at``, before the first poll the call's ``created_at``.
    """

    __tablename__ = "call_poll"
    __table_args__ = (
        Index("ix_call_poll_next_poll_at", "next_poll_at", "call_id"),
        {"postgresql_with": {"fillfactor": "80"}},
    )

    call_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    next_poll_at: Mapped[Moment]
    """It is the lease too; of a call that is not placed yet, when it is looked up because its process died."""
    polled_at: Mapped[datetime | None]
    polls: Mapped[int] = mapped_column(server_default=text("0"))
    failures: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    """Answers in a row that could not be used or did not know the call."""


class CallEvent(Base):
    """A change of a call's status, written by a trigger in the transaction that changes it.

    ``transaction_id`` orders readers: what lies below the oldest running transaction is complete, so that a stream
    that goes on from there misses nothing.
    """

    __tablename__ = "call_event"
    __table_args__ = (
        Index("ix_call_event_transaction_id_id", "transaction_id", "id"),
        Index("ix_call_event_call_id_id", "call_id", "id"),
    )

    id: Mapped[BigId]
    call_id: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[str] = mapped_column(String(16))
    at: Mapped[CreatedAt]
    transaction_id: Mapped[int] = mapped_column(BigInteger, server_default=text("pg_current_xact_id()::text::bigint"))


class CalendarYear(Base):
    """The statutory holidays of a year, 调休 included; overrides what the library knows."""

    __tablename__ = "calendar_year"
    __table_args__ = (CheckConstraint("year BETWEEN 2000 AND 2100", name="year"),)

    year: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    holidays: Mapped[list[str]] = mapped_column(JSONB)
    """ISO dates on which nobody is called."""
    workdays: Mapped[list[str]] = mapped_column(JSONB)
    """ISO dates that are worked although a weekend (调休)."""
    updated_at: Mapped[CreatedAt]
