"""Calls that are under way and due to be asked about, with the cases behind them; and what stands afterwards."""

import asyncpg

PARTIES = 20

FILL_CONTACTS = """
    INSERT INTO contact (id, bot_id, user_id, name, phone) OVERRIDING SYSTEM VALUE
    SELECT i, 1, 'user-' || i, '林小满' || i, '+86139' || lpad(i::text, 8, '0') FROM generate_series(1, $1::int) AS i
"""
FILL_CASES = """
    INSERT INTO mediation_case (id, title) SELECT 'K-' || i, '工资支付纠纷' FROM generate_series(1, $1::int) AS i
"""
FILL_MEDIATIONS = """
    INSERT INTO mediation (id, case_id, node_id, agree_content) OVERRIDING SYSTEM VALUE
    SELECT i, 'K-' || i, 5, '分期支付3742元' FROM generate_series(1, $1::int) AS i
"""
FILL_PARTIES = """
    INSERT INTO mediation_party (id, mediation_id, contact_id, person_id, person_type, name, honorific, phone, position)
        OVERRIDING SYSTEM VALUE
    SELECT i, (i - 1) / $2::int + 1, i, 'p-' || i, 0, '林小满' || i, '女士', '+86139' || lpad(i::text, 8, '0'),
           (i - 1) % $2::int
    FROM generate_series(1, $1::int) AS i
"""
FILL_RECORDS = """
    INSERT INTO mediation_record (id, mediation_id, node_id, party_id, round, state, is_series)
        OVERRIDING SYSTEM VALUE
    SELECT id, mediation_id, 5, id, 1, 'calling', true FROM mediation_party
"""
# One in ten is over: every twentieth after a talk, another twentieth without a word of the contact.
FILL_CALLS = """
    INSERT INTO outbound_call (id, job_id, provider, provider_job_id, job_group_id, instance_id, script_id, call_type,
                               case_id, mediation_id, node_id, party_id, person_id, record_id, contact_id, phone,
                               line_id, is_automatic, placement, status, created_at, placed_at, gives_up_at)
        OVERRIDING SYSTEM VALUE
    SELECT i, 'ref-' || job, 'aliyun', job, 'group-1', 'instance', 'script', 'follow_up', 'K-' || p.mediation_id,
           p.mediation_id, 5, i, p.person_id, i, i, p.phone, 'default', true, 'placed', 'Executing',
           now() - interval '1 minute', now() - interval '1 minute', now() + interval '1 day'
    FROM generate_series(1, $1::int) AS i
    JOIN mediation_party p ON p.id = i
    CROSS JOIN LATERAL (SELECT 'job-' || i || CASE
        WHEN NOT $2::bool THEN '-on' WHEN i % 20 = 0 THEN '-talk' WHEN i % 20 = 10 THEN '-silent' ELSE '-on'
    END AS job) AS j
"""
FILL_POLLS = """
    INSERT INTO call_poll (call_id, next_poll_at) SELECT id, now() - (id % 1000) * interval '1 millisecond'
    FROM outbound_call
"""

# What both sides must have written: rows, and what stands in them, without moments.
RESULTS = """
    SELECT 'outbound_call', count(*), count(ended_at), sum(hashtextextended(concat_ws('|', id, status, task_status,
        placement, is_counted, is_reached, result, remark, conversations, provider_task_id, recording_state,
        recording_due_at IS NOT NULL, answered_at IS NOT NULL, ended_at IS NOT NULL), 0)) FROM outbound_call
    UNION ALL
    SELECT 'call_poll', count(*), count(*) FILTER (WHERE next_poll_at > now() - interval '1 minute'),
        sum(hashtextextended(concat_ws('|', call_id, polls, failures, polled_at IS NOT NULL), 0)) FROM call_poll
    UNION ALL
    SELECT 'mediation_record', count(*), count(due_at), sum(hashtextextended(concat_ws('|', party_id, node_id, round,
        state, is_series, reason, result), 0)) FROM mediation_record
    UNION ALL
    SELECT 'call_event', count(*), NULL, sum(hashtextextended(concat_ws('|', call_id, status), 0)) FROM call_event
"""


async def fill(url: str, calls: int, *, some_are_over: bool) -> None:
    """Write so many calls under way, all of them due."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SET synchronous_commit = off")
        await connection.execute("UPDATE caller_line SET call_line = 100000")
        await connection.execute(FILL_CONTACTS, calls)
        for statement in (FILL_CASES, FILL_MEDIATIONS):
            await connection.execute(statement, calls // PARTIES)
        await connection.execute(FILL_PARTIES, calls, PARTIES)
        await connection.execute(FILL_RECORDS)
        await connection.execute(FILL_CALLS, calls, some_are_over)
        await connection.execute("SELECT setval(pg_get_serial_sequence('mediation_record', 'id'), $1)", calls + 1)
        await connection.execute(FILL_POLLS)
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
