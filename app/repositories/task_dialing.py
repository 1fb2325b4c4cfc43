"""Numbers of call tasks being dialled: claimed, settled, given back, finished; for a whole batch each."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import asyncpg

from app.repositories.calls import Row

NEVER_DIALLED = datetime(1970, 1, 1, tzinfo=UTC)
"""``due_at`` of a number that nobody looked at yet."""
# As in the indexes, so that they are used.
_NEVER = "'1970-01-01 00:00:00+00'::timestamptz"
LINES_OF = """
    ARRAY(
        SELECT l.line_id FROM call_task_line l WHERE l.task_id = t.id ORDER BY l.position, l.line_id
    ) AS lines
"""
# The hours of a task: its own group's, else those of the account's default group.
HOURS = """
    LEFT JOIN LATERAL (
        SELECT id, content, skip_holiday FROM dial_time_group
        WHERE id = t.dial_time_id OR (t.dial_time_id IS NULL AND account_id = t.account_id AND is_default)
    ) AS g ON true
"""
HOURS_COLUMNS = "t.start_time, t.stop_time, t.holidays, t.dial_time_id, g.id AS hours_id, g.content, g.skip_holiday"

# A task without lines of its own uses those of its scripts.
_RUNNING = f"""
    SELECT t.id, t.pop_mode, t.maximumcall, {HOURS_COLUMNS}, {LINES_OF}, ARRAY(
        SELECT l.line_id FROM outbound_group_line l
        WHERE l.group_id = t.destination_extension
            OR l.group_id IN (SELECT s.group_id FROM call_task_script s WHERE s.task_id = t.id)
        ORDER BY l.position, l.line_id
    ) AS script_lines, (
        SELECT count(*) FROM outbound_call c WHERE c.task_id = t.id AND c.ended_at IS NULL
    )::int AS active
    FROM call_task t {HOURS}
    WHERE t.status = 2 AND t.due_at <= $1 ORDER BY t.id
"""
# In an order, so that it is read from the index whatever the statistics say: see `_CLAIM`.
_DUE = """
    SELECT t.id, (
        SELECT count(*) FROM (
            SELECT FROM task_number n WHERE n.task_id = t.id AND n.due_at <= $2 ORDER BY n.due_at LIMIT $3
        ) AS number
    )::int AS numbers
    FROM unnest($1::bigint[]) AS t(id)
"""

# Who waits for another call goes first; then those that were never dialled, in the task's order.
# Ranges and orders as in the index, though none is due before 1970: with an equality the planner may pass over all
# numbers that are done in the order of the primary key. The ids as an array: as a set they are taken for a large part
# of the table, which is then read whole (measured with 300,000 numbers: 60 to 140 ms a claim instead of 1).
_CLAIM = f"""
    WITH share AS (
        SELECT * FROM unnest($1::bigint[], $2::int[], $3::smallint[]) AS s(task_id, slots, pop_mode)
    ), again AS MATERIALIZED (
        SELECT s.task_id, n.id, n.due_at FROM share s CROSS JOIN LATERAL (
            SELECT id, due_at FROM task_number
            WHERE task_id = s.task_id AND due_at > {_NEVER} AND due_at <= $4
            ORDER BY due_at, id LIMIT s.slots FOR NO KEY UPDATE SKIP LOCKED
        ) AS n
    ), remaining AS MATERIALIZED (
        SELECT s.task_id, s.pop_mode, s.slots - (SELECT count(*) FROM again a WHERE a.task_id = s.task_id) AS slots
        FROM share s
    ), fresh AS MATERIALIZED (
        SELECT n.id FROM remaining r CROSS JOIN LATERAL (
            SELECT id FROM task_number WHERE task_id = r.task_id AND due_at = {_NEVER}
            ORDER BY draw LIMIT r.slots FOR NO KEY UPDATE SKIP LOCKED
        ) AS n WHERE r.pop_mode = 0
        UNION ALL
        SELECT n.id FROM remaining r CROSS JOIN LATERAL (
            SELECT id FROM task_number WHERE task_id = r.task_id AND due_at <= {_NEVER}
            ORDER BY due_at, id LIMIT r.slots FOR NO KEY UPDATE SKIP LOCKED
        ) AS n WHERE r.pop_mode = 1
        UNION ALL
        SELECT n.id FROM remaining r CROSS JOIN LATERAL (
            SELECT id FROM task_number WHERE task_id = r.task_id AND due_at <= {_NEVER}
            ORDER BY due_at DESC, id DESC LIMIT r.slots FOR NO KEY UPDATE SKIP LOCKED
        ) AS n WHERE r.pop_mode = 2
    ), claimed AS (
        UPDATE task_number SET due_at = $5
        WHERE id = ANY(ARRAY(SELECT id FROM again UNION ALL SELECT id FROM fresh))
        RETURNING id, task_id, draw
    )
    SELECT c.id, c.task_id, c.draw, coalesce(a.due_at, {_NEVER}) AS due_at
    FROM claimed c LEFT JOIN again a ON a.id = c.id
