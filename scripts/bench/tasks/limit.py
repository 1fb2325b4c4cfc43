"""The limit of O2: the same task dialled by hand with asyncpg, one task and one line, with the same promises.

A reservation is one transaction: the task and the list kept, the numbers locked and held, the line locked, and one
statement that looks at the list, at people, at caps, at calls under way and at the line, and writes calls, polls,
numbers and the audit trail. Right before they leave it is looked once more whether they are still wanted, and marked
that they leave, so that of a process that dies it is known what never left.
The simulator is the service's own: placed, asked, told, on both sides. Ends are one transaction: call, poll, number.
What several tasks, scripts, hours, rules and sources need is left out.
"""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from app.clock import SystemClock
from app.domain.calls import Action, Speaker, TaskStatus
from app.domain.dialing.numbers import is_dialable
from app.gateways.dialer import CallRef, Dial
from app.gateways.dialer.simulator import Simulator
from scripts.bench.dispatch.worker import Work, serve
from scripts.bench.tasks.watching import BY_INDEX, all_done, watch

LEASE = timedelta(seconds=90)
CHUNK, POLL_CHUNK = 25, 99
# As ours reads: by index alone, whatever the statistics of a table say that was empty a moment ago.
SETTINGS = {"timezone": "UTC", "jit": "off", **BY_INDEX}
NUMBER_STATUS = {
    TaskStatus.NO_ANSWER: (4, "无应答"),
    TaskStatus.BUSY: (8, "占线"),
    TaskStatus.EMPTY_NUMBER: (5, "空号"),
    TaskStatus.POWERED_OFF: (6, "关机"),
}

