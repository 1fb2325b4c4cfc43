"""A backup is restored into a fresh server: the service starts on it, and nobody is written to twice by itself."""

import asyncio
import contextlib
import os
import subprocess
import sys
from pathlib import Path

import asyncpg
import httpx2
import pytest

from tests.faults.service import (
    ROOT,
    SENT,
    connected,
    enroll_people,
    eventually,
    eventually_equal,
    make_due,
    migrated,
    running_service,
)
from tests.servers import Programs, Running, found_servers, running_server

PEOPLE = 5


@pytest.fixture
def programs() -> Programs:
    """Those of the embedded server, or another with the tools for a backup."""
    return next(server for server in reversed(found_servers()) if (server.programs / "pg_restore").exists())


def backup(programs: Programs, server: Running, file: Path) -> None:
    tool = [programs.programs / "pg_dump", "--format=custom", f"--file={file}", server.url()]
    subprocess.run([str(part) for part in tool], check=True)


def restore(programs: Programs, server: Running, file: Path) -> None:
    tool = [programs.programs / "pg_restore", "--exit-on-error", "--no-owner", f"--dbname={server.url()}", file]
    subprocess.run([str(part) for part in tool], check=True)


async def release(url: str, *options: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app", "release", *options,
        cwd=ROOT, env=os.environ | {"DATABASE_URL": url}, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, said = await process.communicate()
    return process.returncode or 0, said.decode()


async def test_nobody_is_written_to_twice_after_an_older_backup_is_restored(programs: Programs, room: Path) -> None:
    file = room / "backup.dump"
    with running_server(programs, room / "old") as server:
        await migrated(server.url())
        await enroll_people(server.url(), PEOPLE)
        async with running_service(server.url()) as service, connected(server.url()) as connection:
            await eventually(lambda: "listens on" in service.log)
            backup(programs, server, file)  # while it runs, before anybody was written to
            await make_due(connection)
            await eventually_equal(connection, SENT, PEOPLE)
            answered = await connection.fetchval("SELECT min(id) FROM contact WHERE user_id LIKE 'user-%'")
            assert await service.terminate() == 0
    with running_server(programs, room / "new") as server:
        restore(programs, server, file)
        async with running_service(server.url()) as service, connected(server.url()) as connection:
            assert await connection.fetchval(SENT) == 0, "the backup is older than the messages"
            await make_due(connection)
            await service.several_looks()
            assert await connection.fetchval(SENT) == 0
            async with httpx2.AsyncClient(base_url=service.url) as client:
                ready = (await client.get("/readyz")).json()
                assert (ready["status"], "release" in ready["warnings"]["held"]) == ("ready", True)
                assert "huiyin_sends_held 1.0" in (await client.get("/metrics")).text
                # What came in since then is delivered once more.
                message = {"message_id": "m-1", "contact_id": answered, "fromId": 0, "content": "不用了,请不要再联系我"}
                assert (await client.post("/api/messages/inbound", json={"messages": [message]})).is_success
            code, said = await release(server.url())
            assert (code, f"{PEOPLE - 1} follow-ups" in said) == (1, True), said
            await service.several_looks()
            assert await connection.fetchval(SENT) == 0
            assert (await release(server.url(), "--yes"))[0] == 0
            await eventually_equal(connection, SENT, PEOPLE - 1)
            await service.several_looks()
            assert not await connection.fetchval("SELECT 1 FROM follow_up_record WHERE contact_id = $1", answered)
            assert await service.terminate() == 0
        async with running_service(server.url()) as service, connected(server.url()) as connection:
            assert "are held" not in service.log, "it is at home there now"
        assert (await release(server.url()))[0] == 0


async def test_held_by_setting_until_it_is_taken_away(database_url: str) -> None:
    await enroll_people(database_url, 2)
    async with connected(database_url) as connection:
        async with running_service(database_url, HOLD="true") as service:
            await make_due(connection)
            await service.several_looks()
            assert await connection.fetchval(SENT) == 0
            assert await service.terminate() == 0
        async with running_service(database_url) as service:
            await eventually_equal(connection, SENT, 2)


async def test_a_role_that_owns_no_table_may_run_the_service(database_url: str) -> None:
    role = "huiyin_test_plain"
    async with connected(database_url) as connection:
        with contextlib.suppress(asyncpg.DuplicateObjectError):
            await connection.execute(f"CREATE ROLE {role} LOGIN")
        await connection.execute(f"GRANT pg_read_all_data, pg_write_all_data TO {role}")
        await enroll_people(database_url, 1)
        url = database_url.replace("huiyin@", f"{role}@", 1)
        async with running_service(url) as service:
            await make_due(connection)
            await eventually_equal(connection, SENT, 1)
            assert "belong to another role" in service.log
        await connection.execute(f"DROP ROLE {role}")
