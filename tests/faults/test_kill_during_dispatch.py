"""kill -9 in the middle of a dispatch of 1,000 people: nobody is written to twice, nobody is lost without a row."""

import asyncio
import random

import asyncpg
import pytest

from tests.faults.gateway import SECRET, Reply, running_gateway
from tests.faults.service import (
    PATIENCE,
    SETTLED,
    Service,
    connected,
    enroll_people,
    eventually_equal,
    make_due,
    running_service,
    unknown_people,
    use_gateway,
)

PEOPLE = 1000
KILLS = 3
RECORDS = "SELECT count(*) FROM follow_up_record"
BY_STATUS = "SELECT status, array_agg(contact_id) AS people FROM follow_up_record GROUP BY status"


@pytest.fixture
def moments() -> list[int]:
    """After how many records the process is killed, each time in another third of the run."""
    third = PEOPLE // KILLS
    return [random.randrange(third * turn + third // 4, third * turn + third // 2) for turn in range(KILLS)]  # noqa: S311 - no secret


async def by_status(connection: asyncpg.Connection) -> dict[str, list[int]]:
    return {row["status"]: row["people"] for row in await connection.fetch(BY_STATUS)}


async def test_killed_while_a_gateway_is_written_to(database_url: str, moments: list[int]) -> None:
    """Three services are killed one after another, the fourth brings it to its end."""
    await enroll_people(database_url, PEOPLE)
    async with running_gateway() as gateway, connected(database_url) as connection:
        gateway.default = Reply(delay=0.05)
        await use_gateway(database_url, gateway.url, SECRET)
        await make_due(connection)
        at_kill = []
        for moment in moments:
            async with running_service(database_url) as service:
                # Counted in records: some of those that a killed process had reserved never arrive.
                async with asyncio.timeout(PATIENCE):
                    while await connection.fetchval(RECORDS) < moment or not gateway.in_flight:  # noqa: ASYNC110 - no event is set
                        await asyncio.sleep(0.01)
                await service.kill()
            at_kill.append(len(gateway.arrivals))
            reserved = (await by_status(connection)).get("reserved", [])
            assert reserved, f"killed between two batches, at {at_kill} of {moments}"
        async with running_service(database_url) as service:
            await eventually_equal(connection, SETTLED, PEOPLE)
            listed = await unknown_people(service)
        found = await by_status(connection)
        assert set(found) == {"sent", "unknown"}
        everybody = {row["id"] for row in await connection.fetch("SELECT id FROM contact")}
        assert sorted(found["sent"] + found["unknown"]) == sorted(everybody), "one record for each person"
        assert sorted(listed) == sorted(found["unknown"])
        assert set(gateway.per_contact.values()) == {1}, f"somebody was written to twice, killed at {at_kill}"
        assert set(found["sent"]) <= set(gateway.per_contact)
        assert everybody - set(gateway.per_contact) <= set(listed), "lost without a row"
        assert gateway.bad_signatures == 0
        standing = await connection.fetch(
            "SELECT DISTINCT reason FROM follow_up_enrollment WHERE contact_id = ANY($1::bigint[])", listed
        )
        assert [row["reason"] for row in standing] == ["send_unknown"]


async def test_killed_while_web_chats_are_written_to(database_url: str, moments: list[int]) -> None:
    """Record, message and counter of a person are there together or not at all."""
    await enroll_people(database_url, PEOPLE)
    async with connected(database_url) as connection:
        # Slow enough to be killed in the middle of a transaction.
        await connection.execute(
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN PERFORM pg_sleep(0.004); RETURN NEW; END $$"
        )
        await connection.execute(
            "CREATE TRIGGER slow BEFORE INSERT ON chat_message FOR EACH ROW EXECUTE FUNCTION slow()"
        )
        await make_due(connection)
        for moment in moments:
            async with running_service(database_url, DISPATCH_BATCH="20") as service:
                await wait_for_records(connection, moment, service)
                await service.kill()
            assert await connection.fetchval("SELECT count(*) FROM follow_up_record") < PEOPLE, "killed too late"
            await assert_nothing_half(connection)
        await connection.execute("DROP TRIGGER slow ON chat_message")
        async with running_service(database_url) as service:
            await eventually_equal(connection, SETTLED, PEOPLE)
            assert await unknown_people(service) == []
        await assert_nothing_half(connection)
        assert await connection.fetchval("SELECT count(DISTINCT contact_id) FROM follow_up_record") == PEOPLE
        assert set(await by_status(connection)) == {"sent"}


async def wait_for_records(connection: asyncpg.Connection, count: int, service: Service) -> None:
    await eventually_equal(connection, f"SELECT count(*) >= {count} FROM follow_up_record", expected=True)
    assert not service.has_ended


async def assert_nothing_half(connection: asyncpg.Connection) -> None:
    """Each record has its one message, each person's counter counts their messages, nobody has two."""
    # A killed client's statement runs to its end before the server notices; wait for the last one to go.
    await eventually_equal(
        connection,
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'huiyin' AND datname = current_database()",
        0,
    )
    half = await connection.fetch(
        """
        SELECT c.id, c.message_count, count(r.id) AS records, count(m.id) AS messages, e.sequence
        FROM contact c
        JOIN follow_up_enrollment e ON e.contact_id = c.id
        LEFT JOIN follow_up_record r ON r.contact_id = c.id
        LEFT JOIN chat_message m ON m.contact_id = c.id AND m.record_id = r.id
        GROUP BY c.id, e.id
        HAVING count(r.id) <> count(m.id) OR count(m.id) <> c.message_count OR e.sequence <> count(r.id)
            OR count(r.id) > 1
        """
    )
    assert not half
