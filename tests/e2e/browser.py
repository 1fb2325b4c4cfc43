"""A real browser, all that it complains about, and a server for it in this process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from playwright.async_api import Page, async_playwright, expect
from starlette.types import ASGIApp

from tests.e2e.service import PATIENCE
from tests.faults.service import eventually
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
        context = await browser.new_context(http_credentials=credentials)  # type: ignore[arg-type]  # a TypedDict of theirs
        page = await context.new_page()
        context.set_default_timeout(PATIENCE * 1000)
        expect.set_options(timeout=PATIENCE * 1000)
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.append(request.url))
        try:
            yield page, complaints
        finally:
            await browser.close()


@asynccontextmanager
async def listening(app: ASGIApp) -> AsyncIterator[str]:
    """Serve on a free port of this machine; the signals stay those of the test run."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, ws="none", log_config=None, proxy_headers=False))
    serving = asyncio.create_task(server._serve())
    await eventually(lambda: server.started)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving
