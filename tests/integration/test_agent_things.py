"""Hours, lines, groups, seats, rules and analysts: writing them, their defaults, and what may not go."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from app.clock import ManualClock
from app.repositories.database import Database
from tests.agent import AGENT, WORKDAY, add_account, add_group, add_line, add_seat, post
from tests.cases import add_call
from tests.people import value


@pytest.fixture(autouse=True)
async def account(client: httpx2.AsyncClient) -> str:
    return await add_account(client)


async def put(client: httpx2.AsyncClient, path: str, **body: Any) -> dict[str, Any]:
    answer = await client.put(f"{AGENT}/u-1/{path}", json=body)
    assert (answer.status_code, answer.json()["message"]) == (200, "更新成功"), answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


async def listed(client: httpx2.AsyncClient, kind: str) -> list[dict[str, Any]]:
    answer = await client.get(f"{AGENT}/u-1/{kind}")
    assert (answer.status_code, answer.json()["message"]) == (200, "查询成功")
    data: list[dict[str, Any]] = answer.json()["data"]
    return data


async def defaults(client: httpx2.AsyncClient) -> list[int]:
    return [group["id"] for group in await listed(client, "dial-time-group") if group["is_default"]]


async def add_hours(client: httpx2.AsyncClient, **fields: Any) -> int:
    return int((await post(client, "/u-1/dial-time-group", **{"content": WORKDAY, **fields}))["id"])


async def test_times_are_kept_as_they_were_given(client: httpx2.AsyncClient) -> None:
    content = [
        {
            "week": 2,
            "times": [{"end_time": "24:00", "begin_time": "13:05"}, {"end_time": "09:30", "begin_time": "9:00"}],
        },
        {"week": 0, "times": []},
    ]
    made = await post(client, "/u-1/dial-time-group", name="上午", content=content, skip_holiday=True)
    assert made == {"id": made["id"], "name": "上午", "content": content, "skip_holiday": True, "is_default": True}
    assert await put(client, f"dial-time-group/{made['id']}", name=None) == made | {"name": None}
    assert await listed(client, "dial-time-group") == [made | {"name": None}]


async def test_an_account_has_exactly_one_default(client: httpx2.AsyncClient) -> None:
    first = await add_hours(client, is_default=False)
    assert await defaults(client) == [first], "the first one is, whatever was said"
    second = await add_hours(client)
    assert await defaults(client) == [first]
    third = await add_hours(client, is_default=True)
    assert await defaults(client) == [third]
    await put(client, f"dial-time-group/{second}", is_default=True)
    assert await defaults(client) == [second]
    await put(client, f"dial-time-group/{second}", is_default=True, name="仍是")
    await put(client, f"dial-time-group/{first}", is_default=False)
    for method, body in (("PUT", {"is_default": False}), ("DELETE", None)):
        answer = await client.request(method, f"{AGENT}/u-1/dial-time-group/{second}", json=body)
        assert answer.status_code == 409, method
        assert str(second) in answer.json()["message"]
    assert await defaults(client) == [second]
    for group in (first, third, second):
        assert (await client.delete(f"{AGENT}/u-1/dial-time-group/{group}")).status_code == 200
    last = await add_hours(client)
    assert await defaults(client) == [last]


async def test_defaults_of_two_accounts_do_not_meet(client: httpx2.AsyncClient) -> None:
    await add_account(client, "u-2")
    mine = await add_hours(client)
    await post(client, "/u-2/dial-time-group", content=WORKDAY, is_default=True)
    assert await defaults(client) == [mine]


async def test_many_who_want_the_default_at_once(client: httpx2.AsyncClient) -> None:
    groups = [await add_hours(client) for _ in range(4)]
    answers = await asyncio.gather(
        *(client.put(f"{AGENT}/u-1/dial-time-group/{group}", json={"is_default": True}) for group in groups),
        *(client.post(f"{AGENT}/u-1/dial-time-group", json={"content": WORKDAY, "is_default": True}) for _ in groups),
    )
    assert {answer.status_code for answer in answers} == {200, 201}
    assert len(await defaults(client)) == 1


@pytest.mark.parametrize(
    ("kind", "body", "name", "yes", "no"),
    [
        ("outbound-group", {"name": "组", "instance_id": "i", "script_id": "s"}, "default", True, False),
        ("auto-recycle-rule", {"name": "规"}, "is_default", True, False),
        ("llm-intention-config", {"name": "意"}, "is_default", 1, 0),
    ],
)
async def test_at_most_one_is_the_default(
    client: httpx2.AsyncClient, kind: str, body: dict[str, Any], name: str, yes: Any, no: Any
) -> None:
    ids = [(await post(client, f"/u-1/{kind}", **body, **given))["id"] for given in ({}, {name: yes}, {name: yes})]
    initial = None if kind == "auto-recycle-rule" else no
    assert [each[name] for each in await listed(client, kind)] == [initial, no, yes]
    await put(client, f"{kind}/{ids[0]}", **{name: yes})
    assert [each[name] for each in await listed(client, kind)] == [yes, no, no]
    await put(client, f"{kind}/{ids[0]}", **{name: no})
    assert [each[name] for each in await listed(client, kind)] == [no, no, no]


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ([{"week": 7, "times": []}], "content.0.week"),
        ([{"week": -1, "times": []}], "content.0.week"),
        ([*WORKDAY, *WORKDAY], "content.1.week"),
        ([{"week": 1, "times": []}], "content"),
        ([], "content"),
        ([{"week": 1, "times": [{"begin_time": "12:00", "end_time": "9:00"}]}], "content.0.times.0"),
        ([*WORKDAY, {"week": 2, "times": [{"begin_time": "9:0", "end_time": "9:30"}]}], "content.1.times.0.begin_time"),
        ([{"week": 1, "times": [{"begin_time": "9:00", "end_time": "24:01"}]}], "content.0.times.0.end_time"),
        (
            [{"week": 1, "times": [*WORKDAY[0]["times"], {"begin_time": "11:59", "end_time": "13:00"}]}],  # type: ignore[misc]
            "content.0.times.1",
        ),
    ],
)
async def test_hours_that_cannot_be_are_refused_by_place(
    client: httpx2.AsyncClient, content: list[dict[str, Any]], place: str
) -> None:
    group = await add_hours(client)
    for method, path in (("POST", ""), ("PUT", f"/{group}")):
        answer = await client.request(method, f"{AGENT}/u-1/dial-time-group{path}", json={"content": content})
        assert (answer.status_code, answer.json()["code"]) == (422, 422), answer.text
        assert answer.json()["message"].startswith(f"{place}: "), answer.text
    assert [each["content"] for each in await listed(client, "dial-time-group")] == [WORKDAY]


async def test_a_line_of_an_account(client: httpx2.AsyncClient) -> None:
    made = await post(client, "/u-1/caller-line", name="一号线", call_line=13)
    assert made == {
        "id": made["id"],
        "user_id": "u-1",
        "name": "一号线",
        "description": None,
        "call_number": None,
        "begin_at": "2026-03-05 18:30:00",
        "deadline_at": None,
        "call_line": 13,
        "call_line_used": 0,
        "residue": 13,
        "created_at": "2026-03-05 18:30:00",
        "updated_at": "2026-03-05 18:30:00",
    }
    changes: dict[str, Any] = {
        "name": "二号线",
        "description": "备用",
        "call_number": "+8657100001234",
        "begin_at": "2026-01-01 00:00:00",
        "deadline_at": "2026-01-01 00:00:01",
        "call_line": 0,
    }
    for name, wanted in changes.items():
        made |= {name: wanted} | ({"residue": 0} if name == "call_line" else {})
        assert await put(client, f"caller-line/{made['id']}", **{name: wanted}) == made
    answer = await client.put(f"{AGENT}/u-1/caller-line/{made['id']}", json={"begin_at": "2026-01-01 00:00:01"})
    assert answer.status_code == 422
    assert answer.json()["message"].startswith("deadline_at: ")
    assert await listed(client, "caller-line") == [made]


async def test_a_line_that_is_used_stays(client: httpx2.AsyncClient, database: Database, clock: ManualClock) -> None:
    line = await add_line(client)
    group = await add_group(client, name="回访组", caller_lines=[line])
    call = await add_call(database, clock.now(), line_id=line, ended_at=None, status="Executing")
    answer = await client.delete(f"{AGENT}/u-1/caller-line/{line}")
    assert (answer.status_code, answer.json()["status"], answer.json()["data"]) == (409, "error", None)
    assert all(word in answer.json()["message"] for word in ("回访组", "1 calls", line))
    await put(client, f"outbound-group/{group['id']}", caller_lines=[])
    answer = await client.delete(f"{AGENT}/u-1/caller-line/{line}")
    assert answer.status_code == 409
    assert "回访组" not in answer.json()["message"]
    async with database.connection() as connection:
        await connection.execute("UPDATE outbound_call SET ended_at = created_at WHERE id = $1", call["id"])
    assert (await client.delete(f"{AGENT}/u-1/caller-line/{line}")).json() == {
        "code": 200,
        "status": "success",
        "message": "删除成功",
        "data": None,
    }
    assert await listed(client, "caller-line") == []


async def test_a_group_keeps_its_lines_in_order(client: httpx2.AsyncClient) -> None:
    lines = [await add_line(client, name=f"线 {number}") for number in range(3)]
    group = await add_group(client, caller_lines=[lines[2], lines[0]], link_word_group_id=7, tag_scene_id=8)
    assert [each["id"] for each in group["caller_lines"]] == [lines[2], lines[0]]
    assert (group["link_word_group_id"], group["tag_scene_id"], group["deleted_at"]) == (7, 8, None)
    assert (group["instance_id"], group["script_id"]) == ("simulator", "follow_up")
    changed = await put(client, f"outbound-group/{group['id']}", caller_lines=lines)
    assert [each["id"] for each in changed["caller_lines"]] == lines
    assert await put(client, f"outbound-group/{group['id']}", debug=True) == changed | {"debug": True}
    assert await listed(client, "outbound-group") == [changed | {"debug": True}]


async def test_a_deleted_group_stays_in_the_table_and_frees_its_lines(
    client: httpx2.AsyncClient, database: Database
) -> None:
    line = await add_line(client)
    group = await add_group(client, caller_lines=[line], default=True)
    path = f"{AGENT}/u-1/outbound-group/{group['id']}"
    assert (await client.delete(path)).status_code == 200
    assert [(await client.request(method, path)).status_code for method in ("GET", "DELETE")] == [404, 404]
    assert await listed(client, "outbound-group") == []
    assert await value(database, "SELECT count(*) FROM outbound_group WHERE deleted_at IS NOT NULL") == 1
    assert (await add_group(client, default=True))["default"] is True
    assert (await client.delete(f"{AGENT}/u-1/caller-line/{line}")).status_code == 200


async def test_seats_and_bridge_groups(client: httpx2.AsyncClient) -> None:
    seats = [await add_seat(client, name=f"客服 {number}", extension=f"800{number}") for number in (1, 2)]
    made = await post(client, "/u-1/bridge-group", name="转接组", strategy=2, customer_service=seats[::-1])
    assert made == {
        "id": made["id"],
        "name": "转接组",
        "strategy": 2,
        "strategy_str": "顺序",
        "customer_service": [{"id": seats[1], "name": "客服 2"}, {"id": seats[0], "name": "客服 1"}],
    }
    for strategy, text in ((1, "平均"), (3, "随机")):
        changed = await put(client, f"bridge-group/{made['id']}", strategy=strategy)
        assert changed == made | {"strategy": strategy, "strategy_str": text}
    refused = await client.delete(f"{AGENT}/u-1/customer-service/{seats[0]}")
    assert refused.status_code == 409
    assert "转接组「转接组」" in refused.json()["message"]
    assert (await client.delete(f"{AGENT}/u-1/bridge-group/{made['id']}")).status_code == 200
    assert (await client.delete(f"{AGENT}/u-1/customer-service/{seats[0]}")).status_code == 200
    assert await listed(client, "customer-service") == [{"id": seats[1], "name": "客服 2", "extension": "8002"}]


async def test_rules_of_both_types(client: httpx2.AsyncClient) -> None:
    details = [{"number_status": 8, "time": 3}, {"number_status": 2, "time": 0}]
    made = await post(client, "/u-1/auto-recycle-rule", name="规则", remark="说明", details=details)
    names = {8: "占线", 2: "运营商拦截"}
    told = [{"rule_id": made["id"], **each, "number_status_str": names[each["number_status"]]} for each in details]
    assert made["details"] == told
    assert (made["type"], made["configs"], made["status"], made["is_default"]) == (1, None, True, None)
    configs = [{"week": 1, "times": ["9:30", "09:31"]}, {"week": 0, "times": ["15:00"]}]
    changed = await put(client, f"auto-recycle-rule/{made['id']}", type=2, configs=configs)
    assert changed == made | {"type": 2, "configs": configs}
    assert await put(client, f"auto-recycle-rule/{made['id']}", type=1, configs=None) == made
    off = await put(client, f"auto-recycle-rule/{made['id']}", status=False, remark=None, details=[])
    assert off == made | {"status": False, "remark": None, "details": []}


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"type": 2}, "configs"),
        ({"configs": [{"week": 1, "times": ["9:30"]}]}, "configs"),
        ({"type": 2, "configs": [{"week": 1, "times": ["9:30", "09:30"]}]}, "configs.0.times.1"),
        ({"type": 2, "configs": [{"week": 1, "times": ["24:00"]}]}, "configs.0.times.0"),
        ({"type": 3}, "type"),
        ({"details": [{"number_status": 4, "time": 51}]}, "details.0.time"),
        ({"details": [{"number_status": 4, "time": 30}, {"number_status": 8, "time": 21}]}, "details"),
        ({"details": [{"number_status": 0, "time": 1}]}, "details.0.number_status"),
        ({"details": [{"number_status": 13, "time": 1}]}, "details.0.number_status"),
        ({"details": [{"number_status": 1, "time": 1}]}, "details.0.time"),
        ({"details": [{"number_status": 4, "time": 1}, {"number_status": 12, "time": 1}]}, "details.1.time"),
        ({"details": [{"number_status": 4, "time": 1}, {"number_status": 4, "time": 1}]}, "details.1.number_status"),
    ],
)
async def test_rules_that_cannot_be_are_refused_by_place(
    client: httpx2.AsyncClient, body: dict[str, Any], place: str
) -> None:
    rule = await post(client, "/u-1/auto-recycle-rule", name="规则")
    for method, path in (("POST", ""), ("PUT", f"/{rule['id']}")):
        answer = await client.request(method, f"{AGENT}/u-1/auto-recycle-rule{path}", json={"name": "规", **body})
        assert answer.status_code == 422, answer.text
        assert answer.json()["message"].startswith(f"{place}: "), answer.text
    assert await listed(client, "auto-recycle-rule") == [rule]


async def test_a_line_does_not_go_while_a_group_takes_it(client: httpx2.AsyncClient, database: Database) -> None:
    for _ in range(5):
        line = await add_line(client)
        script = {"name": "组", "instance_id": "i", "script_id": "s", "caller_lines": [line]}
        made, gone = await asyncio.gather(
            client.post(f"{AGENT}/u-1/outbound-group", json=script),
            client.delete(f"{AGENT}/u-1/caller-line/{line}"),
        )
        assert (made.status_code, gone.status_code) in {(201, 409), (422, 200)}
    orphans = "SELECT count(*) FROM outbound_group_line g WHERE NOT EXISTS (SELECT FROM caller_line WHERE id = line_id)"
    assert await value(database, orphans) == 0


async def test_an_empty_change_changes_nothing(client: httpx2.AsyncClient, clock: ManualClock) -> None:
    made = await add_group(client)
    clock.advance(timedelta(hours=1))
    assert await put(client, f"outbound-group/{made['id']}") == made
