"""Taking a person out of every table."""

import asyncpg

_KEYS = """
    DELETE FROM idempotency_key
    WHERE record_id IN (SELECT id FROM follow_up_record WHERE contact_id = $1)
"""
_RECORDS = """
    UPDATE follow_up_record SET content = '', reply_content = NULL, error = NULL WHERE contact_id = $1 RETURNING id
"""
_EVENTS = """
    UPDATE outbox_event
    SET payload = '{}', last_error = NULL, status = CASE WHEN status = 'pending' THEN 'dead' ELSE status END
    WHERE contact_id = $1
"""


async def erase(connection: asyncpg.Connection, contact_id: int) -> int:
    """Delete or empty whatever names a locked person; returns how many emptied records stay."""
    await connection.execute(_KEYS, contact_id)
    records = await connection.fetch(_RECORDS, contact_id)
    await connection.execute("DELETE FROM chat_message WHERE contact_id = $1", contact_id)
    await connection.execute(_EVENTS, contact_id)
    await connection.execute("UPDATE audit_entry SET detail = '{}' WHERE contact_id = $1", contact_id)
    # Contact details and enrollments go with the contact.
    await connection.execute("DELETE FROM contact WHERE id = $1", contact_id)
    return len(records)
