"""Writing the demonstration data set under fixed ids."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

_CONTACTS = """
    INSERT INTO contact (id, bot_id, user_id, name, position, position_key, chat_token, created_at, updated_at)
    OVERRIDING SYSTEM VALUE
    SELECT i.id, b.id, i.user_id, i.name, i.position, i.position_key, i.chat_token, $7, $7
    FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
        AS i(id, name, position, position_key, user_id, chat_token)
    JOIN bot b ON b.is_default
"""
_CONFIGS = """
    INSERT INTO follow_up_config (id, name, position, position_key, opening_message, is_active, created_at, updated_at)
    OVERRIDING SYSTEM VALUE VALUES
        (1000, '通用复聊配置(演示)', NULL, '', NULL, true, $1, $1),
        (1001, '客服专员复聊配置(演示)', '客服专员', '客服专员',
         '{{name|您}}好,我们正在招聘客服专员,方便加个微信详聊吗?', true, $1, $1)
"""
_SCRIPTS = """
    INSERT INTO follow_up_script (id, config_id, day_number, "order", interval_hours, content, created_at, updated_at)
    OVERRIDING SYSTEM VALUE
    SELECT *, $7, $7 FROM unnest($1::bigint[], $2::bigint[], $3::int[], $4::int[], $5::int[], $6::text[])
"""


@dataclass(frozen=True, slots=True)
class DemoContact:
    """A person of the demonstration; the order of the fields is that of the statement."""

    id: int
    name: str
    position: str | None
    position_key: str
    user_id: str
    chat_token: str


async def is_empty(connection: asyncpg.Connection) -> bool:
    """Tell whether the database has neither people nor configs; locks out a second loader."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtext('demonstration'))")
    empty: bool = await connection.fetchval(
        "SELECT NOT EXISTS (SELECT FROM contact) AND NOT EXISTS (SELECT FROM follow_up_config)"
    )
    return empty


async def insert(
    connection: asyncpg.Connection,
    people: Sequence[DemoContact],
    scripts: Sequence[tuple[int, int, int, int, int, str]],
    created_at: datetime,
) -> None:
    """Write people, two configs and their scripts."""
    rows = [
        (person.id, person.name, person.position, person.position_key, person.user_id, person.chat_token)
        for person in people
    ]
    await connection.execute(_CONTACTS, *zip(*rows, strict=True), created_at)
    await connection.execute(_CONFIGS, created_at)
    await connection.execute(_SCRIPTS, *zip(*scripts, strict=True), created_at)
