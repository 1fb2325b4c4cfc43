"""`/api/followup-configs`: the seed's calls as printed, and what the seed leaves open."""

import asyncio
from datetime import timedelta
from typing import Any

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from app.clock import ManualClock
from app.repositories.database import Database
from tests.helpers import rearm_at

NOW = "2026-03-05T10:30:00Z"
CONFIGS = "/api/followup-configs"
SEED_CONFIG = {"name": "Python开发复聊配置", "position": "Python开发", "is_active": True}
SEED_TEXT = "后续沟通会更及时,您方便留一下您的微信号吗?我这边加您。"
SEED_SCRIPT = {"day_number": 1, "content": SEED_TEXT, "interval_hours": 24, "order": 1, "is_active": True}


async def create(client: httpx2.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await client.post(CONFIGS, json=SEED_CONFIG | fields)
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


async def add_script(client: httpx2.AsyncClient, config_id: int, **fields: Any) -> dict[str, Any]:
    answer = await client.post("/api/followup-scripts", json=SEED_SCRIPT | {"config_id": config_id} | fields)
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


async def test_scenario_1_of_the_seed_and_the_list_that_it_prints(client: httpx2.AsyncClient) -> None:
    config = await client.post(CONFIGS, json=SEED_CONFIG)
    assert config.status_code == 201
    assert config.json() == {
        "id": 1,
        **SEED_CONFIG,
        "opening_message": None,
        "created_at": NOW,
        "updated_at": NOW,
        "scripts": [],
    }
    first = await add_script(client, 1)
    second = await add_script(client, 1, day_number=2, content="您好,不知道您是否方便留个联系方式?")
    tail = await add_script(client, 1, day_number=0, content="您好,如果您感兴趣可以随时联系我。", interval_hours=72)
    assert [first["id"], second["id"], tail["id"]] == [1, 2, 3]
    listed = await client.get(CONFIGS)
    assert listed.status_code == 200
    assert listed.headers["content-type"] == "application/json"
    assert listed.json() == [
        {
            "id": 1,
            "name": "Python开发复聊配置",
            "position": "Python开发",
            "is_active": True,
            "opening_message": None,
            "created_at": NOW,
            "updated_at": NOW,
            "scripts": [
                {"id": 1, **SEED_SCRIPT, "config_id": 1},
                {
                    "id": 2,
                    **SEED_SCRIPT,
                    "day_number": 2,
                    "content": "您好,不知道您是否方便留个联系方式?",
                    "config_id": 1,
                },
                {
                    "id": 3,
                    **SEED_SCRIPT,
                    "day_number": 0,
                    "content": "您好,如果您感兴趣可以随时联系我。",
                    "interval_hours": 72,
                    "config_id": 1,
                },
            ],
        }
    ]


async def test_the_seed_s_update_and_delete(client: httpx2.AsyncClient, clock: ManualClock) -> None:
    await create(client)
    clock.advance(timedelta(minutes=5, milliseconds=700))
    updated = await client.put(f"{CONFIGS}/1", json={"name": "Python开发复聊配置(更新)", "is_active": True})
    assert updated.status_code == 200
    assert updated.json() == {
        "id": 1,
        "name": "Python开发复聊配置(更新)",
        "position": "Python开发",
        "is_active": True,
        "opening_message": None,
        "created_at": NOW,
        "updated_at": "2026-03-05T10:35:00Z",
        "scripts": [],
    }
    deleted = await client.delete(f"{CONFIGS}/1")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (await client.get(CONFIGS)).json() == []
    for answer in (
        await client.get(f"{CONFIGS}/1"),
        await client.put(f"{CONFIGS}/1", json={}),
        await client.delete(f"{CONFIGS}/1"),
        await client.post(f"{CONFIGS}/1/copy"),
        await client.get(f"{CONFIGS}/1/preview"),
        await client.get(f"{CONFIGS}/1/lint"),
        await client.get(f"{CONFIGS}/1/stats"),
    ):
        assert answer.status_code == 404
        assert answer.json() == {"detail": "没有 id 为 1 的复聊配置 (there is no config 1)"}


async def test_a_config_reads_the_same_alone_and_in_the_list(client: httpx2.AsyncClient) -> None:
    odd = '引号"反斜杠\\换行\n制表\t控制\x01分隔\u2028表情🙂'
    await create(client, name="配置" + odd.replace("\n", ""), position="前端/" + odd[:20], opening_message=odd)
    await add_script(client, 1, content=odd)
    listed = (await client.get(CONFIGS)).json()
    assert listed == [(await client.get(f"{CONFIGS}/1")).json()]
    assert listed[0]["opening_message"] == odd
    assert listed[0]["scripts"][0]["content"] == odd


async def test_scripts_stand_by_day_with_0_last_then_order_then_id(client: httpx2.AsyncClient) -> None:
    await create(client)
    places = [(0, 1), (2, 5), (2, 3), (1, 9), (0, 0), (1, 9)]
    for day, order in places:
        await add_script(client, 1, day_number=day, order=order)
    await client.put("/api/followup-scripts/4", json={"is_active": False})
    await client.delete("/api/followup-scripts/2")
    scripts = (await client.get(CONFIGS)).json()[0]["scripts"]
    assert [script["id"] for script in scripts] == [4, 6, 3, 5, 1]
    assert [script["is_active"] for script in scripts] == [False, True, True, True, True]
    assert (await client.get(f"{CONFIGS}/1")).json()["scripts"] == scripts


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [1, 2, 3, 4]),
        ("?position=%EF%BC%B0ython%E5%BC%80%E5%8F%91%20", [1, 4]),
        ("?position=python开发", [1, 4]),
        ("?is_active=true", [1, 2, 3]),
        ("?is_active=0", [4]),
        ("?position=Python开发&is_active=false", [4]),
        ("?position=&is_active=", [1, 2, 3, 4]),
        ("?position=nobody", []),
        ("?unknown=1&_t=123", [1, 2, 3, 4]),
    ],
)
async def test_filters(client: httpx2.AsyncClient, query: str, expected: list[int]) -> None:
    await create(client)
    await create(client, position="前端")
    await create(client, position=None)
    await create(client, position="PYTHON开发", is_active=False)
    assert [config["id"] for config in (await client.get(CONFIGS + query)).json()] == expected


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "  "}, "name"),
        ({"name": None}, "name"),
        ({"name": 5}, "name"),
        ({"name": "x" * 129}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"name": "a", "position": "x" * 65}, "position"),
        ({"name": "a", "position": "㍿" * 20}, "position"),
        ({"name": "a", "position": "\x00"}, "position"),
        ({"name": "a", "position": 1}, "position"),
        ({"name": "a", "is_active": "true"}, "is_active"),
        ({"name": "a", "is_active": 1}, "is_active"),
        ({"name": "a", "is_active": None}, "is_active"),
        ({"name": "a", "opening_message": "x" * 5001}, "opening_message"),
        ({"name": "a", "opening_message": "您好 {{salary}}"}, "opening_message"),
        ({"name": "a", "opening_message": "您好 {{name"}, "opening_message"),
        ({"name": "a", "opening_message": "a\x00"}, "opening_message"),
        ({"name": "a", "id": 7}, "id"),
        ({"name": "a", "isActive": True}, "isActive"),
    ],
)
async def test_bad_input_names_its_field(client: httpx2.AsyncClient, body: dict[str, Any], field: str) -> None:
    refused = await client.post(CONFIGS, json=body)
    assert refused.status_code == 422
    assert refused.json()["detail"][0]["loc"][:2] == ["body", field]
    await create(client)
    if "name" in body:
        changed = await client.put(f"{CONFIGS}/1", json=body)
        assert changed.status_code == 422
        assert ["body", field] in [problem["loc"][:2] for problem in changed.json()["detail"]]
    assert [config["name"] for config in (await client.get(CONFIGS)).json()] == [SEED_CONFIG["name"]]


