"""The service in this process, its dispatcher, and the gateway and the provider outside that it speaks to."""

from collections.abc import AsyncIterator

import httpx2
import pytest
from fastapi import FastAPI

from app.clock import ManualClock
from app.repositories.database import Database
from app.services.context import Context
from app.services.dispatch.dispatcher import Dispatcher
from tests.faults.gateway import SECRET, Gateway, running_gateway
from tests.gateway_world import World
from tests.outboundbot import OutboundBot


@pytest.fixture
def context(app: FastAPI) -> Context:
    found: Context = app.state.context
    return found


@pytest.fixture
def dispatcher(context: Context) -> Dispatcher:
    return Dispatcher(context, context.messenger)


@pytest.fixture
async def gateway(clock: ManualClock) -> AsyncIterator[Gateway]:
    """A gateway that takes everything; whatever comes to it has to be signed."""
    async with running_gateway(SECRET, clock) as running:
        yield running
        assert running.bad_signatures == 0


@pytest.fixture
def world(
    client: httpx2.AsyncClient, dispatcher: Dispatcher, database: Database, clock: ManualClock, gateway: Gateway
) -> World:
    """The service and the gateway; how the bot delivers is as it is at first, as a web chat."""
    return World(client, dispatcher, database, clock, gateway)


@pytest.fixture
async def bot() -> AsyncIterator[OutboundBot]:
    """The provider's server."""
    async with OutboundBot() as opened:
        yield opened
