"""What is read of those who wrote is theirs, however much others wrote."""

import json
from typing import Any

import pytest

from app.repositories import inbound
from app.repositories.database import Database

PEOPLE, MESSAGES, WRITING = 200, 40, 8
CONTACTS = """
    INSERT INTO contact (bot_id, user_id, message_count)
    SELECT 1, 'user-' || i, $2 FROM generate_series(1, $1::int) AS i
"""
HISTORY = """
    INSERT INTO chat_message (bot_id, contact_id, ordinal, direction, text, sent_at, created_at)
    SELECT 1, c.id, n, CASE n % 2 WHEN 0 THEN 'outbound' ELSE 'inbound' END, 'text ' || n, now(), now()
    FROM contact c, generate_series(1, $1::int) AS n
"""


def messages_read(plan: dict[str, Any]) -> int:
    """Count the rows of messages that a plan looked at, those passed over too."""
    own = 0
    if plan.get("Relation Name") == "chat_message":
        own = int((plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"])
    return own + sum(messages_read(child) for child in plan.get("Plans", ()))


@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
@pytest.mark.parametrize("is_known", [True, False])
async def test_only_messages_of_those_who_write_are_read(database: Database, mode: str, is_known: bool) -> None:
    async with database.connection() as connection:
        await connection.execute("ALTER TABLE chat_message SET (autovacuum_enabled = off)")
        await connection.execute("ANALYZE chat_message")
        await connection.execute(CONTACTS, PEOPLE, MESSAGES)
        await connection.execute(HISTORY, MESSAGES)
        if is_known:
            await connection.execute("ANALYZE chat_message")
        contacts = await connection.fetch("SELECT id, message_count FROM contact ORDER BY id LIMIT $1", WRITING)
        ids, counts = [row["id"] for row in contacts], [row["message_count"] for row in contacts]
        await connection.execute(f"SET plan_cache_mode = {mode}")
        try:
            document = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {inbound._SENT_TEXTS}", ids, counts)
        finally:
            await connection.execute("RESET plan_cache_mode")
        plan = (json.loads(document) if isinstance(document, str) else document)[0]["Plan"]
        assert messages_read(plan) <= 2 * WRITING * MESSAGES
        sent = await inbound.sent_texts(connection, contacts)
        assert {key: len(rows) for key, rows in sent.items()} == dict.fromkeys(ids, MESSAGES // 2)
