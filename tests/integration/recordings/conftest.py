"""Where recordings come from, and where they are kept."""

import pytest
from fastapi import FastAPI

from app.clock import ManualClock
from app.config import Settings
from app.gateways.dialer import Dialer
from app.gateways.dialer.factory import make_dialer
from app.gateways.recordings.folder import FolderStore


@pytest.fixture
def store(app: FastAPI) -> FolderStore:
    found: FolderStore = app.state.recordings
    return found


@pytest.fixture
def dialer(settings: Settings, clock: ManualClock) -> Dialer:
    return make_dialer(settings, clock)
