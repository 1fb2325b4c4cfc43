"""Changes of calls as they happen: none missed, whatever commits in which order; resumed, filtered, ended on stop."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from app.clock import ManualClock
from app.config import Settings
from app.main import create_app
from app.repositories.call_events import Place
from app.repositories.database import Database
from app.services.live_calls import BATCH, LiveCalls, Wanted
from tests.cases import OUTBOUND, add_call
from tests.live import PATIENCE, Stream, serving
from tests.people import rows

STREAM = f"{OUTBOUND}/calls/stream"


@pytest.fixture
async def served(settings: Settings, clock: ManualClock) -> AsyncIterator[tuple[FastAPI, str]]:
    app = create_app(settings, clock=clock)
    async with serving(app) as url:
        yield app, url


@pytest.fixture
async def remote(served: tuple[FastAPI, str]) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=served[1], timeout=PATIENCE) as opened:
        yield opened


async def move(database: Database, call: dict[str, Any], status: str) -> None:
    async with database.transaction() as connection:
        await connection.execute("UPDATE outbound_call SET status = $2 WHERE id = $1", call["id"], status)


async def begun(app: FastAPI) -> None:
    """Wait until a stream has begun to listen."""
    live: LiveCalls = app.state.live_calls
    async with asyncio.timeout(PATIENCE):
        while not live._watches:  # noqa: ASYNC110 - the set has no event
            await asyncio.sleep(0.01)
    # Its first look at the table follows; what comes from now on is behind the place where it begins, or at it.
    await live.present()


async def test_changes_come_as_they_happen(
    served: tuple[FastAPI, str], remote: httpx2.AsyncClient, database: Database, clock: ManualClock
) -> None:
    before = await add_call(database, clock.now())
    async with remote.stream("GET", STREAM, headers={"Last-Event-ID": "0-0"}) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        stream = Stream(response)
        assert (await stream.next_event())[2]["jobId"] == before["job_id"]
        call = await add_call(
            database, clock.now(), case_id="K-1", mediation_id=7, node_id=5, person_id="p", ended_at=None,
            status="Scheduling",
        )  # fmt: skip
        _, name, told = await stream.next_event()
        assert name == "status"
        assert told.pop("time").startswith("20")
        assert told == {
            "jobId": call["job_id"],
            "caseId": "K-1",
            "mediationId": 7,
            "nodeId": 5,
            "personId": "p",
            "callType": "follow_up",
            "phoneNumber": "139****1111",
            "callStatus": "Scheduling",
            "result": None,
        }
        await move(database, call, "Executing")
        assert (await stream.next_event())[2]["callStatus"] == "Executing"
    assert served


async def test_without_an_id_it_begins_now(
    served: tuple[FastAPI, str], remote: httpx2.AsyncClient, database: Database, clock: ManualClock
) -> None:
    await add_call(database, clock.now())
    async with remote.stream("GET", STREAM) as response:
        await begun(served[0])
        stream = Stream(response)
        later = await add_call(database, clock.now())
        assert (await stream.next_event())[2]["jobId"] == later["job_id"]


async def test_a_stream_goes_on_behind_the_last_event_that_was_seen(
    remote: httpx2.AsyncClient, database: Database, clock: ManualClock
) -> None:
    ids = [(await add_call(database, clock.now()))["job_id"] for _ in range(5)]
    async with remote.stream("GET", STREAM, headers={"Last-Event-ID": "0-0"}) as response:
        stream = Stream(response)
        seen = [await stream.next_event() for _ in range(5)]
        assert [told["jobId"] for _, _, told in seen] == ids
    async with remote.stream("GET", STREAM, headers={"Last-Event-ID": seen[2][0]}) as response:
        stream = Stream(response)
        assert [await stream.next_event() for _ in range(2)] == seen[3:]


async def test_only_what_was_asked_for(remote: httpx2.AsyncClient, database: Database, clock: ManualClock) -> None:
    calls = [await add_call(database, clock.now(), case_id=f"K-{number % 2}") for number in range(6)]
    wanted = {"K-1": [calls[1], calls[3], calls[5]]}
    async with remote.stream("GET", f"{STREAM}?caseId=K-1", headers={"Last-Event-ID": "0-0"}) as response:
        stream = Stream(response)
        assert [(await stream.next_event())[2]["jobId"] for _ in range(3)] == [call["job_id"] for call in wanted["K-1"]]
    query = f"?jobId={calls[4]['job_id']}&caseId="
    async with remote.stream("GET", STREAM + query, headers={"Last-Event-ID": "0-0"}) as response:
        assert (await Stream(response).next_event())[2]["jobId"] == calls[4]["job_id"]


async def read_to(live: LiveCalls, place: Place, count: int) -> tuple[list[asyncpg.Record], Place]:
    """Read until so many changes are told: they wait for older transactions of the whole server, other tests' too."""
    seen: list[asyncpg.Record] = []
    async with asyncio.timeout(PATIENCE):
        while len(seen) < count:
            told, place = await live.after(place, Wanted())
            seen += told
            await asyncio.sleep(0)
    return seen, place


