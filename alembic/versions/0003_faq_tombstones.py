"""Tombstones of FAQ bases go after a time, and each bot knows up to which version they went."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("bot", sa.Column("faq_purged_version", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    op.create_index(
        "ix_faq_question_deleted_at",
        "faq_question",
        ["deleted_at"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index(
        "ix_faq_question_deleted_at", table_name="faq_question", postgresql_where=sa.text("deleted_at IS NOT NULL")
    )
    op.drop_column("bot", "faq_purged_version")
