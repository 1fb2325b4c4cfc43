"""Steps of the tests of enrollments, through the API."""

from datetime import timedelta
from typing import Any

import httpx2

from tests.helpers import add_script, make_config

HOUR = timedelta(hours=1)
MOMENT = timedelta(microseconds=1)
Client = httpx2.AsyncClient


async def enroll(client: Client, *contact_ids: int, **fields: Any) -> list[dict[str, Any]]:
    answer = await client.post("/api/followup-enrollments", json={"contact_ids": list(contact_ids), **fields})
    assert answer.status_code == 201, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


async def enroll_one(client: Client, contact_id: int, **fields: Any) -> int:
    result = (await enroll(client, contact_id, **fields))[0]
    assert result["enrollment_id"] is not None, result
    enrollment_id: int = result["enrollment_id"]
    return enrollment_id


async def say(client: Client, contact_id: int, content: str, message_id: str = "m1") -> None:
    item = {"message_id": message_id, "contact_id": contact_id, "fromId": 0, "content": content}
    answer = await client.post("/api/messages/inbound", json={"messages": [item]})
    assert answer.json()["accepted"] == 1, answer.text


async def state_of(client: Client, enrollment_id: int) -> tuple[str, str | None]:
    row = (await client.get(f"/api/followup-enrollments/{enrollment_id}")).json()
    return row["state"], row["reason"]


async def plan_of(client: Client, enrollment_id: int) -> dict[str, Any]:
    answer = await client.get(f"/api/followup-enrollments/{enrollment_id}/plan")
    assert answer.status_code == 200, answer.text
    plan: dict[str, Any] = answer.json()
    return plan


async def sent(client: Client, contact_id: int) -> list[tuple[str, str]]:
    answer = await client.get(f"/api/followup-records?contact_id={contact_id}&page_size=500")
    return [(row["kind"], row["content"]) for row in reversed(answer.json()["results"])]


async def seed_config(client: Client, **fields: Any) -> int:
    config = await make_config(client, **({"opening_message": "开场白"} | fields))
    await add_script(client, config, day=1, content="第一天")
    await add_script(client, config, day=2, content="第二天")
    await add_script(client, config, day=0, content="往后一直", hours=72)
    return config
