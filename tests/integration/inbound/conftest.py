"""Somebody whose opening has just left."""

import pytest

from app.services.dispatch.dispatcher import Dispatcher
from tests.helpers import add_contact, add_script, make_config
from tests.integration.inbound.helpers import FIRST, OPENING, Client


@pytest.fixture
async def contact(client: Client, dispatcher: Dispatcher) -> int:
    """Somebody whose opening has just left, and who gets more a day later."""
    config = await make_config(client, opening_message=OPENING)
    await add_script(client, config, day=2, content=FIRST)
    contact_id = await add_contact(client)
    await client.post("/api/followup-enrollments", json={"contact_ids": [contact_id]})
    await dispatcher.drain()
    return contact_id
