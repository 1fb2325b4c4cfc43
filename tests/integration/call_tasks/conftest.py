"""An account, which all tests of call tasks need."""

import httpx2
import pytest

from tests.agent import add_account


@pytest.fixture(autouse=True)
async def account(client: httpx2.AsyncClient) -> str:
    return await add_account(client)
