"""C2: turns of a conversation with a large FAQ base, through the real service, beside the encoder alone."""

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psutil

from app.gateways.matcher import Encoder, SentenceEncoder
from scripts.bench.databases import fresh_database
from scripts.bench.load import Load, measure
from scripts.bench.report import Row
from scripts.bench.servers import Server, our_server

PATH = "/api/chatbot/conversation/query"
ROUNDS = 5
CONCURRENCY = 16
QUESTIONS = 10_000
QUERIES = 800
USERS = 200

FILL_ENTRIES = """
    INSERT INTO faq_entry (bot_id, doc_id, post, replies, reply_last_update)
    SELECT 1, 'doc-' || n, post, '[{"rtype": "plain", "content": "请看这里", "enabled": true}]', now()
    FROM unnest($1::text[]) WITH ORDINALITY AS i(post, n)
"""
FILL_QUESTIONS = """
    INSERT INTO faq_question (bot_id, entry_id, extend_id, post, is_main, version)
    SELECT 1, id, 'main-' || id, post, true, 1 FROM faq_entry
"""
VERBS = (
    "怎么办理", "如何查询", "在哪里修改", "什么时候可以领取", "为什么不能使用",
    "能不能取消", "多久可以收到", "谁负责审核", "需要什么材料申请", "多少钱可以升级",
)  # fmt: skip
THINGS = ("社保卡", "居住证", "工资条", "发票", "会员", "快递", "合同", "优惠券", "宽带", "医保")
PLACES = ("北京", "上海", "广州", "深圳", "杭州", "成都", "武汉", "西安", "南京", "长沙")
KINDS = ("个人", "公司", "学生", "老年", "外地", "新用户", "老用户", "残疾人", "退休人员", "实习生")


@dataclass(frozen=True, slots=True)
class Round:
    """One run of all queries; processor times in microseconds for each turn."""

    load: Load
    server_us: float
    database_us: float


async def answers() -> list[Row]:
    """C2: conversation/query against 10,000 questions, 16 at a time.

    The limit is the encoder that the service uses, on one core and the same texts, in lists of 16: what 16 people who
    wait at a time make possible. The row beside it lets the encoder take one text after another.
    """
    questions = [
        f"{kind}{place}{verb}{thing}" for kind in KINDS for place in PLACES for verb in VERBS for thing in THINGS
    ]
    texts = [f"请问一下,{question}呢" for question in questions[:: QUESTIONS // QUERIES]][:QUERIES]
    encoder = SentenceEncoder()
    encoder.encode(texts[:CONCURRENCY])
    ours: list[Round] = []
    alone: dict[int, list[float]] = {1: [], CONCURRENCY: []}
    async with fresh_database() as url:
        connection = await asyncpg.connect(url)
        await _fill(connection, questions)
        with tempfile.TemporaryDirectory() as folder:
            bodies = _bodies(Path(folder), texts)
            async with our_server(url) as server:
                await measure(server.port, PATH, requests=QUERIES, connections=CONCURRENCY, bodies=bodies)
                for _ in range(ROUNDS):
                    ours.append(await _round(server, connection, bodies))
                    for size, rates in alone.items():
                        rates.append(len(texts) / _encode(encoder, texts, size))
        await _check(connection, (ROUNDS + 1) * QUERIES)
        await connection.close()
    return [
        _row(ours, "lists of 16", statistics.median(alone[CONCURRENCY])),
        _row(ours, "one text after another", statistics.median(alone[1])),
    ]


def _row(ours: Sequence[Round], how: str, limit: float) -> Row:
    def middle(read: Callable[[Round], float]) -> float:
        return statistics.median(read(part) for part in ours)

    rate = middle(lambda part: part.load.rate)
    cpu = [middle(read) for read in (lambda part: part.server_us, lambda part: part.database_us, _client)]
    figures = f"{rate:.0f}/s, {' + '.join(f'{one:.0f}' for one in cpu)} µs CPU, p50 {middle(_p50):.1f} ms"
    work = f"conversation/query, {QUESTIONS:,} questions, concurrency {CONCURRENCY}"
    return Row("C2", work, figures, f"{limit:.0f}/s", rate / limit, 0.7, f"encoder alone, {how}")


def _client(part: Round) -> float:
    return part.load.client_us


def _p50(part: Round) -> float:
    return part.load.p50_ms


async def _round(server: Server, connection: asyncpg.Connection, bodies: Path) -> Round:
    pids = await connection.fetch(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'"
    )
    backends = [psutil.Process(row["pid"]) for row in pids]
    before, database_before = server.cpu_seconds(), _cpu_seconds(backends)
    load = await measure(server.port, PATH, requests=QUERIES, connections=CONCURRENCY, bodies=bodies)
    micro = 1e6 / QUERIES
    return Round(load, (server.cpu_seconds() - before) * micro, (_cpu_seconds(backends) - database_before) * micro)


def _cpu_seconds(processes: Sequence[psutil.Process]) -> float:
    times = [process.cpu_times() for process in processes]
    return float(sum(part.user + part.system for part in times))


def _encode(encoder: Encoder, texts: Sequence[str], size: int) -> float:
    began = time.perf_counter()
    for start in range(0, len(texts), size):
        encoder.encode(texts[start : start + size])
    return time.perf_counter() - began


def _bodies(folder: Path, texts: Sequence[str]) -> Path:
    path = folder / "bodies.jsonl"
    lines = (
        json.dumps({"fromUserId": f"user-{number % USERS}", "textMessage": text}) for number, text in enumerate(texts)
    )
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


async def _check(connection: asyncpg.Connection, turns: int) -> None:
    """Both sides did the same work: every question is stored with its answer, in order and counted."""
    stored = await connection.fetchrow(
        """
        SELECT count(*) FILTER (WHERE direction = 'inbound') AS asked,
               count(*) FILTER (WHERE direction = 'outbound') AS answered,
               (SELECT sum(message_count) FROM contact) AS counted,
               count(DISTINCT (contact_id, ordinal)) AS places
        FROM chat_message
        """
    )
    assert tuple(stored) == (turns, turns, 2 * turns, 2 * turns), stored


async def _fill(connection: asyncpg.Connection, questions: Sequence[str]) -> None:
    assert len(questions) == QUESTIONS
    await connection.execute(FILL_ENTRIES, questions)
    await connection.execute(FILL_QUESTIONS)
    await connection.execute("UPDATE bot SET faq_version = 1 WHERE id = 1")
    await connection.execute("VACUUM ANALYZE faq_entry, faq_question")
