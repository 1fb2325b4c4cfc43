"""`/api/followup-records`: lists, totals and exports."""

import asyncio
import csv
import io
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from app.repositories import records_list
from app.repositories.database import Database

RECORDS = "/api/followup-records"
SENT_AT = datetime(2026, 3, 5, 10, 30, 0, 654321, tzinfo=UTC)
COLUMNS = (
    "bot_id, contact_id, config_id, script_id, day_number, kind, status, key, content, reserved_at, sent_at, error,"
    " got_reply, reply_content, replied_at, enrollment_id"
)


async def store(database: Database, **fields: Any) -> int:
    row = {
        "bot_id": 1,
        "contact_id": 1,
        "config_id": 1,
        "script_id": 1,
        "day_number": 1,
        "kind": "script",
        "status": "sent",
        "key": uuid.uuid4(),
        "content": "您好,期待与您进一步沟通。",
        "reserved_at": SENT_AT,
        "sent_at": SENT_AT,
        "error": None,
        "got_reply": False,
        "reply_content": None,
        "replied_at": None,
        "enrollment_id": None,
    } | fields
    places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    async with database.connection() as connection:
        record_id: int = await connection.fetchval(
            f"INSERT INTO follow_up_record ({COLUMNS}) VALUES ({places}) RETURNING id", *row.values()
        )
    return record_id


async def store_many(database: Database, count: int) -> None:
    async with database.connection() as connection:
        await connection.execute(
            f"""
            INSERT INTO follow_up_record ({COLUMNS})
            SELECT 1, i % 3 + 1, i % 2 + 1, 1, 1, 'script', CASE WHEN i % 10 = 0 THEN 'failed' ELSE 'sent' END,
                   gen_random_uuid(), 'text ' || i, now(), now(), NULL, i % 4 = 0, NULL, NULL, NULL
            FROM generate_series(1, $1::integer) AS i
            """,
            count,
        )


async def page(client: httpx2.AsyncClient, query: str = "") -> dict[str, Any]:
    answer = await client.get(RECORDS + query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_the_page_that_the_seed_prints(client: httpx2.AsyncClient, database: Database) -> None:
    await store(
        database,
        got_reply=True,
        reply_content="好的,我的微信是 wx123456",
        replied_at=SENT_AT + timedelta(minutes=5),
        enrollment_id=None,
    )
    await store(
        database, contact_id=2, kind="manual", config_id=None, script_id=None, day_number=None, status="unknown"
    )
    assert await page(client, "?contact_id=1") == {
        "total": 1,
        "page": 1,
        "page_size": 20,
        "results": [
            {
                "id": 1,
                "contact_id": 1,
                "config_id": 1,
                "script_id": 1,
                "day_number": 1,
                "content": "您好,期待与您进一步沟通。",
                "sent_at": "2026-03-05T10:30:00Z",
                "got_reply": True,
                "reply_content": "好的,我的微信是 wx123456",
                "replied_at": "2026-03-05T10:35:00Z",
                "kind": "script",
                "status": "sent",
                "error": None,
                "enrollment_id": None,
            }
        ],
    }
    everything = await page(client)
    assert everything["total"] == 2
    assert everything["results"][0] == {
        "id": 2,
        "contact_id": 2,
        "config_id": None,
        "script_id": None,
        "day_number": None,
        "content": "您好,期待与您进一步沟通。",
        "sent_at": "2026-03-05T10:30:00Z",
        "got_reply": False,
        "reply_content": None,
        "replied_at": None,
        "kind": "manual",
        "status": "unknown",
        "error": None,
        "enrollment_id": None,
    }


async def test_nobody_and_nothing(client: httpx2.AsyncClient) -> None:
    empty = {"total": 0, "page": 1, "page_size": 20, "results": []}
    assert await page(client) == empty
    assert await page(client, "?contact_id=99") == empty
    assert await page(client, "?config_id=99") == empty


async def test_texts_come_back_as_they_are(client: httpx2.AsyncClient, database: Database) -> None:
    odd = '引号"反斜杠\\换行\n制表\t控制\x01分隔\u2028表情🙂</script>'
    await store(database, content=odd, reply_content=odd, got_reply=True, error=odd, status="failed", sent_at=None)
    found = (await page(client, "?status=failed"))["results"][0]
    assert (found["content"], found["reply_content"], found["error"], found["sent_at"]) == (odd, odd, odd, None)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [8, 7, 6, 5, 2, 1]),
        ("?contact_id=1", [7, 5, 1]),
        ("?config_id=2", [6, 5]),
        ("?got_reply=true", [5, 2]),
        ("?got_reply=false&config_id=1", [8, 7, 1]),
        ("?got_reply=&contact_id=&status=", [8, 7, 6, 5, 2, 1]),
        ("?status=failed", [3]),
        ("?status=failed&status=reserved", [4, 3]),
        ("?status=failed,reserved,sent", [8, 7, 5, 4, 3, 2, 1]),
        ("?status=unknown&config_id=2", [6]),
        ("?status=not_sent", []),
        ("?sent_from=2026-03-05T10:31:00Z", [8, 7]),
        ("?sent_to=2026-03-05T10:31:00Z", [6, 5, 2, 1]),
        ("?sent_from=2026-03-05T18:31:00%2B08:00&sent_to=2026-03-05T18:32:00+08:00", [7]),
        ("?sent_from=2026-03-05T10:31:00&contact_id=2", [8]),
        ("?sent_from=2026-03-06", []),
    ],
)
async def test_filters_and_totals(
    client: httpx2.AsyncClient, database: Database, query: str, expected: list[int]
) -> None:
    await store(database)
    await store(database, contact_id=2, got_reply=True)
    await store(database, status="failed", sent_at=None)
    await store(database, contact_id=2, status="reserved", sent_at=None)
    await store(database, config_id=2, got_reply=True)
    await store(database, contact_id=2, config_id=2, status="unknown")
    await store(database, sent_at=datetime(2026, 3, 5, 10, 31, tzinfo=UTC))
    await store(database, contact_id=2, sent_at=datetime(2026, 3, 5, 10, 32, tzinfo=UTC))
    found = await page(client, query)
    assert [record["id"] for record in found["results"]] == expected
    assert found["total"] == len(expected)