async def test_an_older_transaction_that_commits_later_is_not_missed(
    app: FastAPI, database: Database, clock: ManualClock, database_url: str
) -> None:
    live: LiveCalls = app.state.live_calls
    slow_call, quick_call = await add_call(database, clock.now()), await add_call(database, clock.now())
    _, place = await read_to(live, Place(0, 0), 2)
    slow = await asyncpg.connect(database_url)
    try:
        transaction = slow.transaction()
        await transaction.start()
        await slow.execute("UPDATE outbound_call SET status = 'Failed' WHERE id = $1", slow_call["id"])
        await move(database, quick_call, "Failed")
        told, place = await live.after(place, Wanted())
        assert not told, "what is newer than a running transaction waits for it"
        await transaction.commit()
    finally:
        await slow.close()
    told, place = await read_to(live, place, 2)
    assert [row["job_id"] for row in told] == [slow_call["job_id"], quick_call["job_id"]]
    assert (await live.after(place, Wanted()))[0] == []


async def test_readers_miss_nothing_of_many_writers(
    app: FastAPI, database: Database, clock: ManualClock, database_url: str
) -> None:
    """Transactions of any length, some rolled back; a reader that follows sees every event that was committed, once."""
    live: LiveCalls = app.state.live_calls
    calls = [await add_call(database, clock.now()) for _ in range(20)]
    _, place = await read_to(live, Place(0, 0), len(calls))
    seen: list[tuple[int, int]] = []

    async def read() -> None:
        nonlocal place
        while True:
            told, place = await live.after(place, Wanted())
            seen.extend((row["transaction_id"], row["id"]) for row in told)
            await asyncio.sleep(0)

    async def write(number: int) -> None:
        connection = await asyncpg.connect(database_url)
        try:
            for turn in range(15):
                transaction = connection.transaction()
                await transaction.start()
                for step, call in enumerate(calls[number * 4 : number * 4 + 4]):
                    status = ("Executing", "Succeeded", "Failed")[(turn + step) % 3]
                    await connection.execute("UPDATE outbound_call SET status = $2 WHERE id = $1", call["id"], status)
                    await asyncio.sleep(0.001 * ((number + turn) % 4))
                await (transaction.rollback() if turn % 5 == number else transaction.commit())
        finally:
            await connection.close()

    reader = asyncio.create_task(read())
    await asyncio.gather(*(write(number) for number in range(5)))
    kept = await rows(database, "SELECT transaction_id, id FROM call_event ORDER BY 1, 2")
    expected = [(row["transaction_id"], row["id"]) for row in kept][20:]
    async with asyncio.timeout(PATIENCE):
        while len(seen) < len(expected):  # noqa: ASYNC110 - the reader sets no event
            await asyncio.sleep(0.01)
    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)
    assert seen == expected
    assert len(seen) > 100


async def test_a_backlog_comes_whole(app: FastAPI, database: Database, clock: ManualClock) -> None:
    async with database.transaction() as connection:
        await connection.execute(
            """
            INSERT INTO outbound_call (job_id, provider, instance_id, script_id, call_type, phone, is_automatic,
                                       case_id, created_at, gives_up_at, ended_at)
            SELECT 'j' || n, 'simulator', 'i', 's', 't', '+86139' || (10000000 + n), true,
                   'K-' || n % 2, $1, $1, $1
            FROM generate_series(1, $2::int) n
            """,
            clock.now(),
            5 * BATCH,
        )
    live: LiveCalls = app.state.live_calls
    for wanted, expected in ((Wanted(), 5 * BATCH), (Wanted(case_id="K-1"), 5 * BATCH // 2)):
        place, seen = (await live.present())._replace(transaction_id=0, event_id=0), []
        while True:
            told, place = await live.after(place, wanted)
            if not told:
                break
            seen += [row["job_id"] for row in told]
        assert len(seen) == len(set(seen)) == expected


async def test_streams_end_when_the_service_stops(served: tuple[FastAPI, str], remote: httpx2.AsyncClient) -> None:
    app, _ = served
    async with remote.stream("GET", STREAM) as response:
        await begun(app)
        app.state.context.stopping.set()
        async with asyncio.timeout(PATIENCE):
            assert [line async for line in response.aiter_lines() if line.startswith("data")] == []
    assert not app.state.live_calls._watches


@pytest.mark.parametrize("last", ["-1", "x", "1", "1-", "-", "1-x", f"{2**63}-1", f"1-{2**63}", "1-1-1", "9" * 41])
async def test_a_last_event_id_that_is_none(client: httpx2.AsyncClient, last: str) -> None:
    answer = await client.get(STREAM, headers={"Last-Event-ID": last})
    assert (answer.status_code, answer.json()["code"], answer.json()["data"]) == (400, 400, None)
    assert "Last-Event-ID" in answer.json()["message"]


@pytest.mark.parametrize("query", ["caseId=" + "x" * 65, "jobId=" + "x" * 65])
async def test_bad_filters(client: httpx2.AsyncClient, query: str) -> None:
    answer = await client.get(f"{STREAM}?{query}")
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(query.partition("=")[0])
