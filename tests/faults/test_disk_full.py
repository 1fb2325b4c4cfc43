"""The disk of PostgreSQL fills up under the service, and one of its own is full or read-only when it starts."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from app.gateways.embedded_postgres import EmbeddedPostgres
from app.repositories import migrations
from app.repositories.database import Database
from tests.disks import fill, may_mount, read_only, small_disk
from tests.e2e import test_run as run
from tests.faults.gateway import SECRET, Reply, running_gateway
from tests.faults.service import (
    PATIENCE,
    SETTLED,
    connected,
    enroll_people,
    eventually,
    eventually_equal,
    make_due,
    running_service,
    use_gateway,
)
from tests.servers import found_servers, free_port, make_cluster, serving

pytestmark = pytest.mark.skipif(
    not may_mount(), reason="NO FULL DISK WAS TRIED: a disk that can be filled has to be mounted"
)

PEOPLE = 200
SMALL_LOG = ("max_wal_size=32MB", "min_wal_size=32MB", "wal_recycle=off", "autovacuum=off")
"""So that the disk is full of what is kept, and the log of the server finds room in the file that it has."""


@asynccontextmanager
async def server_on(disk: Path) -> AsyncIterator[str]:
    """Lend the URL of a migrated database on a disk."""
    programs = found_servers()[-1]
    make_cluster(programs, disk / "pg")
    with serving(programs, disk / "pg", free_port(), settings=SMALL_LOG) as server:
        database = Database(server.url(), pool_size=2)
        await migrations.upgrade(database)
        await database.close()
        yield server.url()


async def until_full(client: httpx2.AsyncClient) -> httpx2.Response:
    """Let people write until the disk takes no more; returns the answer that says so."""
    for _ in range(1000):
        message = {"user_id": secrets.token_hex(4), "message_id": secrets.token_hex(8), "fromId": 0}
        body = {"messages": [message | {"content": secrets.token_hex(2000)}]}
        answer = await client.post("/api/messages/inbound", json=body)
        if answer.status_code >= 300:
            return answer
    raise AssertionError("the disk is still not full")


async def test_the_disk_of_the_database_fills_up_while_a_gateway_is_written_to(room: Path) -> None:
    """Whoever writes is told 507, whoever reads is answered; with room again everybody is written to once."""
    with small_disk(room / "disk", megabytes=160) as disk:
        async with server_on(disk) as url, running_gateway() as gateway, connected(url) as connection:
            await enroll_people(url, PEOPLE)
            gateway.default = Reply(delay=0.05)
            await use_gateway(url, gateway.url, SECRET)
            async with (
                running_service(url, GATEWAY_CONCURRENCY="10", TICK_SECONDS="0.2") as service,
                httpx2.AsyncClient(base_url=service.url, timeout=PATIENCE) as client,
            ):
                await make_due(connection)
                await eventually(lambda: len(gateway.arrivals) >= PEOPLE // 10)
                ballast = fill(disk)
                answer = await until_full(client)
                assert (answer.status_code, "存储空间不足" in answer.text) == (507, True), answer.text
                await eventually(lambda: "No space left on device" in service.log)
                assert len(gateway.arrivals) < PEOPLE, "it was not in the middle"
                assert (await client.get("/api/followup-configs")).status_code == 200
                ballast.unlink()
                await eventually_equal(connection, SETTLED, PEOPLE)
                assert (await client.post("/api/followup-configs", json={"name": "之后"})).status_code == 201
                assert not service.has_ended
            assert set(gateway.per_contact.values()) == {1}, "somebody was written to twice"
            found = await connection.fetch("SELECT contact_id, status FROM follow_up_record")
            assert len({row["contact_id"] for row in found}) == len(found) == PEOPLE
            sent = {row["contact_id"] for row in found if row["status"] == "sent"}
            assert sent <= set(gateway.per_contact)


def refused(folder: Path, data: Path) -> str:
    """Start a service that cannot start, and return what it tells."""
    code, _, told = run.finish(folder, "run", "--port", "0", "--no-demo", "--data-dir", str(data))
    assert (code, "Traceback" in told) == (1, False), told
    return told


def test_a_data_directory_on_a_disk_that_takes_nothing_is_told_at_start(room: Path, tmp_path: Path) -> None:
    """A first start and a later one; afterwards it starts as if nothing had been."""
    with small_disk(room / "disk", megabytes=200) as disk:
        data = disk / "data"
        with read_only(disk):
            assert "Read-only file system" in refused(tmp_path, data)
        ballast = fill(disk)
        assert "No space left on device" in refused(tmp_path, data)
        ballast.unlink()
        with EmbeddedPostgres(data):
            pass
        ballast = fill(disk)
        assert "No space left on device" in refused(tmp_path, data)
        ballast.unlink()
        with read_only(disk):
            assert "is on a file system that is read-only" in refused(tmp_path, data)
        with EmbeddedPostgres(data) as server:
            assert server.url
