"""The limit of D3: the gateway's HTTP spoken by hand, with the same tables and promises as the service.

Claim with a lease and commit; lock the rows with their people again and reserve a record with its audit row for each,
commit; deliver with no transaction open, signed; write the results, commit. Two batches of 1,000 are under way at a
time and share the connections to the gateway.
"""

import asyncio
import hashlib
import hmac
import time
import uuid
from base64 import b64decode, b64encode
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import asyncpg
from pydantic_core import to_json

from scripts.bench.dispatch.worker import Work, serve

LANES = 2
LEASE = timedelta(seconds=90)
INTERVAL = timedelta(hours=24, microseconds=1)

TEXTS = 'SELECT config_id, day_number, id, "order", content FROM follow_up_script WHERE is_active'
CLAIM = """
    WITH due AS (
        SELECT id, due_at FROM follow_up_enrollment
        WHERE bot_id = 1 AND due_at <= $1 AND (due_at, id) >= ($2, $3)
        ORDER BY due_at, id LIMIT 1000
        FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE follow_up_enrollment e SET due_at = $4, claim_token = $5
    FROM due WHERE e.id = due.id
    RETURNING e.id, due.due_at
"""
LOCK = """
    SELECT e.id, e.contact_id, e.config_id, e.day, e.sequence, c.user_id, c.name
    FROM follow_up_enrollment e JOIN contact c ON c.id = e.contact_id
    WHERE e.id = ANY($1::bigint[]) AND e.claim_token = $2
    ORDER BY e.id
    FOR NO KEY UPDATE OF e, c SKIP LOCKED
"""
RESERVE = """
    WITH input AS (
        SELECT * FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::int[], $7::uuid[], $8::text[],
                             $9::int[])
            AS t(enrollment_id, contact_id, config_id, script_id, day_number, key, content, sequence)
    ), record AS (
        INSERT INTO follow_up_record (bot_id, contact_id, enrollment_id, sequence, config_id, script_id, day_number,
                                      kind, status, key, content, reserved_at, attempts)
        SELECT 1, contact_id, enrollment_id, sequence, config_id, script_id, day_number, 'script', 'reserved', key,
               content, $1, 1
        FROM input
        RETURNING id, contact_id, enrollment_id, sequence
    ), audit AS (
        INSERT INTO audit_entry (at, actor, action, contact_id, enrollment_id, reason, detail)
        SELECT $1, 'scheduler', 'send', contact_id, enrollment_id, 'script', jsonb_build_object('record_id', id)
        FROM record
    ), place AS (
        UPDATE follow_up_enrollment e SET sequence = r.sequence, open_record_id = r.id
        FROM record r WHERE e.id = r.enrollment_id
    )
    SELECT id, enrollment_id FROM record
"""
LOCK_PEOPLE = "SELECT id FROM contact WHERE id = ANY($1::bigint[]) ORDER BY id FOR NO KEY UPDATE"
SENT = """
    WITH record AS (
        UPDATE follow_up_record r SET status = 'sent', sent_at = $1
        WHERE r.id = ANY($2::bigint[]) AND r.status IN ('reserved', 'unknown')
        RETURNING r.id, r.contact_id, r.enrollment_id, r.content
    ), person AS (
        UPDATE contact c SET last_sent_at = $1, message_count = c.message_count + 1, last_message_at = $1
        FROM record r WHERE c.id = r.contact_id
        RETURNING c.id, c.message_count
    ), place AS (
        UPDATE follow_up_enrollment e
        SET day = e.day + 1, due_at = $3, reason = 'interval', reason_until = $3, open_record_id = NULL,
            claim_token = NULL
        FROM record r WHERE e.id = r.enrollment_id AND e.open_record_id = r.id
    )
    INSERT INTO chat_message (bot_id, contact_id, ordinal, direction, text, service, record_id, sent_at, created_at)
    SELECT 1, r.contact_id, p.message_count, 'outbound', r.content, 'followup', r.id, $1, $1
    FROM record r JOIN person p ON p.id = r.contact_id
"""


class Connection(asyncio.Protocol):
    """A kept-alive connection to the gateway: sends one request at a time and waits for its 2xx."""

    def __init__(self, client: "Client") -> None:
        self._client = client
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def send(self, request: bytes) -> None:
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._received.endswith(b"\r\n\r\n"):
            assert self._received.startswith(b"HTTP/1.1 2"), self._received
            self._received = b""
            self._client.answered(self)