"""

_LOCK_TASKS = """
    SELECT FROM call_task
    WHERE id IN (SELECT n.task_id FROM task_number n WHERE n.id = ANY($1::bigint[])) ORDER BY id FOR SHARE
"""
_TASKS = f"""
    SELECT t.id, t.status, t.deleted_at, t.maximumcall, t.destination_extension, {HOURS_COLUMNS}, {LINES_OF}, ARRAY(
        SELECT s.group_id FROM call_task_script s WHERE s.task_id = t.id ORDER BY s.position, s.group_id
    ) AS groups, ARRAY(
        SELECT s.weight FROM call_task_script s WHERE s.task_id = t.id ORDER BY s.position, s.group_id
    ) AS weights
    FROM call_task t {HOURS}
    WHERE t.id IN (SELECT n.task_id FROM task_number n WHERE n.id = ANY($1::bigint[]))
"""
_LOCK_CLAIMED = """
    SELECT id, task_id, phone, name, words, group_id, reason, calls FROM task_number
    WHERE id = ANY($1::bigint[]) AND state = 'waiting' AND due_at = $2 ORDER BY id FOR NO KEY UPDATE
"""
# Deleted ones too: tasks that had them go on.
_GROUPS = """
    SELECT g.id, g.instance_id, g.script_id, ARRAY(
        SELECT l.line_id FROM outbound_group_line l WHERE l.group_id = g.id ORDER BY l.position, l.line_id
    ) AS lines
    FROM outbound_group g WHERE g.id = ANY($1::bigint[])
"""
_SETTLE = """
    UPDATE task_number n
    SET state = i.state, due_at = i.due_at, reason = i.reason, reason_until = i.until,
        group_id = coalesce(i.group_id, n.group_id), updated_at = $1
    FROM unnest($2::bigint[], $3::text[], $4::timestamptz[], $5::text[], $6::timestamptz[], $7::bigint[])
        AS i(id, state, due_at, reason, until, group_id)
    WHERE n.id = i.id
"""

_OF_CALLS = """
    SELECT id, task_id, phone, name, words, redials, faults, failures, reason FROM task_number
    WHERE id = ANY($1::bigint[]) AND state = 'calling' ORDER BY id FOR NO KEY UPDATE
"""
_NAMES = "SELECT id, name, words FROM task_number WHERE id = ANY($1::bigint[]) AND phone NOT LIKE 'erased-%'"
_PLANS = """
    SELECT t.id, t.redial_interval, t.redial_max_times, t.redial_statuses, t.bridge_group_id, t.llm_intention_id,
           t.call_notify_url IS NOT NULL AS wants_notice, r.type, r.configs, r.details
    FROM call_task t LEFT JOIN auto_recycle_rule r ON r.id = t.auto_recycle_rule_id AND r.status
    WHERE t.id = ANY($1::bigint[])
