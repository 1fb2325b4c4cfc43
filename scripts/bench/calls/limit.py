"""The limit of O1: the provider's wire spoken by hand, and unnest statements on asyncpg, with the same promises.

One claim with a lease for everything that is due; signed requests of 99 jobs on as many connections as the service may
use; transcripts of what is over; then one statement for what goes on and one transaction for what is over: call,
transcript, round, next round. No object is made for a job; what is not needed is not read.
"""

import asyncio
import hashlib
import hmac
import json
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from urllib.parse import quote

import asyncpg
from pydantic_core import from_json

from scripts.bench.dispatch.worker import Work, serve

LEASE = timedelta(seconds=90)
INTERVAL = timedelta(minutes=30)
EMPTY = hashlib.sha256(b"").hexdigest()
KEY_ID, KEY_SECRET = "an-example-key-id", b"an-example-key-secret"
SIGNED = "host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version"

CLAIM = """
    WITH due AS (
        SELECT call_id FROM call_poll WHERE next_poll_at <= $1 ORDER BY next_poll_at, call_id LIMIT 10000
        FOR NO KEY UPDATE SKIP LOCKED
    ), leased AS (
        UPDATE call_poll p SET next_poll_at = $2 FROM due WHERE p.call_id = due.call_id RETURNING p.call_id
    )
    SELECT c.id, c.job_id, c.provider_job_id FROM leased l JOIN outbound_call c ON c.id = l.call_id
"""
GO_ON = """
    UPDATE call_poll p SET polled_at = $1, next_poll_at = i.next_poll_at, polls = p.polls + 1, failures = 0
    FROM unnest($2::bigint[], $3::timestamptz[]) AS i(id, next_poll_at) WHERE p.call_id = i.id
"""
TASKS = """
    UPDATE outbound_call c SET provider_task_id = i.task FROM unnest($1::bigint[], $2::text[]) AS i(id, task)
    WHERE c.id = i.id AND c.ended_at IS NULL
"""
END = """
    WITH call AS (
        UPDATE outbound_call c
        SET status = 'Succeeded', task_status = 24, is_counted = true, is_reached = i.is_reached, result = '已接通',
            polled_at = $1, ended_at = $1, answered_at = i.answered_at, provider_task_id = i.task,
            conversations = i.talk::jsonb, recording_state = 'pending', recording_due_at = $1
        FROM unnest($2::bigint[], $3::bool[], $4::timestamptz[], $5::text[], $6::text[])
            AS i(id, is_reached, answered_at, task, talk)
        WHERE c.id = i.id AND c.ended_at IS NULL
        RETURNING c.id, c.record_id, c.is_reached
    ), poll AS (
        DELETE FROM call_poll p USING call c WHERE p.call_id = c.id
    ), record AS (
        UPDATE mediation_record r SET state = 'done', due_at = NULL, reason = NULL, result = '已接通'
        FROM call c WHERE r.id = c.record_id AND r.state = 'calling'
        RETURNING r.id, r.mediation_id, r.node_id, r.party_id, r.round, c.is_reached
    )
    INSERT INTO mediation_record (mediation_id, node_id, party_id, round, is_series, due_at, reason, reason_until,
                                  created_at)
    SELECT r.mediation_id, r.node_id, r.party_id, r.round + 1, true, $7, 'interval', $7, $1
    FROM record r
    JOIN mediation m ON m.id = r.mediation_id AND m.node_id = r.node_id
    JOIN mediation_case k ON k.id = m.case_id AND k.closed_at IS NULL
    JOIN mediation_node n ON n.id = r.node_id AND r.round < n.max_rounds
    WHERE NOT r.is_reached
"""


