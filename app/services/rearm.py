"""When a config becomes usable, changes or goes, the people who stood still because of it are looked at again.

In bounded batches, one transaction each: the mark on the config is removed only when nobody is left.
"""

import asyncpg

from app.repositories import enrollments as store
from app.repositories import sequences as sequence_store
from app.services.context import Context

BATCH = 1000


async def rearm(context: Context) -> int:
    """Work off one batch for each marked config; returns how many people were made due."""
    async with context.database.connection() as connection:
        configs = await store.rearmed_configs(connection)
    moved = 0
    for config in configs:
        moved += await _rearm_one(context, config)
    if moved:
        context.wake.set()
    return moved


async def _rearm_one(context: Context, config: asyncpg.Record) -> int:
    now = context.clock.now()
    async with context.database.transaction() as connection:
        standing = await store.rearm_standing(connection, config["id"], now, BATCH)
        matched = 0
        if config["is_usable"]:
            waiting = await store.lock_waiting(connection, config["position_key"], BATCH)
            chosen = await sequence_store.choose_configs(connection, [row["position_key"] for row in waiting])
            pairs = [(row["id"], chosen[row["position_key"]]) for row in waiting if row["position_key"] in chosen]
            await store.activate(connection, now, pairs)
            matched = len(pairs)
        if standing < BATCH and matched < BATCH:
            await store.clear_rearm(connection, config["id"], config["rearm_at"])
    return standing + matched
