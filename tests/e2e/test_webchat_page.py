"""The page of a person's own chat in a real browser: live in both directions, without a network, in another site."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx2
import pytest
from axe_playwright_python.async_playwright import Axe
from fastapi import FastAPI
from playwright.async_api import Page, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from app.config import Settings
from app.main import create_app
from app.repositories.database import Database, plain_dsn
from app.routers.rate_limiter import RateLimiter
from app.services.dispatch.dispatcher import Dispatcher
from tests.e2e.browser import browsing, listening
from tests.faults.service import eventually
from tests.helpers import add_contact, add_script, make_config
from tests.people import rows, value

OPENING = "您好,看了您的简历,方便留个微信吗?"
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


@pytest.fixture
async def world(settings: Settings, database: Database) -> AsyncIterator[World]:
    async with serving(settings, database) as made:
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


async def test_an_answer_in_the_page_ends_the_sequence(world: World) -> None:
    config = await make_config(world.client, opening_message=OPENING)
    await add_script(world.client, config, day=1, content="第一天的一条")
    async with browsing() as (page, complaints):
        await page.set_viewport_size({"width": 390, "height": 700})
        await open_chat(page, await world.chat())
        await expect(page.locator("#state")).to_have_text("")
        await world.client.post("/api/followup-enrollments", json={"contact_ids": [world.contact]})
        await world.dispatcher.drain()
        await expect(lines(page)).to_have_text([OPENING])
        await page.locator("#text").fill("可以的\n微信 wx_abc12345")
        await page.locator("#text").press("Enter")
        await expect(lines(page)).to_have_text([OPENING, "可以的\n微信 wx_abc12345"])
        await expect(page.locator("#waiting li")).to_have_count(0)
        await expect(page.locator("#text")).to_have_value("")
        await world.write("谢谢,已添加")
        await expect(lines(page)).to_have_count(3)
        await take_screenshot(page, "phone")
        await assert_accessible(page)
        assert complaints == []
    state = "SELECT state, reason FROM follow_up_enrollment WHERE contact_id = $1"
    assert await rows(world.database, state, world.contact) == [{"state": "converted", "reason": None}]
    detail = "SELECT kind, value FROM contact_record WHERE contact_id = $1"
    assert await rows(world.database, detail, world.contact) == [{"kind": "wechat", "value": "wx_abc12345"}]


async def test_what_is_written_without_a_network_arrives_once_and_in_order(world: World) -> None:
    async with browsing() as (page, _complaints):
        await open_chat(page, await world.chat())
        await page.context.set_offline(True)
        await expect(page.locator("#state")).to_contain_text("网络已断开")
        for content in ("第一句", "第二句"):
            await page.locator("#text").fill(content)
            await page.locator("#send").click()
        await expect(page.locator("#waiting small")).to_have_text(["等待发送", "等待发送"])
        await assert_accessible(page)
        await take_screenshot(page, "offline")
        # It also waits for a page that is opened again.
        await page.context.set_offline(False)
        await page.reload()
        await expect(lines(page)).to_have_text(["第一句", "第二句"])
        await expect(page.locator("#waiting li")).to_have_count(0)
        await expect(page.locator("#state")).to_have_text("")
    assert [line["text"] for line in await world.history()] == ["第一句", "第二句"]


async def test_an_answer_that_got_lost_on_the_way_is_asked_for_again(world: World) -> None:
    lost = 0

    async with browsing() as (page, _complaints):

        async def lose(route: Any) -> None:
            nonlocal lost
            if route.request.method == "POST" and lost < 1:
                lost += 1
                await route.fetch()
                await route.abort()
            else:
                await route.continue_()

        await page.route("**/messages", lose)
        await open_chat(page, await world.chat())
        await page.locator("#text").fill("在的")
        await page.locator("#send").click()
        await expect(page.locator("#waiting li")).to_have_count(0)
        await expect(lines(page)).to_have_text(["在的"])
        await expect(page.locator("#state")).to_have_text("")
    assert lost == 1
    assert await world.history() == [{"direction": "inbound", "text": "在的"}]


async def test_what_somebody_else_answers_is_no_receipt(world: World) -> None:
    """A login or a page of errors on the way: the message goes again, and the link still opens something."""
    strangers = [(200, "GET"), (404, "GET"), (200, "POST"), (404, "POST"), (502, "POST")]

    async def answer(route: Any) -> None:
        if strangers and strangers[0][1] == route.request.method:
            status, _ = strangers.pop(0)
            await route.fulfill(status=status, content_type="text/html", body="<title>Log in</title>")
        else:
            await route.continue_()

    async with browsing() as (page, _complaints):
        await page.route("**/messages*", answer)
        await open_chat(page, await world.chat())
        await page.locator("#text").fill("在的")
        await page.locator("#send").click()
        await expect(lines(page)).to_have_text(["在的"])
    assert strangers == []
    assert await world.history() == [{"direction": "inbound", "text": "在的"}]


async def test_what_came_while_the_stream_was_away_is_not_left_out(world: World) -> None:
    is_away = True

    async def answer(route: Any) -> None:
        await (route.fulfill(status=503) if is_away else route.continue_())

    async with browsing() as (page, _complaints):
        await page.route("**/stream*", answer)
        await open_chat(page, await world.chat())
        await world.write("第一句")
        await page.locator("#text").fill("第二句")
        await page.locator("#send").click()
        await expect(lines(page)).to_have_text(["第二句"])
        is_away = False
        await expect(lines(page)).to_have_text(["第一句", "第二句"])


async def test_two_tabs_lose_nothing_of_each_other(world: World) -> None:
    async with browsing() as (page, _complaints):
        other = await page.context.new_page()
        for each in (page, other):
            await open_chat(each, await world.chat())
        await page.route("**/messages", lambda route: route.abort())
        await page.locator("#text").fill("甲")
        await page.locator("#send").click()
        await expect(page.locator("#waiting li")).to_have_count(1)
        await other.locator("#text").fill("乙")
        await other.locator("#send").click()
        await expect(lines(other)).to_have_text(["乙"])
        await page.close()
        await other.reload()
        await expect(lines(other)).to_have_text(["乙", "甲"])
    assert [line["text"] for line in await world.history()] == ["乙", "甲"]


async def test_what_waits_for_a_link_that_was_renewed_is_shown_as_not_delivered(world: World) -> None:
    async with browsing() as (page, _complaints):
        await open_chat(page, await world.chat())
        await page.route("**/messages", lambda route: route.abort())
        await page.locator("#text").fill("在的")
        await page.locator("#send").click()
        await expect(page.locator("#waiting small")).to_have_text(["等待发送"])
        await world.client.post(f"/api/contacts/{world.contact}/chat-link")
        await world.write("只给新链接")
        await expect(page.locator("#state")).to_contain_text("无效")
        await expect(page.locator("#waiting small")).to_have_text(["未送达"])


async def test_what_others_left_in_the_browser_does_not_stop_the_page(world: World) -> None:
    async with browsing() as (page, complaints):
        token = (await world.chat()).rpartition("/")[2]
        kept = f"localStorage['huiyin-language'] = '\"fr\"'; localStorage['huiyin-waiting-{token}'] = '[null, {{}}]'"
        await page.add_init_script(kept)
        await open_chat(page, await world.chat())
        await expect(page.locator("#send")).to_have_text("发送")
        assert complaints == []


async def test_the_newest_stays_in_sight_when_a_keyboard_takes_room(world: World) -> None:
    async with browsing() as (page, _complaints):
        for number in range(20):
            await world.write(f"第{number}句")
        await page.set_viewport_size({"width": 390, "height": 700})
        await open_chat(page, await world.chat())
        await page.set_viewport_size({"width": 390, "height": 380})
        await expect(lines(page).last).to_be_in_viewport(ratio=1)
        await page.locator("#text").fill("一\n二\n三\n四\n五")
        await expect(lines(page).last).to_be_in_viewport(ratio=1)
        await page.locator("#scroller").evaluate("one => one.scrollTo(0, 0)")
        await expect(lines(page).last).not_to_be_in_viewport()
        await world.write("新的")
        await page.locator("#newest").click()
        await expect(lines(page).last).to_be_in_viewport(ratio=1)


async def test_whoever_writes_too_fast_waits_and_loses_nothing(world: World) -> None:
    world.app.state.chat_writers = RateLimiter(60)
    said = [f"第{number}句" for number in range(13)]
    async with browsing() as (page, _complaints):
        await open_chat(page, await world.chat())
        for content in said:
            await page.locator("#text").fill(content)
            await page.locator("#text").press("Enter")
        await expect(lines(page)).to_have_text(said)
    assert [line["text"] for line in await world.history()] == said


async def test_what_cannot_be_taken_is_shown_as_not_delivered(world: World) -> None:
    async with browsing() as (page, _complaints):
        await open_chat(page, await world.chat())
        await page.locator("#text").fill("a\0b")
        await page.locator("#send").click()
        await expect(page.locator("#waiting small")).to_have_text(["未送达"])
        await page.locator("#text").fill("ab")
        await page.locator("#send").click()
        await expect(lines(page)).to_have_text(["ab"])
        await expect(page.locator("#waiting li")).to_have_count(0)


async def test_a_link_that_was_renewed_opens_nothing(world: World) -> None:
    async with browsing() as (page, _complaints):
        old = await world.chat()
        await world.write("您好")
        await open_chat(page, old)
        await expect(lines(page)).to_have_text(["您好"])
        assert (await world.client.post(f"/api/contacts/{world.contact}/chat-link")).status_code == 201
        await world.write("只给新链接")
        await expect(page.locator("#state")).to_contain_text("无效")
        await expect(page.locator("#text")).to_be_disabled()
        await expect(lines(page)).to_have_text(["您好"])
        assert await world.chat() != old
        await open_chat(page, await world.chat())
        await expect(lines(page)).to_have_text(["您好", "只给新链接"])
    trail = "SELECT actor, action FROM audit_entry WHERE contact_id = $1 AND action <> 'send'"
    assert await rows(world.database, trail, world.contact) == [{"actor": "api", "action": "chat_link"}]


@pytest.mark.parametrize("token", ["x" * 32, "short", "好"])
async def test_a_link_that_opens_nothing_says_so(world: World, token: str) -> None:
    async with browsing() as (page, _complaints):
        answer = await page.goto(f"{world.url}/chat/{token}")
        assert answer is not None
        assert answer.status == 404
        await expect(page.locator("#state")).to_contain_text("无效")
        await expect(page.locator("#send")).to_be_disabled()
        await assert_accessible(page)


@asynccontextmanager
async def out_of_reach(settings: Settings) -> AsyncIterator[None]:
    """Let nobody reach the database, also on connections that are open."""
    assert settings.database_url is not None
    dsn = plain_dsn(settings.database_url.get_secret_value())
    name = urlsplit(dsn).path[1:]
    admin = await asyncpg.connect(dsn, database="postgres")
    try:
        await admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
        yield
    finally:
        await admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        await admin.close()


async def test_a_page_without_its_database_waits_for_it(world: World, settings: Settings) -> None:
    address = await world.chat()
    async with browsing() as (page, _complaints):
        async with out_of_reach(settings):
            answer = await page.goto(address)
            assert answer is not None
            assert answer.status == 503
            await expect(page.locator("#state")).to_have_text("连接中…")
        await expect(page.locator("#text")).to_be_enabled()


async def test_a_long_history_comes_page_by_page(world: World) -> None:
    await value(
        world.database,
        "INSERT INTO chat_message (bot_id, contact_id, ordinal, direction, text, sent_at, created_at)"
        " SELECT 1, $1, n, 'outbound', 'm' || n, now() - (500 - n) * interval '1 hour',"
        " now() - (500 - n) * interval '1 hour' FROM generate_series(1, 450) n",
        world.contact,
    )
    await value(world.database, "UPDATE contact SET message_count = 450 WHERE id = $1", world.contact)
    async with browsing() as (page, complaints):
        await open_chat(page, await world.chat())
        await expect(lines(page)).to_have_count(200)
        await expect(lines(page).last).to_be_in_viewport()
        for count in (400, 450):
            await page.locator("#earlier").click()
            await expect(lines(page)).to_have_count(count)
        await expect(page.locator("#earlier")).to_be_hidden()
        assert await lines(page).all_inner_texts() == [f"m{number}" for number in range(1, 451)]
        # Read above, and something new comes below.
        await page.locator("#scroller").evaluate("one => one.scrollTo(0, 0)")
        await world.write("新的")
        await page.locator("#newest").click()
        await expect(lines(page).last).to_be_in_viewport()
        await expect(page.locator("#newest")).to_be_hidden()
        days = await page.locator(".day").all_inner_texts()
        assert len(days) == len(set(days)), "each day has its date once"
        assert complaints == []


async def test_it_speaks_english_and_remembers_it(world: World) -> None:
    async with browsing() as (page, _complaints):
        await open_chat(page, await world.chat())
        await page.get_by_role("button", name="English").click()
        await expect(page.get_by_role("button", name="Send")).to_be_visible()
        await page.reload()
        await expect(page.get_by_role("textbox", name="Write a message")).to_be_enabled()
        assert await page.locator("html").get_attribute("lang") == "en"
        await assert_accessible(page)


async def test_keys_are_enough(world: World) -> None:
    async with browsing() as (page, _complaints):
        await open_chat(page, await world.chat())
        reached = []
        for _ in range(4):
            await page.keyboard.press("Tab")
            reached.append(await page.evaluate("document.activeElement.id"))
        assert reached == ["language", "scroller", "text", "send"]
        await page.locator("#text").focus()
        await page.keyboard.type("一行")
        await page.keyboard.press("Shift+Enter")
        await page.keyboard.type("两行")
        # The key that ends the writing of a Chinese word sends nothing.
        await page.locator("#text").dispatch_event("keydown", {"key": "Enter", "isComposing": True})
        assert await lines(page).count() == 0
        await page.keyboard.press("Enter")
        await expect(lines(page)).to_have_text(["一行\n两行"])


async def test_markup_is_text(world: World) -> None:
    markup = "<img src=x onerror=alert(1)><script>alert(1)</script>"
    async with browsing() as (page, complaints):
        await world.write(markup)
        await open_chat(page, await world.chat())
        await expect(lines(page)).to_have_text([markup])
        assert complaints == []


def another_site(addresses: list[str]) -> Starlette:
    """Return a site that shows the chat of an address with one tag, and has a strict policy itself."""

    async def home(_request: Request) -> HTMLResponse:
        service, _, token = addresses[0].partition("/chat/")
        page = (
            "<!doctype html><html lang=en><title>Another site</title><link rel=icon href='data:,'>"
            # In the head and not async: before there is a body.
            f'<script src="{service}/webchat/embed.js" data-token="{token}"></script>'
            "<main><h1>Another site</h1></main></html>"
        )
        policy = f"default-src 'none'; script-src {service}; frame-src {service}; img-src data:"
        return HTMLResponse(page, headers={"Content-Security-Policy": policy})

    return Starlette(routes=[Route("/", home)])


@pytest.mark.parametrize("may_embed", [True, False])
async def test_another_site_shows_it_with_one_tag_if_it_may(
    settings: Settings, database: Database, may_embed: bool
) -> None:
    addresses: list[str] = []
    async with listening(another_site(addresses)) as site:
        allowed = settings.model_copy(update={"chat_origins": (site,) if may_embed else ()})
        async with serving(allowed, database) as world, browsing() as (page, complaints):
            addresses.append(await world.chat())
            await world.write(OPENING)
            await page.goto(site)
            button = page.get_by_role("button", name="在线聊天 Chat")
            await button.click()
            if not may_embed:
                await eventually(lambda: any("frame-ancestors" in complaint for complaint in complaints))
                return
            assert await page.evaluate("document.activeElement.shadowRoot.activeElement.tagName") == "IFRAME"
            frame = page.frame_locator("iframe")
            await expect(frame.locator("#lines .line p")).to_have_text([OPENING])
            await frame.locator("#text").fill("在的")
            await frame.locator("#send").click()
            await expect(frame.locator("#lines .line p")).to_have_text([OPENING, "在的"])
            assert complaints == []
            await take_screenshot(page, "embedded")
            await assert_accessible(page)
            await button.focus()
            await page.keyboard.press("Escape")
            await expect(page.locator("iframe")).to_be_hidden()
            assert await button.get_attribute("aria-expanded") == "false"
