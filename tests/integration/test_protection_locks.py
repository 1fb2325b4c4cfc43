"""Protection under way in several transactions at once: nobody is missed, and nobody waits in a circle."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from app.clock import ManualClock
from app.config import Settings
from app.main import create_app
from app.repositories import contacts
from app.repositories.database import Database
from app.services import protection
from app.services.inbound.receiving import known_contacts
from app.services.transactions import in_transaction
from tests.people import new_contact, rows, value
from tests.running import running

PHONE, OTHER_PHONE = "+8613800138000", "+8613900139000"
LIST = "/api/do-not-contact"


@pytest.fixture
async def side(database_url: str) -> AsyncIterator[Database]:
    """Connections for transactions that a test steers by hand; afterwards PostgreSQL has had no deadlock to end."""
    opened = Database(database_url, pool_size=10, application_name="side")
    yield opened
    await opened.close()
    assert await deadlocks(database_url, "side") == 0


async def deadlocks(database_url: str, application: str) -> int:
    """Return how many deadlocks PostgreSQL ended; it knows for sure when those who might have met one are gone."""
    connection = await asyncpg.connect(database_url)
    try:
        there = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()"
        while await connection.fetchval(there, application):  # noqa: ASYNC110 - PostgreSQL sets no event
            await asyncio.sleep(0.01)
        found: int = await connection.fetchval(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        )
        return found
    finally:
        await connection.close()


async def settled(database: Database, task: asyncio.Task[None]) -> None:
    """Wait until a task has come to its end or to a lock that somebody else holds."""
    while not task.done():
        if await value(
            database,
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
        ):
            return
        await asyncio.sleep(0.005)


async def add_wechat(connection: asyncpg.Connection, contact_id: int, wechat: str) -> None:
    await connection.execute(
        "INSERT INTO contact_record (contact_id, kind, value, rule, confidence) VALUES ($1, 'wechat', $2, 'cue', 1)",
        contact_id,
        wechat,
    )


async def protected(database: Database) -> set[str]:
    return {row["user_id"] for row in await rows(database, "SELECT user_id FROM contact WHERE do_not_contact")}


async def people(client: httpx2.AsyncClient, clock: ManualClock, *phones: str | None) -> list[int]:
    """Create people ``u0``, ``u1`` …, some time ago."""
    made = [await new_contact(client, user_id=f"u{number}", phone=phone) for number, phone in enumerate(phones)]
    clock.advance(timedelta(minutes=1))
    return [person["id"] for person in made]


async def test_new_details_and_refusals_in_the_same_transactions(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock, side: Database
) -> None:
    first, second = await people(client, clock, None, None)

    async def tell_and_refuse() -> None:
        async with side.transaction() as connection:
            await contacts.lock(connection, [second])
            await add_wechat(connection, second, "second")
            await protection.apply_list(connection, contact_ids=[second], actor="test", now=clock.now())
            await protection.protect(connection, contact_ids=[second], reason="opt_out", actor="test", now=clock.now())

    async with side.transaction() as connection:
        await contacts.lock(connection, [first])
        await add_wechat(connection, first, "first")
        await protection.apply_list(connection, contact_ids=[first], actor="test", now=clock.now())
        other = asyncio.create_task(tell_and_refuse())
        await settled(database, other)
        await protection.protect(connection, contact_ids=[first], reason="opt_out", actor="test", now=clock.now())
    await other
    assert await protected(database) == {"u0", "u1"}


@pytest.mark.parametrize("is_listed", [False, True])
async def test_new_people_in_a_batch_with_one_who_refuses_elsewhere(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock, side: Database, is_listed: bool
) -> None:
    (old,) = await people(client, clock, None)
    if is_listed:
        await client.post(LIST, json={"identifiers": [{"kind": "user", "value": "1:new"}]})

    async def refuse() -> None:
        async with side.transaction() as connection:
            await contacts.lock(connection, [old])
            await protection.protect(connection, contact_ids=[old], reason="opt_out", actor="test", now=clock.now())

    async with side.transaction() as connection:
        known = await known_contacts(connection, [(1, "new", "token"), (1, "u0", "-")], clock.now())
        other = asyncio.create_task(refuse())
        await settled(database, other)
        await contacts.lock(connection, sorted(known.values()))
    await other
    assert await protected(database) == ({"u0", "new"} if is_listed else {"u0"})


async def test_two_who_share_an_identifier_refuse_at_once(
    client: httpx2.AsyncClient, app: FastAPI, database: Database, clock: ManualClock, side: Database
) -> None:
    first, second = await people(client, clock, PHONE, PHONE)
    context = replace(app.state.context, database=side)
    held: set[int] = set()
    both = asyncio.Event()

    async def refuse(contact_id: int) -> None:
        async def work(connection: asyncpg.Connection) -> None:
            await contacts.lock(connection, [contact_id])
            held.add(contact_id)
            if len(held) > 1:
                both.set()
            await both.wait()
            await protection.protect(
                connection, contact_ids=[contact_id], reason="opt_out", actor="test", now=clock.now()
            )

        await in_transaction(context, work)

    await asyncio.gather(refuse(first), refuse(second))
    assert await protected(database) == {"u0", "u1"}
    assert await value(database, "SELECT count(*) FROM audit_entry WHERE action = 'do_not_contact'") == 2


async def test_a_new_person_is_not_missed_by_who_lists_their_user_id(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock, side: Database
) -> None:
    async with side.transaction() as connection:
        await known_contacts(connection, [(1, "new", "token")], clock.now())
        listing = asyncio.create_task(put_on_list(client, "user", "1:new"))
        await settled(database, listing)
    await listing
    assert await protected(database) == {"new"}


async def test_a_new_detail_is_not_missed_by_who_lists_it(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock, side: Database
) -> None:
    (person,) = await people(client, clock, None)
    async with side.transaction() as connection:
        await contacts.lock(connection, [person])
        await add_wechat(connection, person, "LinXiao")
        await protection.apply_list(connection, contact_ids=[person], actor="test", now=clock.now())
        listing = asyncio.create_task(put_on_list(client, "wechat", "linxiao"))
        await settled(database, listing)
    await listing
    assert await protected(database) == {"u0"}


async def test_who_takes_on_the_number_of_an_erased_person_is_not_missed(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock, side: Database
) -> None:
    gone, heir = await people(client, clock, PHONE, None)

    async def erase() -> None:
        assert (await client.delete(f"/api/contacts/{gone}")).status_code == 204

    async with side.transaction() as connection:
        await contacts.lock(connection, [heir])
        await connection.execute("UPDATE contact SET phone = $2 WHERE id = $1", heir, PHONE)
        await protection.apply_list(connection, contact_ids=[heir], actor="test", now=clock.now())
        erasing = asyncio.create_task(erase())
        await settled(database, erasing)
    await erasing
    assert await protected(database) == {"u1"}


async def put_on_list(client: httpx2.AsyncClient, kind: str, text: str) -> None:
    answer = await client.post(LIST, json={"identifiers": [{"kind": kind, "value": text}]})
    assert answer.status_code == 201, answer.text


async def test_everything_at_once_leaves_no_deadlock_behind(settings: Settings, database_url: str) -> None:
    """Refusals, details, imports, lists and erasures of a few people who share two numbers, in random order."""
    chance = random.Random(20260305)  # noqa: S311 - the same order on every run
    app = create_app(settings.model_copy(update={"pool_size": 10}))
    async with running(app, raises=True) as client:
        ids = [(await new_contact(client, user_id=f"u{n}", phone=(PHONE, OTHER_PHONE)[n % 2]))["id"] for n in range(6)]
        answers = await asyncio.gather(*(_something(client, chance, ids, turn) for turn in range(120)))
        statuses = {answer.status_code for answer in answers}
        # 503 where many tries met others every time: nobody comes here as thick as this outside of a test.
        assert statuses <= {200, 201, 204, 404, 409, 503}, statuses
        # Whoever is left has a number of somebody who refused.
        await put_on_list(client, "phone", PHONE)
        await put_on_list(client, "phone", OTHER_PHONE)
        async with app.state.context.database.connection() as connection:
            missed = await connection.fetch(
                "SELECT id FROM contact WHERE phone = ANY($1::text[]) AND NOT do_not_contact", [PHONE, OTHER_PHONE]
            )
        assert missed == []
    assert await deadlocks(database_url, "huiyin") == 0


async def _something(client: httpx2.AsyncClient, chance: random.Random, ids: list[int], turn: int) -> httpx2.Response:
    users = [f"u{chance.randrange(8)}" for _ in range(3)]
    contact, phone = chance.choice(ids), chance.choice([PHONE, OTHER_PHONE])
    words = ["别再发了", f"我的电话是{phone.removeprefix('+86')}", "你好"]
    said = [
        {"message_id": f"{turn}-{n}", "user_id": user, "fromId": 0, "content": chance.choice(words)}
        for n, user in enumerate(users)
    ]
    listed = [{"kind": "user", "value": f"1:{users[0]}"}, {"kind": "phone", "value": phone}]
    lines = "".join(f"{user},{phone}\n" for user in dict.fromkeys(users))
    kinds: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/api/messages/inbound", {"json": {"messages": said}}),
        ("POST", f"/api/contacts/{contact}/do-not-contact", {}),
        ("DELETE", f"/api/contacts/{contact}/do-not-contact", {}),
        ("PUT", f"/api/contacts/{contact}", {"json": {"phone": phone}}),
        ("POST", LIST, {"json": {"identifiers": listed}}),
        ("POST", "/api/contacts/import", {"content": f"user_id,phone\n{lines}"}),
        ("DELETE", f"/api/contacts/{contact}", {}),
    ]
    method, path, body = chance.choice(kinds)
    return await client.request(method, path, **body)
