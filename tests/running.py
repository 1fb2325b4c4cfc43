"""Services in this process, and clients that come from where a test says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
from fastapi import FastAPI


def client_of(
    app: FastAPI, address: str = "127.0.0.1", base_url: str = "http://localhost", *, raises: bool = False
) -> httpx2.AsyncClient:
    """Return a client at an address; ``raises``: what nobody foresaw is raised here, not answered with a 500."""
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=raises, client=(address, 50000))
    return httpx2.AsyncClient(transport=transport, base_url=base_url)


@asynccontextmanager
async def running(
    app: FastAPI, address: str = "127.0.0.1", base_url: str = "http://localhost", *, raises: bool = False
) -> AsyncIterator[httpx2.AsyncClient]:
    """Start a service and lend a client of it, as `client_of` makes it."""
    async with app.router.lifespan_context(app), client_of(app, address, base_url, raises=raises) as client:
        yield client
