"""Outbound calls: lines, calls and their events; mediation cases, nodes, parties, planned rounds; the calendar."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


# Each change of a status leaves an event, whoever writes it; streams read them in the order of transactions.
EVENT_TRIGGERS = (
    """
    CREATE FUNCTION call_event_write() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO call_event (call_id, status) VALUES (NEW.id, NEW.status);
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER call_event_insert AFTER INSERT ON outbound_call FOR EACH ROW EXECUTE FUNCTION call_event_write()
    """,
    """
    CREATE TRIGGER call_event_update AFTER UPDATE ON outbound_call FOR EACH ROW
        WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION call_event_write()
    """,
)

# The steps of a mediation; every row can be edited. The ids of the scripts are those of the simulator.
NODES = (
    (1, "意愿征询", "willingness"),
    (2, "事实核实", "verification"),
    (3, "方案沟通", "proposal"),
    (4, "协议确认", "agreement"),
    (5, "履约回访", "follow_up"),
)
ADD_NODE = sa.text(
    """
    INSERT INTO mediation_node (id, task_name, call_type, scripts)
    VALUES (:id, :task_name, :call_type,
            jsonb_build_array(jsonb_build_object('personType', NULL, 'instanceId', 'simulator', 'scriptId', :call_type)))
    """
)
ADD_LINE = "INSERT INTO caller_line (id, name, call_line) VALUES ('default', '默认线路', 20)"


def upgrade() -> None:
    op.create_table(
        "calendar_year",
        sa.Column("year", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("holidays", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("workdays", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("year BETWEEN 2000 AND 2100", name=op.f("ck_calendar_year_year")),
        sa.PrimaryKeyConstraint("year", name=op.f("pk_calendar_year")),
    )
    op.create_table(
        "call_event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("call_id", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "transaction_id",
            sa.BigInteger(),
            server_default=sa.text("pg_current_xact_id()::text::bigint"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_event")),
    )
    op.create_index("ix_call_event_call_id_id", "call_event", ["call_id", "id"], unique=False)
    op.create_index("ix_call_event_transaction_id_id", "call_event", ["transaction_id", "id"], unique=False)
    op.create_table(
        "call_poll",
        sa.Column("call_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("next_poll_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("polled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("polls", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("failures", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("call_id", name=op.f("pk_call_poll")),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index("ix_call_poll_next_poll_at", "call_poll", ["next_poll_at", "call_id"], unique=False)
    op.create_table(
        "caller_line",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("call_line", sa.Integer(), nullable=False),
        sa.Column("call_number", sa.String(length=32), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("call_line BETWEEN 0 AND 100000", name=op.f("ck_caller_line_call_line")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_caller_line")),
    )
    op.create_table(
        "mediation_case",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("title", sa.String(length=256), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mediation_case")),
    )
    op.create_table(
        "mediation_node",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("task_name", sa.String(length=64), nullable=False),
        sa.Column("call_type", sa.String(length=32), nullable=False),
        sa.Column("max_rounds", sa.SmallInteger(), server_default=sa.text("3"), nullable=False),
        sa.Column("call_interval", sa.Integer(), server_default=sa.text("30"), nullable=False),
        sa.Column(
            "scripts", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.Column("dial_window", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("skip_holiday", sa.Boolean(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("call_interval BETWEEN 1 AND 525600", name=op.f("ck_mediation_node_call_interval")),
        sa.CheckConstraint("max_rounds BETWEEN 1 AND 50", name=op.f("ck_mediation_node_max_rounds")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mediation_node")),
    )
    op.create_table(
        "mediation_record",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("mediation_id", sa.BigInteger(), nullable=False),
        sa.Column("node_id", sa.Integer(), nullable=False),
        sa.Column("party_id", sa.BigInteger(), nullable=False),
        sa.Column("round", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), server_default="planned", nullable=False),
        sa.Column("is_series", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.Column("reason_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("result", sa.String(length=32), nullable=True),
        sa.Column("remark", sa.Text(), nullable=True),
        sa.Column("creator", sa.String(length=64), server_default="system", nullable=False),
        sa.Column("modifier", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("due_at IS NULL OR state = 'planned'", name=op.f("ck_mediation_record_due_is_planned")),
        sa.CheckConstraint(
            "state IN ('planned', 'calling', 'done', 'refused', 'cancelled')", name=op.f("ck_mediation_record_state")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mediation_record")),
    )
    op.create_index(
        "ix_mediation_record_due_at",
        "mediation_record",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index("ix_mediation_record_mediation_id_id", "mediation_record", ["mediation_id", "id"], unique=False)
    op.create_index(
        "ix_mediation_record_party_id_node_id_id", "mediation_record", ["party_id", "node_id", "id"], unique=False
    )
    op.create_index(
        "uq_mediation_record_open",
        "mediation_record",
        ["party_id", "node_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('planned', 'calling')"),
    )
    op.create_table(
        "outbound_call",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("job_id", sa.String(length=64), nullable=False),
        sa.Column("provider", sa.String(length=16), nullable=False),
        sa.Column("provider_job_id", sa.String(length=128), nullable=True),
        sa.Column("provider_task_id", sa.String(length=128), nullable=True),
        sa.Column("job_group_id", sa.String(length=128), nullable=True),
        sa.Column("instance_id", sa.String(length=128), nullable=False),
        sa.Column("script_id", sa.String(length=128), nullable=False),
        sa.Column("call_type", sa.String(length=32), nullable=False),
        sa.Column("case_id", sa.String(length=64), nullable=True),
        sa.Column("mediation_id", sa.BigInteger(), nullable=True),
        sa.Column("node_id", sa.Integer(), nullable=True),
        sa.Column("party_id", sa.BigInteger(), nullable=True),
        sa.Column("person_id", sa.String(length=64), nullable=True),
        sa.Column("record_id", sa.BigInteger(), nullable=True),
        sa.Column("contact_id", sa.BigInteger(), nullable=True),
        sa.Column("phone", sa.String(length=32), nullable=False),
        sa.Column("line_id", sa.String(length=64), nullable=True),
        sa.Column("is_automatic", sa.Boolean(), nullable=False),
        sa.Column("placement", sa.String(length=16), server_default="reserved", nullable=False),
        sa.Column("status", sa.String(length=16), server_default="Scheduling", nullable=False),
        sa.Column("task_status", sa.SmallInteger(), nullable=True),
        sa.Column("is_counted", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("is_reached", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("result", sa.String(length=32), nullable=True),
        sa.Column("remark", sa.Text(), nullable=True),
        sa.Column("conversations", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("polled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("gives_up_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cancel_requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recording_state", sa.String(length=16), server_default="none", nullable=False),
        sa.Column("recording_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recording_attempts", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("recording_bytes", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "placement IN ('reserved', 'placed', 'unknown', 'not_placed')", name=op.f("ck_outbound_call_placement")
        ),
        sa.CheckConstraint(
            "recording_state IN ('none', 'pending', 'stored', 'lost', 'removed')",
            name=op.f("ck_outbound_call_recording_state"),
        ),
        sa.CheckConstraint(
            "status IN ('Scheduling', 'Executing', 'Succeeded', 'Paused', 'Failed', 'Cancelled', 'Drafted')",
            name=op.f("ck_outbound_call_status"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbound_call")),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index(
        "ix_outbound_call_active_line",
        "outbound_call",
        ["line_id"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "ix_outbound_call_case_id_id",
        "outbound_call",
        ["case_id", "id"],
        unique=False,
        postgresql_where=sa.text("case_id IS NOT NULL"),
    )
    op.create_index(
        "ix_outbound_call_contact_id_id",
        "outbound_call",
        ["contact_id", "id"],
        unique=False,
        postgresql_where=sa.text("contact_id IS NOT NULL"),
    )
    op.create_index(
        "ix_outbound_call_person_id_id",
        "outbound_call",
        ["person_id", "id"],
        unique=False,
        postgresql_where=sa.text("person_id IS NOT NULL"),
    )
    op.create_index("ix_outbound_call_phone_created_at", "outbound_call", ["phone", "created_at"], unique=False)
    op.create_index(
        "ix_outbound_call_record_id",
        "outbound_call",
        ["record_id"],
        unique=False,
        postgresql_where=sa.text("record_id IS NOT NULL"),
    )
    op.create_index(
        "ix_outbound_call_recording_due_at",
        "outbound_call",
        ["recording_due_at"],
        unique=False,
        postgresql_where=sa.text("recording_due_at IS NOT NULL"),
    )
    op.create_index(
        "ix_outbound_call_unknown",
        "outbound_call",
        ["id"],
        unique=False,
        postgresql_where=sa.text("placement = 'unknown'"),
    )
    op.create_index(
        "uq_outbound_call_active_party",
        "outbound_call",
        ["party_id", "node_id"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL AND party_id IS NOT NULL"),
    )
    op.create_index(
        "uq_outbound_call_active_phone",
        "outbound_call",
        ["phone"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index("uq_outbound_call_job_id", "outbound_call", ["job_id"], unique=True)
    op.create_table(
        "mediation",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False, start=1000), nullable=False),
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("node_id", sa.Integer(), nullable=False),
        sa.Column("mediation_type", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("agree_id", sa.String(length=64), nullable=True),
        sa.Column("agree_content", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["mediation_case.id"], name=op.f("fk_mediation_case_id")),
        sa.ForeignKeyConstraint(["node_id"], ["mediation_node.id"], name=op.f("fk_mediation_node_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mediation")),
    )
    op.create_index(op.f("ix_mediation_case_id"), "mediation", ["case_id"], unique=False)
    op.create_table(
        "mediation_party",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("mediation_id", sa.BigInteger(), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=True),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("person_type", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("honorific", sa.String(length=32), nullable=True),
        sa.Column("phone", sa.String(length=20), nullable=True),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["mediation_id"], ["mediation.id"], name=op.f("fk_mediation_party_mediation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mediation_party")),
    )
    op.create_index("ix_mediation_party_contact_id", "mediation_party", ["contact_id"], unique=False)
    op.create_index("ix_mediation_party_person_id", "mediation_party", ["person_id"], unique=False)
    op.create_index(
        "ix_mediation_party_phone",
        "mediation_party",
        ["phone"],
        unique=False,
        postgresql_where=sa.text("phone IS NOT NULL"),
    )
    op.create_index(
        "uq_mediation_party_mediation_id_person_id", "mediation_party", ["mediation_id", "person_id"], unique=True
    )
    op.add_column("idempotency_key", sa.Column("answer", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    for statement in EVENT_TRIGGERS:
        op.execute(statement)
    for number, task_name, call_type in NODES:
        op.execute(ADD_NODE.bindparams(id=number, task_name=task_name, call_type=call_type))
    op.execute(ADD_LINE)


def downgrade() -> None:
    op.drop_column("idempotency_key", "answer")
    op.drop_index("uq_mediation_party_mediation_id_person_id", table_name="mediation_party")
    op.drop_index(
        "ix_mediation_party_phone", table_name="mediation_party", postgresql_where=sa.text("phone IS NOT NULL")
    )
    op.drop_index("ix_mediation_party_person_id", table_name="mediation_party")
    op.drop_index("ix_mediation_party_contact_id", table_name="mediation_party")
    op.drop_table("mediation_party")
    op.drop_index(op.f("ix_mediation_case_id"), table_name="mediation")
    op.drop_table("mediation")
    op.drop_index("uq_outbound_call_job_id", table_name="outbound_call")
    op.drop_index(
        "uq_outbound_call_active_phone", table_name="outbound_call", postgresql_where=sa.text("ended_at IS NULL")
    )
    op.drop_index(
        "uq_outbound_call_active_party",
        table_name="outbound_call",
        postgresql_where=sa.text("ended_at IS NULL AND party_id IS NOT NULL"),
    )
    op.drop_index(
        "ix_outbound_call_unknown", table_name="outbound_call", postgresql_where=sa.text("placement = 'unknown'")
    )
    op.drop_index(
        "ix_outbound_call_recording_due_at",
        table_name="outbound_call",
        postgresql_where=sa.text("recording_due_at IS NOT NULL"),
    )
    op.drop_index(
        "ix_outbound_call_record_id", table_name="outbound_call", postgresql_where=sa.text("record_id IS NOT NULL")
    )
    op.drop_index("ix_outbound_call_phone_created_at", table_name="outbound_call")
    op.drop_index(
        "ix_outbound_call_person_id_id", table_name="outbound_call", postgresql_where=sa.text("person_id IS NOT NULL")
    )
    op.drop_index(
        "ix_outbound_call_contact_id_id", table_name="outbound_call", postgresql_where=sa.text("contact_id IS NOT NULL")
    )
    op.drop_index(
        "ix_outbound_call_case_id_id", table_name="outbound_call", postgresql_where=sa.text("case_id IS NOT NULL")
    )
    op.drop_index(
        "ix_outbound_call_active_line", table_name="outbound_call", postgresql_where=sa.text("ended_at IS NULL")
    )
    op.drop_table("outbound_call")
    op.drop_index(
        "uq_mediation_record_open",
        table_name="mediation_record",
        postgresql_where=sa.text("state IN ('planned', 'calling')"),
    )
    op.drop_index("ix_mediation_record_party_id_node_id_id", table_name="mediation_record")
    op.drop_index("ix_mediation_record_mediation_id_id", table_name="mediation_record")
    op.drop_index(
        "ix_mediation_record_due_at", table_name="mediation_record", postgresql_where=sa.text("due_at IS NOT NULL")
    )
    op.drop_table("mediation_record")
    op.drop_table("mediation_node")
    op.drop_table("mediation_case")
    op.drop_table("caller_line")
    op.drop_index("ix_call_poll_next_poll_at", table_name="call_poll")
    op.drop_table("call_poll")
    op.drop_index("ix_call_event_transaction_id_id", table_name="call_event")
    op.drop_index("ix_call_event_call_id_id", table_name="call_event")
    op.drop_table("call_event")
    op.drop_table("calendar_year")
    op.execute("DROP FUNCTION call_event_write()")
