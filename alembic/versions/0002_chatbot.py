"""The chatbot: settings of bots, FAQ base, users of a bot, used signatures."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


# A person becomes a user of the bot by a first message or a mute, whoever writes it. The conditions are checked without
# calling a function, so that the many updates that change nothing here cost nothing; the total is a sum of changes, as
# for records, so that writers never wait for each other.
USER_TRIGGERS = (
    """
    CREATE FUNCTION contact_seen() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.seen_at := coalesce(NEW.first_message_at, NEW.updated_at, now());
        RETURN NEW;
    END $$
    """,
    """
    CREATE FUNCTION bot_user_tally_write() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' THEN
            INSERT INTO bot_user_tally (bot_id, delta) VALUES (OLD.bot_id, -1);
        ELSE
            INSERT INTO bot_user_tally (bot_id, delta) VALUES (NEW.bot_id, 1);
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER contact_seen_insert BEFORE INSERT ON contact FOR EACH ROW
        WHEN (NEW.seen_at IS NULL AND (NEW.first_message_at IS NOT NULL OR NEW.muted)) EXECUTE FUNCTION contact_seen()
    """,
    """
    CREATE TRIGGER contact_seen_update BEFORE UPDATE ON contact FOR EACH ROW
        WHEN (NEW.seen_at IS NULL AND (NEW.first_message_at IS NOT NULL OR NEW.muted)) EXECUTE FUNCTION contact_seen()
    """,
    """
    CREATE TRIGGER user_tally_insert AFTER INSERT ON contact FOR EACH ROW
        WHEN (NEW.seen_at IS NOT NULL) EXECUTE FUNCTION bot_user_tally_write()
    """,
    """
    CREATE TRIGGER user_tally_update AFTER UPDATE ON contact FOR EACH ROW
        WHEN (OLD.seen_at IS NULL AND NEW.seen_at IS NOT NULL) EXECUTE FUNCTION bot_user_tally_write()
    """,
    """
    CREATE TRIGGER user_tally_delete AFTER DELETE ON contact FOR EACH ROW
        WHEN (OLD.seen_at IS NOT NULL) EXECUTE FUNCTION bot_user_tally_write()
    """,
)
DROP_USER_TRIGGERS = (
    "DROP TRIGGER user_tally_delete ON contact",
    "DROP TRIGGER user_tally_update ON contact",
    "DROP TRIGGER user_tally_insert ON contact",
    "DROP TRIGGER contact_seen_update ON contact",
    "DROP TRIGGER contact_seen_insert ON contact",
    "DROP FUNCTION bot_user_tally_write()",
    "DROP FUNCTION contact_seen()",
)


def upgrade() -> None:
    op.create_table(
        "bot_user_tally",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("bot_id", sa.BigInteger(), nullable=False),
        sa.Column("delta", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bot_user_tally")),
    )
    op.create_index("ix_bot_user_tally_bot_id", "bot_user_tally", ["bot_id"], unique=False)
    op.create_table(
        "seen_signature",
        sa.Column("app_id", sa.String(length=64), nullable=False),
        sa.Column("stamp", sa.String(length=32), nullable=False),
        sa.Column("random", sa.String(length=128), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("app_id", "stamp", "random", name=op.f("pk_seen_signature")),
        prefixes=["UNLOGGED"],
    )
    op.create_index("ix_seen_signature_at", "seen_signature", ["at"], unique=False)
    op.create_table(
        "faq_category",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("bot_id", sa.BigInteger(), nullable=False),
        sa.Column("parent_id", sa.BigInteger(), nullable=True),
        sa.Column("value", sa.String(length=64), nullable=False),
        sa.Column("label", sa.String(length=128), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["bot_id"], ["bot.id"], name=op.f("fk_faq_category_bot_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["faq_category.id"], name=op.f("fk_faq_category_parent_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_faq_category")),
    )
    op.create_index("uq_faq_category_bot_id_value", "faq_category", ["bot_id", "value"], unique=True)
    op.create_index(
        "uq_faq_category_label",
        "faq_category",
        ["bot_id", sa.literal_column("coalesce(parent_id, 0)"), "label"],
        unique=True,
    )
    op.create_table(
        "faq_question",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("bot_id", sa.BigInteger(), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("extend_id", sa.String(length=64), nullable=False),
        sa.Column("post", sa.Text(), nullable=False),
        sa.Column("is_main", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("encoder", sa.String(length=64), nullable=True),
        sa.Column("vector", sa.LargeBinary(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["bot_id"], ["bot.id"], name=op.f("fk_faq_question_bot_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_faq_question")),
    )
    op.create_index("ix_faq_question_bot_id_version", "faq_question", ["bot_id", "version"], unique=False)
    op.create_index("uq_faq_question_extend_id", "faq_question", ["bot_id", "extend_id"], unique=True)
    op.create_index(
        "uq_faq_question_main", "faq_question", ["entry_id"], unique=True, postgresql_where=sa.text("is_main")
    )
    op.create_index(
        "uq_faq_question_text",
        "faq_question",
        ["entry_id", sa.literal_column("md5(post)")],
        unique=True,
        postgresql_where=sa.text("NOT is_main AND deleted_at IS NULL"),
    )
    op.create_table(
        "faq_entry",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("bot_id", sa.BigInteger(), nullable=False),
        sa.Column("doc_id", sa.String(length=64), nullable=False),
        sa.Column("post", sa.Text(), nullable=False),
        sa.Column("replies", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("category_id", sa.BigInteger(), nullable=True),
        sa.Column("inquiry_count", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("click_count", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("reply_last_update", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["bot_id"], ["bot.id"], name=op.f("fk_faq_entry_bot_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["category_id"], ["faq_category.id"], name=op.f("fk_faq_entry_category_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_faq_entry")),
    )
    op.create_index("ix_faq_entry_category_id", "faq_entry", ["category_id"], unique=False)
    op.create_index("uq_faq_entry_bot_id_doc_id", "faq_entry", ["bot_id", "doc_id"], unique=True)
    op.add_column(
        "bot",
        sa.Column(
            "api_secret",
            sa.Text(),
            server_default=sa.text("encode(sha256(gen_random_uuid()::text::bytea), 'hex')"),
            nullable=False,
        ),
    )
    op.add_column("bot", sa.Column("description", sa.Text(), server_default="", nullable=False))
    op.add_column(
        "bot",
        sa.Column("fallback", sa.Text(), server_default="抱歉,我还不太明白,请换个说法或联系人工客服。", nullable=False),
    )
    op.add_column("bot", sa.Column("welcome", sa.Text(), server_default="您好,请问有什么可以帮您?", nullable=False))
    op.add_column("bot", sa.Column("primary_language", sa.String(length=16), server_default="zh_CN", nullable=False))
    op.add_column("bot", sa.Column("best_threshold", sa.Double(), server_default=sa.text("0.8"), nullable=False))
    op.add_column("bot", sa.Column("suggest_threshold", sa.Double(), server_default=sa.text("0.6"), nullable=False))
    op.add_column("bot", sa.Column("faq_version", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    op.add_column("bot", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("contact", sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_contact_lasttime",
        "contact",
        ["bot_id", sa.literal_column("coalesce(last_message_at, seen_at) DESC"), sa.literal_column("id DESC")],
        unique=False,
        postgresql_where=sa.text("seen_at IS NOT NULL"),
    )
    for statement in USER_TRIGGERS:
        op.execute(statement)
    op.execute("UPDATE contact SET seen_at = first_message_at WHERE first_message_at IS NOT NULL")


def downgrade() -> None:
    for statement in DROP_USER_TRIGGERS:
        op.execute(statement)
    op.drop_index("ix_contact_lasttime", table_name="contact", postgresql_where=sa.text("seen_at IS NOT NULL"))
    op.drop_column("contact", "seen_at")
    op.drop_column("bot", "deleted_at")
    op.drop_column("bot", "faq_version")
    op.drop_column("bot", "suggest_threshold")
    op.drop_column("bot", "best_threshold")
    op.drop_column("bot", "primary_language")
    op.drop_column("bot", "welcome")
    op.drop_column("bot", "fallback")
    op.drop_column("bot", "description")
    op.drop_column("bot", "api_secret")
    op.drop_index("uq_faq_entry_bot_id_doc_id", table_name="faq_entry")
    op.drop_index("ix_faq_entry_category_id", table_name="faq_entry")
    op.drop_table("faq_entry")
    op.drop_index(
        "uq_faq_question_text",
        table_name="faq_question",
        postgresql_where=sa.text("NOT is_main AND deleted_at IS NULL"),
    )
    op.drop_index("uq_faq_question_main", table_name="faq_question", postgresql_where=sa.text("is_main"))
    op.drop_index("uq_faq_question_extend_id", table_name="faq_question")
    op.drop_index("ix_faq_question_bot_id_version", table_name="faq_question")
    op.drop_table("faq_question")
    op.drop_index("uq_faq_category_label", table_name="faq_category")
    op.drop_index("uq_faq_category_bot_id_value", table_name="faq_category")
    op.drop_table("faq_category")
    op.drop_index("ix_seen_signature_at", table_name="seen_signature")
    op.drop_table("seen_signature")
    op.drop_index("ix_bot_user_tally_bot_id", table_name="bot_user_tally")
    op.drop_table("bot_user_tally")
