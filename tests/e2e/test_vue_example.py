"""The Vue example of the contract, run by a real browser in a page of the service's own origin."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Page

from tests.e2e.browser import browsing
from tests.e2e.printed import MOMENT, assert_agrees
from tests.e2e.service import Service

EXAMPLE = """
// 获取复聊配置列表
async function getFollowUpConfigs() {
const response = await fetch('/api/followup-configs');
const configs = await response.json();
return configs;
}
// 创建复聊配置
async function createFollowUpConfig(data) {
const response = await fetch('/api/followup-configs', {
method: 'POST',
headers: { 'Content-Type': 'application/json' },
body: JSON.stringify(data)
});
return await response.json();
}
// 添加话术
async function addFollowUpScript(configId, scriptData) {
const response = await fetch('/api/followup-scripts', {
method: 'POST',
headers: { 'Content-Type': 'application/json' },
body: JSON.stringify({
config_id: configId,
...scriptData
})
});
return await response.json();
}
// 查看复聊记录
async function getFollowUpRecords(contactId) {
const response = await fetch(`/api/followup-records?contact_id=${contactId}`);
const data = await response.json();
return data.results;
}
"""
CONFIG = {"name": "Python开发复聊配置", "position": "Python开发", "is_active": True}
SCRIPT = {"day_number": 1, "content": "您好,期待与您进一步沟通。", "interval_hours": 24, "order": 1}


@pytest.fixture
async def page(service: Service) -> AsyncIterator[Page]:
    """A page that the service itself served; nothing in it may complain."""
    async with browsing() as (opened, complaints):
        await opened.goto(f"{service.url}/docs")
        yield opened
        assert complaints == []


async def call(page: Page, expression: str) -> Any:
    """Evaluate an expression beside the functions of the example."""
    return await page.evaluate(f"async () => {{ {EXAMPLE} return await {expression}; }}")


async def test_the_functions_of_the_example_do_what_they_say(page: Page, service: Service) -> None:
    assert await call(page, "getFollowUpConfigs()") == []
    config = await call(page, f"createFollowUpConfig({json.dumps(CONFIG)})")
    assert_agrees(config, {"id": config["id"], **CONFIG, "scripts": []})
    script = await call(page, f"addFollowUpScript({config['id']}, {json.dumps(SCRIPT)})")
    assert_agrees(script, {"id": script["id"], **SCRIPT})
    assert script["config_id"] == config["id"]

    configs = await call(page, "getFollowUpConfigs()")
    assert_agrees(configs, [{"id": config["id"], **CONFIG, "scripts": [{"id": script["id"], **SCRIPT}]}])

    async with service.client() as client:
        person = (await client.post("/api/contacts", json={"name": "顾南风"})).json()["id"]
        assert await call(page, f"getFollowUpRecords({person})") == []
        sent = await client.post("/api/followup-records/send", json={"contact_id": person, "content": "您好"})
        records = await call(page, f"getFollowUpRecords({person})")
    assert records == [sent.json()]
    assert MOMENT.fullmatch(records[0]["sent_at"])
    assert await page.evaluate("moment => new Date(moment).toISOString()", records[0]["sent_at"]) == records[0][
        "sent_at"
    ].replace("Z", ".000Z")
