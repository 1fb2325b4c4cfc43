"""The service with a bot that speaks to the gateway of the tests, driven through the API by a clock moved by hand."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx2

from app.clock import ManualClock
from app.repositories.database import Database
from app.services.dispatch.dispatcher import Dispatcher
from tests.faults.gateway import Gateway
from tests.helpers import add_contact
from tests.people import rows


@dataclass
class World:
    """The service, its dispatcher, and one bot that delivers to the gateway."""

    client: httpx2.AsyncClient
    dispatcher: Dispatcher
    database: Database
    clock: ManualClock
    gateway: Gateway

    async def deliver_by(self, bot_id: int = 1, **delivery: Any) -> None:
        answer = await self.client.put(f"/api/bots/{bot_id}/delivery", json={"kind": "webhook", **delivery})
        assert answer.status_code == 200, answer.text

    async def enroll(self, *contact_ids: int, **fields: Any) -> None:
        answer = await self.client.post(
            "/api/followup-enrollments", json={"contact_ids": list(contact_ids), "opening": False, **fields}
        )
        assert answer.status_code == 201, answer.text
        assert {result["status"] for result in answer.json()["results"]} == {"enrolled"}

    async def add_people(self, count: int, **fields: Any) -> list[int]:
        return [await add_contact(self.client, **fields) for _ in range(count)]

    async def pass_time(self, step: timedelta = timedelta(0)) -> None:
        """Move the clock and send what is due then."""
        self.clock.advance(step)
        async with asyncio.timeout(120):
            await self.dispatcher.drain()

    async def records(self, contact_id: int) -> list[dict[str, Any]]:
        """Return all records of a person, oldest first."""
        return await rows(self.database, "SELECT * FROM follow_up_record WHERE contact_id = $1 ORDER BY id", contact_id)

    async def statuses(self, contact_id: int) -> list[str]:
        return [record["status"] for record in await self.records(contact_id)]

    async def enrollment(self, contact_id: int) -> dict[str, Any]:
        found = await rows(
            self.database,
            "SELECT * FROM follow_up_enrollment WHERE contact_id = $1 ORDER BY id DESC LIMIT 1",
            contact_id,
        )
        return found[0]

    async def standing(self, contact_id: int) -> tuple[str, str | None, datetime | None]:
        """Return state, reason and next look of a person's enrollment."""
        enrollment = await self.enrollment(contact_id)
        return enrollment["state"], enrollment["reason"], enrollment["due_at"]

    async def resolve(self, contact_id: int, outcome: str) -> None:
        record = (await self.records(contact_id))[-1]
        answer = await self.client.post(f"/api/followup-records/{record['id']}/resolve", json={"outcome": outcome})
        assert answer.status_code == 200, answer.text

    async def hear(self, contact_id: int, content: str, message_id: str = "m-1", from_id: int = 0) -> None:
        message = {"message_id": message_id, "contact_id": contact_id, "fromId": from_id, "content": content}
        answer = await self.client.post("/api/messages/inbound", json={"messages": [message]})
        assert answer.json()["accepted"] == 1, answer.text