"""
_RELEASE = """
    UPDATE task_number n
    SET state = i.state, due_at = i.due_at, reason = i.reason, reason_until = i.due_at, failures = i.failures,
        updated_at = $1
    FROM unnest($2::bigint[], $3::text[], $4::timestamptz[], $5::text[], $6::smallint[])
        AS i(id, state, due_at, reason, failures)
    WHERE n.id = i.id AND n.state = 'calling'
"""
_FINISH = """
    UPDATE task_number n
    SET state = i.state, due_at = i.due_at, reason = i.reason, reason_until = i.due_at,
        number_status = coalesce(i.number_status, n.number_status), calls = n.calls + i.counted, redials = i.redials,
        faults = i.faults, failures = 0, last_call_at = coalesce(i.called_at, n.last_call_at), updated_at = $1
    FROM unnest($2::bigint[], $3::text[], $4::timestamptz[], $5::text[], $6::smallint[], $7::int[], $8::jsonb[],
                $9::smallint[], $10::timestamptz[])
        AS i(id, state, due_at, reason, number_status, counted, redials, faults, called_at)
    WHERE n.id = i.id
"""
_SEATS = """
    SELECT s.group_id, s.seat_id, s.position, s.talks, b.strategy
    FROM bridge_group_seat s JOIN bridge_group b ON b.id = s.group_id
    WHERE s.group_id = ANY($1::bigint[]) ORDER BY s.group_id, s.seat_id FOR NO KEY UPDATE OF s
"""
_COUNT_TALKS = """
    UPDATE bridge_group_seat s SET talks = i.talks
    FROM unnest($1::bigint[], $2::bigint[], $3::int[]) AS i(group_id, seat_id, talks)
    WHERE s.group_id = i.group_id AND s.seat_id = i.seat_id
"""
_GIVE_SEATS = """
    UPDATE outbound_call c SET seat_id = i.seat_id
    FROM unnest($1::bigint[], $2::bigint[]) AS i(id, seat_id) WHERE c.id = i.id
