"""A task of a thousand numbers made over real HTTP: its parts, its settings, a file, a reset, a copy, its end."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx2

from tests.agent import AGENT, add_account, add_group, add_line, add_seat, post
from tests.e2e.service import PATIENCE

USER = "e2e-tasks"
TASK = f"{AGENT}/{USER}/task"


async def test_a_task_of_a_thousand_numbers(http: httpx2.AsyncClient) -> None:
    await add_account(http, USER)
    choices = (await http.get(f"{TASK}/create")).json()["data"]
    assert choices["caller_line_list"] == []
    line = await add_line(http, USER)
    group = await add_group(http, USER, caller_lines=[line])
    seat = await add_seat(http, USER)
    bridge = await post(http, f"/{USER}/bridge-group", name="转接组", strategy=1, customer_service=[seat])
    extras = {
        "start_time": "2099-03-06 09:00:00",
        "redial_max_times": 2,
        "redial_conditions": {"number_status": [4, 8]},
    }
    task = await post(
        http,
        f"/{USER}/task",
        name="三月回访",
        destination_extension=group["id"],
        bridge_group_id=bridge["id"],
        task_extras=extras,
    )
    path = f"{TASK}/{task['id']}"
    lines = [f"1390{number:07d},客户 {number},{number} 元" for number in range(1000)]
    file = "\n".join(["手机号,姓名,amount", *lines, "110,急救,", "13900000000,又一次,"])
    answer = await http.post(
        f"{path}/number/import", content=file.encode("gb18030"), headers={"Content-Type": "text/csv"}
    )
    assert answer.status_code == 201, answer.text
    report = answer.json()["data"]
    assert (report["state"], report["imported"], report["duplicates"], report["rejected"]) == ("done", 1000, 1, 1)
    assert report["errors"][0]["line"] == 1002
    assert (await http.get(f"{path}/number/import/{report['id']}")).json()["data"] == report

    page = (await http.get(f"{path}/number", params={"page": 10, "limit": 100})).json()["data"]
    assert (page["total"], len(page["results"])) == (1000, 100)
    assert page["results"][-1]["phone"] == "+8613900000999"
    (number,) = (await http.get(f"{path}/number/13900000007")).json()["data"]
    assert (number["name"], number["variables"]) == ("客户 7", {"amount": "7 元"})
    added = await post(http, f"/{USER}/task/{task['id']}/number", numbers=["13900000001", "13911119001", "95588"])
    assert [each["result"] for each in added["results"]] == ["duplicate", "created", "malformed"]
    assert (await http.delete(f"{path}/number/{added['results'][1]['id']}")).status_code == 200

    started = await http.post(f"{path}/start")
    assert started.json()["message"] == "启动成功"
    for method, body in (("PUT", {"name": "改"}), ("DELETE", None)):
        refused = await http.request(method, path, json=body)
        assert (refused.status_code, refused.json()["code"]) == (409, 6007)
        assert refused.json()["message"] == "任务启动中,请先停止任务"
    assert (await http.delete(f"{AGENT}/{USER}/caller-line/{line}")).status_code == 409
    assert (await http.get(TASK, params={"status": 1})).json()["data"]["total"] == 0
    assert (await http.post(f"{path}/stop")).json()["data"]["status"] == 1
    assert (await http.put(f"{path}/number/reset", json={"number_status": [4]})).json()["data"] == {"reset": 0}

    copied = (await http.post(f"{path}/copy", params={"with_numbers": True})).json()["data"]
    assert (copied["name"], copied["numbers"]["total"]) == ("三月回访-副本", 1000)
    for task_id in (task["id"], copied["id"]):
        assert (await http.delete(f"{TASK}/{task_id}")).status_code == 200
    assert (await http.get(TASK)).json()["data"] == {"total": 0, "page": 1, "limit": 20, "results": []}


async def test_who_hangs_up_leaves_what_was_imported(http: httpx2.AsyncClient) -> None:
    """A file that is announced and never comes to its end."""
    user = f"{USER}-cut"
    await add_account(http, user)
    group = await add_group(http, user)
    task = await post(http, f"/{user}/task", name="中断", destination_extension=group["id"])
    path = f"{AGENT}/{user}/task/{task['id']}"
    sent = "".join(f"1390{number:07d}\n" for number in range(10_000)).encode()
    _, writer = await asyncio.open_connection(http.base_url.host, http.base_url.port)
    writer.write(f"POST {path}/number/import HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\n".encode())
    writer.write(f"Content-Length: {2 * len(sent)}\r\n\r\n".encode() + sent)
    await writer.drain()
    assert (await latest(http, path, lambda told: told["imported"] >= 1000))["state"] == "running"
    writer.close()
    told = await latest(http, path, lambda told: told["state"] != "running")
    assert (told["state"], "cut off" in told["problem"]) == ("failed", True)
    numbers = (await http.get(path)).json()["data"]["numbers"]
    assert 1000 <= numbers["total"] == told["imported"] < 10_000


async def latest(http: httpx2.AsyncClient, path: str, is_right: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Return the newest import of a task as soon as it is as it should be."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found: list[dict[str, Any]] = (await http.get(f"{path}/number/import")).json()["data"]["results"]
            if found and is_right(found[0]):
                return found[0]
            await asyncio.sleep(0.02)