# Redials first, as ours; backwards through the index, without a sort.
PICK = """
    SELECT id, phone, name FROM task_number WHERE task_id = 1 AND due_at <= $1
    ORDER BY due_at DESC, id DESC LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED
"""
FREE = """
    SELECT l.call_line - (SELECT count(*) FROM outbound_call c WHERE c.line_id = l.id AND c.ended_at IS NULL)
    FROM caller_line l WHERE l.id = 'bench'
"""
HOLD = """
    SELECT pg_advisory_xact_lock(key)
    FROM (SELECT hashtextextended('call:' || phone, 0) AS key FROM unnest($1::text[]) AS i(phone) ORDER BY key)
"""
RESERVE = """
    WITH asked AS (
        SELECT i.id, i.phone FROM unnest($2::bigint[], $3::text[]) WITH ORDINALITY AS i(id, phone, place)
        WHERE NOT EXISTS (SELECT FROM do_not_contact d WHERE d.kind = 'phone' AND d.value = i.phone)
          AND NOT EXISTS (SELECT FROM contact p WHERE p.phone = i.phone AND p.do_not_contact)
          AND (SELECT count(*) FROM outbound_call c WHERE c.phone = i.phone AND c.is_counted
               AND c.created_at > $1::timestamptz - interval '1 day') < 50
          AND NOT EXISTS (SELECT FROM outbound_call c WHERE c.phone = i.phone AND c.task_status = 13
                          AND c.created_at > $1::timestamptz - interval '30 days')
          AND NOT EXISTS (SELECT FROM outbound_call c WHERE c.phone = i.phone AND c.ended_at IS NULL)
        ORDER BY place LIMIT (SELECT greatest(0, l.call_line - (
            SELECT count(*) FROM outbound_call c WHERE c.line_id = l.id AND c.ended_at IS NULL
        )) FROM caller_line l WHERE l.id = 'bench')
    ), call AS (
        INSERT INTO outbound_call (job_id, provider, created_at, gives_up_at, instance_id, script_id, call_type, phone,
                                   line_id, is_automatic, task_id, number_id, group_id)
        SELECT $4::text || '-' || substr(gen_random_uuid()::text, 15), 'simulator', $1::timestamptz,
               $1::timestamptz + interval '6 minutes', 'simulator', 'follow_up', 'task', phone, 'bench', true, 1, id, 1
        FROM asked
        ON CONFLICT DO NOTHING
        RETURNING id, job_id, phone, number_id
    ), poll AS (
        INSERT INTO call_poll (call_id, next_poll_at) SELECT id, $5 FROM call
    ), number AS (
        UPDATE task_number n SET state = 'calling', due_at = NULL, reason = NULL, group_id = 1, updated_at = $1
        FROM call c WHERE n.id = c.number_id
    ), audit AS (
        INSERT INTO audit_entry (at, actor, action, detail)
        SELECT $1::timestamptz, 'scheduler', 'call', jsonb_build_object('call_id', id, 'task_id', 1,
            'number_id', number_id, 'automatic', true, 'rule', 'call to a number of a task') FROM call
    )
    SELECT id, job_id, phone FROM call
"""
STILL = """
    UPDATE outbound_call c SET left_at = $2
    FROM call_task t, task_number n
    WHERE c.id = ANY($1::bigint[]) AND c.placement = 'reserved' AND c.left_at IS NULL AND c.ended_at IS NULL
      AND c.cancel_requested_at IS NULL
      AND t.id = c.task_id AND t.status <> 1 AND t.deleted_at IS NULL AND n.id = c.number_id AND n.phone = c.phone
      AND NOT EXISTS (SELECT FROM do_not_contact d WHERE d.kind = 'phone' AND d.value = c.phone)
    RETURNING c.id
"""
PLACED = """
    WITH call AS (
        UPDATE outbound_call c
        SET placement = 'placed', placed_at = $1, provider_job_id = i.job, job_group_id = i.job_group
        FROM unnest($2::bigint[], $3::text[], $4::text[]) AS i(id, job, job_group)
        WHERE c.id = i.id AND c.placement = 'reserved' RETURNING c.id
    )
    UPDATE call_poll p SET next_poll_at = $1 FROM call c WHERE p.call_id = c.id
"""
CLAIM = """
    WITH due AS (
        SELECT call_id FROM call_poll WHERE next_poll_at <= $1 AND next_poll_at >= $3
        ORDER BY next_poll_at, call_id LIMIT 1000 FOR NO KEY UPDATE SKIP LOCKED
    ), leased AS (
        UPDATE call_poll p SET next_poll_at = $2 FROM due WHERE p.call_id = due.call_id RETURNING p.call_id
    )
    SELECT c.id, c.job_id, c.phone, c.created_at, c.placed_at, c.number_id, n.name
    FROM leased l JOIN outbound_call c ON c.id = l.call_id JOIN task_number n ON n.id = c.number_id
"""
AGAIN = """
    UPDATE call_poll SET next_poll_at = $2, polls = polls + 1, polled_at = $2 WHERE call_id = ANY($1::bigint[])
"""
LOCK = "SELECT id FROM outbound_call WHERE id = ANY($1::bigint[]) AND ended_at IS NULL ORDER BY id FOR NO KEY UPDATE"
END = """
    WITH told AS (
        SELECT * FROM unnest($2::bigint[], $3::text[], $4::smallint[], $5::smallint[], $6::bool[], $7::text[],
            $8::timestamptz[], $9::timestamptz[], $10::text[], $11::text[], $12::bool[])
            AS i(id, status, task_status, number_status, is_reached, result, ended_at, answered_at, task, talk, sound)
    ), call AS (
        UPDATE outbound_call c
        SET status = i.status, task_status = i.task_status, number_status = i.number_status, is_counted = true,
            is_reached = i.is_reached, result = i.result, polled_at = $1, ended_at = i.ended_at,
            answered_at = i.answered_at, provider_task_id = i.task, conversations = i.talk::jsonb,
            recording_state = CASE WHEN i.sound THEN 'pending' ELSE 'none' END,
            recording_due_at = CASE WHEN i.sound THEN $1::timestamptz END
        FROM told i WHERE c.id = i.id RETURNING c.id, c.number_id, c.number_status, c.ended_at
    ), poll AS (
        DELETE FROM call_poll p USING call c WHERE p.call_id = c.id
    )
    UPDATE task_number n
    SET state = CASE WHEN a.is_again THEN 'waiting' ELSE 'done' END,
        due_at = CASE WHEN a.is_again THEN c.ended_at + $13::interval END, reason = NULL, reason_until = NULL,
        number_status = c.number_status, calls = n.calls + 1, faults = 0, last_call_at = c.ended_at, updated_at = $1,
        redials = CASE WHEN a.is_again THEN n.redials || jsonb_build_object(c.number_status::text, 1) ELSE n.redials END
    FROM call c CROSS JOIN LATERAL (
        SELECT c.number_status IN (4, 8) AND m.calls = 1 AS is_again
        FROM (SELECT x.calls + 1 AS calls FROM task_number x WHERE x.id = c.number_id) AS m
    ) AS a
    WHERE n.id = c.number_id
"""


