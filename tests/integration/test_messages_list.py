"""The list of all messages: exact totals that are not counted, and pages from whichever end is nearer."""

import asyncio
from typing import Any

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from app.repositories import totals
from app.repositories.database import Database
from tests.people import new_contact, value

MESSAGES = "/api/messages"


async def page(client: httpx2.AsyncClient, **params: Any) -> dict[str, Any]:
    answer = await client.get(MESSAGES, params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def come_in(client: httpx2.AsyncClient, user: str, *texts: str) -> None:
    """Take in messages of a person; 「微信号」 alone is filtered."""
    said = [
        {"message_id": f"{user}-{text}-{number}", "user_id": user, "fromId": 0, "content": text}
        for number, text in enumerate(texts)
    ]
    assert (await client.post(f"{MESSAGES}/inbound", json={"messages": said})).status_code == 200


async def every_list(client: httpx2.AsyncClient, contact_ids: list[int]) -> None:
    """Hold each combination of filters, page by page, against the whole."""
    whole = (await page(client, page_size=500))["results"]
    assert [row["id"] for row in whole] == sorted((row["id"] for row in whole), reverse=True)
    for contact_id in (None, *contact_ids):
        for filtered in (None, True, False):
            chosen = {"contact_id": contact_id, "filtered": filtered}
            given = {name: text for name, text in chosen.items() if text is not None}
            expected = [
                row["id"]
                for row in whole
                if contact_id in {None, row["contact_id"]} and filtered in {None, row["filter_reason"] is not None}
            ]
            for number in range(1, len(expected) // 3 + 3):
                found = await page(client, page=number, page_size=3, **given)
                assert found["total"] == len(expected), given
                assert [row["id"] for row in found["results"]] == expected[3 * number - 3 : 3 * number], given


async def test_totals_and_pages_follow_every_change(client: httpx2.AsyncClient, database: Database) -> None:
    await every_list(client, [])
    first, second, third = [(await new_contact(client, user_id=name))["id"] for name in "abc"]
    await come_in(client, "a", *["你好", "微信号", "在吗", "微信号"] * 3)
    await come_in(client, "b", "微信号", "你好", "微信号", "还在招人吗")
    await every_list(client, [first, second, third])
    (judged, *_) = (await page(client, filtered=True))["results"]
    assert (await client.post(f"{MESSAGES}/{judged['id']}/accept")).status_code == 200
    await every_list(client, [first, second, third])
    assert (await client.delete(f"/api/contacts/{first}")).status_code == 204
    await every_list(client, [first, second, third])
    async with database.transaction() as connection:  # as a retention that forgets the oldest would
        await connection.execute("DELETE FROM chat_message WHERE contact_id = $1 AND ordinal < 3", second)
    await every_list(client, [second])
    assert (await page(client))["total"] == 2


async def test_folding_keeps_the_sums(client: httpx2.AsyncClient, database: Database) -> None:
    for number in range(70):
        await come_in(client, f"u{number}", "你好", "微信号")
    async with database.transaction() as connection:
        await totals.fold(connection)
        assert await connection.fetchval("SELECT count(*) FROM row_tally") == 3
        assert await totals.total(connection, ["contact"]) == 70
    assert [(await page(client, filtered=filtered))["total"] for filtered in (True, False)] == [70, 70]
    assert (await client.get("/api/contacts")).json()["total"] == 70


@pytest.mark.parametrize("query", ["", "?filtered=true", "?filtered=false", "?page=2&page_size=5", "?contact_id=1000"])
async def test_nothing_is_counted(app: FastAPI, client: httpx2.AsyncClient, database: Database, query: str) -> None:
    await come_in(client, "a", "你好", "微信号", "在吗")
    statements: list[str] = []
    connections: list[asyncpg.Connection] = app.state.context.database._pool._idle
    for connection in connections:
        connection.add_query_logger(lambda record: statements.append(record.query))
    assert (await client.get(f"{MESSAGES}{query}")).json()["total"] > 0
    await asyncio.sleep(0)  # loggers are called on the next turn of the loop
    assert len(statements) == 2
    assert not any("count(" in statement for statement in statements)
    assert await value(database, "SELECT count(*) FROM chat_message") == 3
