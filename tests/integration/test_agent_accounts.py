"""Accounts, their sub accounts, and who may see whose things."""

import asyncio
import itertools
import uuid
from typing import Any

import httpx2
import pytest

from app.repositories.database import Database
from tests.agent import AGENT, WORKDAY, add_account, add_group, add_line, add_seat, add_sub, post
from tests.people import value


async def test_an_account_gets_an_id_or_keeps_its_own(client: httpx2.AsyncClient) -> None:
    made = await post(client, "", name="甲")
    assert str(uuid.UUID(made["user_id"])) == made["user_id"]
    assert made == {"user_id": made["user_id"], "name": "甲", "sub_users": []}
    assert (await post(client, "", user_id="a.b_c-1", name="乙"))["user_id"] == "a.b_c-1"
    answer = await client.get(AGENT)
    assert (answer.json()["code"], answer.json()["status"]) == (200, "success")
    assert {each["name"] for each in answer.json()["data"]} == {"甲", "乙"}


async def test_sub_accounts_stand_below_their_account(client: httpx2.AsyncClient) -> None:
    await add_account(client)
    await add_sub(client)
    told = (await client.get(f"{AGENT}/u-1")).json()["data"]
    assert told == {"user_id": "u-1", "name": "账户 u-1", "sub_users": [{"user_id": "s-1", "name": "子账户 s-1"}]}
    assert (await client.get(AGENT)).json()["data"] == [told]
    sub = {"user_id": "s-1", "name": "子账户 s-1", "sub_users": []}
    for path in ("s-1", "u-1?sub_user_id=s-1"):
        assert (await client.get(f"{AGENT}/{path}")).json()["data"] == sub
    assert (await client.get(f"{AGENT}/u-1?sub_user_id=")).json()["data"] == told, "an empty one does not count"
    below = await client.post(f"{AGENT}/s-1/sub-user", json={"name": "孙"})
    assert (below.status_code, below.json()["status"]) == (422, "error")


