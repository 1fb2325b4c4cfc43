"""The page of a person's own chat when the network, the service or its database does not answer: nothing is lost."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import expect

from app.config import Settings
from app.repositories.database import Database
from app.routers.rate_limiter import RateLimiter
from tests.databases import closed_to_everybody
from tests.e2e.browser import browsing
from tests.e2e.webchat import World, assert_accessible, lines, open_chat, serving, take_screenshot


@pytest.fixture
async def world(settings: Settings, database: Database) -> AsyncIterator[World]:
    async with serving(settings, database) as made:
        yield made


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


async def test_a_page_without_its_database_waits_for_it(world: World, database_url: str, server_url: str) -> None:
    address = await world.chat()
    async with browsing() as (page, _complaints):
        async with closed_to_everybody(database_url, server_url):
            answer = await page.goto(address)
            assert answer is not None
            assert answer.status == 503
            await expect(page.locator("#state")).to_have_text("连接中…")
        await expect(page.locator("#text")).to_be_enabled()
