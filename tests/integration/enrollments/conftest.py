"""The dispatcher of the service that runs in this process."""

import pytest
from fastapi import FastAPI

from app.services.context import Context
from app.services.dispatch.dispatcher import Dispatcher


@pytest.fixture
def context(app: FastAPI) -> Context:
    found: Context = app.state.context
    return found


@pytest.fixture
def dispatcher(context: Context) -> Dispatcher:
    return Dispatcher(context, context.messenger)
