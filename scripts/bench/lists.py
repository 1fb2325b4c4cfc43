"""H1 and H2: lists over HTTP, our service beside the limit, each in a process of its own, in turns."""

import asyncio
import json
import statistics
from dataclasses import dataclass

import asyncpg
import psutil

from scripts.bench.databases import fresh_database
from scripts.bench.load import Load, measure
from scripts.bench.report import Row
from scripts.bench.servers import Server, asgi_server, our_server

LIMIT = "scripts.bench.lists_limit:app"
ROUNDS = 5
REQUESTS = 4000
WARM_UP = 500

FILL_CONFIGS = """
    INSERT INTO follow_up_config (name, position, position_key, opening_message)
    SELECT '第' || i || '个复聊配置', '岗位' || i, '岗位' || i, CASE WHEN i % 2 = 0 THEN '您好,想和您聊聊。' END
    FROM generate_series(1, 20) AS i
"""
FILL_SCRIPTS = """
    INSERT INTO follow_up_script (config_id, day_number, content, interval_hours, "order")
    SELECT c.id, d % 5, '后续沟通会更及时,您方便留一下您的微信号吗?我这边加您。' || d, 24, 1
    FROM follow_up_config c, generate_series(1, 5) AS d
"""
FILL_RECORDS = """
    INSERT INTO follow_up_record (bot_id, contact_id, config_id, script_id, day_number, kind, status, key, content,
                                  reserved_at, sent_at, got_reply, reply_content, replied_at)
    SELECT 1, i % 1000 + 1, i % 20 + 1, i % 100 + 1, 1, 'script', 'sent', gen_random_uuid(),
           '您好,期待与您进一步沟通。', now(), now(), i % 3 = 0,
           CASE WHEN i % 3 = 0 THEN '好的,我的微信是 wx123456' END, CASE WHEN i % 3 = 0 THEN now() END
    FROM generate_series(1, 100000) AS i
"""


@dataclass(frozen=True, slots=True)
class Round:
    """One run of the load client against one server."""

    load: Load
    server_us: float
    """Processor time of the server's process for each request, in microseconds."""
    database_us: float
    """The same of its PostgreSQL processes."""


async def config_list() -> list[Row]:
    """H1: the list of 20 configs with 5 scripts each."""
    ours, limit = await _compare("/api/followup-configs")
    ratio = _rate(ours) / _rate(limit)
    return [Row("H1", "list of 20 configs × 5 scripts", _figures(ours), _figures(limit), ratio, 0.7)]


async def record_page() -> list[Row]:
    """H2: a page of 20 of 100,000 records with the exact total; and its slowest answers beside its usual ones."""
    ours, limit = await _compare("/api/followup-records?page=2&page_size=20")
    ratio = _rate(ours) / _rate(limit)
    p50 = statistics.median(part.load.p50_ms for part in ours)
    p99 = statistics.median(part.load.p99_ms for part in ours)
    return [
        Row("H2", "page of 20 of 100,000 records, total", _figures(ours), _figures(limit), ratio, 0.65),
        Row("H2", "p99 of it against p50", f"{p99:.1f} ms", f"{p50:.1f} ms", p99 / p50, 3.0, at_most=True),
    ]


async def _compare(path: str) -> tuple[list[Round], list[Round]]:
    async with fresh_database() as url:
        connection = await asyncpg.connect(url)
        for statement in (FILL_CONFIGS, FILL_SCRIPTS, FILL_RECORDS, "VACUUM ANALYZE"):
            await connection.execute(statement)
        try:
            async with our_server(url) as ours, asgi_server(LIMIT, {"BENCH_URL": url}) as limit:
                answers = [await _answer(server, path) for server in (ours, limit)]
                assert json.loads(answers[0]) == json.loads(answers[1]), "the two answers differ"
                rounds: tuple[list[Round], list[Round]] = ([], [])
                for server in (ours, limit):
                    await measure(server.port, path, requests=WARM_UP)
                for _ in range(ROUNDS):
                    for server, seen in zip((ours, limit), rounds, strict=True):
                        seen.append(await _round(server, path, connection))
                return rounds
        finally:
            await connection.close()


async def _round(server: Server, path: str, connection: asyncpg.Connection) -> Round:
    backends = [
        psutil.Process(row["pid"])
        for row in await connection.fetch(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'"
        )
    ]
    before, database_before = server.cpu_seconds(), _cpu_seconds(backends)
    load = await measure(server.port, path, requests=REQUESTS)
    micro = 1e6 / REQUESTS
    return Round(load, (server.cpu_seconds() - before) * micro, (_cpu_seconds(backends) - database_before) * micro)


async def _answer(server: Server, path: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), head
    return body


def _cpu_seconds(processes: list[psutil.Process]) -> float:
    times = [process.cpu_times() for process in processes]
    return float(sum(part.user + part.system for part in times))


def _rate(rounds: list[Round]) -> float:
    return statistics.median(part.load.rate for part in rounds)


def _figures(rounds: list[Round]) -> str:
    def middle(values: list[float]) -> float:
        return statistics.median(values)

    cpu = middle([part.server_us for part in rounds])
    database = middle([part.database_us for part in rounds])
    p50 = middle([part.load.p50_ms for part in rounds])
    p99 = middle([part.load.p99_ms for part in rounds])
    return f"{_rate(rounds):,.0f}/s, {cpu:.0f} + {database:.0f} µs CPU, p50 {p50:.1f}, p99 {p99:.1f} ms"