@pytest.mark.parametrize("content", [b'{"name": "\\ud800"}', b"[1]", b"{", b"\xff", b'{"name": 1e999}', b""])
async def test_broken_bodies_are_422(client: httpx2.AsyncClient, content: bytes) -> None:
    answer = await client.post(CONFIGS, content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422, answer.text


@pytest.mark.parametrize("config_id", ["0", "-1", "abc", "1.5", "9223372036854775808", "1" * 400])
async def test_ids_that_are_none(client: httpx2.AsyncClient, config_id: str) -> None:
    for answer in (
        await client.get(f"{CONFIGS}/{config_id}"),
        await client.put(f"{CONFIGS}/{config_id}", json={}),
        await client.delete(f"{CONFIGS}/{config_id}"),
        await client.get(f"{CONFIGS}/{config_id}/stats"),
    ):
        assert answer.status_code == 422
        assert answer.json()["detail"][0]["loc"] == ["path", "config_id"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?is_active=perhaps", "is_active"),
        ("?position=" + "x" * 65, "position"),
        ("?position=" + "㍿" * 20, "position"),
    ],
)
async def test_bad_filters_name_their_field(client: httpx2.AsyncClient, query: str, field: str) -> None:
    answer = await client.get(CONFIGS + query)
    assert answer.status_code == 422
    assert [problem["loc"] for problem in answer.json()["detail"]] == [["query", field]]


@pytest.mark.parametrize("address", ["%00", "?position=%00", "/1/preview?name=%00", "?position=%ff"])
async def test_addresses_that_are_no_text_are_422(client: httpx2.AsyncClient, address: str) -> None:
    await create(client)
    assert (await client.get(CONFIGS + address)).status_code == 422


