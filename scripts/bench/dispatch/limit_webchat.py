"""The limit of D1: web chats by hand on asyncpg, with the same tables and promises.

Two connections with a batch each: lock the due rows and their people without waiting, pick the next text, write record,
audit row, message, counter and next due time in one statement, commit. No object is made for a row, the texts are read
once.
"""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from scripts.bench.dispatch.worker import Work, serve

BATCH = 1000
CONNECTIONS = 2
INTERVAL = timedelta(hours=24, microseconds=1)

TEXTS = 'SELECT config_id, day_number, id, "order", content FROM follow_up_script WHERE is_active'
LOCK = """
    SELECT e.id, e.contact_id, e.config_id, e.day, e.sequence, e.due_at, c.name
    FROM follow_up_enrollment e JOIN contact c ON c.id = e.contact_id
    WHERE e.bot_id = 1 AND e.due_at <= $1 AND (e.due_at, e.id) >= ($2, $3)
    ORDER BY e.due_at, e.id LIMIT 1000
    FOR NO KEY UPDATE OF e, c SKIP LOCKED
"""
WRITE = """
    WITH input AS (
        SELECT * FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::int[], $7::uuid[], $8::text[],
                             $9::int[])
            AS t(enrollment_id, contact_id, config_id, script_id, day_number, key, content, sequence)
    ), record AS (
        INSERT INTO follow_up_record (bot_id, contact_id, enrollment_id, sequence, config_id, script_id, day_number,
                                      kind, status, key, content, reserved_at, sent_at, attempts)
        SELECT 1, contact_id, enrollment_id, sequence, config_id, script_id, day_number, 'script', 'sent', key, content,
               $1, $1, 1
        FROM input
        RETURNING id, contact_id, enrollment_id, content
    ), audit AS (
        INSERT INTO audit_entry (at, actor, action, contact_id, enrollment_id, reason, detail)
        SELECT $1, 'scheduler', 'send', contact_id, enrollment_id, 'script', jsonb_build_object('record_id', id)
        FROM record
    ), person AS (
        UPDATE contact c SET last_sent_at = $1, message_count = c.message_count + 1, last_message_at = $1
        FROM input i WHERE c.id = i.contact_id
        RETURNING c.id, c.message_count
    ), place AS (
        UPDATE follow_up_enrollment e
        SET sequence = i.sequence, day = e.day + 1, due_at = $10, reason = 'interval', reason_until = $10
        FROM input i WHERE e.id = i.enrollment_id
    )
    INSERT INTO chat_message (bot_id, contact_id, ordinal, direction, text, service, record_id, sent_at, created_at)
    SELECT 1, r.contact_id, p.message_count, 'outbound', r.content, 'followup', r.id, $1, $1
    FROM record r JOIN person p ON p.id = r.contact_id
"""


class Drain:
    """The texts, how far the rows are read, and how many messages left."""

    def __init__(self, texts: dict[tuple[int, int], tuple[int, str]]) -> None:
        self.texts = texts
        self.mark: tuple[datetime, int] = (datetime(1970, 1, 1, tzinfo=UTC), 0)
        self.sent = 0

    async def lane(self, connection: asyncpg.Connection) -> None:
        """Take batches on one connection until nothing is due."""
        lock = await connection.prepare(LOCK)
        write = await connection.prepare(WRITE)
        while True:
            async with connection.transaction():
                now = datetime.now(UTC)
                rows = await lock.fetch(now, *self.mark)
                if not rows:
                    return
                self.mark = max(self.mark, (rows[-1]["due_at"], rows[-1]["id"]))
                await write.fetch(now, *zip(*map(self.next_message, rows), strict=True), now + INTERVAL)
            self.sent += len(rows)

    def next_message(self, row: asyncpg.Record) -> tuple[object, ...]:
        """Pick the text; a row of the statement's columns."""
        enrollment_id, contact_id, config_id, day, sequence, _due_at, name = row
        script_id, text = self.texts[config_id, day]
        text = text.replace("{{name|您}}", name)
        return enrollment_id, contact_id, config_id, script_id, day, uuid.uuid4(), text, sequence + 1


async def prepare(options: dict[str, Any]) -> Work:
    connections = [
        await asyncpg.connect(options["url"], server_settings={"timezone": "UTC", "jit": "off"})
        for _ in range(CONNECTIONS)
    ]
    return lambda: drain(connections)


async def drain(connections: list[asyncpg.Connection]) -> dict[str, Any]:
    texts = {(row[0], row[1]): (row[2], row[4]) for row in await connections[0].fetch(TEXTS)}
    work = Drain(texts)
    async with asyncio.TaskGroup() as group:
        for connection in connections:
            group.create_task(work.lane(connection))
    return {"jobs": work.sent}


if __name__ == "__main__":
    serve(prepare)
