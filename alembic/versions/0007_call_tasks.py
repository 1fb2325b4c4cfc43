"""Call tasks: their numbers, imports, held lines, intentions, notices."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "call_intention",
        sa.Column("call_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("config_id", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(length=16), server_default="pending", nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=True),
        sa.Column(
            "tags", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.Column(
            "evidence", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.Column("model", sa.String(length=128), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("analysed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('pending', 'done', 'failed')", name=op.f("ck_call_intention_state")),
        sa.CheckConstraint("level BETWEEN 1 AND 6", name=op.f("ck_call_intention_level")),
        sa.PrimaryKeyConstraint("call_id", name=op.f("pk_call_intention")),
    )
    op.create_index(
        "ix_call_intention_attempts_due_at",
        "call_intention",
        ["attempts", "due_at"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_table(
        "call_notice",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("call_id", sa.BigInteger(), nullable=False),
        sa.Column("task_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("status", sa.String(length=16), server_default="pending", nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("status IN ('pending', 'delivered', 'dead')", name=op.f("ck_call_notice_status")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_notice")),
    )
    op.create_index(
        "ix_call_notice_task_id_due_at_id",
        "call_notice",
        ["task_id", "due_at", "id"],
        unique=False,
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_index("ix_call_notice_task_id_id", "call_notice", ["task_id", "id"], unique=False)
    op.create_index("uq_call_notice_call_id", "call_notice", ["call_id"], unique=True)
    op.create_table(
        "task_import",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("task_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), server_default="running", nullable=False),
        sa.Column("lines", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("imported", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("duplicates", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("rejected", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "errors", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("state IN ('running', 'done', 'failed')", name=op.f("ck_task_import_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task_import")),
    )
    op.create_index("ix_task_import_task_id_id", "task_import", ["task_id", "id"], unique=False)
    op.create_table(
        "task_number",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("task_id", sa.BigInteger(), nullable=False),
        sa.Column("phone", sa.String(length=32), nullable=False),
        sa.Column("is_repeat", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=True),
        sa.Column(
            "words", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("draw", sa.Integer(), server_default=sa.text("(random() * 2147483647)::int"), nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(length=16), server_default="waiting", nullable=False),
        sa.Column(
            "due_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("'1970-01-01 00:00:00+00'::timestamptz"),
            nullable=True,
        ),
        sa.Column("number_status", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.Column("reason_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("calls", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "redials", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("faults", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("failures", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("intention", sa.SmallInteger(), nullable=True),
        sa.Column("last_call_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("(state = 'waiting') = (due_at IS NOT NULL)", name=op.f("ck_task_number_due_at_of_state")),
        sa.CheckConstraint("state IN ('waiting', 'calling', 'done', 'refused')", name=op.f("ck_task_number_state")),
        sa.CheckConstraint("number_status BETWEEN 0 AND 12", name=op.f("ck_task_number_number_status")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task_number")),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index(
        "ix_task_number_calling",
        "task_number",
        ["task_id"],
        unique=False,
        postgresql_where=sa.text("state = 'calling'"),
    )
    op.create_index("ix_task_number_phone", "task_number", ["phone"], unique=False)
    op.create_index(
        "ix_task_number_task_id_draw",
        "task_number",
        ["task_id", "draw"],
        unique=False,
        postgresql_where=sa.text("due_at = '1970-01-01 00:00:00+00'::timestamptz"),
    )
    op.create_index(
        "ix_task_number_task_id_due_at_id",
        "task_number",
        ["task_id", "due_at", "id"],
        unique=False,
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index("ix_task_number_task_id_id", "task_number", ["task_id", "id"], unique=False)
    op.create_index(
        "uq_task_number_task_id_phone",
        "task_number",
        ["task_id", "phone"],
        unique=True,
        postgresql_where=sa.text("NOT is_repeat"),
    )
    op.create_table(
        "call_task",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("destination_extension", sa.BigInteger(), nullable=False),
        sa.Column("dial_time_id", sa.BigInteger(), nullable=True),
        sa.Column("maximumcall", sa.Integer(), nullable=False),
        sa.Column("bridge_group_id", sa.BigInteger(), nullable=True),
        sa.Column("auto_recycle_rule_id", sa.BigInteger(), nullable=True),
        sa.Column("end_action", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("llm_intention_id", sa.BigInteger(), nullable=True),
        sa.Column("call_notify_url", sa.Text(), nullable=True),
        sa.Column("start_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stop_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "holidays", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.Column("pop_mode", sa.SmallInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("redial_interval", sa.SmallInteger(), server_default=sa.text("30"), nullable=False),
        sa.Column("redial_max_times", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "redial_statuses",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
        ),
        sa.Column("status", sa.SmallInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stopped_by", sa.String(length=64), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("(status = 1) = (due_at IS NULL)", name=op.f("ck_call_task_due_at_of_status")),
        sa.CheckConstraint("deleted_at IS NULL OR status = 1", name=op.f("ck_call_task_deleted_is_paused")),
        sa.CheckConstraint("end_action IN (0, 1, 2)", name=op.f("ck_call_task_end_action")),
        sa.CheckConstraint("maximumcall BETWEEN 1 AND 100000", name=op.f("ck_call_task_maximumcall")),
        sa.CheckConstraint("pop_mode IN (0, 1, 2)", name=op.f("ck_call_task_pop_mode")),
        sa.CheckConstraint("redial_interval BETWEEN 1 AND 10080", name=op.f("ck_call_task_redial_interval")),
        sa.CheckConstraint("redial_max_times BETWEEN 0 AND 50", name=op.f("ck_call_task_redial_max_times")),
        sa.CheckConstraint("start_time < stop_time", name=op.f("ck_call_task_stop_time")),
        sa.CheckConstraint("status IN (1, 2, 3)", name=op.f("ck_call_task_status")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_call_task_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_task")),
    )
    op.create_index(
        "ix_call_task_account_id_id",
        "call_task",
        ["account_id", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_call_task_due_at", "call_task", ["due_at"], unique=False, postgresql_where=sa.text("due_at IS NOT NULL")
    )
    op.create_table(
        "call_task_line",
        sa.Column("task_id", sa.BigInteger(), nullable=False),
        sa.Column("line_id", sa.String(length=64), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.ForeignKeyConstraint(["line_id"], ["caller_line.id"], name=op.f("fk_call_task_line_line_id")),
        sa.ForeignKeyConstraint(
            ["task_id"], ["call_task.id"], name=op.f("fk_call_task_line_task_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("task_id", "line_id", name=op.f("pk_call_task_line")),
    )
    op.create_index("ix_call_task_line_line_id", "call_task_line", ["line_id"], unique=False)
    op.create_table(
        "call_task_script",
        sa.Column("task_id", sa.BigInteger(), nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint("weight BETWEEN 1 AND 1000", name=op.f("ck_call_task_script_weight")),
        sa.ForeignKeyConstraint(["group_id"], ["outbound_group.id"], name=op.f("fk_call_task_script_group_id")),
        sa.ForeignKeyConstraint(
            ["task_id"], ["call_task.id"], name=op.f("fk_call_task_script_task_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("task_id", "group_id", name=op.f("pk_call_task_script")),
    )
    op.create_index("ix_call_task_script_group_id", "call_task_script", ["group_id"], unique=False)
    op.create_table(
        "line_hold",
        sa.Column("task_id", sa.BigInteger(), nullable=False),
        sa.Column("line_id", sa.String(length=64), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.CheckConstraint("slots BETWEEN 1 AND 100000", name=op.f("ck_line_hold_slots")),
        sa.ForeignKeyConstraint(["line_id"], ["caller_line.id"], name=op.f("fk_line_hold_line_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["task_id"], ["call_task.id"], name=op.f("fk_line_hold_task_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("task_id", "line_id", name=op.f("pk_line_hold")),
    )
    op.create_index("ix_line_hold_line_id", "line_hold", ["line_id"], unique=False)
    op.add_column("account", sa.Column("notify_secret", sa.String(length=128), nullable=True))
    op.add_column("llm_intention_config", sa.Column("phrases", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("bridge_group_seat", sa.Column("talks", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("outbound_call", sa.Column("task_id", sa.BigInteger(), nullable=True))
    op.add_column("outbound_call", sa.Column("number_id", sa.BigInteger(), nullable=True))
    op.add_column("outbound_call", sa.Column("group_id", sa.BigInteger(), nullable=True))
    op.add_column("outbound_call", sa.Column("seat_id", sa.BigInteger(), nullable=True))
    op.add_column("outbound_call", sa.Column("number_status", sa.SmallInteger(), nullable=True))
    op.add_column("outbound_call", sa.Column("intention", sa.SmallInteger(), nullable=True))
    op.create_index(
        "ix_outbound_call_active_task",
        "outbound_call",
        ["task_id"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NULL AND task_id IS NOT NULL"),
    )
    op.create_index(
        "ix_outbound_call_number_id_id",
        "outbound_call",
        ["number_id", "id"],
        unique=False,
        postgresql_where=sa.text("number_id IS NOT NULL"),
    )
    op.create_index(
        "ix_outbound_call_task_id_created_at",
        "outbound_call",
        ["task_id", "created_at"],
        unique=False,
        postgresql_include=["number_status", "intention", "group_id", "line_id", "is_counted", "is_reached"],
        postgresql_where=sa.text("ended_at IS NOT NULL AND task_id IS NOT NULL"),
    )
    op.create_index(
        "ix_outbound_call_task_id_id",
        "outbound_call",
        ["task_id", "id"],
        unique=False,
        postgresql_where=sa.text("task_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index(
        "ix_outbound_call_task_id_id", table_name="outbound_call", postgresql_where=sa.text("task_id IS NOT NULL")
    )
    op.drop_index(
        "ix_outbound_call_task_id_created_at",
        table_name="outbound_call",
        postgresql_include=["number_status", "intention", "group_id", "line_id", "is_counted", "is_reached"],
        postgresql_where=sa.text("ended_at IS NOT NULL AND task_id IS NOT NULL"),
    )
    op.drop_index(
        "ix_outbound_call_number_id_id", table_name="outbound_call", postgresql_where=sa.text("number_id IS NOT NULL")
    )
    op.drop_index(
        "ix_outbound_call_active_task",
        table_name="outbound_call",
        postgresql_where=sa.text("ended_at IS NULL AND task_id IS NOT NULL"),
    )
    op.drop_column("outbound_call", "intention")
    op.drop_column("outbound_call", "number_status")
    op.drop_column("outbound_call", "seat_id")
    op.drop_column("outbound_call", "group_id")
    op.drop_column("outbound_call", "number_id")
    op.drop_column("outbound_call", "task_id")
    op.drop_column("bridge_group_seat", "talks")
    op.drop_column("llm_intention_config", "phrases")
    op.drop_column("account", "notify_secret")
    op.drop_index("ix_line_hold_line_id", table_name="line_hold")
    op.drop_table("line_hold")
    op.drop_index("ix_call_task_script_group_id", table_name="call_task_script")
    op.drop_table("call_task_script")
    op.drop_index("ix_call_task_line_line_id", table_name="call_task_line")
    op.drop_table("call_task_line")
    op.drop_index("ix_call_task_due_at", table_name="call_task", postgresql_where=sa.text("due_at IS NOT NULL"))
    op.drop_index("ix_call_task_account_id_id", table_name="call_task", postgresql_where=sa.text("deleted_at IS NULL"))
    op.drop_table("call_task")
    op.drop_index("uq_task_number_task_id_phone", table_name="task_number", postgresql_where=sa.text("NOT is_repeat"))
    op.drop_index("ix_task_number_task_id_id", table_name="task_number")
    op.drop_index(
        "ix_task_number_task_id_due_at_id", table_name="task_number", postgresql_where=sa.text("due_at IS NOT NULL")
    )
    op.drop_index(
        "ix_task_number_task_id_draw",
        table_name="task_number",
        postgresql_where=sa.text("due_at = '1970-01-01 00:00:00+00'::timestamptz"),
    )
    op.drop_index("ix_task_number_phone", table_name="task_number")
    op.drop_index("ix_task_number_calling", table_name="task_number", postgresql_where=sa.text("state = 'calling'"))
    op.drop_table("task_number")
    op.drop_index("ix_task_import_task_id_id", table_name="task_import")
    op.drop_table("task_import")
    op.drop_index("uq_call_notice_call_id", table_name="call_notice")
    op.drop_index("ix_call_notice_task_id_id", table_name="call_notice")
    op.drop_index(
        "ix_call_notice_task_id_due_at_id", table_name="call_notice", postgresql_where=sa.text("status = 'pending'")
    )
    op.drop_table("call_notice")
    op.drop_index(
        "ix_call_intention_attempts_due_at", table_name="call_intention", postgresql_where=sa.text("state = 'pending'")
    )
    op.drop_table("call_intention")
