"""What tests of readings begin with."""

from collections.abc import AsyncIterator

import httpx2
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from app.gateways.analyst import make_analyst
from app.services.agent.intentions import TalkReader
from app.services.context import Context
from tests.agent import add_account
from tests.receivers import Receiver, running_receiver


@pytest.fixture(autouse=True)
async def account(client: httpx2.AsyncClient) -> str:
    return await add_account(client)


@pytest.fixture
def reader(app: FastAPI) -> TalkReader:
    found: TalkReader = app.state.reader
    return found


@pytest.fixture
async def model() -> AsyncIterator[Receiver]:
    async with running_receiver() as running:
        yield running


@pytest.fixture
async def asking(app: FastAPI, model: Receiver) -> AsyncIterator[TalkReader]:
    """A reader with a model, which answers within a second."""
    context: Context = app.state.context
    settings = context.settings.model_copy(
        update={
            "analyst_url": f"{model.url}/v1",
            "analyst_key": SecretStr("sk-test"),
            "analyst_model": "test-model",
            "analyst_timeout_seconds": 1.0,
            "analyst_per_minute": 20,
            "analyst_max_characters": 200,
        }
    )
    made = TalkReader(context, make_analyst(settings, context.clock, context.ids))
    yield made
    await made.close()