"""


@dataclass(frozen=True, slots=True)
class Share:
    """How many numbers of a task are to be claimed, and in which order."""

    task_id: int
    slots: int
    pop_mode: int


class Settled(NamedTuple):
    """Where a number stands after a look; the order of the fields is that of the statement."""

    id: int
    state: str
    due_at: datetime | None
    reason: str | None
    until: datetime | None
    group_id: int | None


class Released(NamedTuple):
    """A number whose call was certainly not taken; the order of the fields is that of the statement."""

    id: int
    state: str
    due_at: datetime | None
    reason: str | None
    failures: int


class Finished(NamedTuple):
    """A number whose call is over; the order of the fields is that of the statement."""

    id: int
    state: str
    due_at: datetime | None
    reason: str | None
    number_status: int | None
    """None: the attempt says nothing about the number."""
    counted: int
    redials: dict[str, int]
    faults: int
    called_at: datetime | None


async def running(connection: asyncpg.Connection, now: datetime) -> Sequence[Row]:
    """Return the running tasks with their hours, lines and calls under way, by id."""
    rows: Sequence[Row] = await connection.fetch(_RUNNING, now)
    return rows


async def due(connection: asyncpg.Connection, task_ids: Collection[int], now: datetime, most: int) -> dict[int, int]:
    """Return how many numbers of tasks are due, counted up to ``most``; by task id."""
    return {row["id"]: row["numbers"] for row in await connection.fetch(_DUE, list(task_ids), now, most)}


async def claim(
    connection: asyncpg.Connection, shares: Sequence[Share], now: datetime, lease_end: datetime
) -> list[int]:
    """Claim numbers until ``lease_end``; returns their ids in the order in which they are to be dialled."""
    columns = [item.task_id for item in shares], [item.slots for item in shares], [item.pop_mode for item in shares]
    rows = await connection.fetch(_CLAIM, *columns, now, lease_end)
    modes = {item.task_id: item.pop_mode for item in shares}
    return [row["id"] for row in sorted(rows, key=lambda row: _place(row, modes[row["task_id"]]))]


def _place(row: Row, pop_mode: int) -> tuple[bool, datetime, int]:
    if row["due_at"] != NEVER_DIALLED:
        return False, row["due_at"], row["id"]
    return True, row["due_at"], {0: row["draw"], 1: row["id"], 2: -row["id"]}[pop_mode]


async def lock_tasks(connection: asyncpg.Connection, number_ids: Sequence[int]) -> dict[int, Row]:
    """Keep the tasks of numbers as they are until the transaction ends, and return them by id."""
    await connection.execute(_LOCK_TASKS, number_ids)
    # A statement of its own: it sees what others committed while this one waited for the lock.
    return {row["id"]: row for row in await connection.fetch(_TASKS, number_ids)}


async def lock_claimed(connection: asyncpg.Connection, number_ids: Sequence[int], lease_end: datetime) -> list[Row]:
    """Lock what this claim still holds; in the order of ``number_ids``."""
    found = {row["id"]: row for row in await connection.fetch(_LOCK_CLAIMED, number_ids, lease_end)}
    return [found[number_id] for number_id in number_ids if number_id in found]


async def groups(connection: asyncpg.Connection, ids: Collection[int]) -> dict[int, Row]:
    """Return groups of scripts with their lines, by id."""
    return {row["id"]: row for row in await connection.fetch(_GROUPS, list(ids))}


async def settle(connection: asyncpg.Connection, now: datetime, settled: Sequence[Settled]) -> None:
    """Write where numbers stand after a look."""
    if settled:
        await connection.execute(_SETTLE, now, *zip(*settled, strict=True))


async def of_calls(connection: asyncpg.Connection, number_ids: Collection[int]) -> dict[int, Row]:
    """Lock the numbers that wait for their call, and return them by id."""
    return {row["id"]: row for row in await connection.fetch(_OF_CALLS, list(number_ids))}


async def names(connection: asyncpg.Connection, number_ids: Collection[int]) -> dict[int, Row]:
    """Return who numbers belong to and what scripts may say, by id; nothing of those that were erased."""
    return {row["id"]: row for row in await connection.fetch(_NAMES, list(number_ids))} if number_ids else {}


async def plans(connection: asyncpg.Connection, task_ids: Collection[int]) -> dict[int, Row]:
    """Return what tasks say about redials and about what follows from a call, by id."""
    return {row["id"]: row for row in await connection.fetch(_PLANS, list(task_ids))}


async def release(connection: asyncpg.Connection, now: datetime, released: Sequence[Released]) -> None:
    """Give numbers back whose calls were certainly not taken."""
    if released:
        await connection.execute(_RELEASE, now, *zip(*released, strict=True))


async def finish(connection: asyncpg.Connection, now: datetime, finished: Sequence[Finished]) -> None:
    """Write what became of numbers that are locked and whose call is over."""
    if finished:
        await connection.execute(_FINISH, now, *zip(*finished, strict=True))


async def lock_seats(connection: asyncpg.Connection, group_ids: Collection[int]) -> dict[int, list[Row]]:
    """Lock the seats of bridge groups; rows ``seat_id, talks, strategy`` in their order, by group id."""
    found: dict[int, list[Row]] = {}
    rows = await connection.fetch(_SEATS, list(group_ids))
    for row in sorted(rows, key=lambda row: (row["position"], row["seat_id"])):
        found.setdefault(row["group_id"], []).append(row)
    return found


async def pass_on(
    connection: asyncpg.Connection, talks: Sequence[tuple[int, int, int]], calls: Sequence[tuple[int, int]]
) -> None:
    """Write who takes which talk: (group, seat, its talks by now) of locked seats, and (call, seat) each."""
    if calls:
        await connection.execute(_COUNT_TALKS, *zip(*talks, strict=True))
        await connection.execute(_GIVE_SEATS, *zip(*calls, strict=True))
