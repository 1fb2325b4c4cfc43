"""What deleting after a time needs to remember."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Moment


class MessageTombstone(Base):
    """The id of a message that was deleted for its age, as a digest: delivered once more it is known, not new."""

    __tablename__ = "message_tombstone"
    __table_args__ = (Index("ix_message_tombstone_at", "at"),)

    bot_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    """The first 16 bytes of the SHA-256 of ``chat_message.external_id``."""
    at: Mapped[Moment]
    """When the message was deleted."""


class RetentionWalk(Base):
    """How far a table was looked through for what is too old; who holds the row is the one that deletes."""

    __tablename__ = "retention_walk"

    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    place: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    """The last id that was looked at."""
    began_at: Mapped[datetime]
