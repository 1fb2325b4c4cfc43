"""C1 and C2: deep pages of a long history, and answers from a large FAQ base, through the real service."""

import asyncio
import statistics
import time
from collections.abc import Sequence

import aiohttp
import asyncpg

from app.gateways.matcher import Encoder, best_encoder
from scripts.bench.databases import fresh_database
from scripts.bench.load import measure
from scripts.bench.report import Row
from scripts.bench.servers import our_server

ROUNDS = 5
REQUESTS = 600
LONG, SHORT, LIMIT = 1_000_000, 1_000, 20
CONCURRENCY = 16
QUESTIONS = 10_000
QUERIES = 800

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


async def answers() -> list[Row]:
    """C2: conversation/query against 10,000 questions at concurrency 16, beside the encoder alone on the same texts."""
    questions = [
        f"{kind}{place}{verb}{thing}" for kind in KINDS for place in PLACES for verb in VERBS for thing in THINGS
    ]
    texts = [f"请问一下,{question}呢" for question in questions[:: QUESTIONS // QUERIES]][:QUERIES]
    encoder = best_encoder()
    encoder.encode(texts[:CONCURRENCY])
    async with fresh_database() as url:
        await _fill_questions(url, questions)
        async with our_server(url) as server, aiohttp.ClientSession() as client:
            address = f"http://127.0.0.1:{server.port}/api/chatbot/conversation/query"
            await _ask(client, address, texts[0])
            ours, singly, together = [], [], []
            for _round in range(3):
                ours.append(QUERIES / await _ask_all(client, address, texts))
                singly.append(QUERIES / _encode(encoder, texts, 1))
                together.append(QUERIES / _encode(encoder, texts, CONCURRENCY))
    rate = statistics.median(ours)
    return [
        _answer_row("one text at a time", rate, statistics.median(singly)),
        _answer_row("lists of 16", rate, statistics.median(together)),
    ]


def _answer_row(how: str, rate: float, limit: float) -> Row:
    work = f"conversation/query, {QUESTIONS:,} questions, concurrency {CONCURRENCY}"
    return Row("C2", work, f"{rate:.0f}/s", f"{limit:.0f}/s", rate / limit, 0.7, f"encoder alone, {how}")


def _encode(encoder: Encoder, texts: Sequence[str], size: int) -> float:
    began = time.perf_counter()
    for start in range(0, len(texts), size):
        encoder.encode(texts[start : start + size])
    return time.perf_counter() - began


async def _ask_all(client: aiohttp.ClientSession, address: str, texts: Sequence[str]) -> float:
    waiting = iter(enumerate(texts))

    async def work() -> None:
        for number, text in waiting:
            await _ask(client, address, text, number)

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(CONCURRENCY)))
    return time.perf_counter() - began


async def _ask(client: aiohttp.ClientSession, address: str, text: str, number: int = 0) -> None:
    async with client.post(address, json={"fromUserId": f"user-{number % 200}", "textMessage": text}) as response:
        answer = await response.json()
    assert answer["rc"] == 0, answer


async def _fill_questions(url: str, questions: Sequence[str]) -> None:
    assert len(questions) == QUESTIONS
    connection = await asyncpg.connect(url)
    await connection.execute(FILL_ENTRIES, questions)
    await connection.execute(FILL_QUESTIONS)
    await connection.execute("UPDATE bot SET faq_version = 1 WHERE id = 1")
    await connection.execute("VACUUM ANALYZE faq_entry, faq_question")
    await connection.close()


async def _fill_histories(url: str) -> None:
    connection = await asyncpg.connect(url)
    for user_id, count in (("long", LONG), ("short", SHORT)):
        contact_id = await connection.fetchval(FILL_CONTACT, user_id, count)
        await connection.execute(FILL_HISTORY, contact_id, count)
    await connection.execute("VACUUM ANALYZE chat_message")
    await connection.close()


def _path(user_id: str, page: int) -> str:
    return f"/api/chatbot/users/{user_id}/chats?limit={LIMIT}&page={page}"
