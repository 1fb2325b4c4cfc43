"""When a config becomes usable, changes or goes, its people are looked at again, or their sequences end.

A round works through the people in bounded batches, one transaction each. A transaction that was under way when the
config changed may commit a moment later what it read before; so the mark stays for a lease, and a second round ends it.
"""

from datetime import datetime, timedelta

import asyncpg

from app.repositories import audit
from app.repositories import enrollments as store
from app.repositories import sequences as sequence_store
from app.services.context import Context

BATCH = 1000


async def rearm(context: Context, done: dict[int, datetime] | None = None) -> int:
    """Do the rounds of marked configs that are due; returns how many people were moved.

    Args:
        context: Whose configs.
        done: Which marks had their first round; kept by the caller from call to call.
    """
    done = {} if done is None else done
    async with context.database.connection() as connection:
        configs = await store.rearmed_configs(connection)
    settled = context.clock.now() - timedelta(seconds=context.settings.lease_seconds)
    moved = 0
    for config in configs:
        is_last = config["rearm_at"] <= settled
        if is_last or done.get(config["id"]) != config["rearm_at"]:
            moved += await _round(context, config)
            done[config["id"]] = config["rearm_at"]
        if is_last:
            async with context.database.transaction() as connection:
                await store.clear_rearm(connection, config["id"], config["rearm_at"])
            del done[config["id"]]
    if moved:
        context.wake.set()
    return moved


async def _round(context: Context, config: asyncpg.Record) -> int:
    if config["is_deleted"]:
        return await _stop(context, config["id"])
    if not config["is_usable"]:
        return 0
    return await _look_again(context, config["id"]) + await _match(context, config["position_key"])


async def _look_again(context: Context, config_id: int) -> int:
    moved, after = 0, 0
    while True:
        async with context.database.transaction() as connection:
            ids = await store.rearm(connection, config_id, context.clock.now(), after, BATCH)
        moved += len(ids)
        if len(ids) < BATCH:
            return moved
        after = ids[-1]


async def _stop(context: Context, config_id: int) -> int:
    moved, after = 0, 0
    while True:
        now = context.clock.now()
        async with context.database.transaction() as connection:
            stopped = await store.stop_of_deleted(connection, config_id, now, after, BATCH)
            entries = [(row["contact_id"], row["id"], "config_inactive") for row in stopped]
            await audit.write_reasons(connection, now, "scheduler", "stop", entries)
        moved += len(stopped)
        if len(stopped) < BATCH:
            return moved
        after = stopped[-1]["id"]


async def _match(context: Context, position_key: str) -> int:
    """Give people who wait the config that fits them now."""
    moved, after = 0, 0
    while True:
        async with context.database.transaction() as connection:
            waiting = await store.lock_waiting(connection, position_key, after, BATCH)
            chosen = await sequence_store.choose_configs(connection, [row["position_key"] for row in waiting])
            pairs = [(row["id"], chosen[row["position_key"]]) for row in waiting if row["position_key"] in chosen]
            await store.activate(connection, context.clock.now(), pairs)
        moved += len(pairs)
        if len(waiting) < BATCH:
            return moved
        after = waiting[-1]["id"]
