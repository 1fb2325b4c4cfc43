"""C1: deep pages of a long history, through the real service."""

import statistics

import asyncpg

from scripts.bench.databases import fresh_database
from scripts.bench.load import measure
from scripts.bench.report import Row
from scripts.bench.servers import our_server

ROUNDS = 5
REQUESTS = 600
LONG, SHORT, LIMIT = 1_000_000, 1_000, 20

FILL_HISTORY = """
    INSERT INTO chat_message (bot_id, contact_id, ordinal, direction, text, service, sent_at, created_at)
    SELECT 1, $1, n, CASE n % 2 WHEN 0 THEN 'outbound' ELSE 'inbound' END, '第' || n || '条消息,您好',
           CASE n % 2 WHEN 0 THEN 'faq' END, moment, moment
    FROM generate_series(1, $2::bigint) AS n, LATERAL (SELECT now() - make_interval(secs => $2 - n)) AS t(moment)
"""
FILL_CONTACT = """
    INSERT INTO contact (bot_id, user_id, message_count, first_message_at, last_message_at)
    VALUES (1, $1, $2, now(), now()) RETURNING id
"""


async def history_pages() -> list[Row]:
    """C1: page 1, 100 and the last of a million messages beside page 1 of a thousand; exact totals."""
    async with fresh_database() as url:
        await _fill_histories(url)
        last = LONG // LIMIT
        async with our_server(url) as server:
            pages = {f"page {page:,}": _path("long", page) for page in (1, 100, last)}
            times: dict[str, list[float]] = {name: [] for name in ("limit", *pages)}
            for _round in range(ROUNDS):
                for name, path in {"limit": _path("short", 1), **pages}.items():
                    load = await measure(server.port, path, requests=REQUESTS, connections=1)
                    times[name].append(load.p50_ms)
    limit = statistics.median(times.pop("limit"))
    rows = []
    for name, measured in times.items():
        ours = statistics.median(measured)
        work = f"{name} of a user with {LONG:,} messages"
        rows.append(
            Row("C1", work, f"{ours:.2f} ms", f"{limit:.2f} ms", ours / limit, 2, "page 1 of 1,000", at_most=True)
        )
    return rows


async def _fill_histories(url: str) -> None:
    connection = await asyncpg.connect(url)
    for user_id, count in (("long", LONG), ("short", SHORT)):
        contact_id = await connection.fetchval(FILL_CONTACT, user_id, count)
        await connection.execute(FILL_HISTORY, contact_id, count)
    await connection.execute("VACUUM ANALYZE chat_message")
    await connection.close()


def _path(user_id: str, page: int) -> str:
    return f"/api/chatbot/users/{user_id}/chats?limit={LIMIT}&page={page}"
