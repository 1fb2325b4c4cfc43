"""What a new task can be made of: real numbers, the account's own things, the same effort however many there are."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx2
from fastapi import FastAPI
from sqlalchemy import event

from app.clock import ManualClock
from app.repositories.database import Database
from app.services.agent.demonstration import ACCOUNT, SUB_ACCOUNT, load_account
from tests.agent import AGENT, WORKDAY, add_account, add_group, add_line, add_seat, post
from tests.calls import ScriptedDialer
from tests.cases import OUTBOUND, add_call


async def choices(client: httpx2.AsyncClient, user_id: str = "u-1", **query: str) -> dict[str, Any]:
    answer = await client.get(f"{AGENT}/{user_id}/task/create", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["data"]
    return found


@contextmanager
def statements(app: FastAPI) -> Iterator[list[str]]:
    """Collect what is asked of the database through SQLAlchemy; the endpoint asks in no other way."""
    engine = app.state.context.database.engine.sync_engine
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def fill(client: httpx2.AsyncClient, user_id: str, count: int) -> None:
    for number in range(count):
        line = await add_line(client, user_id)
        await add_group(client, user_id, caller_lines=[line], name=f"组 {number}")
        seat = await add_seat(client, user_id)
        await post(client, f"/{user_id}/bridge-group", name="转", customer_service=[seat])
        await post(client, f"/{user_id}/dial-time-group", content=WORKDAY)
        await post(client, f"/{user_id}/auto-recycle-rule", name="规", details=[{"number_status": 4, "time": 1}])
        await post(client, f"/{user_id}/llm-intention-config", name="意")


async def test_the_number_of_statements_does_not_depend_on_what_there_is(
    client: httpx2.AsyncClient, app: FastAPI
) -> None:
    counts = []
    for number, user_id in ((0, "u-0"), (1, "u-1"), (7, "u-7")):
        await add_account(client, user_id)
        await fill(client, user_id, number)
        with statements(app) as seen:
            told = await choices(client, user_id)
        counts.append(len(seen))
        assert len(told["outbound_group"]) == number
        assert sum(len(group["caller_lines"]) for group in told["outbound_group"]) == number
    assert counts == [9, 9, 9]


async def test_what_is_left_of_a_line(client: httpx2.AsyncClient, database: Database, clock: ManualClock) -> None:
    await add_account(client)
    line = await add_line(client, call_line=3, deadline_at="2027-01-01 08:00:00", call_number="0571-00001111")
    await add_group(client, caller_lines=[line])
    shown = {"name": "一号线", "value": line, "residue": 3, "call_line": 3}
    shown |= {"available_at": "2027-01-01 08:00:00", "call_number": "0571-00001111"}
    assert (await choices(client))["caller_line_list"] == [shown]
    now = clock.now()
    for number in range(2):
        active = {"line_id": line, "ended_at": None, "status": "Executing"}
        await add_call(database, now, phone=f"+861390000000{number}", **active)
    await add_call(database, now, line_id=line)  # over
    await add_call(database, now, phone="+8613900000009", line_id="default", ended_at=None)
    told = await choices(client)
    assert told["caller_line_list"] == [shown | {"residue": 1}]
    (on_it,) = told["outbound_group"][0]["caller_lines"]
    assert (on_it["call_line"], on_it["call_line_used"]) == (3, 2)
    await client.put(f"{AGENT}/u-1/caller-line/{line}", json={"call_line": 1})
    told = await choices(client)
    assert told["caller_line_list"] == [shown | {"residue": 0, "call_line": 1}], "never less than none"


async def test_no_name_no_end_and_deleted_groups(client: httpx2.AsyncClient) -> None:
    await add_account(client)
    await post(client, "/u-1/dial-time-group", content=WORKDAY)
    line = await add_line(client)
    gone, kept = await add_group(client, caller_lines=[line]), await add_group(client, name="留下")
    assert (await client.delete(f"{AGENT}/u-1/outbound-group/{gone['id']}")).status_code == 200
    told = await choices(client)
    assert told["enum_dial_time_group"][0]["name"] is None
    assert told["caller_line_list"][0]["available_at"] is None
    assert [group["id"] for group in told["outbound_group"]] == [kept["id"]]
    assert list(told["end_actions"].items()) == [
        ("1", "暂停任务并释放并发"),
        ("2", "暂停任务并锁定并发"),
        ("0", "无操作"),
    ]


async def test_lines_of_accounts_are_not_for_mediation(client: httpx2.AsyncClient, database: Database) -> None:
    await add_account(client)
    line = await add_line(client)
    listed = (await client.get(f"{OUTBOUND}/lines")).json()["data"]
    assert [each["lineId"] for each in listed] == ["default"]
    for method in ("GET", "PUT"):
        answer = await client.request(method, f"{OUTBOUND}/lines/{line}", json={} if method == "PUT" else None)
        assert answer.status_code == 404, method
    await client.put(f"{OUTBOUND}/lines/default", json={"callLine": 0})
    case = {"caseId": "K-1", "title": "纠纷", "nodeId": 5}
    party = {"personId": "p-1", "name": "周念安", "phoneNumber": "13900001234", "personType": 0}
    made = await client.post("/api/v1/mediation/cases", json=case | {"parties": [party]})
    body = {
        "caseId": "K-1",
        "mediationId": made.json()["data"]["mediationId"],
        "callAuto": 1,
        "callPersonId": "p-1",
    }
    (item,) = (await client.post(f"{OUTBOUND}/call-v2", json=body)).json()["data"]
    assert (item["errorCode"], item["jobId"]) == (1001, ""), "no line of the house is free"
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM outbound_call") == 0


async def test_the_demonstration_has_no_numbers_where_calls_reach_people(
    client: httpx2.AsyncClient, app: FastAPI
) -> None:
    dialer = ScriptedDialer()
    dialer.reaches_people = True
    await load_account(replace(app.state.context, dialer=dialer))
    (task,) = (await client.get(f"{AGENT}/{ACCOUNT}/task")).json()["data"]["results"]
    assert task["numbers"]["total"] == 0


async def test_the_demonstration(client: httpx2.AsyncClient, app: FastAPI) -> None:
    for _ in range(2):
        await load_account(app.state.context)
    (account,) = (await client.get(AGENT)).json()["data"]
    assert (account["user_id"], [sub["user_id"] for sub in account["sub_users"]]) == (ACCOUNT, [SUB_ACCOUNT])
    told = await choices(client, ACCOUNT)
    assert all(told.values()), "something of everything"
    assert [group["is_default"] for group in told["enum_dial_time_group"]] == [True, False, False]
    assert {rule["type"] for rule in told["auto_recycle_rules"]} == {1, 2}
    assert len(told["outbound_group"][0]["caller_lines"]) == 2
    (task,) = (await client.get(f"{AGENT}/{ACCOUNT}/task")).json()["data"]["results"]
    assert (task["status"], task["numbers"]["waiting"], task["auto_recycle_rule_id"]) == (1, 6, 1)
    started = await client.post(f"{AGENT}/{ACCOUNT}/task/{task['id']}/start")
    assert started.json()["data"]["status"] == 2, "it can be tried out"
    below = await choices(client, ACCOUNT, sub_user_id=SUB_ACCOUNT)
    assert [group["name"] for group in below["enum_dial_time_group"]] == [None]
    assert below["caller_line_list"] == []
