"""The page of a person's own chat in a real browser: live in both directions, without a network, in another site."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from app.config import Settings
from app.repositories.database import Database
from tests.e2e.browser import browsing, listening
from tests.e2e.webchat import World, assert_accessible, lines, open_chat, serving, take_screenshot
from tests.faults.service import eventually
from tests.helpers import add_script, make_config
from tests.people import rows, value

OPENING = "您好,看了您的简历,方便留个微信吗?"


@pytest.fixture
async def world(settings: Settings, database: Database) -> AsyncIterator[World]:
    async with serving(settings, database) as made:
        yield made


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
