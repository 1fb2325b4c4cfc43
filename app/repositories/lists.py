"""The lists of configs and scripts, as the finished bytes of their answers: one statement each.

The hot room of the follow-up family: plain SQL on raw connections (``app/repositories/json_sql.py`` says why). The
fields are those of ``app/schemas/followup``; a test holds the two together.
"""

import asyncpg

from app.repositories.json_sql import array_of, as_bytes, moment, object_of, sure, text

_SCRIPT_FIELDS = {
    "id": sure("s.id"),
    "day_number": sure("s.day_number"),
    "content": text("s.content"),
    "interval_hours": sure("s.interval_hours"),
    "order": sure('s."order"'),
    "is_active": sure("s.is_active"),
    "config_id": sure("s.config_id"),
}
_SCRIPT_DATED = _SCRIPT_FIELDS | {"created_at": moment("s.created_at"), "updated_at": moment("s.updated_at")}
# Rule: by day, 0 ("from then on") last; within a day by order, then by age.
_SCRIPT_ORDER = 's.day_number = 0, s.day_number, s."order", s.id'

_CONFIG_FIELDS = {
    "id": sure("c.id"),
    "name": text("c.name"),
    "position": text("c.position"),
    "is_active": sure("c.is_active"),
    "opening_message": text("c.opening_message"),
    "created_at": moment("c.created_at"),
    "updated_at": moment("c.updated_at"),
    "scripts": "coalesce(texts.scripts, '[]')",
}
_SCRIPTS_OF_CONFIGS = f"""
    SELECT s.config_id, {array_of(object_of(_SCRIPT_FIELDS), _SCRIPT_ORDER)} AS scripts
    FROM follow_up_script s WHERE s.deleted_at IS NULL GROUP BY s.config_id
"""
_CONFIGS = f"""
    SELECT {as_bytes(array_of(object_of(_CONFIG_FIELDS), "c.id"))}
    FROM follow_up_config c LEFT JOIN ({_SCRIPTS_OF_CONFIGS}) texts ON texts.config_id = c.id
    WHERE c.deleted_at IS NULL
"""
_CONFIGS_FILTERED = f"""
    {_CONFIGS} AND ($1::text IS NULL OR c.position_key = $1) AND ($2::boolean IS NULL OR c.is_active = $2)
"""
_SCRIPTS = f"""
    SELECT {as_bytes(array_of(object_of(_SCRIPT_DATED), f"s.config_id, {_SCRIPT_ORDER}"))}
    FROM follow_up_script s JOIN follow_up_config c ON c.id = s.config_id AND c.deleted_at IS NULL
    WHERE s.deleted_at IS NULL
      AND ($1::bigint IS NULL OR s.config_id = $1) AND ($2::integer IS NULL OR s.day_number = $2)
"""


async def configs_json(
    connection: asyncpg.Connection, *, position_key: str | None = None, is_active: bool | None = None
) -> bytes:
    """Return the JSON array of configs with their scripts, inactive ones included, deleted ones not."""
    if position_key is None and is_active is None:
        listed: bytes = await connection.fetchval(_CONFIGS)
    else:
        listed = await connection.fetchval(_CONFIGS_FILTERED, position_key, is_active)
    return listed


async def scripts_json(connection: asyncpg.Connection, *, config_id: int | None, day_number: int | None) -> bytes:
    """Return the JSON array of scripts, grouped by config, inactive ones included, deleted ones not."""
    listed: bytes = await connection.fetchval(_SCRIPTS, config_id, day_number)
    return listed
