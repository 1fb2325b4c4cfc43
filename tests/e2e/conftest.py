"""Services that run as processes; one for each module, on a migrated database of its own."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from tests.e2e.service import Service, migrated_database, running


@pytest.fixture(scope="module")
async def service(server_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """The real service on a database given by DATABASE_URL; SIGTERM ends it with exit code 0."""
    folder = tmp_path_factory.mktemp("service")
    async with migrated_database(server_url, folder) as url, running(folder, DATABASE_URL=url) as started:
        yield started


@pytest.fixture
async def http(service: Service) -> AsyncIterator[httpx2.AsyncClient]:
    """A client that speaks to the service of the module over the network."""
    async with service.client() as client:
        yield client
