"""The limit of the lists: Starlette, asyncpg and orjson by hand, two queries for each answer.

What the benchmark asks for and nothing else: the same rows under the same names in the same order. A plain queue hands
connections on, first come, first served, without a reset query.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scripts.bench.servers import POOL_SIZE

CONFIGS = """
    SELECT id, name, position, is_active, opening_message,
           date_trunc('second', created_at) AS created_at, date_trunc('second', updated_at) AS updated_at
    FROM follow_up_config WHERE deleted_at IS NULL ORDER BY id
"""
SCRIPTS = """
    SELECT id, day_number, content, interval_hours, "order", is_active, config_id
    FROM follow_up_script WHERE deleted_at IS NULL AND config_id = ANY($1)
    ORDER BY config_id, day_number = 0, day_number, "order", id
"""
TOTAL = "SELECT sum(delta)::bigint FROM follow_up_record_tally WHERE status IN ('sent', 'unknown')"
# The sub-selects keep the plan from being made anew for each call.
RECORDS = """
    SELECT id, contact_id, config_id, script_id, day_number, content, date_trunc('second', sent_at) AS sent_at,
           got_reply, reply_content, date_trunc('second', replied_at) AS replied_at, kind, status, error, enrollment_id
    FROM follow_up_record WHERE status IN ('sent', 'unknown')
    ORDER BY id DESC LIMIT (SELECT $1::bigint) OFFSET (SELECT $2::bigint)
"""
_UTC_Z = orjson.OPT_UTC_Z
_connections: asyncio.Queue[asyncpg.Connection] = asyncio.Queue()


async def configs(_request: Request) -> Response:
    connection = await _connections.get()
    try:
        rows = await connection.fetch(CONFIGS)
        scripts = await connection.fetch(SCRIPTS, [row["id"] for row in rows])
    finally:
        _connections.put_nowait(connection)
    found = {row["id"]: {**row, "scripts": []} for row in rows}
    for script in scripts:
        found[script["config_id"]]["scripts"].append(dict(script))
    return Response(orjson.dumps(list(found.values()), option=_UTC_Z), media_type="application/json")


async def records(request: Request) -> Response:
    page = int(request.query_params.get("page", 1))
    page_size = int(request.query_params.get("page_size", 20))
    connection = await _connections.get()
    try:
        total = await connection.fetchval(TOTAL)
        rows = await connection.fetch(RECORDS, page_size, (page - 1) * page_size)
    finally:
        _connections.put_nowait(connection)
    answer = {"total": total, "page": page, "page_size": page_size, "results": [dict(row) for row in rows]}
    return Response(orjson.dumps(answer, option=_UTC_Z), media_type="application/json")


@asynccontextmanager
async def _lifespan(_app: Starlette) -> AsyncIterator[None]:
    opened = [
        await asyncpg.connect(os.environ["BENCH_URL"], server_settings={"timezone": "UTC", "jit": "off"})
        for _ in range(POOL_SIZE)
    ]
    for connection in opened:
        _connections.put_nowait(connection)
    yield
    for connection in opened:
        await connection.close()


app = Starlette(
    routes=[Route("/api/followup-configs", configs), Route("/api/followup-records", records)], lifespan=_lifespan
)
