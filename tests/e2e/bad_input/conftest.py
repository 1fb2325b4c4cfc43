"""One of everything."""

import httpx2
import pytest

from tests.helpers import add_contact, add_script, make_config


@pytest.fixture
async def known(client: httpx2.AsyncClient) -> dict[str, str]:
    """One of everything, by the names used in the tables."""
    contact = await add_contact(client, position="测试")
    config = await make_config(client, position="测试")
    script = await add_script(client, config, day=1, content="您好")
    sent = await client.post("/api/followup-records/send", json={"contact_id": contact, "content": "您好"})
    token = (await client.get(f"/api/contacts/{contact}")).json()["chat_url"].rpartition("/")[2]
    return {
        "contact": str(contact),
        "config": str(config),
        "script": str(script),
        "record": str(sent.json()["id"]),
        "token": token,
    }
