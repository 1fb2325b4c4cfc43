"""Accounts of the call tasks and what they own: lines, dialling hours, groups, rules."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Rules come with their columns or are not proven: the rows there are have null in them, so nothing need be read.
LINE = (
    "ADD COLUMN account_id VARCHAR(64)",
    "ADD COLUMN description TEXT",
    "ADD COLUMN begin_at TIMESTAMP WITH TIME ZONE",
    "ADD COLUMN deadline_at TIMESTAMP WITH TIME ZONE CONSTRAINT ck_caller_line_deadline CHECK (deadline_at > begin_at)",
    "ADD CONSTRAINT fk_caller_line_account_id FOREIGN KEY (account_id) REFERENCES account (id) NOT VALID",
)


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("parent_id", sa.String(length=64), nullable=True),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["parent_id"], ["account.id"], name=op.f("fk_account_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
    )
    op.create_index("ix_account_parent_id", "account", ["parent_id"], unique=False)
    op.create_table(
        "auto_recycle_rule",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("remark", sa.Text(), nullable=True),
        sa.Column("status", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=True),
        sa.Column("type", sa.SmallInteger(), nullable=False),
        sa.Column("configs", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("(type = 2) = (configs IS NOT NULL)", name=op.f("ck_auto_recycle_rule_configs_of_type")),
        sa.CheckConstraint("type IN (1, 2)", name=op.f("ck_auto_recycle_rule_type")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_auto_recycle_rule_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_auto_recycle_rule")),
    )
    op.create_index("ix_auto_recycle_rule_account_id_id", "auto_recycle_rule", ["account_id", "id"], unique=False)
    op.create_index(
        "uq_auto_recycle_rule_default",
        "auto_recycle_rule",
        ["account_id"],
        unique=True,
        postgresql_where=sa.text("is_default"),
    )
    op.create_table(
        "bridge_group",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("strategy", sa.SmallInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("strategy IN (1, 2, 3)", name=op.f("ck_bridge_group_strategy")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_bridge_group_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bridge_group")),
    )
    op.create_index("ix_bridge_group_account_id_id", "bridge_group", ["account_id", "id"], unique=False)
    op.create_table(
        "customer_service",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("extension", sa.String(length=32), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_customer_service_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_service")),
    )
    op.create_index("ix_customer_service_account_id_id", "customer_service", ["account_id", "id"], unique=False)
    op.create_table(
        "dial_time_group",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=True),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("skip_holiday", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("is_default", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_dial_time_group_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dial_time_group")),
    )
    op.create_index("ix_dial_time_group_account_id_id", "dial_time_group", ["account_id", "id"], unique=False)
    op.create_index(
        "uq_dial_time_group_default",
        "dial_time_group",
        ["account_id"],
        unique=True,
        postgresql_where=sa.text("is_default"),
    )
    op.create_table(
        "llm_intention_config",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("llm_type", sa.SmallInteger(), nullable=False),
        sa.Column("is_default", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("llm_type IN (1, 2)", name=op.f("ck_llm_intention_config_llm_type")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_llm_intention_config_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_llm_intention_config")),
    )
    op.create_index("ix_llm_intention_config_account_id_id", "llm_intention_config", ["account_id", "id"], unique=False)
    op.create_index(
        "uq_llm_intention_config_default",
        "llm_intention_config",
        ["account_id"],
        unique=True,
        postgresql_where=sa.text("is_default"),
    )
    op.create_table(
        "outbound_group",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("debug", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("is_default", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("link_word_group_id", sa.BigInteger(), nullable=True),
        sa.Column("tag_scene_id", sa.BigInteger(), nullable=True),
        sa.Column("instance_id", sa.String(length=128), nullable=False),
        sa.Column("script_id", sa.String(length=128), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("deleted_at IS NULL OR NOT is_default", name=op.f("ck_outbound_group_default_is_there")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_outbound_group_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbound_group")),
    )
    op.create_index(
        "ix_outbound_group_account_id_id",
        "outbound_group",
        ["account_id", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "uq_outbound_group_default",
        "outbound_group",
        ["account_id"],
        unique=True,
        postgresql_where=sa.text("is_default"),
    )
    op.create_table(
        "bridge_group_seat",
        sa.Column("group_id", sa.BigInteger(), nullable=False),
        sa.Column("seat_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["bridge_group.id"], name=op.f("fk_bridge_group_seat_group_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["seat_id"], ["customer_service.id"], name=op.f("fk_bridge_group_seat_seat_id")),
        sa.PrimaryKeyConstraint("group_id", "seat_id", name=op.f("pk_bridge_group_seat")),
    )
    op.create_index("ix_bridge_group_seat_seat_id", "bridge_group_seat", ["seat_id"], unique=False)
    op.create_table(
        "outbound_group_line",
        sa.Column("group_id", sa.BigInteger(), nullable=False),
        sa.Column("line_id", sa.String(length=64), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["outbound_group.id"], name=op.f("fk_outbound_group_line_group_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["line_id"], ["caller_line.id"], name=op.f("fk_outbound_group_line_line_id")),
        sa.PrimaryKeyConstraint("group_id", "line_id", name=op.f("pk_outbound_group_line")),
    )
    op.create_index("ix_outbound_group_line_line_id", "outbound_group_line", ["line_id"], unique=False)
    for change in LINE:
        op.execute(f"ALTER TABLE caller_line {change}")
    op.create_index(
        "ix_caller_line_account_id",
        "caller_line",
        ["account_id"],
        unique=False,
        postgresql_where=sa.text("account_id IS NOT NULL"),
    )


def downgrade() -> None:
    # Without its account a line would be the house's own.
    op.execute("DELETE FROM outbound_group_line")
    op.execute("DELETE FROM caller_line WHERE account_id IS NOT NULL")
    op.drop_constraint(op.f("ck_caller_line_deadline"), "caller_line", type_="check")
    op.drop_constraint(op.f("fk_caller_line_account_id"), "caller_line", type_="foreignkey")
    op.drop_index(
        "ix_caller_line_account_id", table_name="caller_line", postgresql_where=sa.text("account_id IS NOT NULL")
    )
    op.drop_column("caller_line", "deadline_at")
    op.drop_column("caller_line", "begin_at")
    op.drop_column("caller_line", "description")
    op.drop_column("caller_line", "account_id")
    op.drop_index("ix_outbound_group_line_line_id", table_name="outbound_group_line")
    op.drop_table("outbound_group_line")
    op.drop_index("ix_bridge_group_seat_seat_id", table_name="bridge_group_seat")
    op.drop_table("bridge_group_seat")
    op.drop_index("uq_outbound_group_default", table_name="outbound_group", postgresql_where=sa.text("is_default"))
    op.drop_index(
        "ix_outbound_group_account_id_id", table_name="outbound_group", postgresql_where=sa.text("deleted_at IS NULL")
    )
    op.drop_table("outbound_group")
    op.drop_index(
        "uq_llm_intention_config_default", table_name="llm_intention_config", postgresql_where=sa.text("is_default")
    )
    op.drop_index("ix_llm_intention_config_account_id_id", table_name="llm_intention_config")
    op.drop_table("llm_intention_config")
    op.drop_index("uq_dial_time_group_default", table_name="dial_time_group", postgresql_where=sa.text("is_default"))
    op.drop_index("ix_dial_time_group_account_id_id", table_name="dial_time_group")
    op.drop_table("dial_time_group")
    op.drop_index("ix_customer_service_account_id_id", table_name="customer_service")
    op.drop_table("customer_service")
    op.drop_index("ix_bridge_group_account_id_id", table_name="bridge_group")
    op.drop_table("bridge_group")
    op.drop_index(
        "uq_auto_recycle_rule_default", table_name="auto_recycle_rule", postgresql_where=sa.text("is_default")
    )
    op.drop_index("ix_auto_recycle_rule_account_id_id", table_name="auto_recycle_rule")
    op.drop_table("auto_recycle_rule")
    op.drop_index("ix_account_parent_id", table_name="account")
    op.drop_table("account")