async def test_an_id_is_taken_once(client: httpx2.AsyncClient) -> None:
    await add_account(client)
    for path in ("", "/u-1/sub-user"):
        answer = await client.post(f"{AGENT}{path}", json={"user_id": "u-1", "name": "又"})
        assert (answer.status_code, answer.json()["code"]) == (409, 409)
        assert "u-1" in answer.json()["message"]
    answers = await asyncio.gather(*(client.post(AGENT, json={"user_id": "race", "name": "同时"}) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


async def test_a_name_is_changed(client: httpx2.AsyncClient) -> None:
    await add_account(client)
    await add_sub(client)
    answer = await client.put(f"{AGENT}/u-1?sub_user_id=s-1", json={"name": "新名"})
    assert (answer.status_code, answer.json()["message"]) == (200, "更新成功")
    assert (await client.put(f"{AGENT}/u-1", json={})).json()["data"]["sub_users"][0]["name"] == "新名"


async def test_only_an_account_that_owns_nothing_is_deleted(client: httpx2.AsyncClient, database: Database) -> None:
    await add_account(client)
    await add_sub(client)
    line = await add_line(client)
    group = await add_group(client, caller_lines=[line])
    refused = await client.delete(f"{AGENT}/u-1")
    assert (refused.status_code, refused.json()["data"]) == (409, None)
    assert all(word in refused.json()["message"] for word in ("子账户", "线路", "话术组"))
    for path in (f"/outbound-group/{group['id']}", f"/caller-line/{line}", "?sub_user_id=s-1", ""):
        answer = await client.delete(f"{AGENT}/u-1{path}")
        assert (answer.status_code, answer.json()["data"]) == (200, None), answer.text
    assert await value(database, "SELECT count(*) FROM account") == 0
    assert (await client.get(f"{AGENT}/u-1")).status_code == 404


KINDS: dict[str, dict[str, Any]] = {
    "dial-time-group": {"content": WORKDAY},
    "caller-line": {"name": "线", "call_line": 1},
    "outbound-group": {"name": "组", "instance_id": "i", "script_id": "s"},
    "customer-service": {"name": "客"},
    "bridge-group": {"name": "转"},
    "auto-recycle-rule": {"name": "规"},
    "llm-intention-config": {"name": "意"},
}


async def test_nobody_reaches_what_is_another_accounts(client: httpx2.AsyncClient) -> None:
    for user_id in ("u-1", "u-2"):
        await add_account(client, user_id)
    await add_sub(client)
    for kind in KINDS:
        await assert_out_of_reach(client, kind)


async def assert_out_of_reach(client: httpx2.AsyncClient, kind: str) -> None:
    made = await post(client, f"/u-1/{kind}", **KINDS[kind])
    own = f"{AGENT}/u-1/{kind}/{made['id']}"
    for place in (f"u-2/{kind}/{made['id']}", f"u-1/{kind}/{made['id']}?sub_user_id=s-1", f"s-1/{kind}/{made['id']}"):
        for method in ("GET", "PUT", "DELETE"):
            answer = await client.request(method, f"{AGENT}/{place}", json={} if method == "PUT" else None)
            assert (answer.status_code, answer.json()["code"]) == (404, 404), (method, place)
            assert str(made["id"]) in answer.json()["message"]
    for place in ("u-2", "s-1", "u-1?sub_user_id=s-1"):
        user_id, _, query = place.partition("?")
        assert (await client.get(f"{AGENT}/{user_id}/{kind}?{query}")).json()["data"] == []
    assert (await client.get(own)).json()["data"] == made
    assert (await client.get(f"{AGENT}/u-1/{kind}")).json()["data"] == [made]


@pytest.mark.parametrize("place", ["nobody", "u-1?sub_user_id=nobody", "u-1?sub_user_id=u-2", "u-1?sub_user_id=s-2"])
async def test_unknown_accounts_and_sub_accounts_of_others(client: httpx2.AsyncClient, place: str) -> None:
    for number in (1, 2):
        await add_account(client, f"u-{number}")
        await add_sub(client, f"u-{number}", f"s-{number}")
    user_id, _, query = place.partition("?")
    calls = [("GET", ""), ("POST", ""), ("GET", "/1"), ("PUT", "/1"), ("DELETE", "/1")]
    for kind, (method, path) in itertools.product(KINDS, calls):
        body = KINDS[kind] if method == "POST" else {} if method == "PUT" else None
        answer = await client.request(method, f"{AGENT}/{user_id}/{kind}{path}?{query}", json=body)
        message = answer.json()["message"]
        assert answer.status_code == 404, (method, kind, path)
        assert answer.json() == {"code": 404, "status": "error", "message": message, "data": None}
        assert place.rpartition("=")[2] in message


async def test_what_is_made_for_a_sub_account_is_its_own(client: httpx2.AsyncClient) -> None:
    await add_account(client)
    await add_sub(client)
    line = await client.post(f"{AGENT}/u-1/caller-line?sub_user_id=s-1", json=KINDS["caller-line"])
    assert line.json()["data"]["user_id"] == "s-1"
    assert [each["id"] for each in (await client.get(f"{AGENT}/s-1/caller-line")).json()["data"]] == [
        line.json()["data"]["id"]
    ]


async def test_a_group_takes_only_what_is_the_accounts_own(client: httpx2.AsyncClient, database: Database) -> None:
    for user_id in ("u-1", "u-2"):
        await add_account(client, user_id)
    mine, others = await add_line(client), await add_line(client, "u-2")
    seat, strange = await add_seat(client), await add_seat(client, "u-2")
    group = await add_group(client, caller_lines=[mine])
    bridge = await post(client, "/u-1/bridge-group", name="转", customer_service=[seat])
    for method, path, body, place in (
        (
            "POST",
            "outbound-group",
            KINDS["outbound-group"] | {"caller_lines": [mine, others]},
            f"caller_lines.1|{others}",
        ),
        ("POST", "outbound-group", KINDS["outbound-group"] | {"caller_lines": ["default"]}, "caller_lines.0|default"),
        ("PUT", f"outbound-group/{group['id']}", {"caller_lines": [others]}, f"caller_lines.0|{others}"),
        ("POST", "bridge-group", {"name": "转", "customer_service": [strange]}, f"customer_service.0|{strange}"),
        ("PUT", f"bridge-group/{bridge['id']}", {"customer_service": [seat, 99]}, "customer_service.1|99"),
    ):
        answer = await client.request(method, f"{AGENT}/u-1/{path}", json=body)
        assert answer.status_code == 422, answer.text
        assert all(word in answer.json()["message"] for word in place.split("|")), answer.text
    assert await value(database, "SELECT count(*) FROM outbound_group") == 1
    assert (await client.get(f"{AGENT}/u-1/outbound-group/{group['id']}")).json()["data"] == group
    assert (await client.get(f"{AGENT}/u-1/bridge-group/{bridge['id']}")).json()["data"] == bridge