class Dialer:
    """Three connections: one reserves, one writes placements, one polls and ends."""

    def __init__(self, database: list[asyncpg.Connection], scale: float, tick: float) -> None:
        self._database = database
        self._simulator = Simulator(SystemClock(), time_scale=scale)
        self._pause = timedelta(minutes=1) * scale
        self._tick = tick
        self._free = asyncio.Event()
        self._mark = datetime(1970, 1, 1, tzinfo=UTC)
        self._writing = asyncio.Lock()
        self._placing: set[asyncio.Task[None]] = set()

    async def dial(self) -> None:
        while True:
            if not await self._reserve():
                try:
                    async with asyncio.timeout(self._tick):
                        await self._free.wait()
                except TimeoutError:
                    continue
                finally:
                    self._free.clear()

    async def poll(self) -> None:
        while True:
            if not await self._poll():
                await asyncio.sleep(self._tick)

    async def _reserve(self) -> bool:
        connection = self._database[0]
        now = datetime.now(UTC)
        free = await connection.fetchval(FREE)
        if free < 1:
            return False
        async with connection.transaction():
            await connection.execute("SELECT FROM call_task WHERE id = 1 AND status = 2 FOR SHARE")
            await connection.execute("SELECT pg_advisory_xact_lock_shared(hashtext('do_not_contact'))")
            rows = await connection.fetch(PICK, now, free)
            rows = [row for row in rows if is_dialable(row["phone"])]
            if not rows:
                return False
            phones = [row["phone"] for row in rows]
            await connection.execute(HOLD, phones)
            await connection.execute("SELECT FROM caller_line WHERE id = 'bench' FOR NO KEY UPDATE")
            names = {row["phone"]: row["name"] for row in rows}
            stamp = f"{int(now.timestamp() * 1000):013d}"
            calls = await connection.fetch(RESERVE, now, [row["id"] for row in rows], phones, stamp, now + LEASE)
        task = asyncio.create_task(self._place([(row, names[row["phone"]]) for row in calls]))
        self._placing.add(task)
        task.add_done_callback(self._placing.discard)
        return True

    async def _place(self, calls: list[tuple[asyncpg.Record, str]]) -> None:
        async with self._writing:
            connection = self._database[1]
            ids = [row["id"] for row, _ in calls]
            wanted = {row["id"] for row in await connection.fetch(STILL, ids, datetime.now(UTC))}
            leaving = [(row, name) for row, name in calls if row["id"] in wanted]
            placed: list[Any] = []
            for start in range(0, len(leaving), CHUNK):
                dials = [
                    Dial(row["job_id"], row["phone"], "simulator", "follow_up", name, variables={"name": name})
                    for row, name in leaving[start : start + CHUNK]
                ]
                placed += await self._simulator.place(dials)
            answers = [
                (row["id"], answer.provider_job_id, answer.job_group_id)
                for (row, _), answer in zip(leaving, placed, strict=True)
            ]
            columns = zip(*answers, strict=True)
            await connection.execute(PLACED, datetime.now(UTC), *columns)

    async def _poll(self) -> bool:
        connection = self._database[2]
        now = datetime.now(UTC)
        rows = await connection.fetch(CLAIM, now, now + LEASE, self._mark)
        if not rows:
            return False
        refs = {row["id"]: _ref(row) for row in rows}
        reports: dict[str, Any] = {}
        every = list(refs.values())
        for start in range(0, len(every), POLL_CHUNK):
            reports |= await self._simulator.reports(every[start : start + POLL_CHUNK])
        over = [row["id"] for row in rows if reports[row["job_id"]].status.is_final]
        going = [row["id"] for row in rows if not reports[row["job_id"]].status.is_final]
        told = [await self._told(call_id, refs[call_id]) for call_id in over]
        now = datetime.now(UTC)
        if going:
            await connection.execute(AGAIN, going, now)
        if told:
            async with connection.transaction():
                await connection.fetch(LOCK, over)
                await connection.execute(END, now, *zip(*told, strict=True), self._pause)
            self._free.set()
        return True

    async def _told(self, call_id: int, ref: CallRef) -> tuple[object, ...]:
        told = await self._simulator.transcript(ref)
        status = told.task_status
        assert status is not None
        talk = [
            {"timestamp": line.timestamp, "speaker": line.speaker, "script": line.script, "action": line.action}
            for line in told.lines
        ]
        spoke = any(line.speaker is Speaker.CONTACT and line.action is Action.DIALOGUE for line in told.lines)
        number, result = NUMBER_STATUS.get(status, (1, "已接通"))
        ended_at = min(told.ended_at or datetime.now(UTC), datetime.now(UTC))
        return (call_id, told.status, status, number, number == 1 and spoke, result, ended_at, told.answered_at,
                told.provider_task_id, json.dumps(talk, ensure_ascii=False), told.has_recording)  # fmt: skip


def _ref(row: asyncpg.Record) -> CallRef:
    return CallRef(row["job_id"], row["phone"], "simulator", None, None, None, row["created_at"], row["placed_at"],
                   script_id="follow_up", name=row["name"], variables={"name": row["name"]})  # fmt: skip


async def prepare(options: dict[str, Any]) -> Work:
    database = [await asyncpg.connect(options["url"], server_settings=SETTINGS) for _ in range(3)]
    dialer = Dialer(database, options["scale"], options["tick"])

    async def work() -> dict[str, Any]:
        async with watch(options["url"]) as watched:
            working = [asyncio.create_task(dialer.dial()), asyncio.create_task(dialer.poll())]
            done = asyncio.create_task(all_done(options["url"]))
            await asyncio.wait([*working, done], return_when=asyncio.FIRST_COMPLETED)
            for task in working:
                task.cancel()
            ends = await asyncio.gather(*working, return_exceptions=True)
            wrong = [end for end in ends if isinstance(end, Exception)]
            if wrong:
                raise wrong[0]
        return {"slots": watched.slots}

    return work


if __name__ == "__main__":
    serve(prepare)
