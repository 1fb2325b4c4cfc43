"""`/api/followup-scripts`: the seed's calls as printed, and what the seed leaves open."""

from datetime import timedelta
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from app.clock import ManualClock
from app.repositories.database import Database
from tests.helpers import rearm_at

NOW = "2026-03-05T10:30:00Z"
CONFIGS = "/api/followup-configs"
SCRIPTS = "/api/followup-scripts"
SEED_SCRIPT = {
    "config_id": 1,
    "day_number": 1,
    "content": "您好,期待与您进一步沟通。",
    "interval_hours": 24,
    "order": 1,
    "is_active": True,
}
SHORTEST = {"config_id": 1, "day_number": 1, "content": "您好"}


@pytest.fixture
async def config(client: httpx2.AsyncClient) -> int:
    answer = await client.post(CONFIGS, json={"name": "Python开发复聊配置", "position": "Python开发"})
    assert answer.status_code == 201
    config_id: int = answer.json()["id"]
    return config_id


@pytest.mark.usefixtures("config")
async def test_the_seed_s_calls(client: httpx2.AsyncClient, clock: ManualClock) -> None:
    created = await client.post(SCRIPTS, json=SEED_SCRIPT)
    assert created.status_code == 201
    assert created.json() == {"id": 1, **SEED_SCRIPT, "created_at": NOW, "updated_at": NOW}
    assert (await client.get(SCRIPTS, params={"config_id": 1})).json() == [created.json()]
    assert (await client.get(f"{SCRIPTS}/1")).json() == created.json()
    clock.advance(timedelta(hours=1))
    updated = await client.put(f"{SCRIPTS}/1", json={"content": "更新后的话术内容", "interval_hours": 48})
    assert updated.status_code == 200
    assert updated.json() == created.json() | {
        "content": "更新后的话术内容",
        "interval_hours": 48,
        "updated_at": "2026-03-05T11:30:00Z",
    }
    assert (await client.get(SCRIPTS)).json() == [updated.json()]
    deleted = await client.delete(f"{SCRIPTS}/1")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (await client.get(SCRIPTS)).json() == []
    for answer in (
        await client.get(f"{SCRIPTS}/1"),
        await client.put(f"{SCRIPTS}/1", json={}),
        await client.delete(f"{SCRIPTS}/1"),
    ):
        assert answer.status_code == 404
        assert answer.json() == {"detail": "没有 id 为 1 的复聊话术 (there is no script 1)"}


@pytest.mark.usefixtures("config")
async def test_defaults(client: httpx2.AsyncClient) -> None:
    created = (await client.post(SCRIPTS, json=SHORTEST)).json()
    assert (created["interval_hours"], created["order"], created["is_active"]) == (24, 0, True)


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"config_id": None}, "config_id"),
        ({"config_id": "1"}, "config_id"),
        ({"config_id": True}, "config_id"),
        ({"config_id": 0}, "config_id"),
        ({"config_id": 2**63}, "config_id"),
        ({"day_number": -1}, "day_number"),
        ({"day_number": 100_001}, "day_number"),
        ({"day_number": False}, "day_number"),
        ({"day_number": 1.0}, "day_number"),
        ({"day_number": None}, "day_number"),
        ({"content": ""}, "content"),
        ({"content": " \n"}, "content"),
        ({"content": None}, "content"),
        ({"content": "x" * 5001}, "content"),
        ({"content": "a\x00b"}, "content"),
        ({"content": "您好 {{phone}}"}, "content"),
        ({"content": "您好 {{name"}, "content"),
        ({"content": ["您好"]}, "content"),
        ({"interval_hours": -1}, "interval_hours"),
        ({"interval_hours": 8761}, "interval_hours"),
        ({"interval_hours": 1.5}, "interval_hours"),
        ({"interval_hours": "24"}, "interval_hours"),
        ({"interval_hours": True}, "interval_hours"),
        ({"interval_hours": None}, "interval_hours"),
        ({"day_number": 0, "interval_hours": 0}, "interval_hours"),
        ({"order": -1}, "order"),
        ({"order": 2**31}, "order"),
        ({"order": None}, "order"),
        ({"is_active": "yes"}, "is_active"),
        ({"is_active": None}, "is_active"),
        ({"deleted_at": None}, "deleted_at"),
        ({"id": 3}, "id"),
    ],
)
async def test_bad_input_names_its_field(client: httpx2.AsyncClient, change: dict[str, Any], field: str) -> None:
    refused = await client.post(SCRIPTS, json=SHORTEST | change)
    assert refused.status_code == 422
    assert [problem["loc"][:2] for problem in refused.json()["detail"]] == [["body", field]]
    stored = (await client.post(SCRIPTS, json=SHORTEST)).json()
    assert stored["id"] == 1, "a refused script used up an id"
    changed = await client.put(f"{SCRIPTS}/1", json=change)
    assert changed.status_code == 422
    assert [problem["loc"][:2] for problem in changed.json()["detail"]] == [["body", field]]
    assert (await client.get(f"{SCRIPTS}/1")).json() == stored


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize("missing", ["config_id", "day_number", "content"])
async def test_what_must_be_given(client: httpx2.AsyncClient, missing: str) -> None:
    answer = await client.post(SCRIPTS, json={key: value for key, value in SHORTEST.items() if key != missing})
    assert answer.status_code == 422
    assert [problem["loc"] for problem in answer.json()["detail"]] == [["body", missing]]


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize(
    ("stored", "change", "status"),
    [
        ({"day_number": 1, "interval_hours": 0}, {"day_number": 0}, 422),
        ({"day_number": 0, "interval_hours": 1}, {"interval_hours": 0}, 422),
        ({"day_number": 0, "interval_hours": 1}, {"interval_hours": 0, "day_number": 2}, 200),
        ({"day_number": 1, "interval_hours": 0}, {"interval_hours": 1, "day_number": 0}, 200),
        ({"day_number": 3, "interval_hours": 0}, {"order": 2**31 - 1}, 200),
        ({"day_number": 100_000, "interval_hours": 8760}, {}, 200),
    ],
)
async def test_day_0_needs_an_interval_on_the_merged_row(
    client: httpx2.AsyncClient, stored: dict[str, Any], change: dict[str, Any], status: int
) -> None:
    assert (await client.post(SCRIPTS, json=SHORTEST | stored)).status_code == 201
    answer = await client.put(f"{SCRIPTS}/1", json=change)
    assert answer.status_code == status
    if status == 422:
        assert answer.json()["detail"][0]["loc"] == ["body", "interval_hours"]


