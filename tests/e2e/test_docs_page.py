"""The documentation page in a real browser, under the policy that forbids everything inline and foreign."""

from playwright.async_api import Locator, Page
from pydantic import SecretStr

from app.config import Settings
from app.main import create_app
from tests.e2e.browser import browsing, listening

KEY = "a-key-of-this-test"


async def find_operation(page: Page, tag: str, path: str) -> Locator:
    """Find it by the page's filter: a document of this size is drawn only where it is looked at."""
    await page.locator(".operation-filter-input").fill(tag)
    operation = page.locator(".opblock", has_text=path).first
    await operation.wait_for()
    return operation


async def try_readiness(page: Page) -> str:
    operation = await find_operation(page, "运行", "/readyz")
    await operation.locator(".opblock-summary").click()
    await operation.locator("button.execute").click()
    answer = operation.locator(".live-responses-table .response-col_description").last
    await answer.wait_for()
    return await answer.inner_text()


async def test_the_page_works_without_internet_and_without_complaint(settings: Settings) -> None:
    async with listening(create_app(settings)) as url, browsing() as (page, complaints):
        foreign: list[str] = []
        page.on("request", lambda request: foreign.append(request.url) if not request.url.startswith(url) else None)
        await page.goto(url)
        await page.wait_for_selector(".opblock")
        assert page.url == f"{url}/docs"
        assert "回音" in await page.title()
        headings = await page.locator(".opblock-tag").all_inner_texts()
        assert any("复聊配置 followup-configs" in heading for heading in headings)
        assert '"ready"' in await try_readiness(page)
        operation = await find_operation(page, "复聊配置", "/api/followup-configs")
        await operation.locator(".opblock-summary").click()
        await page.locator("button.authorize").click()
        await page.wait_for_selector(".modal-ux")
        assert [each for each in foreign if not each.startswith("data:")] == []
        assert complaints == []


async def test_with_keys_a_browser_opens_it_with_a_password(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"api_keys": (SecretStr(KEY),)}))
    async with listening(app) as url, browsing(password=KEY) as (page, complaints):
        await page.goto(f"{url}/docs")
        await page.wait_for_selector(".opblock")
        assert '"ready"' in await try_readiness(page)
        assert complaints == []


async def test_with_keys_a_browser_without_one_sees_nothing(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"api_keys": (SecretStr(KEY),)}))
    async with listening(app) as url, browsing(password="wrong") as (page, _complaints):
        answer = await page.goto(f"{url}/docs")
        assert answer is not None
        assert answer.status == 401
