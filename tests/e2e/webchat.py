"""A service with one person in it, and the page of their chat in a real browser."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
from axe_playwright_python.async_playwright import Axe
from fastapi import FastAPI
from playwright.async_api import Page, expect

from app.config import Settings
from app.main import create_app
from app.repositories.database import Database
from app.services.dispatch.dispatcher import Dispatcher
from tests.e2e.browser import listening
from tests.helpers import add_contact
from tests.people import rows

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"


class World:
    """A service that a browser reaches, one person in it, and a client of the API."""

    def __init__(self, app: FastAPI, url: str, client: httpx2.AsyncClient, database: Database) -> None:
        self.app = app
        self.url = url
        self.client = client
        self.database = database
        self.contact = 0

    @property
    def dispatcher(self) -> Dispatcher:
        return Dispatcher(self.app.state.context, self.app.state.context.messenger)

    async def chat(self) -> str:
        """Return the address of the person's chat."""
        card = (await self.client.get(f"/api/contacts/{self.contact}")).json()
        return f"{self.url}{card['chat_url']}"

    async def write(self, content: str) -> None:
        """Write to the person by hand."""
        body = {"contact_id": self.contact, "content": content}
        answer = await self.client.post("/api/followup-records/send", json=body)
        assert answer.status_code == 201, answer.text

    async def history(self) -> list[dict[str, Any]]:
        return await rows(
            self.database,
            "SELECT direction, text FROM chat_message WHERE contact_id = $1 ORDER BY ordinal",
            self.contact,
        )


@asynccontextmanager
async def serving(settings: Settings, database: Database) -> AsyncIterator[World]:
    app = create_app(settings)
    async with listening(app) as url, httpx2.AsyncClient(base_url=url) as client:
        made = World(app, url, client, database)
        made.contact = await add_contact(client)
        yield made


def lines(page: Page) -> Any:
    return page.locator("#lines .line p")


async def take_screenshot(page: Page, name: str) -> None:
    """Keep a picture for whoever wants to look."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=SCREENSHOTS / f"webchat-{name}.png")


async def assert_accessible(page: Page) -> None:
    found = await Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


async def open_chat(page: Page, address: str) -> None:
    await page.goto(address)
    await expect(page.locator("#text")).to_be_enabled()
