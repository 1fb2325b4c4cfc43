"""The scheduler beside the requests."""

import pytest
from fastapi import FastAPI

from app.services.calls.caller import Caller


@pytest.fixture
def caller(app: FastAPI) -> Caller:
    return Caller(app.state.desk)
