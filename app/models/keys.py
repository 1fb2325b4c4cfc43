"""API keys: hashed, with what they permit."""

from datetime import datetime

from sqlalchemy import ARRAY, CheckConstraint, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, CreatedAt


class ApiKey(Base):
    """A key: who it was made for and what it permits; the key itself is shown once and not kept.

    A revoked key stays listed. While there is any row, revoked ones too, nobody is answered without a key.
    """

    __tablename__ = "api_key"
    __table_args__ = (
        CheckConstraint("octet_length(digest) = 32", name="digest"),
        CheckConstraint(
            "cardinality(scopes) > 0 AND scopes <@ ARRAY['read','write','operate','admin']::varchar[]", name="scopes"
        ),
    )

    id: Mapped[str] = mapped_column(String(8), primary_key=True)
    """The part of the key that is no secret."""
    name: Mapped[str] = mapped_column(String(64))
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    """SHA-256 of the whole key."""
    scopes: Mapped[list[str]] = mapped_column(ARRAY(String(16)))
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    """To the minute; written behind the requests."""
    revoked_at: Mapped[datetime | None]