class Client:
    """Requests wait here until a connection is free."""

    def __init__(self) -> None:
        self.idle: list[Connection] = []
        self._waiting: deque[tuple[bytes, Batch]] = deque()
        self._batches: dict[Connection, Batch] = {}

    def deliver(self, requests: list[bytes]) -> asyncio.Future[None]:
        """Send everything; the future is done when everything is answered."""
        batch = Batch(len(requests))
        self._waiting.extend((request, batch) for request in requests)
        while self.idle and self._waiting:
            self._next(self.idle.pop())
        return batch.done

    def answered(self, connection: Connection) -> None:
        self._batches[connection].one_less()
        if self._waiting:
            self._next(connection)
        else:
            self.idle.append(connection)

    def _next(self, connection: Connection) -> None:
        request, self._batches[connection] = self._waiting.popleft()
        connection.send(request)


class Batch:
    """How many answers are still to come."""

    def __init__(self, count: int) -> None:
        self._left = count
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def one_less(self) -> None:
        self._left -= 1
        if not self._left:
            self.done.set_result(None)


class Drain:
    """The texts, how far the rows are read, and how many messages left."""

    def __init__(self, texts: dict[tuple[int, int], tuple[int, str]], client: Client, secret: str) -> None:
        self.texts = texts
        self.client = client
        self.key = b64decode(secret.removeprefix("whsec_"))
        self.mark: tuple[datetime, int] = (datetime(1970, 1, 1, tzinfo=UTC), 0)
        self.turn = asyncio.Lock()
        self.sent = 0

    async def lane(self, connection: asyncpg.Connection) -> None:
        """Take batches on one connection until nothing is due."""
        claim, lock = await connection.prepare(CLAIM), await connection.prepare(LOCK)
        reserve, sent = await connection.prepare(RESERVE), await connection.prepare(SENT)
        while True:
            now, token = datetime.now(UTC), uuid.uuid4()
            async with self.turn:
                claimed = await claim.fetch(now, *self.mark, now + LEASE, token)
                if not claimed:
                    return
                self.mark = max(self.mark, *((row[1], row[0]) for row in claimed))
            async with connection.transaction():
                people = await lock.fetch([row[0] for row in claimed], token)
                messages = [self.next_message(row) for row in people]
                records = dict(map(reversed, await reserve.fetch(datetime.now(UTC), *zip(*messages, strict=True))))
            stamp = str(int(time.time()))
            await self.client.deliver(
                [
                    self.request(stamp, records[person[0]], person[5], message)
                    for person, message in zip(people, messages, strict=True)
                ]
            )
            now = datetime.now(UTC)
            async with connection.transaction():
                await connection.fetch(LOCK_PEOPLE, [person[1] for person in people])
                await sent.fetch(now, list(records.values()), now + INTERVAL)
            self.sent += len(people)

    def next_message(self, row: asyncpg.Record) -> tuple[Any, ...]:
        """Pick the text; a row of the statement's columns."""
        enrollment_id, contact_id, config_id, day, sequence, _user_id, name = row
        script_id, text = self.texts[config_id, day]
        text = text.replace("{{name|您}}", name)
        return enrollment_id, contact_id, config_id, script_id, day, uuid.uuid4(), text, sequence + 1

    def request(self, stamp: str, record_id: int, user_id: str, message: tuple[Any, ...]) -> bytes:
        """Write the signed request of a message."""
        key = str(message[5])
        content = {"record_id": record_id, "contact_id": message[1], "user_id": user_id, "content": message[6]}
        body = to_json(content)
        signed = hmac.digest(self.key, b"%s.%s.%s" % (key.encode(), stamp.encode(), body), hashlib.sha256)
        head = (
            "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"webhook-id: {key}\r\nwebhook-timestamp: {stamp}\r\nwebhook-signature: v1,{b64encode(signed).decode()}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


async def prepare(options: dict[str, Any]) -> Work:
    database = [
        await asyncpg.connect(options["url"], server_settings={"timezone": "UTC", "jit": "off"}) for _ in range(LANES)
    ]
    client = Client()
    loop = asyncio.get_running_loop()
    for _ in range(options["concurrency"]):
        _transport, connection = await loop.create_connection(
            lambda: Connection(client), "127.0.0.1", options["gateway_port"]
        )
        client.idle.append(connection)

    async def drain() -> dict[str, Any]:
        texts = {(row[0], row[1]): (row[2], row[4]) for row in await database[0].fetch(TEXTS)}
        work = Drain(texts, client, options["secret"])
        async with asyncio.TaskGroup() as group:
            for connection in database:
                group.create_task(work.lane(connection))
        return {"jobs": work.sent}

    return drain


if __name__ == "__main__":
    serve(prepare)
