"""Sends whose outcome nobody knew, settled: by a person, by the platform's own copy of the message, or by time."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from app.errors import ConflictError, NotFoundError
from app.repositories import audit, contacts, results
from app.repositories import records as store
from app.repositories import sequences as sequence_store
from app.services.context import Context
from app.services.dispatch.looks import place_after_open
from app.services.limits import limits_on
from app.services.sequences import load_sequences, script_of


async def resolve(context: Context, record_id: int, *, was_sent: bool, actor: str) -> None:
    """Settle an uncertain record: sent, and the sequence goes on; or not sent, and the same step is due again."""
    now = context.clock.now()
    async with context.database.transaction() as connection:
        record = await store.find_record(connection, record_id)
        if record is None:
            raise NotFoundError("没有这条复聊记录 (no such record)")
        await contacts.lock(connection, [record["contact_id"]])
        record = await store.find_record(connection, record_id)
        if record is None or record["status"] != "unknown":
            raise ConflictError("只有结果未知的记录可以处理 (only records with an unknown outcome can be resolved)")
        if was_sent:
            await count_as_sent(connection, context, [record_id], now)
        else:
            await store.write_not_sent(connection, record_id, now)
        await audit.write_reasons(
            connection,
            now,
            actor,
            "resolve",
            [(record["contact_id"], record["enrollment_id"], "sent" if was_sent else "not_sent")],
        )
    context.wake.set()


async def count_as_sent(
    connection: asyncpg.Connection, context: Context, record_ids: Sequence[int], now: datetime
) -> None:
    """Complete uncertain records as sent and move their enrollments on; the people's rows are locked."""
    if not record_ids:
        return
    rows = await store.open_places(connection, record_ids)
    sequences = await load_sequences(
        connection, {row["config_id"] for row in rows}, default_opening=context.settings.opening_message
    )
    script_ids = [row["open_script_id"] for row in rows if row["open_script_id"] is not None]
    scripts = await sequence_store.load_scripts(connection, script_ids)
    limits = await limits_on(connection, context.settings)
    for together in await store.one_per_contact(connection, record_ids):
        await results.write_record_sent(connection, now, together)
    passed = []
    for row in rows:
        script = scripts.get(row["open_script_id"])
        passing = (None if script is None else script_of(script), row["open_day_number"])
        place = place_after_open(row, passing, sequences[row["config_id"]], limits, now)
        passed.append((row["id"], place))
    await results.write_passed(connection, now, passed)
