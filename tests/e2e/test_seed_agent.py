"""The contract of the task's initialisation to the letter, over real HTTP: the printed answer, field by field.

The sample is that of the contract, its comments too, with other names and ids in it.
"""

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from app.repositories.database import Database
from tests.agent import AGENT, post
from tests.cases import add_call
from tests.conftest import START
from tests.e2e.service import Service, migrated_database, running

SAMPLE = """
{
"code": 200,
"status": "success",
"message": "返回任务初始化信息成功",
"data": {
"enum_dial_time_group": [ //呼叫时间组
{
"id": 1, //呼叫组ID
"name": "测试呼叫组1", //呼叫组名称
"content": [ //呼叫组内容
{ //以下配置表示呼叫时间为:周一 9点~12点、3点到18点
"week": 1, //周一
"times": [ //呼叫时间段
{
"end_time": "12:00",
"begin_time": "9:00"
},
{
"end_time": "18:00",
"begin_time": "13:00"
}
]
},
{ //以下配置表示呼叫时间为:周二 9点30分~12点30分、13点30分~17点30分
"week": 2,
"times": [
{
"end_time": "12:30",
"begin_time": "9:30"
},
{
"end_time": "17:30",
"begin_time": "13:30"
}
]
}
],
"skip_holiday": false, //是否跳法定节假日
"is_default": true //是否为默认呼叫组,一个用户只能有一个默认组
},
{ //以下表示:使用该呼叫组的任务,只能在周一的8点~12点、13点~15点、16点~22点拨打,其余时间为禁呼时间
"id": 2,
"content": [
{
"week": 1,
"times": [
{
"end_time": "12:00",
"begin_time": "08:00"
},
{
"end_time": "15:00",
"begin_time": "13:00"
},
{
"end_time": "22:00",
"begin_time": "16:00"
}
]
}
],
"skip_holiday": false,
"is_default": false
}
],
"max_recycle_limit": 50, //最大失败重呼限制次数
"caller_line_list": [ // 线路列表
{
"name": "杭州线路-2026050701", // 线路名称
"value": "0f3cbe18-8f5c-41a2-95d1-7e6a40b2c9d3", // 线路id
"residue": 7, // 剩余并发
"call_line": 13, // 总共并发
"available_at": "2030-07-01 00:00:00", // 有效期至
"call_number": null // 主叫号码(一般为空)
}
],
"outbound_group": [ // 话术组
{
"id": 5, // 话术组id
"name": "话术分组11.22", // 话术组名称
"user_id": "5d9a8c1e-6b70-4f5e-8a43-2c1f90e7d6b8", // 用户id
"debug": true, // 是否是调试模式
"deleted_at": null,
"created_at": "2019-11-22 17:22:54", // 创建时间
"updated_at": "2020-03-06 16:18:09", // 更新时间
"link_word_group_id": null, // 衔接词组
"tag_scene_id": null, // 业务场景id
"default": false, // 是否是默认话术组
"caller_lines": [ //话术关联的线路
{
"id": "6b8f2d04-93c7-4e1a-b5d6-08fa3c7e1b92",
"name": "机器人测试0002",
"description": null,
"deadline_at": "2032-05-31 00:00:00",
"begin_at": "2021-05-31 11:43:36",
"call_line": 1,
"call_line_used": 0,
"pivot": {
"label_group_id": 1703,
"caller_line_id": "6b8f2d04-93c7-4e1a-b5d6-08fa3c7e1b92"
}
}
]
}
],
"bridge_groups": [ //转接组
{
"id": 3,
"name": "转接组2号",
"strategy": 2, //转接组策略
"strategy_str": "顺序"
},
{
"id": 4,
"name": "转接组14号",
"strategy": 2,
"strategy_str": "顺序"
}
],
"auto_recycle_rules": [ // 自动重呼规则
{
"id": 4, // 自动重呼规则id
"user_id": "5d9a8c1e-6b70-4f5e-8a43-2c1f90e7d6b8", // 用户id
"name": "测试自动重呼", // 自动重呼规则名称
"remark": "测试自动重呼", // 自动重呼规则描述
"status": true, // 是否启用
"created_at": "2020-01-14 14:00:09",
"updated_at": "2020-01-14 14:00:09",
"is_default": null, // 是否默认
"type": 1, // 类型:1自动重呼、2指定时间重呼
"configs": null, // 指定时间重呼规则的时间配置
"details": [
{
"rule_id": 4,
"number_status": 2, //号码状态
"time": 0, //重呼次数
"number_status_str": "运营商拦截"
},
{
"rule_id": 4,
"number_status": 12,
"time": 0,
"number_status_str": "用户屏蔽"
}
]
}
],
"end_actions": { //任务结束动作
"1": "暂停任务并释放并发",
"2": "暂停任务并锁定并发",
"0": "无操作"
},
"llm_intention_configs": [
{
"id": 48,
"name": "意向配置",
"user_id": "5d9a8c1e-6b70-4f5e-8a43-2c1f90e7d6b8",
"llm_type": 2,
"is_default": 0,
"created_at": "2024-09-26 13:46:08"
}
]
}
}
"""
PRINTED: dict[str, Any] = json.loads(re.sub(r" ?//.*$", "", SAMPLE, flags=re.MULTILINE))
OWN = {"id", "value", "user_id", "created_at", "updated_at", "label_group_id", "caller_line_id", "rule_id"}
"""Fields whose values are each service's own; all others must be as printed."""
MOMENT = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}")
USER, SUB = "8a1f5c20-47d3-4b69-a0e8-91b2c6d7f354", "d2e90b47-1c65-4f08-b7a3-5068e1f4c29b"