async def test_a_config_that_is_missing_is_404_and_one_that_was_deleted_409(
    client: httpx2.AsyncClient, config: int
) -> None:
    await client.post(SCRIPTS, json=SHORTEST)
    other = (await client.post(CONFIGS, json={"name": "另一个"})).json()["id"]
    await client.delete(f"{CONFIGS}/{other}")
    for config_id, status in ((99, 404), (other, 409)):
        assert (await client.post(SCRIPTS, json=SHORTEST | {"config_id": config_id})).status_code == status
        assert (await client.put(f"{SCRIPTS}/1", json={"config_id": config_id})).status_code == status
    await client.delete(f"{CONFIGS}/{config}")
    assert (await client.get(SCRIPTS)).json() == []
    assert (await client.get(f"{SCRIPTS}/1")).status_code == 404
    assert (await client.put(f"{SCRIPTS}/1", json={"order": 1})).status_code == 404
    assert (await client.delete(f"{SCRIPTS}/1")).status_code == 404


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [3, 4, 2, 1, 5]),
        ("?config_id=1", [3, 4, 2, 1]),
        ("?config_id=2", [5]),
        ("?day_number=0", [1]),
        ("?day_number=1&config_id=1", [3, 4]),
        ("?config_id=77", []),
        ("?config_id=&day_number=", [3, 4, 2, 1, 5]),
    ],
)
async def test_filters_and_order(client: httpx2.AsyncClient, query: str, expected: list[int]) -> None:
    await client.post(CONFIGS, json={"name": "另一个"})
    for config_id, day, order in ((1, 0, 0), (1, 2, 0), (1, 1, 1), (1, 1, 1), (2, 1, 0)):
        await client.post(
            SCRIPTS,
            json={"config_id": config_id, "day_number": day, "order": order, "content": "您好", "is_active": False},
        )
    assert [script["id"] for script in (await client.get(SCRIPTS + query)).json()] == expected


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?config_id=0", "config_id"),
        ("?config_id=x", "config_id"),
        ("?config_id=9223372036854775808", "config_id"),
        ("?day_number=-1", "day_number"),
        ("?day_number=2147483648", "day_number"),
        ("?day_number=" + "9" * 5000, "day_number"),
    ],
)
async def test_bad_filters_name_their_field(client: httpx2.AsyncClient, query: str, field: str) -> None:
    answer = await client.get(SCRIPTS + query)
    assert answer.status_code == 422
    assert [problem["loc"] for problem in answer.json()["detail"]] == [["query", field]]


async def test_every_write_marks_the_config_and_wakes_the_engine(
    app: FastAPI, client: httpx2.AsyncClient, clock: ManualClock, database: Database, config: int
) -> None:
    context = app.state.context
    other = (await client.post(CONFIGS, json={"name": "另一个", "is_active": False})).json()["id"]
    steps: list[tuple[str, str, dict[str, Any] | None, set[int]]] = [
        ("POST", SCRIPTS, SHORTEST | {"content": "您好 {{position}}"}, {config}),
        ("PUT", f"{SCRIPTS}/1", {"content": "您好 {{position|朋友}}"}, {config}),
        ("PUT", f"{SCRIPTS}/1", {"is_active": False}, {config}),
        ("PUT", f"{SCRIPTS}/1", {"config_id": other}, {config, other}),
        ("DELETE", f"{SCRIPTS}/1", None, {other}),
    ]
    for method, path, body, marked in steps:
        clock.advance(timedelta(seconds=1))
        context.wake.clear()
        answer = await client.request(method, path, json=body)
        assert answer.status_code < 300, answer.text
        now = {config_id for config_id in (config, other) if await rearm_at(database, config_id) == clock.now()}
        assert now == marked, (method, body)
        assert context.wake.is_set()
