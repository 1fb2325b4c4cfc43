"""A real browser, and all that it complains about."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Page, async_playwright

from tests.e2e.service import PATIENCE
from tests.lacking import BROWSER, need_browser

OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@asynccontextmanager
async def browsing(*, password: str | None = None) -> AsyncIterator[tuple[Page, list[str]]]:
    """Open a page of a fresh browser; the list gathers what its console and its network complain about."""
    need_browser()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=BROWSER, args=OPTIONS)
        credentials = None if password is None else {"username": "me", "password": password}
        page = await browser.new_page(http_credentials=credentials)  # type: ignore[arg-type]  # a TypedDict of theirs
        page.set_default_timeout(PATIENCE * 1000)
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.append(request.url))
        try:
            yield page, complaints
        finally:
            await browser.close()
