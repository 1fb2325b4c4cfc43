"""Steps of the tests of inbound messages, through the API."""

from datetime import timedelta
from typing import Any

import httpx2

from app.clock import ManualClock
from app.services.dispatch.dispatcher import Dispatcher

Client = httpx2.AsyncClient
HOUR = timedelta(hours=1)
MOMENT = timedelta(microseconds=1)
INBOUND = "/api/messages/inbound"
OPENING = "您好,我们正在招聘,方便留一下您的微信号吗?"
FIRST = "后续沟通会更及时,您方便留个电话吗?"


def item(contact_id: int, content: str, message_id: str | int = "m1", **fields: Any) -> dict[str, Any]:
    return {"message_id": message_id, "contact_id": contact_id, "fromId": 0, "content": content} | fields


async def post(client: Client, *messages: Any) -> dict[str, Any]:
    answer = await client.post(INBOUND, json={"messages": list(messages)})
    assert answer.status_code == 200, answer.text
    receipt: dict[str, Any] = answer.json()
    return receipt


def counts(receipt: dict[str, Any]) -> tuple[int, int, int, int]:
    return receipt["accepted"], receipt["duplicates"], receipt["filtered"], receipt["replies"]


async def state_of(client: Client, contact_id: int) -> str:
    page = (await client.get(f"/api/followup-enrollments?contact_id={contact_id}")).json()
    state: str = page["results"][0]["state"]
    return state


async def records(client: Client, contact_id: int) -> list[dict[str, Any]]:
    page = (await client.get(f"/api/followup-records?contact_id={contact_id}&page_size=500")).json()
    found: list[dict[str, Any]] = page["results"][::-1]
    return found


async def messages(client: Client, contact_id: int) -> list[dict[str, Any]]:
    page = (await client.get(f"/api/messages?contact_id={contact_id}&page_size=500")).json()
    found: list[dict[str, Any]] = page["results"][::-1]
    return found


async def later(clock: ManualClock, dispatcher: Dispatcher, step: timedelta) -> None:
    clock.advance(step)
    await dispatcher.drain()
