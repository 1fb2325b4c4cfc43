"""What lists of people and of messages are searched and counted by."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


# The pieces of a text by which it is found: every three characters in a row, and every character beyond ASCII, because
# Chinese names have two or three. PostgreSQL's own pg_trgm knows no shorter pieces, and an extension may be forbidden.
GRAMS = r"""
CREATE FUNCTION contact_grams(words text) RETURNS text[] LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    c text[] := string_to_array(words, NULL);
    grams text[] := '{}';
BEGIN
    FOR i IN 1 .. cardinality(c) - 2 LOOP
        grams[i] := c[i] || c[i + 1] || c[i + 2];
    END LOOP;
    RETURN grams || string_to_array(regexp_replace(words, '[\x01-\x7f]+', '', 'g'), NULL);
END $$
"""

# Beside the table of people and not an index on it: that table is updated with every message, and whatever stands in an
# index there is written again when a page has no room left.
CONTACT_FUNCTION = """
CREATE FUNCTION contact_search_write() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO contact_search (contact_id, words)
        SELECT id, lower(concat_ws(E'\\n', name, phone, user_id, note)) FROM new_rows;
        INSERT INTO row_tally (subject, delta) SELECT 'contact', count(*) FROM new_rows HAVING count(*) > 0;
    ELSIF TG_OP = 'DELETE' THEN
        DELETE FROM contact_search s USING old_rows o WHERE s.contact_id = o.id;
        INSERT INTO row_tally (subject, delta) SELECT 'contact', -count(*) FROM old_rows HAVING count(*) > 0;
    ELSE
        UPDATE contact_search SET words = lower(concat_ws(E'\\n', NEW.name, NEW.phone, NEW.user_id, NEW.note))
        WHERE contact_id = NEW.id;
    END IF;
    RETURN NULL;
END $$
"""
CONTACT_TRIGGERS = (
    """
    CREATE TRIGGER contact_search_insert AFTER INSERT ON contact REFERENCING NEW TABLE AS new_rows
        FOR EACH STATEMENT EXECUTE FUNCTION contact_search_write()
    """,
    """
    CREATE TRIGGER contact_search_delete AFTER DELETE ON contact REFERENCING OLD TABLE AS old_rows
        FOR EACH STATEMENT EXECUTE FUNCTION contact_search_write()
    """,
    # Statements that name none of these columns, as those of the engine, never come here.
    """
    CREATE TRIGGER contact_search_update AFTER UPDATE OF name, phone, user_id, note ON contact FOR EACH ROW
        WHEN ((OLD.name, OLD.phone, OLD.user_id, OLD.note) IS DISTINCT FROM (NEW.name, NEW.phone, NEW.user_id, NEW.note))
        EXECUTE FUNCTION contact_search_write()
    """,
)

# As for records: each statement leaves the change that it made, and readers sum the changes up.
MESSAGE_FUNCTION = """
CREATE FUNCTION chat_message_tally_write() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO row_tally (subject, delta)
        SELECT CASE WHEN filter_reason IS NULL THEN 'message' ELSE 'filtered' END, count(*) FROM new_rows GROUP BY 1;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO row_tally (subject, delta)
        SELECT CASE WHEN filter_reason IS NULL THEN 'message' ELSE 'filtered' END, -count(*) FROM old_rows GROUP BY 1;
    ELSE
        INSERT INTO row_tally (subject, delta)
        SELECT CASE WHEN filter_reason IS NULL THEN 'message' ELSE 'filtered' END, sum(step)
        FROM (SELECT filter_reason, 1 AS step FROM new_rows UNION ALL SELECT filter_reason, -1 FROM old_rows) AS change
        GROUP BY 1 HAVING sum(step) <> 0;
    END IF;
    RETURN NULL;
END $$
"""
MESSAGE_TRIGGERS = tuple(
    f"CREATE TRIGGER tally_{event.lower()} AFTER {event} ON chat_message REFERENCING {tables}"
    " FOR EACH STATEMENT EXECUTE FUNCTION chat_message_tally_write()"
    for event, tables in (
        ("INSERT", "NEW TABLE AS new_rows"),
        ("UPDATE", "OLD TABLE AS old_rows NEW TABLE AS new_rows"),
        ("DELETE", "OLD TABLE AS old_rows"),
    )
)

# The triggers are made first: they keep writers out until all is counted. A million people take about a minute.
FILL = (
    """
    INSERT INTO contact_search (contact_id, words)
    SELECT id, lower(concat_ws(E'\\n', name, phone, user_id, note)) FROM contact ORDER BY id
    """,
    "INSERT INTO row_tally (subject, delta) SELECT 'contact', count(*) FROM contact HAVING count(*) > 0",
    """
    INSERT INTO row_tally (subject, delta)
    SELECT CASE WHEN filter_reason IS NULL THEN 'message' ELSE 'filtered' END, count(*) FROM chat_message GROUP BY 1
    """,
)


def upgrade() -> None:
    op.create_table(
        "row_tally",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("subject", sa.String(length=16), nullable=False),
        sa.Column("delta", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_row_tally")),
    )
    op.create_table(
        "contact_search",
        sa.Column("contact_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("contact_id", name=op.f("pk_contact_search")),
    )
    for statement in (GRAMS, CONTACT_FUNCTION, *CONTACT_TRIGGERS, MESSAGE_FUNCTION, *MESSAGE_TRIGGERS, *FILL):
        op.execute(statement)
    # Built behind the filling, which is several times as fast.
    op.execute("SET LOCAL maintenance_work_mem = '256MB'")
    op.create_index(
        "ix_contact_search_grams",
        "contact_search",
        [sa.literal_column("contact_grams(words)")],
        unique=False,
        postgresql_using="gin",
    )


def downgrade() -> None:
    for event in ("insert", "update", "delete"):
        op.execute(f"DROP TRIGGER tally_{event} ON chat_message")
        op.execute(f"DROP TRIGGER contact_search_{event} ON contact")
    op.execute("DROP FUNCTION chat_message_tally_write()")
    op.execute("DROP FUNCTION contact_search_write()")
    op.drop_table("contact_search")
    op.execute("DROP FUNCTION contact_grams(text)")
    op.drop_table("row_tally")
