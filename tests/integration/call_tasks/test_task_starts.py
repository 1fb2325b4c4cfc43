"""Tasks that are started and stopped, and who writes them meanwhile."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from app.clock import ManualClock
from app.repositories import task_dialing
from app.repositories.database import Database
from tests.agent import AGENT, add_group, add_line, add_numbers, add_task
from tests.integration.call_tasks.helpers import STARTED, TASK, act, put, shown
from tests.locks import until_it_waits
from tests.people import rows, value


async def test_starting_and_stopping(
    client: httpx2.AsyncClient, app: FastAPI, database: Database, clock: ManualClock
) -> None:
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
    noted = await rows(database, "SELECT actor, action, detail FROM audit_entry ORDER BY id")
    detail = {"actor": "api", "detail": {"task_id": task["id"]}}
    assert noted == [detail | {"action": action} for action in ("task_start", "task_stop", "task_start")]


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


@pytest.mark.parametrize("is_own", [True, False])
async def test_a_running_task_whose_lines_may_not_be_used_says_so(
    client: httpx2.AsyncClient, clock: ManualClock, is_own: bool
) -> None:
    """Lines of its own, or those of its scripts; the last of them counts."""
    lines = [
        await add_line(client, name="一号线", deadline_at="2026-03-06 09:00:00"),
        await add_line(client, name="二号线", begin_at="2026-03-07 09:00:00", deadline_at="2026-03-07 12:00:00"),
    ]
    group = await add_group(client, caller_lines=[await add_line(client)] if is_own else lines)
    extras = {"line": lines} if is_own else {}
    task = await add_task(client, destination_extension=group["id"], task_extras=extras)
    assert task["wait_reason"] is None, "it is paused"

    async def why() -> tuple[Any, ...]:
        told = await shown(client, task["id"])
        return told["wait_reason"], told["wait_reason_str"], told["wait_until"]

    nothing, none = (None, None, None), ("no_line", "线路均未启用或已过期")
    assert (await act(client, task["id"], "start"))["wait_reason"] is None
    clock.advance(timedelta(hours=14, minutes=30))
    assert await why() == (*none, "2026-03-07 09:00:00")
    clock.advance(timedelta(days=1))
    assert await why() == nothing
    clock.advance(timedelta(hours=3))
    assert await why() == (*none, None)


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
    async with database.transaction() as connection:
        await connection.fetchrow("SELECT FROM call_task WHERE id = $1 FOR SHARE", task["id"])
        body = {"name": "改"} if method == "PUT" else None
        writing = asyncio.create_task(client.request(method, f"{TASK}/{task['id']}{path}", json=body))
        await until_it_waits(writing, connection)
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


async def test_lines_of_a_script_change_behind_the_reservations_of_its_tasks(
    client: httpx2.AsyncClient, database: Database
) -> None:
    """A process that reserves over the old lines and one over the new ones would not see each other's calls."""
    lines = [await add_line(client), await add_line(client)]
    group = await add_group(client, caller_lines=lines[:1])
    task = await add_task(client, destination_extension=group["id"])
    number = (await add_numbers(client, task["id"], "13900009001"))["results"][0]["id"]
    await act(client, task["id"], "start")
    path, body = f"{AGENT}/u-1/outbound-group/{group['id']}", {"caller_lines": lines[1:]}
    async with database.transaction() as connection:
        await task_dialing.lock_tasks(connection, [number])
        changing = asyncio.create_task(client.put(path, json=body))
        await until_it_waits(changing, connection)
    assert (await changing).status_code == 200
