"""Tasks: what they are made of, as they are shown and listed."""

from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from app.repositories.database import Database
from tests.agent import AGENT, add_account, add_group, add_line, add_numbers, add_sub, add_task, post
from tests.integration.call_tasks.helpers import NO_NUMBERS, TASK, act, put, shown, whole
from tests.integration.test_task_init import statements
from tests.people import rows


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


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/hook", "http://10.0.0.7/hook", "http://[::ffff:10.0.0.7]/"])
async def test_notices_are_not_sent_into_the_services_own_network(client: httpx2.AsyncClient, url: str) -> None:
    """Unless a setting allows it; told when the task is written, not when the first notice is lost."""
    group = await add_group(client)
    body = {"name": "回访", "destination_extension": group["id"], "call_notify_url": url}
    answer = await client.post(f"{AGENT}/u-1/task", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, 422)
    assert answer.json()["message"].startswith("call_notify_url:")
    task = await post(client, "/u-1/task", **(body | {"call_notify_url": None}))
    answer = await client.put(f"{AGENT}/u-1/task/{task['id']}", json={"call_notify_url": url})
    assert answer.status_code == 422
