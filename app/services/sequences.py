"""Configs as the state machine reads them, put together from stored rows."""

from collections.abc import Iterable, Mapping
from typing import Any

import asyncpg

from app.domain.followup import Script, Sequence, build_sequence
from app.repositories import sequences as store


def script_of(row: Mapping[str, Any]) -> Script:
    """Read one script from its row."""
    return Script(row["id"], row["day_number"], row["order"], row["interval_hours"], row["content"])


async def load_sequences(
    connection: asyncpg.Connection, config_ids: Iterable[int | None], *, default_opening: str
) -> dict[int, Sequence]:
    """Return the sequences of configs by id."""
    wanted = list({config_id for config_id in config_ids if config_id is not None})
    if not wanted:
        return {}
    loaded = await store.load_configs(connection, wanted)
    scripts: dict[int, list[Script]] = {}
    for row in loaded.scripts:
        scripts.setdefault(row["config_id"], []).append(script_of(row))
    return {
        row["config_id"]: build_sequence(
            row["config_id"],
            is_active=row["is_active"],
            is_deleted=row["is_deleted"],
            opening=row["opening_message"] or default_opening,
            scripts=scripts.get(row["config_id"], ()),
        )
        for row in loaded.configs
    }
