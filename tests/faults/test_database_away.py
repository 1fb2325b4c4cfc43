"""PostgreSQL goes away under the running service and comes back: 503 meanwhile, then everything goes on by itself."""

import asyncio
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import httpx2
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.gateways.embedded_postgres import EmbeddedPostgres
from app.repositories.database import Database, plain_dsn
from app.services.calls.placing import CHUNK
from tests.faults import calls
from tests.faults.gateway import SECRET, Reply, running_gateway
from tests.faults.service import (
    PATIENCE,
    ROOT,
    SETTLED,
    connected,
    enroll_people,
    eventually,
    eventually_equal,
    make_due,
    running_service,
    use_gateway,
)
from tests.outboundbot import OutboundBot

PEOPLE = 400
CUT = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@pytest.fixture
def server() -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL of the test's own, which may be stopped."""
    with tempfile.TemporaryDirectory(prefix="huiyin-away-") as folder:
        Path(folder).chmod(0o755)
        with EmbeddedPostgres(Path(folder) / "data", settings={"fsync": "off", "max_connections": "100"}) as running:
            yield running


@pytest.fixture
async def own_url(server: EmbeddedPostgres) -> str:
    """The URL of a migrated database on that server."""
    url = plain_dsn(server.url)
    migrate = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app", "migrate", cwd=ROOT, env={**os.environ, "DATABASE_URL": url}
    )
    assert await migrate.wait() == 0
    return url


async def status(client: httpx2.AsyncClient) -> int:
    """Ask for a list; while the database is away the answer says when to come again."""
    answer = await client.get("/api/followup-configs")
    if answer.status_code == 503:
        assert int(answer.headers["Retry-After"]) >= 1
        assert answer.json()["detail"]
    return answer.status_code


async def test_the_database_restarts_under_the_service(server: EmbeddedPostgres, own_url: str) -> None:
    await enroll_people(own_url, PEOPLE)
    async with running_gateway() as gateway:
        gateway.default = Reply(delay=0.05)
        await use_gateway(own_url, gateway.url, SECRET)
        async with (
            running_service(own_url, GATEWAY_CONCURRENCY="20") as service,
            httpx2.AsyncClient(base_url=service.url, timeout=PATIENCE) as client,
        ):
            assert await status(client) == 200
            async with connected(own_url) as connection:
                await make_due(connection)
                for share in (8, 4):
                    await eventually(lambda share=share: len(gateway.arrivals) >= PEOPLE // share)  # type: ignore[misc]
                    assert await connection.fetchval(CUT) > 0
            await eventually(lambda: len(gateway.arrivals) >= PEOPLE // 2)
            await asyncio.to_thread(server.stop)
            assert len(gateway.arrivals) < PEOPLE, "it was not in the middle"
            assert {await status(client) for _ in range(20)} == {503}
            assert (await client.get("/healthz")).status_code == 200
            ready = await client.get("/readyz")
            assert (ready.status_code, "Retry-After" in ready.headers) == (503, True)
            await asyncio.to_thread(server.start)
            assert plain_dsn(server.url) == own_url

            async with asyncio.timeout(PATIENCE):
                while await status(client) != 200:  # noqa: ASYNC110 - another process sets no event
                    await asyncio.sleep(0.05)
            async with connected(own_url) as connection:
                await eventually_equal(connection, SETTLED, PEOPLE)
                found = await connection.fetch("SELECT contact_id, status FROM follow_up_record")
            assert (await client.get("/readyz")).status_code == 200
            sent = {row["contact_id"] for row in found if row["status"] == "sent"}
            assert len({row["contact_id"] for row in found}) == len(found) == PEOPLE
            assert set(gateway.per_contact.values()) == {1}, "somebody was written to twice"
            # What a gateway took is known, although the database was away when it said so.
            assert sent == set(gateway.per_contact)
            assert not service.has_ended


async def test_connections_are_cut_while_web_chats_are_written_to(database_url: str) -> None:
    """Again and again, in the middle of transactions: they roll back and are done again."""
    people = 2000
    await enroll_people(database_url, people)
    async with connected(database_url) as connection, running_service(database_url, DISPATCH_BATCH="20"):
        await make_due(connection)
        cuts = 0
        while cuts < 5:
            with suppress(asyncpg.PostgresError):
                cuts += bool(await connection.fetchval(CUT))
            await asyncio.sleep(0.05)
        await eventually_equal(connection, SETTLED, people)
        assert await connection.fetchval("SELECT count(*) FROM chat_message") == people
        assert await connection.fetchval("SELECT count(DISTINCT contact_id) FROM chat_message") == people


async def test_connections_are_cut_while_answers_of_the_provider_are_written(database_url: str) -> None:
    """What it took is known, although the connection was cut in the middle of saying so."""
    number = CHUNK
    waits = (
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        " AND query LIKE '%SET placement = ''placed''%'"
    )
    async with (
        OutboundBot(latency=0.2) as bot,
        connected(database_url) as connection,
        connected(database_url) as other,
        calls.nobody_answers(bot),
    ):
        await calls.plan(database_url, connection, number)
        await calls.make_due(connection)
        async with running_service(database_url, **calls.variables(bot, CALL_CONCURRENCY="1")) as service:
            await eventually(lambda: bot.at_once > 0)
            async with other.transaction():
                await other.execute("LOCK TABLE outbound_call IN SHARE MODE")
                await eventually_equal(connection, waits, expected=True)
                assert await connection.fetchval(f"{CUT} AND application_name = 'huiyin'") > 0
            await calls.assert_nothing_is_left(connection, number)
            assert "what became of calls could not be written yet" in service.log
        assert await calls.placements(connection) == {"placed": number}
        assert set(bot.rung.values()) == {1}
        assert len(bot.rung) == number


@pytest.mark.parametrize("way", ["raw", "session"])
async def test_who_stands_still_in_a_transaction_does_not_hold_up_the_others(database_url: str, way: str) -> None:
    """A process that is stopped with rows locked: the server ends its transaction, and its connection is replaced."""
    lock = "SELECT id FROM bot FOR UPDATE"

    async def stand_still(other: asyncpg.Connection) -> None:
        if way == "raw":
            async with database.transaction() as connection:
                await connection.execute(lock)
                await other.execute(lock, timeout=PATIENCE)
                await connection.execute("SELECT 1")
        else:
            async with database.transaction_session() as session:
                await session.execute(text(lock))
                await other.execute(lock, timeout=PATIENCE)
                await session.execute(text("SELECT 1"))

    database = Database(database_url, pool_size=1, idle_seconds=0.1)
    try:
        async with connected(database_url) as other:
            with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, DBAPIError)):
                await stand_still(other)
        async with database.connection() as fresh:
            assert await fetch_one(fresh) == 1
        async with database.transaction_session() as session:
            assert await session.scalar(text("SELECT 1")) == 1
    finally:
        await database.close()


async def test_idle_connections_that_were_cut_are_replaced_before_they_are_lent(
    database: Database, database_url: str
) -> None:
    async with database.connection() as lent:
        pass
    async with connected(database_url) as connection:
        assert await connection.fetchval(CUT) > 0
    await eventually(lent.is_closed)
    async with database.connection() as fresh:
        assert await fetch_one(fresh) == 1
    async with database.transaction_session() as session:
        assert await session.scalar(text("SELECT 1")) == 1


async def fetch_one(connection: asyncpg.Connection) -> int:
    found: int = await connection.fetchval("SELECT 1")
    return found
