"""A task with many numbers whose fate their last digits tell, and what stands in the tables when it is done."""

import asyncpg

SLOTS = 200
FATES = (9001, 9002, 9011, 9003, 9012, 9001, 9014, 9011, 9005, 9013)
"""What the simulator does with every tenth number; 9011 (no answer) and 9012 (busy) are dialled again once."""

FILL_ACCOUNT = "INSERT INTO account (id, name) VALUES ('bench', 'bench')"
FILL_LINE = "INSERT INTO caller_line (id, name, call_line, account_id) VALUES ('bench', 'bench', $1, 'bench')"
FILL_GROUP = """
    INSERT INTO outbound_group (id, account_id, name, instance_id, script_id) OVERRIDING SYSTEM VALUE
    VALUES (1, 'bench', 'bench', 'simulator', 'follow_up')
"""
FILL_TASK = """
    INSERT INTO call_task (id, account_id, name, destination_extension, maximumcall, redial_interval, redial_max_times,
                           redial_statuses, end_action, status, due_at, started_at) OVERRIDING SYSTEM VALUE
    VALUES (1, 'bench', 'bench', 1, 100000, 1, 1, '[4, 8]', 0, 2, now(), now())
"""
FILL_TASK_LINE = "INSERT INTO call_task_line (task_id, line_id, position) VALUES (1, 'bench', 0)"
FILL_NUMBERS = """
    INSERT INTO task_number (id, task_id, phone, name) OVERRIDING SYSTEM VALUE
    SELECT i, 1, '+861' || 30 + i % 10 || lpad((i / 10)::text, 4, '0') || ($2::int[])[i % 10 + 1], '林小满' || i
    FROM generate_series(0, $1::int - 1) AS i
"""

RESULTS = """
    SELECT 'task_number', count(*), sum(calls), sum(hashtextextended(concat_ws('|', id, state, due_at, number_status,
        reason, calls, redials, faults, failures, group_id, last_call_at IS NOT NULL), 0)) FROM task_number
    UNION ALL
    SELECT 'outbound_call', count(*), count(ended_at), sum(hashtextextended(concat_ws('|', number_id, phone, task_id,
        group_id, line_id, placement, status, task_status, number_status, is_counted, is_reached, result,
        recording_state, placed_at IS NOT NULL, answered_at IS NOT NULL, jsonb_array_length(conversations)), 0))
    FROM outbound_call
    UNION ALL
    SELECT 'call_poll', count(*), NULL, NULL FROM call_poll
    UNION ALL
    SELECT 'audit_entry', count(*), NULL, sum(hashtextextended(concat_ws('|', actor, action, reason,
        detail ->> 'number_id'), 0)) FROM audit_entry WHERE action = 'call'
"""


async def fill(url: str, numbers: int) -> None:
    """Write a started task with so many numbers, none of them dialled."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SET synchronous_commit = off")
        for statement in (FILL_ACCOUNT, FILL_GROUP, FILL_TASK):
            await connection.execute(statement)
        await connection.execute(FILL_LINE, SLOTS)
        await connection.execute(FILL_TASK_LINE)
        await connection.execute(FILL_NUMBERS, numbers, list(FATES))
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
