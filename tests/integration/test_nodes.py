"""Nodes and lines: rows that operators edit."""

from typing import Any

import httpx2
import pytest

from app.clock import ManualClock
from app.repositories.database import Database
from tests.cases import OUTBOUND, add_call
from tests.people import value


async def test_the_seeded_nodes(client: httpx2.AsyncClient) -> None:
    told = (await client.get(f"{OUTBOUND}/nodes")).json()
    assert (told["code"], told["message"]) == (200, "查询成功")
    assert [(node["nodeId"], node["taskName"], node["callType"]) for node in told["data"]] == [
        (1, "意愿征询", "willingness"),
        (2, "事实核实", "verification"),
        (3, "方案沟通", "proposal"),
        (4, "协议确认", "agreement"),
        (5, "履约回访", "follow_up"),
    ]
    node = (await client.get(f"{OUTBOUND}/nodes/5")).json()["data"]
    assert node == told["data"][4]
    assert (node["maxRounds"], node["callInterval"], node["dialWindow"], node["skipHoliday"]) == (3, 30, None, None)
    assert node["scripts"] == [{"personType": None, "instanceId": "simulator", "scriptId": "follow_up"}]


async def test_each_field_is_changed_alone(client: httpx2.AsyncClient) -> None:
    before = (await client.get(f"{OUTBOUND}/nodes/5")).json()["data"]
    window = [
        {
            "week": 1,
            "times": [
                {"begin_time": "9:00", "end_time": "12:00"},
                {"begin_time": "14:00", "end_time": "24:00"},
            ],
        },
        {"week": 0, "times": []},
    ]
    scripts = [
        {"personType": 0, "instanceId": "i-1", "scriptId": "s-1"},
        {"personType": None, "instanceId": "i-2", "scriptId": "s-2"},
    ]
    changes: list[tuple[str, Any]] = [
        ("taskName", "履约提醒"),
        ("callType", "reminder"),
        ("maxRounds", 5),
        ("callInterval", 1),
        ("scripts", scripts),
        ("scripts", []),
        ("dialWindow", window),
        ("dialWindow", None),
        ("skipHoliday", True),
        ("skipHoliday", None),
    ]
    for name, wanted in changes:
        answer = await client.put(f"{OUTBOUND}/nodes/5", json={name: wanted})
        assert (answer.status_code, answer.json()["message"]) == (200, "节点已更新"), answer.text
        before |= {name: wanted, "modifyTime": "2026-03-05 18:30:00"}
        assert answer.json()["data"] == before
        assert (await client.get(f"{OUTBOUND}/nodes/5")).json()["data"] == before
    assert (await client.put(f"{OUTBOUND}/nodes/5", json={})).json()["data"] == before


async def test_what_is_stored_is_what_the_tables_say(client: httpx2.AsyncClient, database: Database) -> None:
    script = {"personType": 3, "instanceId": "i", "scriptId": "s"}
    window = [{"week": 3, "times": [{"begin_time": "8:00", "end_time": "20:00"}]}]
    await client.put(f"{OUTBOUND}/nodes/1", json={"scripts": [script], "dialWindow": window})
    assert await value(database, "SELECT scripts FROM mediation_node WHERE id = 1") == [script]
    assert await value(database, "SELECT dial_window FROM mediation_node WHERE id = 1") == window


async def test_a_line_shows_what_is_on_it(client: httpx2.AsyncClient, database: Database, clock: ManualClock) -> None:
    now = clock.now()
    active = {"line_id": "default", "ended_at": None, "status": "Executing"}
    for number in range(3):
        await add_call(database, now, phone=f"+861390000000{number}", **active)
    await add_call(database, now, line_id="default")
    await add_call(database, now, phone="+8613900000009", ended_at=None, line_id="elsewhere")
    line = (await client.get(f"{OUTBOUND}/lines/default")).json()["data"]
    assert (await client.get(f"{OUTBOUND}/lines")).json()["data"] == [line]
    assert (line["lineId"], line["name"], line["callLine"], line["inUse"], line["residue"]) == (
        "default",
        "默认线路",
        20,
        3,
        17,
    )
    answer = await client.put(
        f"{OUTBOUND}/lines/default", json={"callLine": 2, "name": "一号线", "callNumber": "0571-00001111"}
    )
    assert answer.status_code == 200, answer.text
    line |= {"callLine": 2, "name": "一号线", "callNumber": "0571-00001111", "residue": 0}
    assert answer.json()["data"] == line | {"modifyTime": "2026-03-05 18:30:00"}
    assert (await client.put(f"{OUTBOUND}/lines/default", json={"callNumber": None})).json()["data"][
        "callNumber"
    ] is None


@pytest.mark.parametrize("path", ["nodes/99", "lines/nope"])
async def test_what_is_not_there(client: httpx2.AsyncClient, path: str) -> None:
    for answer in (await client.get(f"{OUTBOUND}/{path}"), await client.put(f"{OUTBOUND}/{path}", json={})):
        assert (answer.status_code, answer.json()["code"], answer.json()["data"]) == (404, 404, None)
        assert path.rpartition("/")[2] in answer.json()["message"]
