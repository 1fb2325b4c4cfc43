"""``call-v2`` through the API, with the simulator behind it: the shape of the seed, who is called and how often."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from app.clock import ManualClock
from app.config import Settings
from app.main import create_app
from app.repositories.database import Database
from app.services.calls.caller import Caller
from tests.calls import CALL, body, call, headers, pass_time
from tests.cases import make_case, party
from tests.integration.call_v2.helpers import JOB_FIELDS, JOB_ID, LOSES, RINGS_OUT, TALKS, two_parties
from tests.people import rows, value
from tests.running import client_of

KEYS = [
    "errorCode", "message", "id", "mediationId", "nodeId", "taskName", "result", "personType", "mediationType",
    "personId", "jobId", "instanceId", "jobGroupId", "scriptId", "callStatus", "remark", "deleteStatus", "creator",
    "createTime", "modifier", "modifyTime", "startTime", "callInterval",
]  # fmt: skip


async def test_the_answer_has_the_shape_of_the_seed(client: httpx2.AsyncClient) -> None:
    case = await two_parties(client)
    items = await call(client, case)
    assert [item["personId"] for item in items] == ["K-1-a", "K-1-b"], "in the order of the parties"
    for item in items:
        assert list(item) == KEYS
        assert JOB_ID.fullmatch(item["jobId"])
        assert item["jobGroupId"]
        assert {key: item[key] for key in KEYS if key not in {"id", "personId", "personType", *JOB_FIELDS}} == {
            "errorCode": 0,
            "message": "外呼发起成功",
            "mediationId": case["mediationId"],
            "nodeId": 5,
            "taskName": "履约回访",
            "result": None,
            "mediationType": 1,
            "remark": None,
            "deleteStatus": 1,
            "creator": "system",
            "createTime": "2026-03-05",
            "modifier": None,
            "modifyTime": None,
            "startTime": None,
            "callInterval": None,
        }
        assert (item["instanceId"], item["scriptId"], item["callStatus"]) == ("simulator", "follow_up", "Scheduling")
    assert items[1]["id"] > items[0]["id"]
    assert [item["personType"] for item in items] == [0, 1]
    assert items[0]["jobId"][:13] == str(int(datetime(2026, 3, 5, 10, 30, tzinfo=UTC).timestamp() * 1000))


async def test_the_date_is_that_of_shanghai(client: httpx2.AsyncClient, clock: ManualClock) -> None:
    clock.set(datetime(2026, 3, 5, 16, 0, tzinfo=UTC))
    assert (await call(client, await two_parties(client)))[0]["createTime"] == "2026-03-06"


@pytest.mark.parametrize("as_text", [True, False])
async def test_the_mediation_as_text_or_number(client: httpx2.AsyncClient, as_text: bool) -> None:
    case = await two_parties(client)
    asked = body(case) | {"mediationId": str(case["mediationId"]) if as_text else case["mediationId"]}
    answer = await client.post(CALL, json=asked)
    assert answer.status_code == 201
    assert [item["errorCode"] for item in answer.json()["data"]] == [0, 0]


@pytest.mark.parametrize(
    "changed",
    [
        {"caseId": None},
        {"caseId": ""},
        {"mediationId": None},
        {"mediationId": ""},
        {"mediationId": "12a"},
        {"mediationId": -1},
        {"mediationId": 1.5},
        {"mediationId": True},
        {"mediationId": "9" * 30},
        {"callAuto": None},
        {"callAuto": 2},
        {"callAuto": "0"},
        {"callAuto": True},
        {"callPersonId": None},
        {"callPersonId": 7},
        {"callPersonId": "x\u0000"},
    ],
)
async def test_input_that_is_not_right_calls_nobody(
    client: httpx2.AsyncClient, database: Database, changed: dict[str, Any]
) -> None:
    case = await two_parties(client)
    for asked in (body(case) | changed, {key: item for key, item in body(case).items() if key not in changed}):
        answer = await client.post(CALL, json=asked)
        assert answer.status_code == 400, answer.text
        assert list(answer.json()) == ["code", "message", "data"]
        assert (answer.json()["code"], answer.json()["data"]) == (400, None)
        assert next(iter(changed)) in answer.json()["message"]
    assert await value(database, "SELECT count(*) FROM outbound_call") == 0


async def test_what_is_not_there_is_404_and_calls_nobody(client: httpx2.AsyncClient, database: Database) -> None:
    case, other = await two_parties(client), await two_parties(client, "K-2")
    for asked in (
        body(case) | {"caseId": "K-9"},
        body(case) | {"mediationId": 999_999},
        body(case) | {"mediationId": other["mediationId"]},
        body(case, auto=1, person="K-2-a"),
        body(case, auto=1, person=""),
    ):
        answer = await client.post(CALL, json=asked)
        assert (answer.status_code, answer.json()["code"]) == (404, 404), asked
    assert (await client.patch("/api/v1/mediation/cases/K-1", json={"closed": True})).status_code == 200
    assert (await client.post(CALL, json=body(case))).status_code == 409
    assert await value(database, "SELECT count(*) FROM outbound_call") == 0
    assert await value(database, "SELECT count(*) FROM mediation_record") == 0


async def test_a_manual_call_calls_one_person_once(
    client: httpx2.AsyncClient, caller: Caller, clock: ManualClock, database: Database
) -> None:
    case = await two_parties(client)
    items = await call(client, case, auto=1, person="K-1-b")
    assert [(item["personId"], item["errorCode"]) for item in items] == [("K-1-b", 0)]
    await pass_time(caller, clock, 7200, step=60)
    found = await rows(database, "SELECT phone, is_automatic, ended_at IS NOT NULL AS over FROM outbound_call")
    assert found == [{"phone": "+8613912349011", "is_automatic": False, "over": True}]
    assert await rows(database, "SELECT round, state, due_at FROM mediation_record") == [
        {"round": 1, "state": "done", "due_at": None}
    ]


async def test_the_person_is_ignored_in_automatic_calls(client: httpx2.AsyncClient) -> None:
    case = await two_parties(client)
    assert len(await call(client, case, person="nobody")) == 2


async def test_posted_again_while_calls_are_active(client: httpx2.AsyncClient, database: Database) -> None:
    case = await two_parties(client)
    first = await call(client, case)
    again = await call(client, case)
    for before, item in zip(first, again, strict=True):
        assert (item["errorCode"], item["message"]) == (1001, "该当事人正在呼叫中,须等待")
        assert (item["startTime"], item["callInterval"]) == ("2026-03-05 19:00:00", 30)
        assert [item[key] for key in ("id", *JOB_FIELDS)] == [before[key] for key in ("id", *JOB_FIELDS)]
    assert await value(database, "SELECT count(*) FROM outbound_call") == 2


async def test_three_rounds_thirty_minutes_apart_and_then_the_limit(
    client: httpx2.AsyncClient, caller: Caller, clock: ManualClock, database: Database
) -> None:
    """Nobody answers: the scheduler places the second and the third round by itself, never a fourth."""
    case = await make_case(client, parties=[party("K-1-b", "李大海", RINGS_OUT)])
    await call(client, case)
    await pass_time(caller, clock, 120)
    (item,) = await call(client, case)
    assert (item["errorCode"], item["message"], item["jobId"]) == (1001, "距上一轮呼叫的间隔未到,须等待", "")
    await pass_time(caller, clock, 3 * 3600, step=30)
    calls = await rows(database, "SELECT created_at, ended_at, record_id, result FROM outbound_call ORDER BY id")
    assert len(calls) == 3
    for before, after in pairwise(calls):
        gap = after["created_at"] - before["ended_at"]
        assert timedelta(minutes=30) <= gap < timedelta(minutes=31), gap
    assert {row["result"] for row in calls} == {"无应答"}
    assert await rows(database, "SELECT round, state, result, due_at FROM mediation_record ORDER BY id") == [
        {"round": number, "state": "done", "result": "无应答", "due_at": None} for number in (1, 2, 3)
    ]
    for auto in (0, 1):
        (item,) = await call(client, case, auto=auto, person="K-1-b")
        assert (item["errorCode"], item["message"]) == (1002, "该节点的呼叫轮次已达上限")
        assert [item[key] for key in ("startTime", "callInterval", *JOB_FIELDS)] == [None, None, "", "", "", "", ""]
        assert isinstance(item["id"], int)
    await pass_time(caller, clock, 3600, step=60)
    assert await value(database, "SELECT count(*) FROM outbound_call") == 3


async def test_whoever_was_reached_is_not_called_again_by_itself(
    app: FastAPI, client: httpx2.AsyncClient, caller: Caller, clock: ManualClock, database: Database
) -> None:
    case = await make_case(client, parties=[party("K-1-a", "王小明", TALKS)])
    (first,) = await call(client, case)
    await pass_time(caller, clock, 300)
    (row,) = await rows(database, "SELECT * FROM outbound_call")
    assert (row["is_reached"], row["result"], row["status"], row["recording_state"]) == (
        True,
        "已接通",
        "Succeeded",
        "pending",
    )
    talk = row["conversations"]
    assert [line["action"] for line in (talk[0], talk[-1])] == ["BeginDialogue", "EndDialogue"]
    assert any("王小明" in (line["script"] or "") for line in talk), "the words reached the script"
    await pass_time(caller, clock, 3600, step=60)
    assert await value(database, "SELECT count(*) FROM outbound_call") == 1
    (item,) = await call(client, case)
    assert (item["errorCode"], item["message"]) == (1002, "该当事人在此节点已接通,不再自动呼叫")
    await app.state.reader.read_new()
    (item,) = await call(client, case, auto=1, person="K-1-a")
    assert item["errorCode"] == 0, "a person may decide to call again after the interval"
    assert item["id"] != first["id"]
    assert item["jobId"] != first["jobId"]


async def test_scripts_and_words(client: httpx2.AsyncClient, database: Database) -> None:
    scripts = [
        {"personType": 0, "instanceId": "i-0", "scriptId": "s-0"},
        {"personType": 1, "instanceId": "i-1", "scriptId": "s-1"},
        {"personType": 1, "instanceId": "i-2", "scriptId": "s-2"},
    ]
    async with database.transaction() as connection:
        await connection.execute("UPDATE mediation_node SET scripts = $1 WHERE id = 4", scripts)
    parties = [
        party("a", "王小明", "13912349001"),
        party("b", "李大海", "13912349002", personType=1),
        party("c", "赵二", "13912349003", personType=1),
        party("d", "钱三", "13912349004", personType=7),
    ]
    case = await make_case(
        client, nodeId=4, parties=parties, agreement={"agreeId": "X-1", "agreeContent": "分期支付3742元"}
    )
    items = await call(client, case)
    assert [(item["instanceId"], item["scriptId"]) for item in items] == [
        ("i-0", "s-0"),
        ("i-1", "s-1"),
        ("i-2", "s-2"),
        ("", ""),
    ]
    assert (items[3]["errorCode"], items[3]["message"]) == (1002, "该节点没有适用于此当事人的外呼场景,不能呼叫")
    assert {item["taskName"] for item in items} == {"协议确认"}


async def test_a_key_calls_once(client: httpx2.AsyncClient, caller: Caller, clock: ManualClock) -> None:
    case = await make_case(client, parties=[party("a", phone=TALKS), party("b", phone=LOSES), party("c", phone="110")])
    first = await call(client, case, key="one")
    assert [item["errorCode"] for item in first] == [0, 1001, 1002]
    assert await call(client, case, key="one") == first
    await pass_time(caller, clock, 4 * 3600, step=60)
    assert await call(client, case, key="one") == first, "whatever became of the calls since"
    other = await client.post(CALL, json=body(case, auto=1, person="a"), headers=headers("one"))
    assert (other.status_code, other.json()["code"], other.json()["data"]) == (409, 409, None)


async def test_needs_a_key_where_keys_are_set(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"api_keys": (SecretStr("k" * 20),)}))
    async with client_of(app, raises=True) as client:
        answer = await client.post(CALL, json={})
        assert (answer.status_code, answer.json()["code"]) == (401, 401)
