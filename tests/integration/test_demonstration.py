"""The case of a first start: something to see on every page, nothing left to be called."""

import json
from dataclasses import replace
from typing import Any

import httpx2
from fastapi import FastAPI

from app.clock import ManualClock
from app.repositories.database import Database
from app.services.calls.caller import Caller
from app.services.calls.demonstration import load_case
from tests.calls import ScriptedDialer
from tests.cases import CASES, OUTBOUND, make_case
from tests.people import value


async def get(client: httpx2.AsyncClient, path: str, **query: Any) -> Any:
    answer = await client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def test_every_page_shows_something(
    app: FastAPI, client: httpx2.AsyncClient, database: Database, clock: ManualClock
) -> None:
    before = clock.now()
    await load_case(app.state.context)
    assert clock.now() == before
    case = await get(client, f"{CASES}/DEMO-1")
    assert (case["nodeId"], case["plannedRounds"], case["closedTime"], len(case["parties"])) == (5, 0, None, 2)
    assert [party["notice"] for party in case["parties"]] == [None, None]
    log = await get(client, f"{OUTBOUND}/conversation-log", caseId="DEMO-1")
    assert [entry["callType"] for entry in log] == ["follow_up"] * 4 + ["agreement"]
    talks = [json.loads(entry["conversations"]) for entry in log]
    assert [bool(talk) for talk in talks].count(True) == 2
    assert talks[-1][0]["action"] == "BeginDialogue"
    status = await get(client, f"{OUTBOUND}/status", caseRef="DEMO-1")
    assert status["callStatus"] in {"Succeeded", "Failed"}
    assert len((await get(client, f"{OUTBOUND}/calls/{log[-1]['jobId']}"))["history"]) > 1
    records = (await get(client, f"{OUTBOUND}/records", caseId="DEMO-1"))["results"]
    assert [record["state"] for record in records] == ["done"] * 5
    assert {record["result"] for record in records} == {"已接通", "无应答"}
    timeline = await client.get(f"/api/contacts/{case['parties'][0]['contactId']}/timeline")
    assert [entry["type"] for entry in timeline.json()["results"]].count("call") == 2
    assert await value(database, "SELECT count(*) FROM outbound_call WHERE created_at > $1", before) == 0
    await Caller(app.state.desk).drain()
    assert await value(database, "SELECT count(*) FROM outbound_call") == 5, "nothing was left to be called"
    assert (await make_case(client, "202601281644031088"))["mediationId"] == case["mediationId"] + 1


async def test_nothing_is_made_where_calls_reach_people(app: FastAPI, database: Database) -> None:
    dialer = ScriptedDialer()
    dialer.reaches_people = True
    await load_case(replace(app.state.context, dialer=dialer))
    assert await value(database, "SELECT count(*) FROM mediation_case") == 0
    assert not dialer.dials
