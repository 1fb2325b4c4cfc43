"""The service with a provider that does as it is told."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx2
import pytest
from fastapi import FastAPI

from app.clock import ManualClock
from app.config import Settings
from app.main import create_app
from app.repositories.database import Database
from app.services.calls.caller import Caller
from tests.calls import ScriptedDialer
from tests.integration.call_engine.helpers import Engine, running_process


@pytest.fixture
def dialer() -> ScriptedDialer:
    return ScriptedDialer()


@pytest.fixture
async def app(settings: Settings, clock: ManualClock, dialer: ScriptedDialer) -> AsyncIterator[FastAPI]:
    service = create_app(settings.model_copy(update={"call_concurrency": 2}), clock=clock, dialer=dialer)
    async with service.router.lifespan_context(service):
        yield service


@pytest.fixture
def engine(
    app: FastAPI, client: httpx2.AsyncClient, dialer: ScriptedDialer, clock: ManualClock, database: Database
) -> Engine:
    return Engine(app, client, dialer, Caller(app.state.desk), clock, database)


@pytest.fixture
async def processes(
    settings: Settings, clock: ManualClock, dialer: ScriptedDialer, database: Database
) -> AsyncIterator[list[Engine]]:
    """Two processes of the service, on one database and with one provider."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(running_process(settings, clock, dialer, database)) for _ in range(2)]
