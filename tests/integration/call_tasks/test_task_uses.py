"""Tasks that are copied and deleted; what they hold of what they use."""

import asyncio
from typing import Any

import httpx2
from fastapi import FastAPI

from app.clock import ManualClock
from app.jobs.passes import Passes
from app.repositories import protection
from app.repositories.database import Database
from app.services.dispatch.dispatcher import Dispatcher
from tests.agent import AGENT, WORKDAY, add_group, add_line, add_numbers, add_task, post
from tests.cases import add_call
from tests.integration.call_tasks.helpers import TASK, act, put, whole
from tests.locks import until_it_waits
from tests.people import rows, value


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


async def test_nobody_is_copied_while_being_erased(client: httpx2.AsyncClient, database: Database) -> None:
    task = await add_task(client)
    await add_numbers(client, task["id"], {"phone": "13900009001", "name": "林小满"})
    async with database.transaction() as connection:
        await protection.hold_list(connection)
        await connection.execute("UPDATE task_number SET phone = 'erased-' || id, name = NULL")
        copying = asyncio.create_task(act(client, task["id"], "copy?with_numbers=true", 201))
        await until_it_waits(copying, connection)
    assert (await copying)["numbers"]["total"] == 0


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