def assert_printed(answered: Any, printed: Any, place: str = "answer") -> None:
    """Check the names in their order, none more and none less, types, formats, and the values that are fixed.

    A list may have more entries than are printed: they must look like the last one.
    """
    assert type(answered) is type(printed), f"{place} is {answered!r}, printed is {printed!r}"
    if isinstance(printed, dict):
        assert list(answered) == list(printed), place
        for name, shown in printed.items():
            if name not in OWN:
                assert_printed(answered[name], shown, f"{place}.{name}")
                continue
            assert type(answered[name]) is type(shown), f"{place}.{name} is {answered[name]!r}"
            if isinstance(shown, str) and MOMENT.fullmatch(shown):
                assert MOMENT.fullmatch(answered[name]), f"{place}.{name} is {answered[name]!r}"
    elif isinstance(printed, list):
        assert len(answered) >= len(printed), f"{place} lacks entries"
        for index, shown in enumerate(printed):
            assert_printed(answered[index], shown, f"{place}[{index}]")
    else:
        assert answered == printed, place


@pytest.fixture(scope="module")
async def service(server_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    folder = tmp_path_factory.mktemp("agent")
    async with migrated_database(server_url, folder) as url, running(folder, DATABASE_URL=url, HUIYIN_JOBS="0") as up:
        yield up


@pytest.fixture(scope="module")
async def told(service: Service) -> dict[str, Any]:
    """What the service answers for an account that owns what is printed."""
    sample = PRINTED["data"]
    async with service.client() as http:
        await post(http, "", user_id=USER, name="契约账户")
        await post(http, f"/{USER}/sub-user", user_id=SUB, name="契约子账户")
        for group in sample["enum_dial_time_group"]:
            await post(http, f"/{USER}/dial-time-group", **{k: v for k, v in group.items() if k != "id"})
        (shown,) = sample["caller_line_list"]
        line = {"name": shown["name"], "call_line": 13, "deadline_at": shown["available_at"]}
        busy = (await post(http, f"/{USER}/caller-line", **line))["id"]
        (group,) = sample["outbound_group"]
        (below,) = group["caller_lines"]
        wanted = {name: below[name] for name in ("name", "description", "deadline_at", "begin_at", "call_line")}
        line_id = (await post(http, f"/{USER}/caller-line", **wanted))["id"]
        script = {"name": group["name"], "debug": True, "instance_id": "i-1", "script_id": "s-1"}
        await post(http, f"/{USER}/outbound-group", **script, caller_lines=[line_id])
        for bridge in sample["bridge_groups"]:
            await post(http, f"/{USER}/bridge-group", name=bridge["name"], strategy=bridge["strategy"])
        (rule,) = sample["auto_recycle_rules"]
        details = [{"number_status": each["number_status"], "time": each["time"]} for each in rule["details"]]
        await post(http, f"/{USER}/auto-recycle-rule", name=rule["name"], remark=rule["remark"], details=details)
        await post(http, f"/{USER}/llm-intention-config", name="意向配置", llm_type=2)
        await post(http, f"/{USER}/customer-service", name="客服一号")
        await occupy(service, busy, 6)
        answer = await http.get(f"{AGENT}/{USER}/task/create")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def occupy(service: Service, line_id: str, calls: int) -> None:
    """Put calls on a line, as a dialer does."""
    assert service.database_url is not None
    database = Database(service.database_url, pool_size=2)
    for number in range(calls):
        phone = f"+861390000000{number}"
        await add_call(database, START, phone=phone, line_id=line_id, status="Executing", ended_at=None)
    await database.close()


def test_the_answer_is_as_printed(told: dict[str, Any]) -> None:
    printed = json.loads(json.dumps(PRINTED))
    # The second group is printed without its name, and the list of seats is only named below the sample.
    second = printed["data"]["enum_dial_time_group"][1]
    printed["data"]["enum_dial_time_group"][1] = {"id": second.pop("id"), "name": None, **second}
    printed["data"]["customer_service"] = [{"id": 1, "name": "客服一号"}]
    assert_printed(told, printed)


def test_what_belongs_together_has_the_same_ids(told: dict[str, Any]) -> None:
    data = told["data"]
    (group,) = data["outbound_group"]
    (line,) = group["caller_lines"]
    assert line["pivot"] == {"label_group_id": group["id"], "caller_line_id": line["id"]}
    assert [each["value"] for each in data["caller_line_list"]][1] == line["id"]
    (rule,) = data["auto_recycle_rules"]
    assert {detail["rule_id"] for detail in rule["details"]} == {rule["id"]}
    owners = {each["user_id"] for name in ("outbound_group", "auto_recycle_rules") for each in data[name]}
    assert owners == {USER}


async def test_a_sub_account_has_its_own(http: httpx2.AsyncClient, told: dict[str, Any]) -> None:
    answer = await http.get(f"{AGENT}/{USER}/task/create", params={"sub_user_id": SUB})
    assert answer.status_code == 200, answer.text
    empty: dict[str, Any] = {name: [] for name, value in told["data"].items() if isinstance(value, list)}
    assert answer.json() == told | {"data": told["data"] | empty}


@pytest.mark.parametrize("path", [f"{AGENT}/nobody/task/create", f"{AGENT}/{USER}/task/create?sub_user_id=nobody"])
async def test_an_unknown_account_is_404_in_the_envelope(
    http: httpx2.AsyncClient, told: dict[str, Any], path: str
) -> None:
    answer = await http.get(path)
    assert list(answer.json()) == list(told)
    message = answer.json().pop("message")
    assert answer.json() == {"code": 404, "status": "error", "message": message, "data": None}
    assert answer.status_code == 404
    assert "nobody" in message
