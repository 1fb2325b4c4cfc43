"""What the answers about placed calls are made of."""

from collections.abc import Sequence

import asyncpg

from app.repositories.calls import Row

_RECORDS = """
    SELECT r.id, r.mediation_id, r.node_id, r.creator, r.created_at, n.task_name, m.mediation_type, p.person_type,
           p.person_id
    FROM mediation_record r
    JOIN mediation m ON m.id = r.mediation_id
    JOIN mediation_node n ON n.id = r.node_id
    JOIN mediation_party p ON p.id = r.party_id
    WHERE r.id = ANY($1::bigint[])
"""
_CALLS = """
    SELECT id, job_id, instance_id, job_group_id, script_id, placement, created_at
    FROM outbound_call WHERE id = ANY($1::bigint[])
"""


async def records(connection: asyncpg.Connection, ids: Sequence[int]) -> dict[int, Row]:
    """Return rounds with their party, node and mediation, by id."""
    return {row["id"]: row for row in await connection.fetch(_RECORDS, ids)}


async def calls(connection: asyncpg.Connection, ids: Sequence[int]) -> dict[int, Row]:
    """Return calls by id."""
    return {row["id"]: row for row in await connection.fetch(_CALLS, ids)}
