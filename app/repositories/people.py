"""People and bots as the engine reads them, one at a time, on raw asyncpg."""

import asyncpg

_CONTACT = """
    SELECT id, bot_id, user_id, name, position, position_key, do_not_contact, muted, last_sent_at, takeover_until,
           review_hold_until, opening_sent_at, message_count, chat_token
    FROM contact
"""
_BOT = """
    SELECT id, delivery_kind, url, secret, idempotent, rate_per_second, inbox_url, event_url, deleted_at
    FROM bot WHERE id = $1
"""


async def find(connection: asyncpg.Connection, contact_id: int) -> asyncpg.Record | None:
    """Return one person, or None."""
    return await connection.fetchrow(f"{_CONTACT} WHERE id = $1", contact_id)


async def find_by_chat_token(connection: asyncpg.Connection, token: str) -> asyncpg.Record | None:
    """Return the person whose web chat this token opens, or None; the chats of a deleted bot are closed."""
    return await connection.fetchrow(
        f"{_CONTACT} WHERE chat_token = $1 AND NOT EXISTS"
        " (SELECT FROM bot b WHERE b.id = contact.bot_id AND b.deleted_at IS NOT NULL)",
        token,
    )


async def find_chat(connection: asyncpg.Connection, token: str) -> asyncpg.Record | None:
    """Return what the page of a web chat begins with: ``name``, of the bot that speaks there."""
    return await connection.fetchrow(
        "SELECT b.name FROM contact c JOIN bot b ON b.id = c.bot_id WHERE c.chat_token = $1 AND b.deleted_at IS NULL",
        token,
    )


async def find_bot(connection: asyncpg.Connection, bot_id: int) -> asyncpg.Record:
    """Return a bot with its delivery settings."""
    row = await connection.fetchrow(_BOT, bot_id)
    assert row is not None  # noqa: S101 - contacts reference their bot
    return row
