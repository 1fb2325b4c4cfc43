"""A replica whose clock is wrong, from its start or from one moment to the next: it sends nothing until it is right."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import httpx2
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from app.clock import SystemClock
from app.config import Settings
from app.main import create_app
from tests.faults.service import SENT, connected, enroll_people, eventually_equal, make_due, several_looks
from tests.running import running

PEOPLE = 5


class WrongClock(SystemClock):
    """The clock of a machine that is wrong by so much."""

    def __init__(self, wrong_by: timedelta) -> None:
        self.wrong_by = wrong_by

    def now(self) -> datetime:
        """Return what this machine takes for the present moment."""
        return super().now() + self.wrong_by


def service(database_url: str, clock: SystemClock) -> FastAPI:
    settings = Settings(database_url=SecretStr(database_url), demo=False, pool_size=3, tick_seconds=0.1)
    return create_app(settings, clock=clock)


@asynccontextmanager
async def replica(database_url: str, clock: SystemClock) -> AsyncIterator[httpx2.AsyncClient]:
    app = service(database_url, clock)
    async with running(app, raises=True) as client:
        yield client


async def held(client: httpx2.AsyncClient) -> str | None:
    answer = (await client.get("/readyz")).json()
    found: str | None = answer.get("warnings", {}).get("held")
    return found


@pytest.mark.parametrize("hours", [2, -2])
async def test_a_clock_that_is_wrong_from_the_start(database_url: str, hours: int) -> None:
    await enroll_people(database_url, PEOPLE)  # due in an hour, by the clock that is right
    clock = WrongClock(timedelta(hours=hours))
    async with connected(database_url) as connection, replica(database_url, clock) as client:
        await several_looks(client)
        assert "时钟" in (await held(client) or "")
        assert "huiyin_sends_held 1.0" in (await client.get("/metrics")).text
        assert await connection.fetchval(SENT) == 0
        async with replica(database_url, SystemClock()) as other:
            await several_looks(other)
            assert await held(other) is None
            assert await connection.fetchval(SENT) == 0, "too early"
            await make_due(connection)
            await eventually_equal(connection, SENT, PEOPLE)


async def test_a_clock_that_jumps(database_url: str) -> None:
    await enroll_people(database_url, PEOPLE)
    clock = WrongClock(timedelta(0))
    async with connected(database_url) as connection, replica(database_url, clock) as client:
        await several_looks(client)
        assert await held(client) is None
        clock.wrong_by = timedelta(hours=2)
        await several_looks(client)
        assert "时钟" in (await held(client) or "")
        assert await connection.fetchval(SENT) == 0, "too early"
        clock.wrong_by = timedelta(0)
        await make_due(connection)
        await eventually_equal(connection, SENT, PEOPLE)
        assert await held(client) is None


async def test_a_wrong_clock_deletes_nothing(database_url: str) -> None:
    """By a clock that is five years ahead the whole audit trail is too old."""
    async with connected(database_url) as connection:
        await connection.execute("INSERT INTO audit_entry (at, actor, action) VALUES (now(), 'operator', 'pause')")
        app = service(database_url, WrongClock(timedelta(days=5 * 365)))
        async with app.router.lifespan_context(app):
            await app.state.runner._run("forget")
        assert await connection.fetchval("SELECT count(*) FROM audit_entry WHERE action = 'pause'") == 1
