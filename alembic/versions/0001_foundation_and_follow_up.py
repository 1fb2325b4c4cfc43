"""Foundation and follow-up: bots, contacts, protection, one history, sequences and records."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


# Exact totals without counting: each statement leaves the change that it made, and readers sum the changes up.
TALLY_FUNCTION = """
CREATE FUNCTION follow_up_record_tally_write() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO follow_up_record_tally (config_id, status, got_reply, delta)
        SELECT config_id, status, got_reply, count(*) FROM new_rows GROUP BY 1, 2, 3;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO follow_up_record_tally (config_id, status, got_reply, delta)
        SELECT config_id, status, got_reply, -count(*) FROM old_rows GROUP BY 1, 2, 3;
    ELSE
        INSERT INTO follow_up_record_tally (config_id, status, got_reply, delta)
        SELECT config_id, status, got_reply, sum(step)
        FROM (
            SELECT config_id, status, got_reply, 1 AS step FROM new_rows
            UNION ALL
            SELECT config_id, status, got_reply, -1 FROM old_rows
        ) AS change
        GROUP BY 1, 2, 3 HAVING sum(step) <> 0;
    END IF;
    RETURN NULL;
END $$
"""

TALLY_TRIGGERS = tuple(
    f"CREATE TRIGGER tally_{event.lower()} AFTER {event} ON follow_up_record REFERENCING {tables}"
    " FOR EACH STATEMENT EXECUTE FUNCTION follow_up_record_tally_write()"
    for event, tables in (
        ("INSERT", "NEW TABLE AS new_rows"),
        ("UPDATE", "OLD TABLE AS old_rows NEW TABLE AS new_rows"),
        ("DELETE", "OLD TABLE AS old_rows"),
    )
)


def upgrade() -> None:
    op.create_table(
        "audit_entry",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=True),
        sa.Column("enrollment_id", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.String(length=64), nullable=True),
        sa.Column(
            "detail",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
    )
    op.create_index("ix_audit_entry_at", "audit_entry", ["at"], unique=False)
    op.create_index("ix_audit_entry_contact_id_id", "audit_entry", ["contact_id", "id"], unique=False)
    op.create_table(
        "bot",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False, start=1000), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("is_default", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("delivery_kind", sa.String(length=16), server_default="webchat", nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("secret", sa.Text(), nullable=True),
        sa.Column("idempotent", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("rate_per_second", sa.Double(), nullable=True),
        sa.Column("inbox_url", sa.Text(), nullable=True),
        sa.Column("event_url", sa.Text(), nullable=True),
        sa.Column("next_slot_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("delivery_kind = 'webchat' OR url IS NOT NULL", name=op.f("ck_bot_webhook_has_url")),
        sa.CheckConstraint("delivery_kind IN ('webchat', 'webhook')", name=op.f("ck_bot_delivery_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bot")),
        sa.UniqueConstraint("client_id", name=op.f("uq_bot_client_id")),
    )
    op.create_index("uq_bot_default", "bot", ["is_default"], unique=True, postgresql_where=sa.text("is_default"))
    op.create_table(
        "chat_message",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("bot_id", sa.BigInteger(), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), nullable=False),
        sa.Column("direction", sa.String(length=8), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("service", sa.String(length=16), nullable=True),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column("doc_id", sa.String(length=64), nullable=True),
        sa.Column("external_id", sa.String(length=256), nullable=True),
        sa.Column("record_id", sa.BigInteger(), nullable=True),
        sa.Column("verdict", sa.String(length=32), nullable=True),
        sa.Column("filter_reason", sa.String(length=32), nullable=True),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("direction IN ('inbound', 'outbound')", name=op.f("ck_chat_message_direction")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chat_message")),
    )
    op.create_index(
        "ix_chat_message_filtered",
        "chat_message",
        ["id"],
        unique=False,
        postgresql_where=sa.text("filter_reason IS NOT NULL"),
    )
    op.create_index(
        "uq_chat_message_bot_id_external_id",
        "chat_message",
        ["bot_id", "external_id"],
        unique=True,
        postgresql_where=sa.text("external_id IS NOT NULL"),
    )
    op.create_index("uq_chat_message_contact_id_ordinal", "chat_message", ["contact_id", "ordinal"], unique=True)
    op.create_table(
        "do_not_contact",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("value", sa.String(length=320), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "kind IN ('phone', 'user', 'wechat', 'qq', 'email', 'hash')", name=op.f("ck_do_not_contact_kind")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_do_not_contact")),
    )
    op.create_index(op.f("ix_do_not_contact_contact_id"), "do_not_contact", ["contact_id"], unique=False)
    op.create_index("uq_do_not_contact_kind_value", "do_not_contact", ["kind", "value"], unique=True)
    op.create_table(
        "follow_up_config",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("position", sa.String(length=64), nullable=True),
        sa.Column("position_key", sa.String(length=64), server_default="", nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("opening_message", sa.Text(), nullable=True),
        sa.Column("rearm_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_follow_up_config")),
    )
    op.create_index(
        "ix_follow_up_config_position_key",
        "follow_up_config",
        ["position_key"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "follow_up_record",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("bot_id", sa.BigInteger(), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("enrollment_id", sa.BigInteger(), nullable=True),
        sa.Column("sequence", sa.Integer(), nullable=True),
        sa.Column("config_id", sa.BigInteger(), nullable=True),
        sa.Column("script_id", sa.BigInteger(), nullable=True),
        sa.Column("day_number", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("reserved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("got_reply", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("reply_content", sa.Text(), nullable=True),
        sa.Column("replied_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('opening', 'script', 'manual', 'test')", name=op.f("ck_follow_up_record_kind")),
        sa.CheckConstraint(
            "status IN ('reserved', 'sent', 'failed', 'unknown', 'not_sent')",
            name=op.f("ck_follow_up_record_status"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_follow_up_record")),
        postgresql_with={"fillfactor": "90"},
    )
    op.create_index("ix_follow_up_record_config_id_id", "follow_up_record", ["config_id", "id"], unique=False)
    op.create_index(
        "ix_follow_up_record_got_reply",
        "follow_up_record",
        ["id"],
        unique=False,
        postgresql_where=sa.text("got_reply"),
    )
    op.create_index(
        "ix_follow_up_record_sent_at", "follow_up_record", ["sent_at"], unique=False, postgresql_using="brin"
    )
    op.create_index("ix_follow_up_record_contact_id_id", "follow_up_record", ["contact_id", "id"], unique=False)
    op.create_index(
        "ix_follow_up_record_failed",
        "follow_up_record",
        ["id"],
        unique=False,
        postgresql_where=sa.text("status IN ('failed', 'not_sent')"),
    )
    op.create_index(
        "ix_follow_up_record_open",
        "follow_up_record",
        ["reserved_at"],
        unique=False,
        postgresql_where=sa.text("status IN ('reserved', 'unknown')"),
    )
    op.create_index(
        "uq_follow_up_record_enrollment_id_sequence",
        "follow_up_record",
        ["enrollment_id", "sequence"],
        unique=True,
        postgresql_where=sa.text("enrollment_id IS NOT NULL"),
    )
    op.create_table(
        "follow_up_record_tally",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("config_id", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("got_reply", sa.Boolean(), nullable=False),
        sa.Column("delta", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_follow_up_record_tally")),
    )
    op.create_index("ix_follow_up_record_tally_config_id", "follow_up_record_tally", ["config_id"], unique=False)
    op.create_table(
        "idempotency_key",
        sa.Column("scope", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("body_hash", sa.String(length=64), nullable=False),
        sa.Column("record_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("scope", "key", name=op.f("pk_idempotency_key")),
    )
    op.create_index("ix_idempotency_key_record_id", "idempotency_key", ["record_id"], unique=False)
    op.create_index("ix_idempotency_key_created_at", "idempotency_key", ["created_at"], unique=False)
    op.create_table(
        "outbox_event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("bot_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=True),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("status", sa.String(length=16), server_default="pending", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("status IN ('pending', 'delivered', 'dead')", name=op.f("ck_outbox_event_status")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_event")),
    )
    op.create_index("ix_outbox_event_contact_id", "outbox_event", ["contact_id"], unique=False)
    op.create_index(
        "ix_outbox_event_due_at",
        "outbox_event",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_table(
        "secret",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_secret")),
    )
    op.create_table(
        "contact",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False, start=1000), nullable=False),
        sa.Column("bot_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.String(length=256), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=True),
        sa.Column("position", sa.String(length=64), nullable=True),
        sa.Column("position_key", sa.String(length=64), server_default="", nullable=False),
        sa.Column("phone", sa.String(length=20), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column(
            "profile",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("do_not_contact", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("muted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("takeover_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("review_hold_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opening_sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("message_count", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("first_message_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_message_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("chat_token", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["bot_id"], ["bot.id"], name=op.f("fk_contact_bot_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact")),
        sa.UniqueConstraint("chat_token", name=op.f("uq_contact_chat_token")),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index(
        "ix_contact_phone", "contact", ["phone"], unique=False, postgresql_where=sa.text("phone IS NOT NULL")
    )
    op.create_index("ix_contact_position_key", "contact", ["position_key"], unique=False)
    op.create_index("uq_contact_bot_id_user_id", "contact", ["bot_id", "user_id"], unique=True)
    op.create_table(
        "follow_up_script",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("config_id", sa.BigInteger(), nullable=False),
        sa.Column("day_number", sa.Integer(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("interval_hours", sa.Integer(), server_default=sa.text("24"), nullable=False),
        sa.Column("order", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("day_number >= 0", name=op.f("ck_follow_up_script_day_number")),
        sa.CheckConstraint("interval_hours BETWEEN 0 AND 8760", name=op.f("ck_follow_up_script_interval_hours")),
        sa.ForeignKeyConstraint(["config_id"], ["follow_up_config.id"], name=op.f("fk_follow_up_script_config_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_follow_up_script")),
    )
    op.create_index(
        "ix_follow_up_script_config_id",
        "follow_up_script",
        ["config_id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "contact_record",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("value", sa.String(length=320), nullable=False),
        sa.Column("rule", sa.String(length=64), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind IN ('wechat', 'phone', 'qq', 'email')", name=op.f("ck_contact_record_kind")),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contact.id"], name=op.f("fk_contact_record_contact_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_record")),
    )
    op.create_index(
        "ix_contact_record_kind_value", "contact_record", ["kind", sa.literal_column("lower(value)")], unique=False
    )
    op.create_index(
        "uq_contact_record_contact_id_kind_value", "contact_record", ["contact_id", "kind", "value"], unique=True
    )
    op.create_table(
        "follow_up_enrollment",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("bot_id", sa.BigInteger(), nullable=False),
        sa.Column("config_id", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.Column("reason_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claim_token", sa.Uuid(), nullable=True),
        sa.Column("opening_pending", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("opening_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("day", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("after_order", sa.Integer(), nullable=True),
        sa.Column("after_script_id", sa.BigInteger(), nullable=True),
        sa.Column("rotation_order", sa.Integer(), nullable=True),
        sa.Column("rotation_script_id", sa.BigInteger(), nullable=True),
        sa.Column("sequence", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("open_record_id", sa.BigInteger(), nullable=True),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("enrolled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'active', 'paused', 'replied', 'converted', 'finished', 'stopped')",
            name=op.f("ck_follow_up_enrollment_state"),
        ),
        sa.CheckConstraint(
            "due_at IS NULL OR state = 'active'", name=op.f("ck_follow_up_enrollment_only_active_is_due")
        ),
        sa.ForeignKeyConstraint(["config_id"], ["follow_up_config.id"], name=op.f("fk_follow_up_enrollment_config_id")),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contact.id"], name=op.f("fk_follow_up_enrollment_contact_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_follow_up_enrollment")),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index("ix_follow_up_enrollment_contact_id_id", "follow_up_enrollment", ["contact_id", "id"], unique=False)
    op.create_index(
        "ix_follow_up_enrollment_due",
        "follow_up_enrollment",
        ["bot_id", "due_at", "id"],
        unique=False,
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index("ix_follow_up_enrollment_config_id_id", "follow_up_enrollment", ["config_id", "id"], unique=False)
    op.create_index(
        "ix_follow_up_enrollment_state_id",
        "follow_up_enrollment",
        ["state", "id"],
        unique=False,
        postgresql_where=sa.text("state <> 'active'"),
    )
    op.create_index(
        "uq_follow_up_enrollment_open",
        "follow_up_enrollment",
        ["contact_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('waiting', 'active', 'paused')"),
    )
    op.execute(TALLY_FUNCTION)
    for trigger in TALLY_TRIGGERS:
        op.execute(trigger)
    op.execute(
        "INSERT INTO bot (id, client_id, name, is_default) OVERRIDING SYSTEM VALUE VALUES (1, 'default', '回音', true)"
    )


def downgrade() -> None:
    op.drop_index(
        "uq_follow_up_enrollment_open",
        table_name="follow_up_enrollment",
        postgresql_where=sa.text("state IN ('waiting', 'active', 'paused')"),
    )
    op.drop_index("ix_follow_up_enrollment_state_id", table_name="follow_up_enrollment")
    op.drop_index(
        "ix_follow_up_enrollment_due",
        table_name="follow_up_enrollment",
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.drop_index("ix_follow_up_enrollment_contact_id_id", table_name="follow_up_enrollment")
    op.drop_table("follow_up_enrollment")
    op.drop_index("uq_contact_record_contact_id_kind_value", table_name="contact_record")
    op.drop_index("ix_contact_record_kind_value", table_name="contact_record")
    op.drop_table("contact_record")
    op.drop_index(
        "ix_follow_up_script_config_id",
        table_name="follow_up_script",
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.drop_table("follow_up_script")
    op.drop_index("uq_contact_bot_id_user_id", table_name="contact")
    op.drop_index("ix_contact_position_key", table_name="contact")
    op.drop_index("ix_contact_phone", table_name="contact", postgresql_where=sa.text("phone IS NOT NULL"))
    op.drop_table("contact")
    op.drop_table("secret")
    op.drop_index("ix_outbox_event_due_at", table_name="outbox_event", postgresql_where=sa.text("status = 'pending'"))
    op.drop_table("outbox_event")
    op.drop_index("ix_idempotency_key_created_at", table_name="idempotency_key")
    op.drop_table("idempotency_key")
    op.drop_index("ix_follow_up_record_tally_config_id", table_name="follow_up_record_tally")
    op.drop_table("follow_up_record_tally")
    op.drop_index(
        "uq_follow_up_record_enrollment_id_sequence",
        table_name="follow_up_record",
        postgresql_where=sa.text("enrollment_id IS NOT NULL"),
    )
    op.drop_index(
        "ix_follow_up_record_open",
        table_name="follow_up_record",
        postgresql_where=sa.text("status IN ('reserved', 'unknown')"),
    )
    op.drop_index(
        "ix_follow_up_record_failed",
        table_name="follow_up_record",
        postgresql_where=sa.text("status IN ('failed', 'not_sent')"),
    )
    op.drop_index("ix_follow_up_record_contact_id_id", table_name="follow_up_record")
    op.drop_table("follow_up_record")
    op.drop_index(
        "ix_follow_up_config_position_key",
        table_name="follow_up_config",
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.drop_table("follow_up_config")
    op.drop_index("uq_do_not_contact_kind_value", table_name="do_not_contact")
    op.drop_index(op.f("ix_do_not_contact_contact_id"), table_name="do_not_contact")
    op.drop_table("do_not_contact")
    op.drop_index("uq_chat_message_contact_id_ordinal", table_name="chat_message")
    op.drop_index(
        "uq_chat_message_bot_id_external_id",
        table_name="chat_message",
        postgresql_where=sa.text("external_id IS NOT NULL"),
    )
    op.drop_index(
        "ix_chat_message_filtered",
        table_name="chat_message",
        postgresql_where=sa.text("filter_reason IS NOT NULL"),
    )
    op.drop_table("chat_message")
    op.drop_index("uq_bot_default", table_name="bot", postgresql_where=sa.text("is_default"))
    op.drop_table("bot")
    op.drop_index("ix_audit_entry_contact_id_id", table_name="audit_entry")
    op.drop_index("ix_audit_entry_at", table_name="audit_entry")
    op.drop_table("audit_entry")
    op.execute("DROP FUNCTION follow_up_record_tally_write()")
