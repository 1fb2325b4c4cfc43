"""``python -m app keys``: beside a running service and without one, on a given database and on the embedded one."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from app.gateways.embedded_postgres import EmbeddedPostgres
from tests.e2e.service import PATIENCE, Service, begin, migrated_database, running

KEY = re.compile(r"hy_[0-9a-f]{8}_[A-Za-z0-9_-]{43}")
PAUSE = 0.1


@pytest.fixture(scope="module")
async def url(server_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """A database given by DATABASE_URL; each test leaves it without keys."""
    async with migrated_database(server_url, tmp_path_factory.mktemp("database")) as made_here:
        yield made_here


async def command(folder: Path, *arguments: str, **variables: str) -> tuple[int, str]:
    """Run a command to its end; returns its exit code and what it wrote."""
    terminal = folder / "command"
    process = await begin("keys", *arguments, terminal=terminal, **variables)
    code = await asyncio.wait_for(process.wait(), PATIENCE)
    return code, terminal.read_text(encoding="utf-8")


async def made(folder: Path, *arguments: str, **variables: str) -> tuple[str, str]:
    """Make a key; returns its id and the key."""
    code, told = await command(folder, "create", *arguments, **variables)
    assert code == 0, told
    (key,) = KEY.findall(told)
    return key.split("_")[1], key


async def becomes(asked: Callable[[], Awaitable[int]], status: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while await asked() != status:  # noqa: ASYNC110 - another process decides when
            await asyncio.sleep(PAUSE)


async def walk_through(service: Service, folder: Path, **variables: str) -> None:
    """From the first key to the last."""
    async with service.client() as client:

        async def status(key: str | None = None) -> int:
            answer = await client.get("/api/contacts", headers={"X-API-Key": key} if key else {})
            return answer.status_code

        assert await status() == 200
        assert (await command(folder, "list", **variables))[1] == "There are no keys.\n"
        key_id, key = await made(folder, "--name", "看板", "--scopes", "read", **variables)
        await becomes(status, 401)
        assert await status(key) == 200
        answer = await client.post("/api/contacts", headers={"X-API-Key": key}, json={"name": "林小满"})
        assert answer.status_code == 403

        other_id, other = await made(
            folder, "--name", "crm", "--scopes", "write, operate", "--expires-days", "90", **variables
        )
        listed = (await command(folder, "list", **variables))[1].splitlines()
        assert [line.split()[0] for line in listed] == ["id", key_id, other_id]
        assert re.match(rf"{key_id}  看板 +read +20\d\d-\S+Z  20\d\d-\S+Z  -  +works$", listed[1])
        assert re.match(rf"{other_id}  crm +operate,write +20\d\d-\S+Z  -  +20\d\d-\S+Z +works$", listed[2])
        assert not KEY.search("\n".join(listed))

        async with client.stream("GET", "/api/v1/outbound-bot/calls/stream", headers={"X-API-Key": key}) as stream:
            assert stream.status_code == 200
            code, told = await command(folder, "revoke", key_id, **variables)
            assert (code, "last one" in told) == (0, False)
            await becomes(lambda: status(key), 401)
            async with asyncio.timeout(PATIENCE):
                assert all(line.startswith(":") or not line for line in [line async for line in stream.aiter_lines()])
        assert await status(other) == 403
        code, told = await command(folder, "forget", other_id, **variables)
        assert (code, "must be revoked first" in told) == (1, True)
        code, told = await command(folder, "revoke", other_id, **variables)
        assert (code, "last one" in told) == (0, True)
        await becomes(lambda: status(other), 401)
        assert await status() == 401
        for gone in (key_id, other_id):
            assert (await command(folder, "forget", gone, **variables))[0] == 0
        await becomes(status, 200)
        assert not KEY.search(service.told), "keys are told to nobody"


async def test_on_a_given_database_while_the_service_runs(url: str, tmp_path: Path) -> None:
    async with running(tmp_path, DATABASE_URL=url) as service:
        await walk_through(service, tmp_path, DATABASE_URL=url)


async def test_on_the_embedded_database_while_the_service_runs(tmp_path: Path) -> None:
    async with running(tmp_path, "--no-demo") as service:
        assert "There are no keys" in service.told
        place = ("--data-dir", str(tmp_path / "data"))
        key_id, key = await made(tmp_path, "--name", "看板", "--scopes", "read", *place)
        async with service.client() as client:

            async def status(offered: str = key) -> int:
                return (await client.get("/api/contacts", headers={"X-API-Key": offered})).status_code

            await becomes(lambda: status("wrong"), 401)
            assert await status() == 200
            assert (await command(tmp_path, "revoke", key_id, *place))[0] == 0
            await becomes(status, 401)


async def test_on_the_embedded_database_before_the_first_start(tmp_path: Path) -> None:
    _, key = await made(tmp_path, "--name", "first", "--scopes", "admin", "--data-dir", str(tmp_path / "data"))
    async with running(tmp_path, "--no-demo") as service, service.client(**{"X-API-Key": key}) as client:
        assert "Every call needs a key" in service.told
        assert (await client.get("/api/contacts")).status_code == 200
        assert (await client.get("/api/contacts", headers={"X-API-Key": "wrong"})).status_code == 401
    code, told = await command(tmp_path, "list", "--data-dir", str(tmp_path / "data"))
    assert (code, len(told.splitlines())) == (0, 2), "the database is started for the command and stopped again"


async def test_a_data_directory_whose_path_is_long(tmp_path: Path) -> None:
    """Its socket lies elsewhere: the path of a Unix socket has 107 bytes."""
    folder = tmp_path / ("long" * 20)
    folder.mkdir()
    async with running(folder, "--no-demo"):
        _, told = await command(folder, "list", "--data-dir", str(folder / "data"))
        assert told == "There are no keys.\n"


async def test_an_old_database_of_a_running_server_is_left_alone(tmp_path: Path) -> None:
    """A neighbour's database is not this command's to migrate."""
    with EmbeddedPostgres(tmp_path / "data"):
        process = begin("keys", "list", "--data-dir", str(tmp_path / "data"), terminal=tmp_path / "command")
        code = await asyncio.wait_for((await process).wait(), PATIENCE)
        told = (tmp_path / "command").read_text(encoding="utf-8")
    assert code == 1
    assert "needs revision" in told


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("create", "--name", " ", "--scopes", "read"), "--name"),
        (("create", "--name", "x" * 65, "--scopes", "read"), "--name"),
        (("create", "--name", "x\x1b[2J", "--scopes", "read"), "--name"),
        (("create", "--name", "x", "--scopes", "read,all"), "--scopes: all; use some of read, write, operate, admin"),
        (("create", "--name", "x", "--scopes", ","), "--scopes: none"),
        (("create", "--name", "x", "--scopes", "read", "--expires-days", "0"), "--expires-days"),
        (("revoke", "nothing"), "There is no key nothing"),
        (("forget", "nothing"), "no revoked or expired key nothing"),
    ],
)
async def test_what_cannot_be_done_is_told(url: str, tmp_path: Path, arguments: tuple[str, ...], sentence: str) -> None:
    code, told = await command(tmp_path, *arguments, DATABASE_URL=url)
    assert code == 1
    assert sentence in told
    assert "Traceback" not in told