async def test_totals_follow_every_change(client: httpx2.AsyncClient, database: Database) -> None:
    await store_many(database, 100)
    assert (await page(client))["total"] == 90
    async with database.connection() as connection:
        await connection.execute("UPDATE follow_up_record SET status = 'failed' WHERE id <= 15")
        assert (await page(client))["total"] == 76
        assert (await page(client, "?status=failed"))["total"] == 24
        await connection.execute("DELETE FROM follow_up_record WHERE id > 50")
    assert (await page(client, "?status=sent,unknown,failed"))["total"] == 50


@pytest.mark.parametrize("query", ["status=sent", "status=sent&contact_id=1"])
async def test_every_page_shows_its_rows_from_whichever_end(
    client: httpx2.AsyncClient, database: Database, query: str
) -> None:
    await store_many(database, 4000)
    async with database.connection() as connection:
        condition = "status = 'sent'" + (" AND contact_id = 1" if "contact" in query else "")
        rows = await connection.fetch(f"SELECT id FROM follow_up_record WHERE {condition} ORDER BY id DESC")
    expected = [row["id"] for row in rows]
    size = 37
    seen: list[int] = []
    for number in range(1, len(expected) // size + 3):
        found = await page(client, f"?{query}&page={number}&page_size={size}")
        assert (found["total"], found["page"], found["page_size"]) == (len(expected), number, size)
        assert [record["id"] for record in found["results"]] == expected[(number - 1) * size : number * size]
        seen += [record["id"] for record in found["results"]]
    assert seen == expected
    assert (await page(client, f"?{query}&page=100000000&page_size=500"))["results"] == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("contact_id=0", "contact_id"),
        ("contact_id=9223372036854775808", "contact_id"),
        ("config_id=one", "config_id"),
        ("got_reply=maybe", "got_reply"),
        ("page=0", "page"),
        ("page=100000001", "page"),
        ("page=x", "page"),
        ("page_size=0", "page_size"),
        ("page_size=501", "page_size"),
        ("status=gone", "status"),
        ("status=sent,gone", "status"),
        ("status=,", "status"),
        ("sent_from=yesterday", "sent_from"),
        ("sent_from=0001-01-01T00:00:00%2B14:00", "sent_from"),
        ("sent_to=9999-12-31T23:59:59-14:00", "sent_to"),
        ("sent_to=1e400", "sent_to"),
    ],
)
async def test_bad_filters_name_their_field(client: httpx2.AsyncClient, query: str, field: str) -> None:
    answer = await client.get(f"{RECORDS}?{query}")
    assert answer.status_code == 422
    assert {tuple(problem["loc"][:2]) for problem in answer.json()["detail"]} == {("query", field)}
    if not field.startswith("page"):
        assert (await client.get(f"{RECORDS}/export?{query}")).status_code == 422


async def test_a_page_is_one_statement(app: FastAPI, client: httpx2.AsyncClient, database: Database) -> None:
    await store_many(database, 100)
    await page(client)
    statements: list[str] = []
    connections: list[asyncpg.Connection] = app.state.context.database._pool._idle
    for connection in connections:
        connection.add_query_logger(lambda record: statements.append(record.query))
    assert len((await page(client, "?config_id=1"))["results"]) == 20
    await asyncio.sleep(0)  # loggers are called on the next turn of the loop
    assert len(statements) == len(connections) == 1


async def test_the_export_is_what_the_list_shows_and_runs_no_formula(
    client: httpx2.AsyncClient, database: Database
) -> None:
    texts = ["=1+1", "+86 138", "-1", "@SUM(A1)", "\t=1", "\r=1", '说"好",\n再见', "a=b"]
    for text in texts:
        await store(database, content=text, reply_content=text, got_reply=True, replied_at=SENT_AT)
    await store(database, status="failed", sent_at=None, content="no")
    answer = await client.get(f"{RECORDS}/export?got_reply=true")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="followup-records.csv"'
    assert answer.content.startswith(b"\xef\xbb\xbfid,contact_id,config_id,script_id,day_number,content,sent_at,")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    expected = [*(f"'{text}" for text in texts[:6]), *texts[6:]]
    assert [row["content"] for row in rows] == [row["reply_content"] for row in rows] == expected[::-1]
    listed = (await page(client, "?got_reply=true"))["results"]
    for row, record in zip(rows, listed, strict=True):
        for name in ("id", "contact_id", "sent_at", "replied_at", "kind", "status"):
            assert row[name] == str(record[name])
        assert (row["got_reply"], row["error"], row["enrollment_id"]) == ("true", "", "")


async def test_an_export_goes_on_over_many_batches(
    client: httpx2.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records_list, "EXPORT_BATCH", 7)
    await store_many(database, 100)
    for query, expected in (
        ("", 90),
        ("?contact_id=2&got_reply=false&config_id=2&status=sent,failed", 17),
        ("?page=9", 90),
    ):
        answer = await client.get(f"{RECORDS}/export{query}")
        rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
        ids = [int(row["id"]) for row in rows]
        assert len(ids) == expected
        assert ids == sorted(set(ids), reverse=True)
