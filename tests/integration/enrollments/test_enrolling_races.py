"""Somebody is put into a sequence in the very moment in which something else about them is written."""

import asyncio
from typing import Any

import pytest

from app.repositories.database import Database
from tests.helpers import add_contact
from tests.integration.enrollments.helpers import Client, enroll, seed_config
from tests.locks import until_it_waits
from tests.people import rows

PLACE = "INSERT INTO follow_up_enrollment (contact_id, bot_id, state, enrolled_at) VALUES ($1, 1, '{state}', now())"
GREETING = """
    INSERT INTO follow_up_record (bot_id, contact_id, kind, status, key, content, reserved_at, sent_at)
    VALUES (1, $1, 'opening', 'sent', gen_random_uuid(), '您好', now(), now())
"""


@pytest.mark.parametrize(
    ("meanwhile", "status", "wants_opening"),
    [
        (PLACE.format(state="waiting"), "already_enrolled", None),
        (PLACE.format(state="converted"), "converted", None),
        (GREETING, "enrolled", False),
    ],
    ids=["enrolled", "converted", "greeted"],
)
async def test_what_is_waited_for_counts(
    client: Client, database: Database, meanwhile: str, status: str, wants_opening: bool | None
) -> None:
    """Who holds the person's row may just have enrolled them, taken their details down, or greeted them."""
    await seed_config(client)
    contact = await add_contact(client)
    async with database.transaction() as connection:
        await connection.execute("SELECT FROM contact WHERE id = $1 FOR NO KEY UPDATE", contact)
        await connection.execute(meanwhile, contact)
        enrolling: asyncio.Future[list[dict[str, Any]]] = asyncio.ensure_future(enroll(client, contact))
        await until_it_waits(enrolling, connection)
    (result,) = await enrolling
    assert result["status"] == status
    found = await rows(database, "SELECT opening_pending FROM follow_up_enrollment WHERE state = 'active'")
    assert [row["opening_pending"] for row in found] == ([] if wants_opening is None else [wants_opening])
