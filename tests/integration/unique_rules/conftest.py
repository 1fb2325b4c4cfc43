"""A service with room for all writers at once, and a provider that does as it is told."""

from collections.abc import AsyncIterator

import httpx2
import pytest
from fastapi import FastAPI

from app.clock import ManualClock
from app.config import Settings
from app.main import create_app
from app.repositories.database import Database
from tests.calls import ScriptedDialer
from tests.integration.unique_rules.storms import WRITERS, World


@pytest.fixture
def dialer() -> ScriptedDialer:
    return ScriptedDialer()


@pytest.fixture
async def app(settings: Settings, clock: ManualClock, dialer: ScriptedDialer) -> AsyncIterator[FastAPI]:
    # Nobody waits for a connection: the writers meet in the database, not before it.
    service = create_app(settings.model_copy(update={"pool_size": 2 * WRITERS}), clock=clock, dialer=dialer)
    async with service.router.lifespan_context(service):
        yield service


@pytest.fixture
def world(
    client: httpx2.AsyncClient, light_app: FastAPI, database: Database, clock: ManualClock, dialer: ScriptedDialer
) -> World:
    return World(client, light_app, database, clock, dialer)
