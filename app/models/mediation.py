"""Mediation cases: nodes, mediations, their parties, and the rounds of calls that are planned for them."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, SmallInteger, String, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, CreatedAt


class MediationNode(Base):
    """A step of a mediation: what is called about, by which scripts, how often and how far apart."""

    __tablename__ = "mediation_node"
    __table_args__ = (
        CheckConstraint("max_rounds BETWEEN 1 AND 50", name="max_rounds"),
        CheckConstraint("call_interval BETWEEN 1 AND 525600", name="call_interval"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """``nodeId``."""
    task_name: Mapped[str] = mapped_column(String(64))
    call_type: Mapped[str] = mapped_column(String(32))
    max_rounds: Mapped[int] = mapped_column(SmallInteger, server_default=text("3"))
    call_interval: Mapped[int] = mapped_column(server_default=text("30"))
    """Minutes between two rounds."""
    scripts: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'::jsonb"))
    """Per role ``{personType, instanceId, scriptId}``; ``personType`` null serves every role without one of its own."""
    dial_window: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB)
    """Hours in which this node may call, as in the dial-time groups; null: the setting's."""
    skip_holiday: Mapped[bool | None]
    updated_at: Mapped[CreatedAt]


class MediationCase(Base):
    """A case, under the id that its own system gave it."""

    __tablename__ = "mediation_case"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    """``caseId``."""
    title: Mapped[str] = mapped_column(String(256))
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]
    closed_at: Mapped[datetime | None]


class Mediation(Base):
    """A mediation of a case: it stands at a node and may carry an agreement."""

    __tablename__ = "mediation"

    id: Mapped[int] = mapped_column(BigInteger, Identity(start=1000), primary_key=True)
    """``mediationId``."""
    case_id: Mapped[str] = mapped_column(String(64), ForeignKey("mediation_case.id"), index=True)
    node_id: Mapped[int] = mapped_column(ForeignKey("mediation_node.id"))
    mediation_type: Mapped[int] = mapped_column(server_default=text("1"))
    agree_id: Mapped[str | None] = mapped_column(String(64))
    agree_content: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]


class MediationParty(Base):
    """A contact in a mediation."""

    __tablename__ = "mediation_party"
    __table_args__ = (
        Index("uq_mediation_party_mediation_id_person_id", "mediation_id", "person_id", unique=True),
        Index("ix_mediation_party_contact_id", "contact_id"),
        Index("ix_mediation_party_person_id", "person_id"),
        Index("ix_mediation_party_phone", "phone", postgresql_where=text("phone IS NOT NULL")),
    )

    id: Mapped[BigId]
    mediation_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("mediation.id"))
    contact_id: Mapped[int | None] = mapped_column(BigInteger)
    """Null once the person was erased."""
    person_id: Mapped[str] = mapped_column(String(64))
    person_type: Mapped[int]
    name: Mapped[str] = mapped_column(String(128))
    honorific: Mapped[str | None] = mapped_column(String(32))
    phone: Mapped[str | None] = mapped_column(String(20))
    """E.164, or the digits as given where they are no valid number."""
    position: Mapped[int] = mapped_column(SmallInteger)
    """Place in the list that the case was made with, from 0."""
    created_at: Mapped[CreatedAt]


class MediationRecord(Base):
    """One planned round of calls to one party at one node (the seed's 调解记录)."""

    __tablename__ = "mediation_record"
    __table_args__ = (
        CheckConstraint("state IN ('planned', 'calling', 'done', 'refused', 'cancelled')", name="state"),
        CheckConstraint("due_at IS NULL OR state = 'planned'", name="due_is_planned"),
        Index(
            "uq_mediation_record_open",
            "party_id",
            "node_id",
            unique=True,
            postgresql_where=text("state IN ('planned', 'calling')"),
        ),
        Index("ix_mediation_record_due_at", "due_at", postgresql_where=text("due_at IS NOT NULL")),
        Index("ix_mediation_record_party_id_node_id_id", "party_id", "node_id", "id"),
        Index("ix_mediation_record_mediation_id_id", "mediation_id", "id"),
    )

    id: Mapped[BigId]
    mediation_id: Mapped[int] = mapped_column(BigInteger)
    node_id: Mapped[int]
    party_id: Mapped[int] = mapped_column(BigInteger)
    round: Mapped[int] = mapped_column(SmallInteger)
    """From 1, per party and node; rounds that did not count against the person keep their number."""
    state: Mapped[str] = mapped_column(String(16), server_default="planned")
    is_series: Mapped[bool] = mapped_column(server_default=text("false"))
    """Asked for with callAuto 0: the scheduler places this round and the ones that follow from it by itself."""
    due_at: Mapped[datetime | None]
    """When the scheduler places it; it is the lease too. Null: only a request places it."""
    reason: Mapped[str | None] = mapped_column(String(32))
    """Why the last look did not call."""
    reason_until: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    """Tries in a row that the provider certainly did not take."""
    result: Mapped[str | None] = mapped_column(String(32))
    remark: Mapped[str | None] = mapped_column(Text)
    creator: Mapped[str] = mapped_column(String(64), server_default="system")
    modifier: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[CreatedAt]
    modified_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
