"""The service with a provider that does as it is told."""

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI

from app.clock import ManualClock
from app.config import Settings
from app.main import create_app
from app.services.calls.caller import Caller
from tests.calls import (
    ScriptedDialer,
)


@pytest.fixture
def dialer() -> ScriptedDialer:
    return ScriptedDialer()


@pytest.fixture
async def app(settings: Settings, clock: ManualClock, dialer: ScriptedDialer) -> AsyncIterator[FastAPI]:
    service = create_app(settings.model_copy(update={"call_concurrency": 2}), clock=clock, dialer=dialer)
    async with service.router.lifespan_context(service):
        yield service


@pytest.fixture
def caller(app: FastAPI) -> Caller:
    return Caller(app.state.desk)
