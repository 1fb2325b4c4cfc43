"""SIGTERM: what is claimed is finished, nothing more is taken, and open streams hold nothing up."""

import asyncio

import httpx2
from fastapi import FastAPI

from app.jobs.runner import Runner
from tests.faults.gateway import SECRET, Reply, running_gateway
from tests.faults.service import (
    PATIENCE,
    connected,
    enroll_people,
    eventually,
    make_due,
    running_service,
    use_gateway,
)

PEOPLE = 600
LEFT_OVER = (
    "SELECT (SELECT count(*) FROM follow_up_enrollment WHERE claim_token IS NOT NULL OR open_record_id IS NOT NULL)"
    " + (SELECT count(*) FROM follow_up_record WHERE status <> 'sent')"
)


async def test_a_dispatch_is_drained(database_url: str) -> None:
    await enroll_people(database_url, PEOPLE)
    async with running_gateway() as gateway, connected(database_url) as connection:
        gateway.default = Reply(delay=0.2)
        await use_gateway(database_url, gateway.url, SECRET)
        await make_due(connection)
        async with running_service(database_url, GRACE_SECONDS="60") as service:
            await eventually(lambda: len(gateway.arrivals) >= PEOPLE // 6 and gateway.in_flight > 0)
            assert await service.terminate() == 0, service.log
        arrived = len(gateway.arrivals)
        assert arrived < PEOPLE, "it was not in the middle"
        assert gateway.in_flight == 0
        assert await connection.fetchval(LEFT_OVER) == 0
        assert await connection.fetchval("SELECT count(*) FROM follow_up_record") == arrived
        assert set(gateway.per_contact.values()) == {1}
        # And the next one goes on with those who are left, without waiting for any lease.
        gateway.default = Reply()
        async with running_service(database_url):
            await eventually(lambda: len(gateway.arrivals) >= PEOPLE)
        assert set(gateway.per_contact.values()) == {1}
        assert len(gateway.per_contact) == PEOPLE


async def test_a_gateway_that_hangs_does_not_hold_up_the_stop_beyond_the_grace_time(database_url: str) -> None:
    await enroll_people(database_url, 5)
    async with running_gateway() as gateway, connected(database_url) as connection:
        gateway.default = Reply(wait_for=asyncio.Event())
        await use_gateway(database_url, gateway.url, SECRET)
        await make_due(connection)
        async with running_service(
            database_url,
            GRACE_SECONDS="1",
            GATEWAY_TIMEOUT_SECONDS="120",
            LEASE_SECONDS="240",
            REQUEST_TIMEOUT_SECONDS="121",
        ) as service:
            await eventually(lambda: len(gateway.arrivals) == 5)
            assert await service.terminate() == 0, service.log
        assert await connection.fetchval("SELECT count(*) FROM follow_up_record WHERE status = 'reserved'") == 5


async def test_an_open_stream_does_not_hold_up_the_stop(database_url: str) -> None:
    await enroll_people(database_url, 1)
    async with connected(database_url) as connection:
        await connection.execute("UPDATE contact SET chat_token = 'a-token-of-sixteen-and-more'")
        # With this grace time a stream that waits for it outlasts the test's patience.
        async with (
            running_service(database_url, GRACE_SECONDS="600") as service,
            httpx2.AsyncClient(base_url=service.url, timeout=PATIENCE) as client,
            client.stream("GET", "/api/webchat/a-token-of-sixteen-and-more/stream") as stream,
        ):
            assert stream.status_code == 200
            lines = stream.aiter_lines()
            await make_due(connection)
            while not (await anext(lines)).startswith("data:"):
                pass
            assert await service.terminate() == 0, service.log
            async for _line in lines:
                pass


async def test_stopped_before_the_scheduler_began(app: FastAPI) -> None:
    """A signal that comes while the demonstration data is loaded finds a scheduler that never started."""
    state = app.state
    parts = {"reader": state.reader, "notifier": state.notifier, "metrics": state.metrics}
    await Runner(state.context, state.desk, state.recordings, **parts).stop()
    assert app.state.context.stopping.is_set()
