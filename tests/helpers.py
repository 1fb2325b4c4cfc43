"""Steps that many tests begin with, through the API as a user would take them."""

from datetime import datetime
from typing import Any

import httpx2

from app.repositories.database import Database
from tests.people import value


async def add_contact(client: httpx2.AsyncClient, **fields: Any) -> int:
    """Create a contact and return its id."""
    answer = await client.post("/api/contacts", json={"name": "林小满", **fields})
    assert answer.status_code == 201, answer.text
    contact_id: int = answer.json()["id"]
    return contact_id


async def make_config(client: httpx2.AsyncClient, **fields: Any) -> int:
    """Create an active config and return its id."""
    answer = await client.post("/api/followup-configs", json={"name": "测试配置", "is_active": True, **fields})
    assert answer.status_code == 201, answer.text
    config_id: int = answer.json()["id"]
    return config_id


async def add_script(
    client: httpx2.AsyncClient, config_id: int, *, day: int, content: str, hours: int = 24, order: int = 1
) -> int:
    """Add an active script and return its id."""
    answer = await client.post(
        "/api/followup-scripts",
        json={
            "config_id": config_id,
            "day_number": day,
            "content": content,
            "interval_hours": hours,
            "order": order,
            "is_active": True,
        },
    )
    assert answer.status_code == 201, answer.text
    script_id: int = answer.json()["id"]
    return script_id


async def rearm_at(database: Database, config_id: int) -> datetime | None:
    """Return from when on the people of a config are looked at once more, if they are."""
    found: datetime | None = await value(database, "SELECT rearm_at FROM follow_up_config WHERE id = $1", config_id)
    return found
