"""Tasks as a user makes them, and one of everything that they can use."""

from typing import Any

import httpx2

from tests.agent import AGENT, WORKDAY, add_group, add_line, add_seat, post

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
