"""Keys in the database: how soon a process learns of them, what closes the service, what is written down."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import asyncpg
import httpx2
import pytest
from pydantic import SecretStr

from app.clock import ManualClock
from app.config import Settings
from app.domain.keys import Scope, digest, id_in, new_key, with_implied
from app.main import create_app
from app.repositories import keys as store
from app.repositories.database import Database
from app.routers.access import Access, AccessMiddleware
from app.services import keys
from app.services.keys import BOUND_SECONDS, RENEW_SECONDS, RETRY_SECONDS, KeyRing
from tests.conftest import START
from tests.databases import closed_to_everybody
from tests.running import running

PATHS = ("/api/contacts", "/api/chatbot/users", "/api/v1/mediation/cases", "/agent-api/user")


class Seconds:
    """A stopwatch that tests move."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def make(database: Database, *scopes: Scope, days: int | None = None) -> tuple[str, str]:
    expires_at = START + timedelta(days=days) if days else None
    key, text = await keys.create(
        database, name="测试", scopes=scopes or (Scope.READ,), expires_at=expires_at, now=START
    )
    return key.id, text


def carrying(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@asynccontextmanager
async def replica(
    settings: Settings, seconds: Seconds, clock: ManualClock, address: str = "127.0.0.1"
) -> AsyncIterator[httpx2.AsyncClient]:
    app = create_app(settings, clock=clock)
    app.state.keys._monotonic = seconds
    async with running(app, address=address) as opened:
        yield opened


async def status(client: httpx2.AsyncClient, key: str | None = None, path: str = "/api/contacts") -> int:
    answer = await client.get(path, headers=carrying(key) if key else {})
    return answer.status_code


def test_a_key_is_long_random_and_names_its_row() -> None:
    made = [new_key() for _ in range(100)]
    assert len({text for _, text in made}) == 100
    for key_id, text in made:
        assert id_in(text.encode()) == key_id
        assert len(text) == len("hy_") + 8 + 1 + 43
    assert [id_in(text) for text in (b"", b"hy", b"hy_1", b"hy__x", b"xx_1_2", b"hy_\xff_2", b"hy_%_2")] == [None] * 7


def test_admin_includes_the_others_and_no_other_does() -> None:
    assert with_implied({Scope.ADMIN}) == set(Scope)
    for scope in (Scope.READ, Scope.WRITE, Scope.OPERATE):
        assert with_implied({scope}) == {scope}


async def test_nothing_that_is_stored_is_the_key(database: Database) -> None:
    key_id, text = await make(database, Scope.READ, Scope.WRITE)
    async with database.connection() as connection:
        rows = [*await connection.fetch("SELECT * FROM api_key"), *await connection.fetch("SELECT * FROM audit_entry")]
    assert rows[0]["digest"] == digest(text.encode())
    assert text.split("_", 2)[2] not in repr(rows)
    assert rows[1]["action"] == "key_created"
    assert rows[1]["detail"] == {"key": key_id, "scopes": ["read", "write"]}


@pytest.mark.parametrize("scopes", [[], ["read", "everything"]])
async def test_no_other_scopes_can_be_stored(database: Database, scopes: list[str]) -> None:
    async with database.connection() as connection:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute("INSERT INTO api_key VALUES ('1', 'x', $1, $2)", bytes(32), scopes)


async def test_every_replica_learns_within_the_bound(
    settings: Settings, database: Database, clock: ManualClock
) -> None:
    seconds = Seconds()
    async with replica(settings, seconds, clock) as first, replica(settings, seconds, clock) as second:
        assert [await status(first), await status(second)] == [200, 200], "there are no keys yet"
        key_id, key = await make(database)
        seconds.now += BOUND_SECONDS
        for client in (first, second):
            assert await status(client) == 401, "the first key closes the door of this machine"
            assert await status(client, key) == 200
        await keys.revoke(database, key_id, now=START)
        seconds.now += RENEW_SECONDS / 2
        assert await status(first, key) == 200, "what was read a moment ago is not read again"
        seconds.now += BOUND_SECONDS
        for client in (first, second):
            assert await status(client, key) == 401
            assert await status(client) == 401, "the last key's end opens nothing"


async def test_a_busy_process_learns_behind_its_requests(database: Database, clock: ManualClock) -> None:
    seconds = Seconds()
    ring = KeyRing(database, clock, monotonic=seconds)
    await ring.ready()
    assert not ring.has_any
    _, key = await make(database)
    seconds.now += RENEW_SECONDS
    await ring.ready()
    assert ring.find([key.encode()]) is None, "this request did not wait"
    await ring.aclose()
    assert ring.find([key.encode()]) is not None
    await ring.aclose()


async def test_forgetting_every_key_opens_this_machine_again(
    settings: Settings, database: Database, clock: ManualClock
) -> None:
    seconds = Seconds()
    key_id, _ = await make(database)
    async with replica(settings, seconds, clock) as here, replica(settings, seconds, clock, "203.0.113.9") as there:
        assert not await keys.forget(database, key_id, now=START), "a key that works is not forgotten"
        assert await status(here) == 401
        await keys.revoke(database, key_id, now=START)
        assert await keys.forget(database, key_id, now=START)
        seconds.now += BOUND_SECONDS
        assert [await status(here), await status(there)] == [200, 401]


async def test_revoking_twice_keeps_the_first_moment(database: Database) -> None:
    key_id, _ = await make(database)
    assert await keys.revoke(database, key_id, now=START)
    assert await keys.revoke(database, key_id, now=START + timedelta(days=1))
    assert not await keys.revoke(database, "nothing", now=START)
    async with database.connection() as connection:
        assert (await store.list_keys(connection))[0]["revoked_at"] == START


async def test_a_key_ends_when_its_time_is_over(settings: Settings, database: Database, clock: ManualClock) -> None:
    _, key = await make(database, days=30)
    async with replica(settings, Seconds(), clock) as client:
        clock.set(START + timedelta(days=30) - timedelta(seconds=1))
        assert await status(client, key) == 200
        clock.advance(timedelta(seconds=1))
        assert await status(client, key) == 401


async def test_only_the_whole_key_is_taken(settings: Settings, database: Database, clock: ManualClock) -> None:
    _, key = await make(database)
    _, other = await make(database)
    mixed = f"{key[:12]}{other[12:]}"
    async with replica(settings, Seconds(), clock) as client:
        assert await status(client, key) == 200
        for wrong in (key[:-1], f"{key}x", key.upper(), mixed, key.partition("_")[2], f"hy_{key}"):
            assert await status(client, wrong) == 401, wrong


async def test_keys_of_both_kinds_work_side_by_side(settings: Settings, database: Database, clock: ManualClock) -> None:
    _, key = await make(database)
    both = settings.model_copy(update={"api_keys": (SecretStr("boot"),)})
    async with replica(both, Seconds(), clock) as client:
        assert [await status(client, each) for each in (key, "boot", "wrong", None)] == [200, 200, 401, 401]


async def test_the_last_use_is_written_once_a_minute(
    settings: Settings, database: Database, clock: ManualClock
) -> None:
    key_id, key = await make(database)

    async def last_use() -> object:
        async with database.connection() as connection:
            return await connection.fetchval("SELECT last_used_at FROM api_key WHERE id = $1", key_id)

    used = []
    for step in (0, 30, 29, 1, 30):
        clock.advance(timedelta(seconds=step))
        # A process of its own each time: the minute is counted over all of them.
        async with replica(settings, Seconds(), clock) as client:
            assert await status(client, "wrong") == 401
            assert await status(client, key) == 200
            assert await status(client, key) == 200
        used.append(await last_use())
    first, second = START, START + timedelta(seconds=60)
    assert used == [first, first, first, second, second]


async def test_what_cannot_be_checked_permits_nothing(
    settings: Settings, database: Database, database_url: str, server_url: str, clock: ManualClock
) -> None:
    _, key = await make(database, Scope.ADMIN)
    await database.close()
    seconds = Seconds()
    both = settings.model_copy(update={"api_keys": (SecretStr("boot"),)})
    async with (
        replica(settings, seconds, clock) as client,
        replica(both, seconds, clock) as booted,
        replica(settings, seconds, clock) as cold,
    ):
        assert await status(client, key, "/openapi.json") == 200
        async with closed_to_everybody(database_url, server_url):
            seconds.now += BOUND_SECONDS - 0.01
            assert await status(client, key, "/openapi.json") == 200, "what was read is good for its time"
            seconds.now += RETRY_SECONDS
            for path in PATHS:
                for carried in (key, "wrong", None):
                    answer = await client.get(path, headers=carrying(carried) if carried else {})
                    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2"), (path, carried)
            assert await status(cold) == 503, "nobody knows whether there are keys"
            assert await status(client, path="/healthz") == 200
            assert await status(booted, "boot", "/openapi.json") == 200, "keys of the environment need no database"
        seconds.now += RETRY_SECONDS
        assert await status(client, key) == 200


async def test_many_requests_read_the_keys_once(settings: Settings, database: Database, clock: ManualClock) -> None:
    async with database.connection() as connection:
        await connection.execute("CREATE SEQUENCE reads")
        await connection.execute("ALTER TABLE api_key RENAME TO api_key_itself")
        # Whoever reads the one row counts.
        await connection.execute(
            "CREATE VIEW api_key AS SELECT id, name, digest, scopes, revoked_at,"
            " CASE WHEN nextval('reads') > 0 THEN expires_at END AS expires_at FROM api_key_itself"
        )
        await connection.execute("INSERT INTO api_key_itself VALUES ('1', 'x', $1, '{read}')", bytes(32))
    seconds = Seconds()
    async with replica(settings, seconds, clock) as client:
        for _ in range(3):
            seconds.now += BOUND_SECONDS
            assert set(await asyncio.gather(*(status(client) for _ in range(50)))) == {401}
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT nextval('reads')") == 1 + 3 + 1, "at the start, and three times since"


async def streamed(access: Access, key: str | None, pieces: list[Any]) -> list[str]:
    """What a caller gets of a stream; what stands between its pieces is done in between."""
    sent: list[str] = []

    async def stream(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for piece in pieces:
            if isinstance(piece, str):
                await send({"type": "http.response.body", "body": piece.encode(), "more_body": True})
            else:
                await piece()
        await send({"type": "http.response.body", "body": b"end", "more_body": False})

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            sent.append(message["body"].decode() + ("" if message["more_body"] else "."))

    headers = [(b"host", b"localhost"), *([(b"authorization", f"Bearer {key}".encode())] if key else [])]
    scope = {"type": "http", "method": "GET", "path": "/api/x", "headers": headers, "client": ("127.0.0.1", 1)}
    await AccessMiddleware(stream, access)(scope, None, send)  # type: ignore[arg-type]  # nobody receives
    return sent


async def test_a_stream_ends_with_its_key(settings: Settings, database: Database, clock: ManualClock) -> None:
    seconds = Seconds()
    key_id, key = await make(database)
    _, short = await make(database, days=1)

    async def later() -> None:
        seconds.now += BOUND_SECONDS

    async def revoked() -> None:
        await keys.revoke(database, key_id, now=START)

    async def tomorrow() -> None:
        clock.advance(timedelta(days=1))

    async def gone() -> None:
        await database.close()
        database._dsn = "postgresql://nobody@127.0.0.1:1/nowhere"

    boot = settings.model_copy(update={"api_keys": (SecretStr("boot"),)})
    ring = KeyRing(database, clock, monotonic=seconds)
    access, booted = Access(settings, ring), Access(boot, ring)
    assert await streamed(access, key, ["a", later, "b"]) == ["a", "b", "end."]
    assert await streamed(access, key, ["a", revoked, "b", later, "c", "d"]) == ["a", "b", "."]
    assert await streamed(booted, "boot", ["a", later, "b"]) == ["a", "b", "end."]
    assert await streamed(access, short, ["a", tomorrow, "b", "c"]) == ["a", "."]
    clock.set(START)
    assert await streamed(access, short, ["a", gone, "b", later, "c", "d"]) == ["a", "b", "."]
    assert await streamed(booted, "boot", ["a", later, "b"]) == ["a", "b", "end."]
    await ring.aclose()


async def test_streams_of_this_machine_end_with_the_first_key(
    settings: Settings, database: Database, clock: ManualClock
) -> None:
    seconds = Seconds()
    ring = KeyRing(database, clock, monotonic=seconds)

    async def made() -> None:
        await make(database)
        seconds.now += BOUND_SECONDS

    assert await streamed(Access(settings, ring), None, ["a", made, "b", "c"]) == ["a", "."]
    await ring.aclose()
