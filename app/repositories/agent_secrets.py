"""Secrets with which notices to accounts are signed."""

from datetime import datetime

import asyncpg

_ENSURE = """
    UPDATE account
    SET notify_secret = coalesce(notify_secret, $2),
        updated_at = CASE WHEN notify_secret IS NULL THEN $3 ELSE updated_at END
    WHERE id = $1 RETURNING notify_secret
"""


async def ensure(connection: asyncpg.Connection, account_id: str, fresh: str, now: datetime) -> str:
    """Return the secret of an account that is there; ``fresh``, from now on, where it has none."""
    secret: str = await connection.fetchval(_ENSURE, account_id, fresh, now)
    return secret
