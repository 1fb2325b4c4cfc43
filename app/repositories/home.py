"""Where a database lives, written into itself: a copy of it, made by a restore, can tell that it is one.

The place is the server's own identifier with the ids of the database and of a table: none of them comes along in a
dump, while the comment that holds them does.
"""

import re
from datetime import datetime
from typing import NamedTuple

import asyncpg

_PLACE = """
    SELECT system_identifier || '.' || d.oid || '.' || 'alembic_version'::regclass::oid
    FROM pg_control_system(), pg_database d WHERE d.datname = current_database()
"""
_COMMENT = "SELECT obj_description('alembic_version'::regclass, 'pg_class')"
_KNOWN = re.compile(r"home=([0-9.]+)")
# Heads of indexes and the newest row: the figures are for a person, who may wait a moment, and not for a count.
_STATE = """
    SELECT (SELECT max(sent_at) FROM (SELECT sent_at FROM follow_up_record ORDER BY id DESC LIMIT 1000) AS r),
           (SELECT max(created_at) FROM (SELECT created_at FROM outbound_call ORDER BY id DESC LIMIT 1000) AS c),
           (SELECT max(sent_at) FROM (SELECT sent_at FROM chat_message ORDER BY id DESC LIMIT 1000) AS m),
           (SELECT count(*) FROM follow_up_enrollment WHERE due_at <= $1)
"""


class State(NamedTuple):
    """What a database knows last, and how many follow-ups are due in it."""

    sent_at: datetime | None
    called_at: datetime | None
    heard_at: datetime | None
    due: int


async def place(connection: asyncpg.Connection) -> str:
    """Return where this database is."""
    found: str = await connection.fetchval(_PLACE)
    return found


async def clock(connection: asyncpg.Connection) -> datetime:
    """Return what the clock of the server's machine says."""
    found: datetime = await connection.fetchval("SELECT clock_timestamp()")
    return found


async def known_place(connection: asyncpg.Connection) -> str | None:
    """Return where it was when that was last written down; None if it never was."""
    found = _KNOWN.search(await connection.fetchval(_COMMENT) or "")
    return found[1] if found else None


async def settle(connection: asyncpg.Connection) -> None:
    """Write down that it lives here; belongs in a transaction, and needs the owner of the tables."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtext('home'))")
    here = await place(connection)
    if await known_place(connection) != here:
        # A comment takes no parameters; the place is digits and dots.
        await connection.execute(
            f"COMMENT ON TABLE alembic_version IS 'Where this database is used, so that a copy can tell: home={here}'"
        )


async def state(connection: asyncpg.Connection, now: datetime) -> State:
    """Return what a person should know before automatic messages go on."""
    return State(*await connection.fetchrow(_STATE, now))
