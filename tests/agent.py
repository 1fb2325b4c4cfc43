"""Accounts and what they own, made through the API as a user would."""

from typing import Any

import httpx2

AGENT = "/agent-api/user"
WORKDAY = [{"week": 1, "times": [{"end_time": "12:00", "begin_time": "9:00"}]}]


async def post(client: httpx2.AsyncClient, path: str, **body: Any) -> dict[str, Any]:
    """Create something below ``/agent-api/user`` and return its data."""
    answer = await client.post(f"{AGENT}{path}", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()["data"]
    return made


async def add_account(client: httpx2.AsyncClient, user_id: str = "u-1") -> str:
    """Create an account; returns its id."""
    made = await post(client, "", user_id=user_id, name=f"账户 {user_id}")
    return str(made["user_id"])


async def add_sub(client: httpx2.AsyncClient, user_id: str = "u-1", sub: str = "s-1") -> str:
    """Create a sub account; returns its id."""
    made = await post(client, f"/{user_id}/sub-user", user_id=sub, name=f"子账户 {sub}")
    return str(made["user_id"])


async def add_line(client: httpx2.AsyncClient, user_id: str = "u-1", **fields: Any) -> str:
    """Create a line; returns its id."""
    made = await post(client, f"/{user_id}/caller-line", **{"name": "一号线", "call_line": 13, **fields})
    return str(made["id"])


async def add_seat(client: httpx2.AsyncClient, user_id: str = "u-1", **fields: Any) -> int:
    """Create a seat; returns its id."""
    made = await post(client, f"/{user_id}/customer-service", **{"name": "客服一号", **fields})
    return int(made["id"])


async def add_group(client: httpx2.AsyncClient, user_id: str = "u-1", **fields: Any) -> dict[str, Any]:
    """Create a group of scripts."""
    script = {"name": "回访", "instance_id": "simulator", "script_id": "follow_up"}
    return await post(client, f"/{user_id}/outbound-group", **{**script, **fields})


async def add_task(client: httpx2.AsyncClient, user_id: str = "u-1", **fields: Any) -> dict[str, Any]:
    """Create a task that can dial, with a group of scripts and a line of its own unless one is given."""
    if "destination_extension" not in fields:
        group = await add_group(client, user_id, caller_lines=[await add_line(client, user_id)])
        fields["destination_extension"] = group["id"]
    return await post(client, f"/{user_id}/task", **{"name": "三月回访", **fields})


async def add_numbers(client: httpx2.AsyncClient, task_id: int, *numbers: Any, **fields: Any) -> dict[str, Any]:
    """Add numbers to a task of ``u-1``; returns what became of them."""
    return await post(client, f"/u-1/task/{task_id}/number", numbers=list(numbers), **fields)
