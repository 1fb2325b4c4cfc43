"""An account, which all tests of call tasks need, and a task of it."""

import httpx2
import pytest

from tests.agent import add_account, add_task


@pytest.fixture(autouse=True)
async def account(client: httpx2.AsyncClient) -> str:
    return await add_account(client)


@pytest.fixture
async def task(client: httpx2.AsyncClient) -> int:
    return int((await add_task(client))["id"])
