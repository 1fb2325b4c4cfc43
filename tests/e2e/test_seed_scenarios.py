"""The scenarios of the contract as the very command lines that it prints, on a first start with nothing set up."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.printed import assert_agrees, several
from tests.e2e.service import PATIENCE, Service, running
from tests.lacking import need_program

SCENARIO_1 = r"""
# 1. 创建配置
curl -X POST http://localhost:8000/api/followup-configs \
-H "Content-Type: application/json" \
-d '{
"name": "Python开发复聊配置",
"position": "Python开发",
"is_active": true
}'
# 假设返回的 config_id = 1
# 2. 添加第1天的话术
curl -X POST http://localhost:8000/api/followup-scripts \
-H "Content-Type: application/json" \
-d '{
"config_id": 1,
"day_number": 1,
"content": "后续沟通会更及时,您方便留一下您的微信号吗?我这边加您。",
"interval_hours": 24,
"order": 1,
"is_active": true
}'
# 3. 添加第2天的话术
curl -X POST http://localhost:8000/api/followup-scripts \
-H "Content-Type: application/json" \
-d '{
"config_id": 1,
"day_number": 2,
"content": "您好,不知道您是否方便留个联系方式?",
"interval_hours": 24,
"order": 1,
"is_active": true
}'
# 4. 添加"往后一直"的话术
curl -X POST http://localhost:8000/api/followup-scripts \
-H "Content-Type: application/json" \
-d '{
"config_id": 1,
"day_number": 0,
"content": "您好,如果您感兴趣可以随时联系我。",
"interval_hours": 72,
"order": 1,
"is_active": true
}'
"""
SCENARIO_2 = r"""
curl http://localhost:8000/api/followup-records?contact_id=1
"""
SCENARIO_3 = r"""
curl -X POST http://localhost:8000/api/followup-records/send \
-H "Content-Type: application/json" \
-d '{
"contact_id": 1,
"content": "您好,我想和您聊聊这个职位。"
}'
"""


@pytest.fixture(autouse=True)
def _curl() -> None:
    need_program("curl")


async def shell(service: Service, lines: str) -> list[Any]:
    """Run command lines as they are, but for the port, and return what they printed."""
    process = await asyncio.create_subprocess_exec(
        "bash", "-e", "-c", lines.replace("localhost:8000", f"localhost:{service.port}"),
        env=os.environ | {"no_proxy": "localhost"}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode == 0, err.decode()
    return several(out.decode())


async def test_the_scenarios_run_as_printed_on_a_first_start(tmp_path: Path) -> None:
    async with running(tmp_path) as service:
        config, first, second, ever = await shell(service, SCENARIO_1)
        assert_agrees(config, {"id": 1, "name": "Python开发复聊配置", "position": "Python开发", "is_active": True})
        assert [entry["config_id"] for entry in (first, second, ever)] == [1, 1, 1]
        assert [entry["day_number"] for entry in (first, second, ever)] == [1, 2, 0]
        assert [entry["id"] for entry in (first, second, ever)] == [1, 2, 3]
        assert [entry["interval_hours"] for entry in (first, second, ever)] == [24, 24, 72]

        assert await shell(service, SCENARIO_2) == [{"total": 0, "page": 1, "page_size": 20, "results": []}]
        (sent,) = await shell(service, SCENARIO_3)
        assert (sent["contact_id"], sent["content"]) == (1, "您好,我想和您聊聊这个职位。")
        assert sent["status"] == "sent"
        (listed,) = await shell(service, SCENARIO_2)
        assert listed == {"total": 1, "page": 1, "page_size": 20, "results": [sent]}

        async with service.client() as client:
            person = (await client.get("/api/contacts/1")).json()
            assert (person["position"], person["state"]) == ("Python开发", "none")
            enrolled = (await client.post("/api/followup-enrollments", json={"contact_ids": [1]})).json()
            assert enrolled["results"][0]["config_id"] == 1, "the config of the scenario is the one for contact 1"
            plan = (
                await client.get(f"/api/followup-enrollments/{enrolled['results'][0]['enrollment_id']}/plan")
            ).json()
            assert "微信号" in plan["next"]["text"]
            texts = [step["text"] for step in plan["upcoming"]]
            assert texts[1:4] == [first["content"], second["content"], ever["content"]]
            assert set(texts[4:]) == {ever["content"]}

    async with running(tmp_path) as service:
        (again,) = await shell(service, SCENARIO_2)
        assert again["results"][-1] == sent, "what was stored is there after a restart"
        async with service.client() as client:
            configs = (await client.get("/api/followup-configs?position=Python开发")).json()
            assert [entry["id"] for entry in configs] == [1], "the demonstration data is loaded only once"
