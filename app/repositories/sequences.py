"""Configs and their active scripts as the engine reads them: at the moment of sending, never cached across it."""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

# Configs and their active scripts as one snapshot; of a config's own row the columns of a script are null.
_CONFIGS = """
    SELECT id AS config_id, is_active, deleted_at IS NOT NULL AS is_deleted, opening_message,
           NULL::bigint AS id, NULL::int AS day_number, NULL::int AS "order", NULL::int AS interval_hours,
           NULL::text AS content
    FROM follow_up_config WHERE id = ANY($1::bigint[])
    UNION ALL
    SELECT config_id, NULL, NULL, NULL, id, day_number, "order", interval_hours, content
    FROM follow_up_script
    WHERE config_id = ANY($1::bigint[]) AND is_active AND deleted_at IS NULL
"""
_SCRIPT = 'SELECT id, config_id, day_number, "order", interval_hours, content FROM follow_up_script WHERE id = ANY($1)'
# Rule: exactly the contact's position before the general one; of several, the newest.
_CHOICE = """
    SELECT DISTINCT ON (wanted.key) wanted.key, c.id
    FROM unnest($1::text[]) AS wanted(key)
    JOIN follow_up_config c ON c.is_active AND c.deleted_at IS NULL AND c.position_key IN (wanted.key, '')
    ORDER BY wanted.key, (c.position_key = wanted.key) DESC, c.created_at DESC, c.id DESC
"""


@dataclass(frozen=True, slots=True)
class LoadedConfigs:
    """Rows of configs and of their active scripts, each with ``config_id``."""

    configs: Sequence[asyncpg.Record]
    scripts: Sequence[asyncpg.Record]


async def load_configs(connection: asyncpg.Connection, config_ids: Sequence[int]) -> LoadedConfigs:
    """Return configs (also inactive and deleted ones) and their active scripts, as they were at one moment."""
    rows = await connection.fetch(_CONFIGS, config_ids)
    return LoadedConfigs([row for row in rows if row["id"] is None], [row for row in rows if row["id"] is not None])


async def load_scripts(connection: asyncpg.Connection, script_ids: Sequence[int]) -> dict[int, asyncpg.Record]:
    """Return scripts by id, also inactive and deleted ones."""
    return {row["id"]: row for row in await connection.fetch(_SCRIPT, script_ids)}


async def choose_configs(connection: asyncpg.Connection, position_keys: Sequence[str]) -> dict[str, int]:
    """Return the config for each position key; keys for which there is none are missing."""
    rows = await connection.fetch(_CHOICE, list(set(position_keys)))
    return {row["key"]: row["id"] for row in rows}
