"""Messages a second of a bot, shared by all processes: slots in time are taken from the bot's row."""

from datetime import datetime, timedelta

import asyncpg

AHEAD = timedelta(seconds=1)
"""How far ahead of now slots are handed out."""


async def take_slots(
    connection: asyncpg.Connection, bot_id: int, now: datetime, rate_per_second: float | None, limit: int
) -> tuple[datetime, int]:
    """Lock the bot's pace and return when its next slot is and how many slots may be used, at most ``limit``.

    Without a rate there is no lock and no limit but the given one.
    """
    if rate_per_second is None:
        return now, limit
    row = await connection.fetchrow("SELECT next_slot_at FROM bot WHERE id = $1 FOR NO KEY UPDATE", bot_id)
    start = max(now, row["next_slot_at"] or now) if row else now
    room = (now + AHEAD - start).total_seconds() * rate_per_second
    if start > now + AHEAD:
        return start, 0
    return start, min(limit, max(1, int(room)))


async def use_slots(
    connection: asyncpg.Connection, bot_id: int, start: datetime, rate_per_second: float | None, used: int
) -> None:
    """Move the bot's pace past the slots that were used."""
    if rate_per_second is not None and used:
        following = start + timedelta(seconds=used / rate_per_second)
        await connection.execute("UPDATE bot SET next_slot_at = $2 WHERE id = $1", bot_id, following)


async def next_slot(
    connection: asyncpg.Connection, bot_id: int, now: datetime, rate_per_second: float, used: int
) -> datetime:
    """Take slots for messages sent by hand, however far ahead they are, and return when the first one is."""
    row = await connection.fetchrow("SELECT next_slot_at FROM bot WHERE id = $1 FOR NO KEY UPDATE", bot_id)
    start = max(now, row["next_slot_at"] or now) if row else now
    await use_slots(connection, bot_id, start, rate_per_second, used)
    return start
