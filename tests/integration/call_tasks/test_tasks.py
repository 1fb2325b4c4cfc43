"""Tasks: what they are made of, starting, stopping, copying, deleting, and what they hold."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from app.clock import ManualClock
from app.jobs.passes import Passes
from app.repositories.database import Database
from app.services.dispatch.dispatcher import Dispatcher
from tests.agent import AGENT, WORKDAY, add_account, add_group, add_line, add_numbers, add_seat, add_sub, add_task, post
from tests.cases import add_call
from tests.integration.test_task_init import statements
from tests.people import rows, value

TASK = f"{AGENT}/u-1/task"
STARTED = {"code": 6007, "status": "error", "message": "任务启动中,请先停止任务", "data": None}
NO_NUMBERS = {"total": 0, "waiting": 0, "calling": 0, "done": 0, "refused": 0, "by_status": []}


async def put(client: httpx2.AsyncClient, task_id: int, **body: Any) -> dict[str, Any]:
    answer = await client.put(f"{TASK}/{task_id}", json=body)
    assert (answer.status_code, answer.json()["message"]) == (200, "更新成功"), answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


async def act(client: httpx2.AsyncClient, task_id: int, what: str, status: int = 200) -> dict[str, Any]:
    answer = await client.post(f"{TASK}/{task_id}/{what}")
    assert answer.status_code == status, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


async def shown(client: httpx2.AsyncClient, task_id: int) -> dict[str, Any]:
    answer = await client.get(f"{TASK}/{task_id}")
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


async def whole(client: httpx2.AsyncClient) -> dict[str, Any]:
    """One of everything that a task can use, as its body."""
    lines = [await add_line(client, name=f"线 {number}") for number in range(2)]
    groups = [(await add_group(client, name=f"话术 {number}"))["id"] for number in range(2)]
    seat = await add_seat(client)
    return {
        "name": "全部",
        "destination_extension": groups[1],
        "dial_time_id": (await post(client, "/u-1/dial-time-group", name="工作日", content=WORKDAY))["id"],
        "maximumcall": 7,
        "bridge_group_id": (await post(client, "/u-1/bridge-group", name="转", customer_service=[seat]))["id"],
        "auto_recycle_rule_id": (await post(client, "/u-1/auto-recycle-rule", name="规"))["id"],
        "end_action": 2,
        "llm_intention_id": (await post(client, "/u-1/llm-intention-config", name="意"))["id"],
        "call_notify_url": "https://crm.example.com/calls?from=huiyin",
        "task_extras": {
            "start_time": "2026-03-06 09:00:00",
            "stop_time": "2026-03-31 18:00:00",
            "line": lines[::-1],
            "holiday": ["2026-04-05", "2026-03-08"],
            "pop_mode": 0,
            "redial_interval": 45,
            "redial_max_times": 50,
            "redial_conditions": {"number_status": [8, 4]},
        },
        "script_groups": [{"id": groups[1], "weight": 3}, {"id": groups[0], "weight": 1}],
    }


async def test_a_task_is_shown_as_it_was_given(client: httpx2.AsyncClient, database: Database) -> None:
    body = await whole(client)
    made = await post(client, "/u-1/task", **body)
    state = {
        "id": made["id"],
        "user_id": "u-1",
        "status": 1,
        "status_str": "已暂停",
        "wait_reason": None,
        "wait_reason_str": None,
        "wait_until": None,
        "numbers": NO_NUMBERS,
        "started_at": None,
        "ended_at": None,
        "stopped_by": None,
        "created_at": "2026-03-05 18:30:00",
        "updated_at": "2026-03-05 18:30:00",
    }
    assert made == body | state
    assert await shown(client, made["id"]) == made
    stored = await rows(database, "SELECT start_time::text, redial_statuses, holidays FROM call_task")
    assert stored[0]["start_time"] == "2026-03-06 01:00:00+00"
    assert stored[0]["holidays"] == ["2026-04-05", "2026-03-08"]


async def test_what_is_not_given_has_defaults_and_stays(client: httpx2.AsyncClient) -> None:
    group = (await add_group(client))["id"]
    made = await post(client, "/u-1/task", name="最少", destination_extension=group)
    extras: dict[str, Any] = {
        "start_time": None,
        "stop_time": None,
        "line": [],
        "holiday": [],
        "pop_mode": 1,
        "redial_interval": 30,
        "redial_max_times": 0,
        "redial_conditions": {"number_status": []},
    }
    assert made["task_extras"] == extras
    assert (made["maximumcall"], made["dial_time_id"], made["end_action"], made["script_groups"]) == (10, None, 0, [])
    body = await whole(client)
    for name in body:
        if name not in {"task_extras", "script_groups", "destination_extension"}:
            made |= {name: body[name]}
            assert await put(client, made["id"], **{name: body[name]}) == made, name
    for name, wanted in body["task_extras"].items():
        made["task_extras"] |= {name: wanted}
        assert await put(client, made["id"], task_extras={name: wanted}) == made, name
    parts = {name: body[name] for name in ("script_groups", "destination_extension")}
    made |= parts
    assert await put(client, made["id"], **parts) == made
    assert await put(client, made["id"], script_groups=[]) == made | {"script_groups": []}
    assert (await client.put(f"{TASK}/{made['id']}", json={})).status_code == 200


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"destination_extension": 999}, "destination_extension"),
        ({"dial_time_id": 999}, "dial_time_id"),
        ({"bridge_group_id": 999}, "bridge_group_id"),
        ({"auto_recycle_rule_id": 999}, "auto_recycle_rule_id"),
        ({"llm_intention_id": 999}, "llm_intention_id"),
        ({"task_extras": {"line": ["nobody"]}}, "task_extras.line.0"),
        ({"script_groups": [{"id": 999}]}, "script_groups.0.id"),
        (
            {"task_extras": {"start_time": "2026-03-06 09:00:00", "stop_time": "2026-03-06 09:00:00"}},
            "task_extras.stop_time",
        ),
    ],
)
async def test_what_cannot_be_is_refused_by_place(client: httpx2.AsyncClient, body: dict[str, Any], place: str) -> None:
    task = await add_task(client)
    for method, path in (("POST", ""), ("PUT", f"/{task['id']}")):
        good = {"name": "任务", "destination_extension": task["destination_extension"]}
        answer = await client.request(method, f"{TASK}{path}", json=good | body)
        assert (answer.status_code, answer.json()["code"]) == (422, 422), answer.text
        assert answer.json()["message"].startswith(f"{place}: "), answer.text
    assert (await client.get(TASK)).json()["data"]["results"] == [task]


async def test_nothing_of_another_account_is_taken(client: httpx2.AsyncClient) -> None:
    theirs = await whole(client)
    await add_account(client, "u-2")
    group = (await add_group(client, "u-2"))["id"]
    good = {"name": "任务", "destination_extension": group}
    for name in (
        "destination_extension",
        "dial_time_id",
        "bridge_group_id",
        "auto_recycle_rule_id",
        "llm_intention_id",
    ):
        answer = await client.post(f"{AGENT}/u-2/task", json=good | {name: theirs[name]})
        assert answer.status_code == 422, name
        assert answer.json()["message"].startswith(f"{name}: ")
    for extra in ({"task_extras": {"line": theirs["task_extras"]["line"]}}, {"script_groups": theirs["script_groups"]}):
        assert (await client.post(f"{AGENT}/u-2/task", json=good | extra)).status_code == 422, extra


async def test_the_main_script_is_one_of_those_that_are_compared(client: httpx2.AsyncClient) -> None:
    first, second, third = [(await add_group(client))["id"] for _ in range(3)]
    compared = [{"id": first}, {"id": second, "weight": 5}]
    answer = await client.post(TASK, json={"name": "比", "destination_extension": third, "script_groups": compared})
    assert answer.status_code == 422
    assert answer.json()["message"].startswith("destination_extension: ")
    made = await post(client, "/u-1/task", name="比", destination_extension=second, script_groups=compared)
    assert made["script_groups"] == [{"id": first, "weight": 1}, {"id": second, "weight": 5}]
    assert (await client.put(f"{TASK}/{made['id']}", json={"destination_extension": third})).status_code == 422
    assert (await put(client, made["id"], destination_extension=first))["script_groups"] == made["script_groups"]
    assert (await put(client, made["id"], destination_extension=third, script_groups=[]))["script_groups"] == []


async def test_a_list_counts_exactly_and_filters(client: httpx2.AsyncClient, database: Database) -> None:
    group = (await add_group(client, caller_lines=[await add_line(client)]))["id"]
    ids = [(await add_task(client, destination_extension=group))["id"] for _ in range(5)]
    await act(client, ids[0], "start")
    async with database.connection() as connection:
        await connection.execute("UPDATE call_task SET status = 3 WHERE id = $1", ids[0])
    await act(client, ids[1], "start")
    assert (await client.delete(f"{TASK}/{ids[4]}")).status_code == 200
    await add_account(client, "u-2")
    await add_task(client, "u-2")

    async def listed(**query: Any) -> tuple[int, list[int]]:
        data = (await client.get(TASK, params=query)).json()["data"]
        assert (data["page"], data["limit"]) == (query.get("page", 1), query.get("limit", 20))
        return data["total"], [task["id"] for task in data["results"]]

    assert await listed() == (4, ids[3::-1])
    assert await listed(status=1) == (2, [ids[3], ids[2]])
    assert await listed(status=2) == (1, [ids[1]])
    assert await listed(status=3) == (1, [ids[0]])
    assert await listed(page=2, limit=3) == (4, [ids[0]])
    assert await listed(page=9) == (4, [])
    for query in ("status=0", "status=4", "page=0", "limit=0", "limit=101", "status=x"):
        assert (await client.get(f"{TASK}?{query}")).status_code == 422, query


async def test_a_list_takes_the_same_effort_however_long_it_is(client: httpx2.AsyncClient, app: FastAPI) -> None:
    body = await whole(client)
    seen = []
    for number in (1, 4):
        for _ in range(number):
            task = await post(client, "/u-1/task", **body)
            await add_numbers(client, task["id"], "13900009001")
        with statements(app) as asked:
            await client.get(TASK)
        seen.append(len(asked))
    assert seen[0] == seen[1]


async def test_a_sub_account_has_its_own_tasks(client: httpx2.AsyncClient) -> None:
    await add_sub(client)
    theirs = await add_task(client, "s-1")
    mine = await add_task(client)
    below = {"sub_user_id": "s-1"}
    assert (await client.get(f"{TASK}/{theirs['id']}", params=below)).json()["data"] == theirs
    calls = [("GET", ""), ("PUT", ""), ("DELETE", ""), ("POST", "/start"), ("POST", "/stop"), ("POST", "/copy")]
    calls += [("GET", "/number"), ("POST", "/number"), ("PUT", "/number/reset"), ("GET", "/number/13900009001")]
    calls += [("DELETE", "/number/1"), ("GET", "/number/import"), ("GET", "/number/import/1")]
    bodies = {"/number": {"numbers": ["13900009001"]}, "/number/reset": {"number_status": [4]}, "": {}}
    for query, task in (({}, theirs), (below, mine)):
        for method, path in calls:
            body = bodies.get(path) if method in {"POST", "PUT"} else None
            answer = await client.request(method, f"{TASK}/{task['id']}{path}", params=query, json=body)
            assert (answer.status_code, answer.json()["code"]) == (404, 404), (method, path)
        answer = await client.post(f"{TASK}/{task['id']}/number/import", params=query, content=b"13900009001")
        assert answer.status_code == 404


async def test_starting_and_stopping(client: httpx2.AsyncClient, app: FastAPI, clock: ManualClock) -> None:
    task = await add_task(client)
    wake = app.state.context.wake_calls
    wake.clear()
    started = task | {"status": 2, "status_str": "运行中", "started_at": "2026-03-05 18:30:00"}
    assert await act(client, task["id"], "start") == started
    assert wake.is_set()
    clock.advance(timedelta(hours=1))
    assert await act(client, task["id"], "start") == started, "it was started already"
    stopped = started | {"status": 1, "status_str": "已暂停", "stopped_by": "api"}
    assert await act(client, task["id"], "stop") == stopped
    assert await act(client, task["id"], "stop") == stopped, "it was paused already"
    again = await act(client, task["id"], "start")
    assert (again["started_at"], again["stopped_by"]) == ("2026-03-05 19:30:00", None)


async def test_a_started_task_is_not_changed(client: httpx2.AsyncClient, database: Database) -> None:
    task = await add_task(client)
    started = await act(client, task["id"], "start")
    for status in (2, 3):
        async with database.connection() as connection:
            await connection.execute("UPDATE call_task SET status = $1", status)
        for method, body in (("PUT", {"name": "改"}), ("PUT", {}), ("DELETE", None)):
            answer = await client.request(method, f"{TASK}/{task['id']}", json=body)
            assert (answer.status_code, answer.json()) == (409, STARTED), method
    await act(client, task["id"], "stop")
    assert (await put(client, task["id"], name="改"))["name"] == "改"
    assert started["name"] == "三月回访"


async def test_what_could_never_dial_is_not_started(client: httpx2.AsyncClient, clock: ManualClock) -> None:
    line = await add_line(client)
    silent, spoken = await add_group(client, name="无线话术"), await add_group(client, caller_lines=[line])
    compared = [{"id": silent["id"]}, {"id": spoken["id"]}]
    choices: tuple[dict[str, Any], ...] = ({}, {"script_groups": compared})
    for fields in choices:
        task = await add_task(client, destination_extension=silent["id"], **fields)
        answer = await client.post(f"{TASK}/{task['id']}/start")
        assert (answer.status_code, answer.json()["code"]) == (409, 409)
        assert "无线话术" in answer.json()["message"]
        await put(client, task["id"], task_extras={"line": [line]})
        assert (await act(client, task["id"], "start"))["status"] == 2
    late = await add_task(client, task_extras={"stop_time": "2026-03-05 18:30:01"})
    clock.advance(timedelta(seconds=1))
    answer = await client.post(f"{TASK}/{late['id']}/start")
    assert answer.status_code == 409
    assert "stop_time" in answer.json()["message"]


async def test_why_a_task_waits(client: httpx2.AsyncClient, database: Database, clock: ManualClock) -> None:
    task = await add_task(client, task_extras={"start_time": "2026-03-06 09:00:00"})
    await act(client, task["id"], "start")
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE call_task SET status = 3, due_at = $1", clock.now() + timedelta(hours=14, minutes=30)
        )
    told = await shown(client, task["id"])
    assert (told["status_str"], told["wait_reason"], told["wait_until"]) == (
        "等待中",
        "start_time",
        "2026-03-06 09:00:00",
    )
    clock.advance(timedelta(hours=14, minutes=30))
    told = await shown(client, task["id"])
    assert (told["wait_reason"], told["wait_reason_str"]) == ("outside_window", "不在呼叫时间内")


async def test_two_who_start_at_once(client: httpx2.AsyncClient, database: Database) -> None:
    task = await add_task(client)
    answers = await asyncio.gather(*(client.post(f"{TASK}/{task['id']}/start") for _ in range(6)))
    assert {(answer.status_code, answer.json()["data"]["status"]) for answer in answers} == {(200, 2)}
    assert await value(database, "SELECT count(*) FROM call_task WHERE status = 2 AND due_at IS NOT NULL") == 1


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("PUT", "", 409), ("DELETE", "", 409), ("POST", "/start", 200), ("POST", "/stop", 200)],
)
async def test_writers_wait_for_who_holds_the_task(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock, method: str, path: str, status: int
) -> None:
    """The dialer holds a task while it reserves calls; what it wrote is seen by whoever waited."""
    task = await add_task(client)
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with database.transaction() as connection:
        await connection.fetchrow("SELECT FROM call_task WHERE id = $1 FOR SHARE", task["id"])
        body = {"name": "改"} if method == "PUT" else None
        writing = asyncio.create_task(client.request(method, f"{TASK}/{task['id']}{path}", json=body))
        while not await value(database, waiting):
            assert not writing.done()
        await connection.execute("UPDATE call_task SET status = 3, due_at = $1", clock.now())
    answer = await writing
    assert answer.status_code == status, answer.text
    assert status == 200 or answer.json() == STARTED
    assert (await shown(client, task["id"]))["status"] == (1 if path == "/stop" else 3)


async def test_a_start_while_it_is_changed(client: httpx2.AsyncClient) -> None:
    task = await add_task(client)
    for number in range(5):
        await act(client, task["id"], "stop")
        changed, started, gone = await asyncio.gather(
            client.put(f"{TASK}/{task['id']}", json={"name": f"改 {number}", "maximumcall": number + 1}),
            client.post(f"{TASK}/{task['id']}/start"),
            client.delete(f"{TASK}/{task['id']}") if number == 4 else client.get(f"{TASK}/{task['id']}"),
        )
        assert changed.status_code in {200, 409, 404}
        if started.status_code == 404:
            assert gone.status_code == 200
            return
        assert started.status_code == 200
        told = await shown(client, task["id"])
        is_changed = (told["name"], told["maximumcall"]) == (f"改 {number}", number + 1)
        assert is_changed == (changed.status_code == 200), "all of a change, or nothing"
        assert changed.status_code == 200 or changed.json() == STARTED
        assert gone.status_code == 200 or gone.json() == STARTED


async def test_copying(client: httpx2.AsyncClient, database: Database) -> None:
    body = await whole(client)
    made = await post(client, "/u-1/task", **body)
    await add_numbers(client, made["id"], {"phone": "13900009001", "name": "林小满", "variables": {"k": "v"}})
    await add_numbers(client, made["id"], "13900009002", "13900009001", allow_duplicates=True)
    async with database.connection() as connection:
        await connection.execute("UPDATE task_number SET state = 'done', due_at = NULL, number_status = 4, calls = 2")
    await act(client, made["id"], "start")
    own = {"id", "name", "numbers", "created_at", "updated_at", "status", "status_str", "started_at"}
    for flag, total in (("", 0), ("?with_numbers=false", 0), ("?with_numbers=true", 3)):
        copied = await act(client, made["id"], f"copy{flag}", 201)
        assert copied["name"] == "全部-副本"
        assert (copied["status"], copied["started_at"], copied["numbers"]["total"]) == (1, None, total)
        assert {k: v for k, v in copied.items() if k not in own} == {k: v for k, v in made.items() if k not in own}
    assert copied["numbers"]["waiting"] == 3
    assert copied["numbers"]["by_status"] == [{"number_status": 0, "number_status_str": "等待呼叫", "count": 3}]
    told = (await client.get(f"{TASK}/{copied['id']}/number")).json()["data"]["results"]
    assert [(each["phone"][-4:], each["is_repeat"], each["name"], each["calls"]) for each in told] == [
        ("9001", False, "林小满", 0),
        ("9002", False, None, 0),
        ("9001", True, None, 0),
    ]
    assert told[0]["variables"] == {"k": "v"}
    long = await add_task(client, name="长" * 128)
    assert (await act(client, long["id"], "copy", 201))["name"] == "长" * 125 + "-副本"


async def test_erased_numbers_are_not_copied(client: httpx2.AsyncClient, database: Database) -> None:
    task = await add_task(client)
    await add_numbers(client, task["id"], "13900009001", "13900009002")
    async with database.connection() as connection:
        await connection.execute("UPDATE task_number SET phone = 'erased-' || id WHERE phone LIKE '%9001'")
    copied = await act(client, task["id"], "copy?with_numbers=true", 201)
    assert copied["numbers"]["total"] == 1
    told = (await client.get(f"{TASK}/{task['id']}/number")).json()["data"]["results"]
    assert [each["phone"] for each in told] == ["", "+8613900009002"]


async def test_deleting(client: httpx2.AsyncClient, app: FastAPI, database: Database, clock: ManualClock) -> None:
    task = await add_task(client)
    kept = await add_task(client)
    for each in (task, kept):
        await add_numbers(client, each["id"], "13900009001", "13900009002")
        await client.post(f"{TASK}/{each['id']}/number/import", content=b"13900009003")
    call = await add_call(database, clock.now(), task_id=task["id"], ended_at=None, status="Executing")
    answer = await client.delete(f"{TASK}/{task['id']}")
    assert (answer.status_code, answer.json()["code"]) == (409, 409)
    assert "1 calls are under way" in answer.json()["message"]
    async with database.connection() as connection:
        await connection.execute("UPDATE outbound_call SET ended_at = created_at WHERE id = $1", call["id"])
    assert (await client.delete(f"{TASK}/{task['id']}")).json()["message"] == "删除成功"
    for method, path in (("GET", ""), ("DELETE", ""), ("PUT", ""), ("GET", "/number"), ("POST", "/start")):
        body: dict[str, Any] | None = {} if method == "PUT" else None
        answer = await client.request(method, f"{TASK}/{task['id']}{path}", json=body)
        assert answer.status_code == 404, (method, path)
    assert await value(database, "SELECT count(*) FROM call_task WHERE deleted_at IS NOT NULL") == 1
    context = app.state.context
    await Passes(context, Dispatcher(context, context.messenger)).deleted_tasks()
    left = "SELECT DISTINCT task_id FROM task_number UNION SELECT task_id FROM task_import"
    assert [row["task_id"] for row in await rows(database, left)] == [kept["id"]]
    assert await value(database, "SELECT count(*) FROM task_number") == 3
    assert await value(database, "SELECT count(*) FROM outbound_call") == 1


async def test_what_a_task_uses_stays(client: httpx2.AsyncClient, database: Database) -> None:
    body = await whole(client)
    task = await post(client, "/u-1/task", **body)
    line = body["task_extras"]["line"][0]
    used = {
        f"outbound-group/{body['script_groups'][0]['id']}",
        f"outbound-group/{body['script_groups'][1]['id']}",
        f"dial-time-group/{body['dial_time_id']}",
        f"bridge-group/{body['bridge_group_id']}",
        f"auto-recycle-rule/{body['auto_recycle_rule_id']}",
        f"llm-intention-config/{body['llm_intention_id']}",
        f"caller-line/{line}",
    }
    for path in used:
        answer = await client.delete(f"{AGENT}/u-1/{path}")
        assert answer.status_code == 409, path
        assert "任务「全部」" in answer.json()["message"], path
    answer = await client.delete(f"{AGENT}/u-1")
    assert "外呼任务" in answer.json()["message"]
    changes = {f"caller-line/{line}": {"call_line": 3}, f"dial-time-group/{body['dial_time_id']}": {"name": "改"}}
    for path, change in changes.items():
        assert (await client.put(f"{AGENT}/u-1/{path}", json=change)).status_code == 200, "changing is fine"
    assert (await client.delete(f"{TASK}/{task['id']}")).status_code == 200
    for path in used:
        assert (await client.delete(f"{AGENT}/u-1/{path}")).status_code == 200, path
    assert await value(database, "SELECT count(*) FROM call_task_script") == 2, "a deleted task names its scripts still"


async def test_the_default_hours_stay_while_a_task_relies_on_them(client: httpx2.AsyncClient) -> None:
    hours = await post(client, "/u-1/dial-time-group", content=WORKDAY)
    task = await add_task(client)
    answer = await client.delete(f"{AGENT}/u-1/dial-time-group/{hours['id']}")
    assert answer.status_code == 409
    assert "三月回访" in answer.json()["message"]
    other = await post(client, "/u-1/dial-time-group", content=WORKDAY, is_default=True)
    assert (await client.delete(f"{AGENT}/u-1/dial-time-group/{hours['id']}")).status_code == 200
    assert (await client.delete(f"{TASK}/{task['id']}")).status_code == 200
    assert (await client.delete(f"{AGENT}/u-1/dial-time-group/{other['id']}")).status_code == 200


async def test_many_tasks_are_not_all_named(client: httpx2.AsyncClient) -> None:
    line = await add_line(client)
    group = (await add_group(client))["id"]
    for number in range(7):
        await add_task(client, name=f"任务 {number}", destination_extension=group, task_extras={"line": [line]})
    message = (await client.delete(f"{AGENT}/u-1/caller-line/{line}")).json()["message"]
    assert "任务 4" in message
    assert "任务 5" not in message
    assert "more tasks" in message


async def test_held_slots_are_taken_until_the_restart(client: httpx2.AsyncClient, database: Database) -> None:
    line = await add_line(client, call_line=5)
    task = await add_task(client, task_extras={"line": [line]})
    other = await add_line(client)
    async with database.connection() as connection:
        await connection.execute("INSERT INTO line_hold (task_id, line_id, slots) VALUES ($1, $2, 3)", task["id"], line)

    async def used() -> tuple[int, int]:
        told = (await client.get(f"{AGENT}/u-1/caller-line/{line}")).json()["data"]
        choices = (await client.get(f"{AGENT}/u-1/task/create")).json()["data"]["caller_line_list"]
        assert [each["residue"] for each in choices if each["value"] == line] == [told["residue"]]
        return told["call_line_used"], told["residue"]

    assert await used() == (3, 2)
    await put(client, task["id"], task_extras={"line": [other]})
    message = (await client.delete(f"{AGENT}/u-1/caller-line/{line}")).json()["message"]
    assert "锁定其并发的任务「三月回访」" in message
    await act(client, task["id"], "stop")
    assert await used() == (3, 2), "stopping a paused task does not free them"
    await act(client, task["id"], "start")
    assert await used() == (0, 5)
    assert (await client.delete(f"{AGENT}/u-1/caller-line/{line}")).status_code == 200


async def test_deleting_a_task_frees_its_slots(client: httpx2.AsyncClient, database: Database) -> None:
    line = await add_line(client, call_line=5)
    task = await add_task(client, task_extras={"line": [line]})
    async with database.connection() as connection:
        await connection.execute("INSERT INTO line_hold (task_id, line_id, slots) VALUES ($1, $2, 3)", task["id"], line)
    assert (await client.delete(f"{TASK}/{task['id']}")).status_code == 200
    assert await value(database, "SELECT count(*) FROM line_hold") == 0
    assert (await client.delete(f"{AGENT}/u-1/caller-line/{line}")).status_code == 200


async def test_nothing_goes_while_a_task_takes_it(client: httpx2.AsyncClient, database: Database) -> None:
    for _ in range(5):
        group = (await add_group(client))["id"]
        made, gone = await asyncio.gather(
            client.post(TASK, json={"name": "任务", "destination_extension": group}),
            client.delete(f"{AGENT}/u-1/outbound-group/{group}"),
        )
        assert (made.status_code, gone.status_code) in {(201, 409), (422, 200)}
    orphans = "SELECT count(*) FROM call_task t JOIN outbound_group g ON g.id = t.destination_extension"
    assert await value(database, f"{orphans} WHERE g.deleted_at IS NOT NULL") == 0


async def test_an_account_goes_when_its_tasks_are_deleted(client: httpx2.AsyncClient, database: Database) -> None:
    group = (await add_group(client))["id"]
    task = await add_task(client, destination_extension=group, script_groups=[{"id": group}])
    await add_numbers(client, task["id"], "13900009001")
    for path in (f"/task/{task['id']}", f"/outbound-group/{group}", ""):
        assert (await client.delete(f"{AGENT}/u-1{path}")).status_code == 200, path
    for table in ("call_task", "task_number", "call_task_script", "outbound_group"):
        assert await value(database, f"SELECT count(*) FROM {table}") == 0, table
