"""Retention: ids of messages that were deleted for their age, and how far tables were looked through."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "message_tombstone",
        sa.Column("bot_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("bot_id", "digest", name=op.f("pk_message_tombstone")),
    )
    op.create_index("ix_message_tombstone_at", "message_tombstone", ["at"], unique=False)
    op.create_table(
        "retention_walk",
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("place", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_retention_walk")),
    )


def downgrade() -> None:
    op.drop_table("retention_walk")
    op.drop_table("message_tombstone")