class Connection(asyncio.Protocol):
    """A kept-alive connection: one request at a time."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._answer: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def ask(self, request: bytes) -> asyncio.Future[bytes]:
        self._received.clear()
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._received += data
        head = self._received.find(b"\r\n\r\n")
        if head < 0:
            return
        at = self._received.find(b"Content-Length: ")
        length = int(self._received[at + 16 : self._received.find(b"\r\n", at)])
        if len(self._received) >= head + 4 + length and self._answer is not None:
            assert self._received.startswith(b"HTTP/1.1 200")
            self._answer.set_result(bytes(self._received[head + 4 :]))


def request(host: str, action: str, query: dict[str, str]) -> bytes:
    """Write a signed request."""
    canonical = "&".join(f"{key}={quote(value, safe='-_.~')}" for key, value in sorted(query.items()))
    headers = {
        "host": host,
        "x-acs-action": action,
        "x-acs-content-sha256": EMPTY,
        "x-acs-date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "x-acs-signature-nonce": uuid.uuid4().hex,
        "x-acs-version": "2019-12-26",
    }
    written = "".join(f"{name}:{value}\n" for name, value in headers.items())
    text = f"POST\n/\n{canonical}\n{written}\n{SIGNED}\n{EMPTY}"
    digest = hashlib.sha256(text.encode()).hexdigest()
    signature = hmac.new(KEY_SECRET, f"ACS3-HMAC-SHA256\n{digest}".encode(), hashlib.sha256).hexdigest()
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    proof = f"ACS3-HMAC-SHA256 Credential={KEY_ID},SignedHeaders={SIGNED},Signature={signature}"
    return f"POST /?{canonical} HTTP/1.1\r\n{head}Authorization: {proof}\r\nContent-Length: 0\r\n\r\n".encode()


class Poll:
    """Connections to both sides."""

    def __init__(self, host: str, idle: list[Connection], database: list[asyncpg.Connection]) -> None:
        self._host = host
        self._idle: asyncio.LifoQueue[Connection] = asyncio.LifoQueue()
        for connection in idle:
            self._idle.put_nowait(connection)
        self._database = database

    async def run(self) -> int:
        now = datetime.now(UTC)
        rows = await self._database[0].fetch(CLAIM, now, now + LEASE)
        by_job = {row[2]: (row[0], row[1]) for row in rows}
        jobs = list(by_job)
        parts = [jobs[start : start + 99] for start in range(0, len(jobs), 99)]
        listed = await asyncio.gather(*(self._list(part) for part in parts))
        going: list[tuple[int, str]] = []
        over: list[tuple[int, str]] = []
        for job in (job for part in listed for job in part):
            call_id, reference = by_job[job["JobId"]]
            assert job["ReferenceId"] == reference
            if job["Status"] == "Executing":
                going.append((call_id, job["Tasks"][-1]["TaskId"]))
            else:
                over.append((call_id, job["JobId"]))
        _, talks = await asyncio.gather(
            self._go_on(going), asyncio.gather(*(self._describe(call_id, job) for call_id, job in over))
        )
        if talks:
            now = datetime.now(UTC)
            async with self._database[0].transaction():
                await self._database[0].execute(END, now, *zip(*talks, strict=True), now + INTERVAL)
        return len(rows)

    async def _ask(self, action: str, query: dict[str, str]) -> Any:
        connection = await self._idle.get()
        answer = from_json(await connection.ask(request(self._host, action, query)))
        self._idle.put_nowait(connection)
        assert answer["Success"]
        return answer

    async def _list(self, jobs: list[str]) -> list[Any]:
        query = {f"JobId.{number}": job for number, job in enumerate(jobs, 1)}
        found: list[Any] = (await self._ask("ListJobs", {"InstanceId": "instance", **query}))["Jobs"]
        return found

    async def _describe(self, call_id: int, job_id: str) -> tuple[int, bool, datetime, str, str]:
        job = (await self._ask("DescribeJob", {"InstanceId": "instance", "JobId": job_id}))["Job"]
        task = job["Tasks"][-1]
        talk = [
            {"timestamp": item["Timestamp"], "speaker": item["Speaker"], "script": item["Script"],
             "action": item["Action"]}
            for item in task["Conversation"]
        ]  # fmt: skip
        is_reached = any(line["speaker"] == "Contact" and line["action"] == "Dialogue" for line in talk)
        answered_at = datetime.fromtimestamp(talk[0]["timestamp"] / 1000, UTC)
        return call_id, is_reached, answered_at, task["TaskId"], json.dumps(talk, ensure_ascii=False)

    async def _go_on(self, going: list[tuple[int, str]]) -> None:
        now = datetime.now(UTC)
        ids = [call_id for call_id, _ in going]
        async with self._database[1].transaction():
            await self._database[1].execute(TASKS, ids, [task for _, task in going])
            due = [now + timedelta(seconds=1.8 + 0.4 * (call_id * 0.618 % 1)) for call_id in ids]
            await self._database[1].execute(GO_ON, now, ids, due)


async def prepare(options: dict[str, Any]) -> Work:
    database = [
        await asyncpg.connect(options["url"], server_settings={"timezone": "UTC", "jit": "off"}) for _ in range(2)
    ]
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(Connection, "127.0.0.1", options["port"]) for _ in range(options["concurrency"])
    ]
    poll = Poll(f"127.0.0.1:{options['port']}", [protocol for _, protocol in made], database)

    async def work() -> dict[str, Any]:
        return {"jobs": await poll.run()}

    return work


if __name__ == "__main__":
    serve(prepare)
