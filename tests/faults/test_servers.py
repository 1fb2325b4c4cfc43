"""The service on every PostgreSQL of this machine, with TLS, behind PgBouncer, and on one that is too old."""

import asyncio
import shutil
import subprocess
from pathlib import Path

import asyncpg
import httpx2
import pytest
from sqlalchemy import text

from app import upkeep
from app.errors import StartupError
from app.repositories.database import Database, plain_dsn
from tests.faults.service import SENT, Service, connected, eventually_equal, migrated, running_service
from tests.helpers import add_contact, add_script, make_config
from tests.servers import (
    PASSWORD,
    Programs,
    found_servers,
    running_pgbouncer,
    running_server,
    unprivileged,
)

HBA_TLS = "hostssl all all 127.0.0.1/32 scram-sha-256\n"
PGBOUNCER = Path("/usr/sbin/pgbouncer")


async def follow_up_and_answer(service: Service, url: str, people: int = 1) -> None:
    """Enrol people, see the openings leave, answer one, and see that sequence stop."""
    async with httpx2.AsyncClient(base_url=service.url, timeout=60) as client, connected(url) as connection:
        assert (await client.get("/readyz")).json()["status"] == "ready"
        before = await connection.fetchval(SENT)
        config = await make_config(client)
        await add_script(client, config, day=1, content="方便留一下您的微信号吗?")
        contacts = await asyncio.gather(*(add_contact(client) for _ in range(people)))
        body = {"contact_ids": contacts, "config_id": config}
        answer = await client.post("/api/followup-enrollments", json=body)
        assert answer.json()["enrolled"] == people, answer.text
        await eventually_equal(connection, SENT, before + people)
        message = {
            "message_id": f"m-{contacts[0]}",
            "contact_id": contacts[0],
            "fromId": 0,
            "content": "我的微信是 wx123456",
        }
        answered = await client.post("/api/messages/inbound", json={"messages": [message]})
        assert answered.json()["replies"] == 1
        query = f"SELECT state FROM follow_up_enrollment WHERE contact_id = {contacts[0]}"
        assert await connection.fetchval(query) in {"replied", "converted"}
        pages = (client.get("/api/followup-records", params={"contact_id": contact}) for contact in contacts)
        assert all(page.json()["total"] >= 1 for page in await asyncio.gather(*pages))


@pytest.mark.parametrize("programs", found_servers(), ids=lambda programs: programs.version)
async def test_migrations_and_a_follow_up_on_every_server(programs: Programs, room: Path) -> None:
    with running_server(programs, room / "pg") as server:
        await migrated(server.url())
        async with running_service(server.url()) as service:
            await follow_up_and_answer(service, server.url())
            assert await service.terminate() == 0


async def test_a_server_that_is_too_old_is_told_at_start(server_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "OLDEST_SERVER", 99)
    database = Database(server_url, pool_size=2)
    try:
        with pytest.raises(StartupError, match=r"is PostgreSQL \d+.*; 99 or newer is needed"):
            await upkeep.require_revision(database, is_ours=False)
    finally:
        await database.close()


@pytest.fixture
def certificates(room: Path) -> Path:
    """A folder with `server.crt` and `server.key` for the name localhost, signed by themselves, and `other.crt`."""
    if shutil.which("openssl") is None:
        pytest.skip("NO TLS WAS TRIED: there is no openssl to make a certificate with")
    folder = room / "certificates"
    folder.mkdir()
    for name in ("server", "other"):
        subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"]
        files = ["-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.crt")]
        made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject, *files]
        subprocess.run(made, check=True, capture_output=True)
    owner = unprivileged(folder)
    for path in folder.iterdir():
        path.chmod(0o600 if path.suffix == ".key" else 0o644)
        if owner:
            shutil.chown(path, owner)
    return folder


WITH_TLS = [programs for programs in found_servers() if programs.has_tls]


