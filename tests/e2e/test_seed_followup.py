"""The follow-up contract to the letter, over real HTTP: every endpoint, every printed body, every printed answer."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from tests.e2e.printed import MOMENT, all_moments, assert_agrees
from tests.e2e.service import PATIENCE, Service, migrated_database, running
from tests.helpers import add_contact

# As printed under 获取配置列表, ids aside, which are compared with those that were given.
CONFIG_LIST = """
[
{
"id": 1,
"name": "Python开发复聊配置",
"position": "Python开发",
"is_active": true,
"scripts": [
{
"id": 1,
"day_number": 1,
"content": "后续沟通会更及时,您方便留一下您的微信号吗?我这边加您。",
"interval_hours": 24,
"order": 1
}
]
}
]
"""
CREATE_CONFIG = """
{
"name": "Python开发复聊配置",
"position": "Python开发",
"is_active": true
}
"""
UPDATE_CONFIG = """
{
"name": "Python开发复聊配置(更新)",
"is_active": true
}
"""
CREATE_SCRIPT = """
{
"config_id": 1,
"day_number": 1,
"content": "您好,期待与您进一步沟通。",
"interval_hours": 24,
"order": 1,
"is_active": true
}
"""
UPDATE_SCRIPT = """
{
"content": "更新后的话术内容",
"interval_hours": 48
}
"""
RECORD_LIST = """
{
"total": 10,
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
"got_reply": true,
"reply_content": "好的,我的微信是 wx123456",
"replied_at": "2026-03-05T10:35:00Z"
}
]
}
"""
SEND = """
{
"contact_id": 1,
"content": "您好,我想和您聊聊这个职位。"
}
"""
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
async def service(server_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """As in production, but for a shorter wait after the opening."""
    folder = tmp_path_factory.mktemp("seed")
    async with (
        migrated_database(server_url, folder) as url,
        running(folder, DATABASE_URL=url, HUIYIN_FIRST_WAIT_SECONDS="1") as started,
    ):
        yield started


@pytest.fixture
async def config(http: httpx2.AsyncClient) -> AsyncIterator[dict[str, Any]]:
    """A config made with the printed body, the only one while the test runs."""
    answer = await http.post("/api/followup-configs", content=CREATE_CONFIG.encode(), headers=JSON)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    yield made
    await http.delete(f"/api/followup-configs/{made['id']}")


async def add(http: httpx2.AsyncClient, config_id: int, **fields: Any) -> dict[str, Any]:
    """Make a script from the printed body with some of its fields changed."""
    answer = await http.post(
        "/api/followup-scripts", json=json.loads(CREATE_SCRIPT) | {"config_id": config_id} | fields
    )
    assert answer.status_code == 201, answer.text
    script: dict[str, Any] = answer.json()
    return script


async def results(http: httpx2.AsyncClient, query: str) -> list[dict[str, Any]]:
    answer = await http.get(f"/api/followup-records?{query}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["results"]
    return found


async def test_the_list_of_configs_is_as_printed(http: httpx2.AsyncClient, config: dict[str, Any]) -> None:
    script = await add(http, config["id"], content=json.loads(CONFIG_LIST)[0]["scripts"][0]["content"])
    answer = await http.get("/api/followup-configs")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    printed = json.loads(CONFIG_LIST)
    printed[0]["id"], printed[0]["scripts"][0]["id"] = config["id"], script["id"]
    assert_agrees(answer.json(), printed)
    assert "Python开发复聊配置" in answer.text, "Chinese is answered as text, not as escapes"
    assert all(MOMENT.fullmatch(moment) for moment in all_moments(answer.json()))


async def test_a_config_is_created_as_printed(config: dict[str, Any]) -> None:
    assert_agrees(config, {"id": config["id"], **json.loads(CREATE_CONFIG), "scripts": []})
    assert len(all_moments(config)) == 2
    assert all(MOMENT.fullmatch(moment) for moment in all_moments(config))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"A", "B", "general", "off"}),
        ("?position=甲岗", {"A", "off"}),
        ("?position=%20甲岗%20", {"A", "off"}),
        ("?position=QA工程师", {"B"}),
        ("?position=qa工程师", {"B"}),
        ("?position=没有这个岗位", set()),
        ("?is_active=true", {"A", "B", "general"}),
        ("?is_active=false", {"off"}),
        ("?is_active=1", {"A", "B", "general"}),
        ("?position=甲岗&is_active=true", {"A"}),
        ("?position=&is_active=", {"A", "B", "general", "off"}),
    ],
)
async def test_configs_are_filtered_by_position_and_is_active(
    http: httpx2.AsyncClient, query: str, expected: set[str]
) -> None:
    made = []
    for name, position, is_active in (
        ("A", "甲岗", True),
        ("B", "QA工程师", True),
        ("general", None, True),
        ("off", "甲岗", False),
    ):
        body = {"name": name, "position": position, "is_active": is_active}
        made.append((await http.post("/api/followup-configs", json=body)).json())
    try:
        answer = await http.get(f"/api/followup-configs{query}")
        assert {entry["name"] for entry in answer.json()} == expected
    finally:
        for entry in made:
            await http.delete(f"/api/followup-configs/{entry['id']}")


async def test_a_config_is_updated_as_printed(http: httpx2.AsyncClient, config: dict[str, Any]) -> None:
    script = await add(http, config["id"])
    place = f"/api/followup-configs/{config['id']}"
    await http.put(place, json={"is_active": False})
    answer = await http.put(place, content=UPDATE_CONFIG.encode(), headers=JSON)
    assert answer.status_code == 200
    expected = {"id": config["id"], "name": "Python开发复聊配置(更新)", "position": "Python开发", "is_active": True}
    assert_agrees(answer.json(), expected)
    assert [entry["id"] for entry in answer.json()["scripts"]] == [script["id"]]
    assert (await http.get(place)).json() == answer.json()
    assert (await http.get("/api/followup-configs")).json() == [answer.json()]


async def test_a_config_is_deleted_as_printed(http: httpx2.AsyncClient, config: dict[str, Any]) -> None:
    script = await add(http, config["id"])
    place = f"/api/followup-configs/{config['id']}"
    answer = await http.delete(place)
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await http.get("/api/followup-configs")).json() == []
    assert (await http.get(f"/api/followup-scripts?config_id={config['id']}")).json() == []
    for again in (await http.get(place), await http.put(place, json={}), await http.delete(place)):
        assert again.status_code == 404
        assert str(config["id"]) in again.json()["detail"]
    assert (await http.get(f"/api/followup-scripts/{script['id']}")).status_code == 404


async def test_a_script_is_created_listed_updated_and_deleted_as_printed(
    http: httpx2.AsyncClient, config: dict[str, Any]
) -> None:
    body = CREATE_SCRIPT.replace('"config_id": 1', f'"config_id": {config["id"]}')
    answer = await http.post("/api/followup-scripts", content=body.encode(), headers=JSON)
    assert answer.status_code == 201
    script = answer.json()
    # The list sample of configs gives the order of a script's fields.
    order = ("id", "day_number", "content", "interval_hours", "order", "is_active", "config_id")
    assert_agrees(script, {name: ({"id": script["id"]} | json.loads(body))[name] for name in order})
    assert (await http.get(f"/api/followup-scripts?config_id={config['id']}")).json() == [script]

    place = f"/api/followup-scripts/{script['id']}"
    answer = await http.put(place, content=UPDATE_SCRIPT.encode(), headers=JSON)
    assert answer.status_code == 200
    changed = {name: value for name, value in answer.json().items() if name != "updated_at"}
    assert changed == {name: script[name] for name in changed} | json.loads(UPDATE_SCRIPT)
    assert all(MOMENT.fullmatch(moment) for moment in all_moments(answer.json()))

    answer = await http.delete(place)
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await http.get(f"/api/followup-scripts?config_id={config['id']}")).json() == []
    assert (await http.delete(place)).status_code == 404


async def test_scripts_are_sorted_by_day_and_order_and_filtered(
    http: httpx2.AsyncClient, config: dict[str, Any]
) -> None:
    for day, order in ((0, 1), (2, 2), (10, 1), (1, 2), (2, 1), (1, 1), (2, 1)):
        await add(http, config["id"], day_number=day, order=order, content=f"第{day}天第{order}条")
    answer = await http.get(f"/api/followup-scripts?config_id={config['id']}")
    expected = [(1, 1), (1, 2), (2, 1), (2, 1), (2, 2), (10, 1), (0, 1)]
    listed = answer.json()
    assert [(entry["day_number"], entry["order"]) for entry in listed] == expected
    assert listed[2]["id"] < listed[3]["id"], "of equal ones the older first"
    in_config = (await http.get("/api/followup-configs")).json()[0]["scripts"]
    assert [entry["id"] for entry in in_config] == [entry["id"] for entry in listed]
    for query, days in ((f"config_id={config['id']}&day_number=2", [2, 2, 2]), ("day_number=0", [0]), ("", None)):
        answer = await http.get(f"/api/followup-scripts?{query}")
        found = [entry["day_number"] for entry in answer.json() if entry["config_id"] == config["id"]]
        assert found == (days or [day for day, _ in expected])
    assert (await http.get("/api/followup-scripts?config_id=999999")).json() == []


async def test_defaults_of_a_script_are_those_of_the_table(http: httpx2.AsyncClient, config: dict[str, Any]) -> None:
    body = {"config_id": config["id"], "day_number": 1, "content": "您好"}
    script = (await http.post("/api/followup-scripts", json=body)).json()
    assert (script["interval_hours"], script["order"], script["is_active"]) == (24, 0, True)
    named = (await http.post("/api/followup-configs", json={"name": "只有名称"})).json()
    assert (named["is_active"], named["position"]) == (True, None)
    await http.delete(f"/api/followup-configs/{named['id']}")


async def test_records_of_a_real_run_are_as_printed(http: httpx2.AsyncClient, config: dict[str, Any]) -> None:
    script = await add(http, config["id"])
    person = await add_contact(http, position="Python开发")
    enrolled = await http.post("/api/followup-enrollments", json={"contact_ids": [person]})
    assert enrolled.status_code == 201, enrolled.text
    async with asyncio.timeout(PATIENCE):
        while len(await results(http, f"contact_id={person}&config_id={config['id']}")) < 2:  # noqa: ASYNC110 - HTTP
            await asyncio.sleep(0.1)
    reply = {"message_id": f"r-{person}", "contact_id": person, "fromId": 0, "content": "好的,我的微信是 wx123456"}
    taken = await http.post("/api/messages/inbound", json={"messages": [reply]})
    assert taken.json()["replies"] == 1

    answer = await http.get(f"/api/followup-records?contact_id={person}&got_reply=true")
    printed = json.loads(RECORD_LIST) | {"total": 1}
    printed["results"][0] |= {
        "id": answer.json()["results"][0]["id"],
        "contact_id": person,
        "config_id": config["id"],
        "script_id": script["id"],
    }
    assert_agrees(answer.json(), printed)
    record = answer.json()["results"][0]
    assert record["sent_at"] <= record["replied_at"]

    both = await results(http, f"contact_id={person}")
    assert [row["kind"] for row in both] == ["script", "opening"], "newest first"
    assert [row["got_reply"] for row in both] == [True, False]
    assert (both[1]["reply_content"], both[1]["replied_at"], both[1]["script_id"]) == (None, None, None)
    assert "微信号" in both[1]["content"], "the opening asks for the WeChat ID"
    assert [row["id"] for row in await results(http, f"config_id={config['id']}&got_reply=false")] == [both[1]["id"]]

    saved = (await http.get(f"/api/contact-records?contact_id={person}")).json()
    assert [(row["kind"], row["value"]) for row in saved["results"]] == [("wechat", "wx123456")]


async def test_records_come_in_pages(http: httpx2.AsyncClient) -> None:
    person = await add_contact(http)
    sent = []
    for number in range(22):
        body = {"contact_id": person, "content": f"第 {number} 条"}
        sent.append((await http.post("/api/followup-records/send", json=body)).json()["id"])
    sent.reverse()
    first = (await http.get(f"/api/followup-records?contact_id={person}")).json()
    assert (first["total"], first["page"], first["page_size"]) == (22, 1, 20), "defaults as printed"
    assert [row["id"] for row in first["results"]] == sent[:20]
    for page, size, expected in ((2, 20, sent[20:]), (3, 20, []), (2, 5, sent[5:10]), (1, 22, sent)):
        body = (await http.get(f"/api/followup-records?contact_id={person}&page={page}&page_size={size}")).json()
        assert (body["total"], body["page"], body["page_size"]) == (22, page, size)
        assert [row["id"] for row in body["results"]] == expected


async def test_a_message_is_sent_by_hand_as_printed(http: httpx2.AsyncClient) -> None:
    person = await add_contact(http)
    body = SEND.replace('"contact_id": 1', f'"contact_id": {person}')
    answer = await http.post("/api/followup-records/send", content=body.encode(), headers=JSON)
    assert answer.status_code == 201
    record = answer.json()
    sample = json.loads(RECORD_LIST)["results"][0]
    assert set(sample) <= set(record)
    assert (record["contact_id"], record["content"]) == (person, json.loads(SEND)["content"])
    assert (record["kind"], record["status"]) == ("manual", "sent")
    assert (record["config_id"], record["script_id"], record["day_number"]) == (None, None, None)
    assert (record["got_reply"], record["reply_content"], record["replied_at"]) == (False, None, None)
    assert MOMENT.fullmatch(record["sent_at"])
    assert await results(http, f"contact_id={person}") == [record]
