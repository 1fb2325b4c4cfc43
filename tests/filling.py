"""One to three of everything, for tests that call the whole API."""

import httpx2

from app.services.agent.demonstration import ACCOUNT, SUB_ACCOUNT
from tests.agent import WORKDAY, post
from tests.cases import make_case, party
from tests.helpers import add_contact


async def fill(client: httpx2.AsyncClient) -> None:
    """Give the document's examples and small ids something to stand for."""
    people = [await add_contact(client, position="测试") for _ in range(3)]
    for number in range(1, 4):
        config = await client.post("/api/followup-configs", json={"name": f"配置 {number}", "position": "测试"})
        script = {"config_id": config.json()["id"], "day_number": 1, "content": "您好"}
        assert (await client.post("/api/followup-scripts", json=script)).status_code == 201
    enrolled = await client.post("/api/followup-enrollments", json={"contact_ids": people[:2]})
    assert enrolled.json()["enrolled"] == 2
    await make_case(client, "202601281644031088", parties=[party("2303191513081131", phone="13912349001")])
    await post(client, "", user_id=ACCOUNT, name="测试账户")
    await post(client, f"/{ACCOUNT}/sub-user", user_id=SUB_ACCOUNT, name="测试子账户")
    for kind in ("customer-service", "bridge-group", "auto-recycle-rule", "llm-intention-config"):
        await post(client, f"/{ACCOUNT}/{kind}", name="测试")
    await post(client, f"/{ACCOUNT}/dial-time-group", content=WORKDAY)
    line = (await post(client, f"/{ACCOUNT}/caller-line", name="测试", call_line=1))["id"]
    script = {"name": "测试", "instance_id": "simulator", "script_id": "follow_up", "caller_lines": [line]}
    group = (await post(client, f"/{ACCOUNT}/outbound-group", **script))["id"]
    for _ in range(3):
        task = (await post(client, f"/{ACCOUNT}/task", name="测试", destination_extension=group))["id"]
        numbers = ["13900009001", "13900009002"]
        await post(client, f"/{ACCOUNT}/task/{task}/number", numbers=numbers)