@pytest.mark.skipif(not WITH_TLS, reason="NO TLS WAS TRIED: no server of this machine was built with it")
async def test_tls_and_a_password_file(certificates: Path, room: Path) -> None:
    tls = ["ssl=on", f"ssl_cert_file={certificates}/server.crt", f"ssl_key_file={certificates}/server.key"]
    with running_server(WITH_TLS[0], room / "pg", settings=tls, hba=HBA_TLS) as server:
        passfile = room / "passfile"
        passfile.write_text(
            f"localhost:{server.port}:*:huiyin:{PASSWORD}\n127.0.0.1:{server.port}:*:huiyin:{PASSWORD}\n"
        )
        passfile.chmod(0o600)
        known = {"passfile": str(passfile)}
        root = f"{certificates}/server.crt"
        full = server.url(host="localhost", sslmode="verify-full", sslrootcert=root, **known)
        await migrated(full)
        async with running_service(full) as service:
            await follow_up_and_answer(service, full)
            async with connected(full) as connection:
                query = (
                    "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'huiyin'"
                )
                assert await connection.fetchval(query)
        await migrated(server.url(sslmode="require", **known))
        for reason, url in {
            "no pg_hba.conf entry": server.url(host="localhost", sslmode="disable", **known),
            "certificate verify failed": server.url(
                host="localhost", sslmode="verify-full", sslrootcert=f"{certificates}/other.crt", **known
            ),
            "not valid for '127.0.0.1'": server.url(sslmode="verify-full", sslrootcert=root, **known),
            "password": server.url(host="localhost", sslmode="require", passfile="/nowhere"),
        }.items():
            database = Database(url, pool_size=2)
            with pytest.raises(StartupError, match=reason):
                await upkeep.require_revision(database, is_ours=False)
            await database.close()


async def sessions_side_by_side(url: str) -> None:
    """Run other statements in many short sessions of two processes' worth of pools at once."""

    async def some(database: Database, number: int) -> None:
        for step in range(10):
            async with database.transaction_session() as session:
                assert await session.scalar(text(f"SELECT {number % 4} + {step}")) == number % 4 + step

    databases = [Database(url, pool_size=4) for _ in range(2)]
    try:
        await asyncio.gather(*(some(database, number) for database in databases for number in range(20)))
    finally:
        for database in databases:
            await database.close()


@pytest.mark.skipif(not PGBOUNCER.exists(), reason="PGBOUNCER WAS NOT TRIED: it is not installed")
async def test_behind_pgbouncer_in_transaction_mode(room: Path) -> None:
    programs = found_servers()[-1]
    with running_server(programs, room / "pg") as server, running_pgbouncer(server, room / "pool") as port:
        plain = f"postgresql://huiyin@127.0.0.1:{port}/postgres"
        refused = Database(plain, pool_size=2)
        with pytest.raises(StartupError, match="pooler=transaction"):
            await upkeep.require_revision(refused, is_ours=False)
        await refused.close()
        pooled = f"{plain}?pooler=transaction"
        await migrated(pooled)
        await sessions_side_by_side(pooled)
        async with running_service(pooled) as one, running_service(pooled) as two:
            # Six pools of eight share three connections: what is left behind on one of them meets others.
            await follow_up_and_answer(one, server.url(), people=5)
            await follow_up_and_answer(two, server.url(), people=5)
            async with connected(server.url()) as connection:
                left = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
                await eventually_equal(connection, left, 0)
            assert [await one.terminate(), await two.terminate()] == [0, 0]
            assert "prepared statement" not in one.log + two.log


@pytest.mark.parametrize("url", ["postgresql://h/d?pooler=statement", "mysql://h/d"])
def test_urls_that_cannot_be_used(url: str) -> None:
    with pytest.raises(ValueError, match="DATABASE_URL"):
        plain_dsn(url)


async def test_the_pooler_is_nobody_elses_business(server_url: str) -> None:
    mark = "&" if "?" in server_url else "?"
    connection = await asyncpg.connect(plain_dsn(f"{server_url}{mark}pooler=transaction"))
    await connection.close()