async def test_null_is_for_columns_that_may_be_null_and_blank_texts_are_none(client: httpx2.AsyncClient) -> None:
    await create(client, opening_message="您好,{{name|朋友}}")
    answer = await client.put(f"{CONFIGS}/1", json={"position": None, "opening_message": None})
    assert (answer.json()["position"], answer.json()["opening_message"]) == (None, None)
    answer = await client.put(f"{CONFIGS}/1", json={"position": "", "opening_message": "  "})
    assert (answer.json()["position"], answer.json()["opening_message"]) == ("", None)


async def test_a_change_marks_the_config_for_people_who_stand_still_and_wakes_the_engine(
    app: FastAPI, client: httpx2.AsyncClient, clock: ManualClock, database: Database
) -> None:
    context = app.state.context
    config = await create(client, is_active=False)
    assert await rearm_at(database, config["id"]) is None
    changes: list[tuple[dict[str, Any], bool]] = [
        ({"name": "新名"}, False),
        ({"is_active": True}, True),
        ({"is_active": True}, False),
        ({"position": "前端"}, True),
        ({"position": " 前端 "}, False),
        ({"opening_message": "您好"}, True),
        ({"is_active": False, "position": "后端"}, False),
    ]
    for change, marks in changes:
        before = await rearm_at(database, config["id"])
        clock.advance(timedelta(seconds=1))
        context.wake.clear()
        assert (await client.put(f"{CONFIGS}/1", json=change)).status_code == 200
        after = await rearm_at(database, config["id"])
        assert (after == clock.now()) is marks, change
        assert marks or after == before, change
        assert context.wake.is_set() or not marks
    clock.advance(timedelta(seconds=1))
    context.wake.clear()
    await client.delete(f"{CONFIGS}/1")
    assert await rearm_at(database, 1) == clock.now()
    assert context.wake.is_set()
    active = await create(client)
    assert await rearm_at(database, active["id"]) == clock.now()


async def test_copies_are_inactive_and_their_own(client: httpx2.AsyncClient) -> None:
    await create(client, opening_message="您好,{{name|朋友}}", name="名" * 128)
    await add_script(client, 1)
    await add_script(client, 1, day_number=0)
    await client.put("/api/followup-scripts/1", json={"is_active": False})
    await client.delete("/api/followup-scripts/2")
    await add_script(client, 1, day_number=2)
    copied = await client.post(f"{CONFIGS}/1/copy")
    assert copied.status_code == 201
    copy = copied.json()
    original = (await client.get(f"{CONFIGS}/1")).json()
    assert (copy["id"], copy["is_active"], copy["position"]) == (2, False, "Python开发")
    assert copy["name"] == "名" * 124 + "(副本)"
    assert copy["opening_message"] == "您好,{{name|朋友}}"
    strip = [{**script, "id": 0, "config_id": 0} for script in copy["scripts"]]
    assert strip == [{**script, "id": 0, "config_id": 0} for script in original["scripts"]]
    assert {script["id"] for script in copy["scripts"]} == {4, 5}


async def test_new_ids_pass_over_rows_that_are_there(client: httpx2.AsyncClient, database: Database) -> None:
    async with database.connection() as connection:
        for taken in (*range(1000, 1030), 1031):
            await connection.execute("INSERT INTO follow_up_config (id, name) VALUES ($1, 'demo')", taken)
            await connection.execute(
                "INSERT INTO follow_up_script (id, config_id, day_number, content) VALUES ($1, 1000, 1, 'x')", taken
            )
        for table in ("follow_up_config", "follow_up_script"):
            await connection.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), 998)")
    assert [(await create(client))["id"] for _ in range(4)] == [999, 1030, 1032, 1033]
    assert [(await add_script(client, 999))["id"] for _ in range(4)] == [999, 1030, 1032, 1033]


async def test_simultaneous_creations_that_meet_taken_ids_all_succeed(
    client: httpx2.AsyncClient, database: Database
) -> None:
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO follow_up_config (id, name) SELECT id, 'demo' FROM generate_series(2, 40, 2) AS id"
        )
    created = await asyncio.gather(*(create(client) for _ in range(30)))
    ids = [config["id"] for config in created]
    assert len(set(ids)) == 30
    assert not set(ids) & set(range(2, 41, 2))


async def test_the_list_is_one_statement_however_long(
    app: FastAPI, client: httpx2.AsyncClient, database: Database
) -> None:
    async with database.connection() as connection:
        await connection.execute("INSERT INTO follow_up_config (name) SELECT 'c' FROM generate_series(1, 20)")
        await connection.execute(
            "INSERT INTO follow_up_script (config_id, day_number, content)"
            " SELECT c.id, d, 'x' FROM follow_up_config c, generate_series(0, 4) d"
        )
    await client.get(CONFIGS)
    statements: list[str] = []
    connections: list[asyncpg.Connection] = app.state.context.database._pool._idle
    for connection in connections:
        connection.add_query_logger(lambda record: statements.append(record.query))
    listed = (await client.get(CONFIGS)).json()
    await asyncio.sleep(0)  # loggers are called on the next turn of the loop
    assert (len(listed), {len(config["scripts"]) for config in listed}) == (20, {5})
    assert len(statements) == len(connections) == 1
