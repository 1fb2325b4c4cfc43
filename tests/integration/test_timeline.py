"""Timelines and contact details."""

from datetime import timedelta
from typing import Any

import httpx2
import pytest

from app.clock import ManualClock
from app.repositories.database import Database
from tests.cases import add_call
from tests.people import add_detail, enroll, new_contact, rows, say, send

MINUTE = timedelta(minutes=1)


async def walk(client: httpx2.AsyncClient, contact_id: int, limit: int) -> list[tuple[str, int]]:
    """Read a whole timeline page by page."""
    seen: list[tuple[str, int]] = []
    params: dict[str, Any] = {"limit": limit}
    while True:
        answer = await client.get(f"/api/contacts/{contact_id}/timeline", params=params)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert len(body["results"]) <= limit
        seen += [(entry["type"], entry["id"]) for entry in body["results"]]
        if body["next_cursor"] is None:
            return seen
        params["cursor"] = body["next_cursor"]


async def test_everything_about_a_person_newest_first(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock
) -> None:
    contact, other = await new_contact(client), await new_contact(client)
    now, contact_id = clock.now(), contact["id"]
    record = await send(database, contact_id, "您好", now, reply="好的")
    await say(database, contact_id, "您好", now, ordinal=1, record_id=record)
    message = await say(database, contact_id, "我的微信是 linxiao_0607", now + MINUTE, ordinal=2)
    detail = await add_detail(database, contact_id, "wechat", "linxiao_0607", now + MINUTE * 2)
    await say(database, other["id"], "别人的消息", now, ordinal=1)
    clock.advance(MINUTE * 3)
    await client.post(f"/api/contacts/{contact_id}/mute")
    results = (await client.get(f"/api/contacts/{contact_id}/timeline")).json()["results"]
    assert [entry["type"] for entry in results] == ["change", "detail", "message", "send"]
    change, found, said, sent = results
    assert (change["action"], change["actor"]) == ("mute", "api")
    assert (found["id"], found["kind"], found["value"]) == (detail, "wechat", "linxiao_0607")
    assert (said["id"], said["direction"], said["text"]) == (message, "inbound", "我的微信是 linxiao_0607")
    assert (sent["id"], sent["status"], sent["text"], sent["got_reply"]) == (record, "sent", "您好", True)
    assert said["at"] == "2026-03-05T10:31:00Z"


async def test_calls_stand_among_the_rest(client: httpx2.AsyncClient, database: Database, clock: ManualClock) -> None:
    contact = await new_contact(client)
    now, own = clock.now(), {"contact_id": contact["id"]}
    await say(database, contact["id"], "在", now, ordinal=1)
    made = await add_call(database, now + MINUTE, **own, case_id="K-1", result="已接通", is_reached=True)
    await add_call(database, now, **own, placement="not_placed", status="Failed")
    active = await add_call(database, now + MINUTE * 2, **own, placement="unknown", status="Scheduling", ended_at=None)
    results = (await client.get(f"/api/contacts/{contact['id']}/timeline")).json()["results"]
    assert [(entry["type"], entry["id"]) for entry in results[:2]] == [("call", active["id"]), ("call", made["id"])]
    assert [entry["type"] for entry in results[2:]] == ["message"], "what never left is no call"
    assert results[1] == {
        "type": "call",
        "id": made["id"],
        "at": "2026-03-05T10:31:00Z",
        "job_id": made["job_id"],
        "call_type": "follow_up",
        "case_id": "K-1",
        "status": "Succeeded",
        "placement": "placed",
        "result": "已接通",
        "is_reached": True,
        "is_automatic": True,
        "ended_at": "2026-03-05T10:32:00Z",
    }
    assert (results[0]["placement"], results[0]["ended_at"]) == ("unknown", None)


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 500])
async def test_pages_hold_everything_once_also_at_one_moment(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock, limit: int
) -> None:
    contact = await new_contact(client)
    for number in range(4):
        await say(database, contact["id"], "在", clock.now(), ordinal=number + 1)
        await send(database, contact["id"], "您好", clock.now())
        await add_detail(database, contact["id"], "qq", f"1000{number}", clock.now())
        await add_call(database, clock.now(), contact_id=contact["id"])
    seen = await walk(client, contact["id"], limit)
    assert len(seen) == 16
    assert len(set(seen)) == 16


@pytest.mark.parametrize(
    "cursor",
    ["x", "AAAA", "bnVsbA", "WzEsMiwzXQ", "W10", "%ff", "WyIyMDI2LTAzLTA1IiwgInNlbmQiLCAxXQ", "x" * 201],
)
async def test_foreign_cursors_are_refused_by_name(client: httpx2.AsyncClient, cursor: str) -> None:
    contact = await new_contact(client)
    answer = await client.get(f"/api/contacts/{contact['id']}/timeline", params={"cursor": cursor})
    assert answer.status_code == 422, answer.text
    assert answer.json()["detail"][0]["loc"] == ["query", "cursor"]


@pytest.mark.parametrize(("query", "field"), [("limit=0", "limit"), ("limit=501", "limit"), ("limit=x", "limit")])
async def test_bad_limits_are_refused_by_name(client: httpx2.AsyncClient, query: str, field: str) -> None:
    answer = await client.get(f"/api/contacts/1/timeline?{query}")
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["query", field])


async def test_timelines_of_nobody(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/api/contacts/424242/timeline")).status_code == 404


async def test_contact_details_are_listed_and_can_be_undone(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock
) -> None:
    first, second = await new_contact(client), await new_contact(client)
    wechat = await add_detail(database, first["id"], "wechat", "linxiao_0607", clock.now())
    phone = await add_detail(database, first["id"], "phone", "13800138000", clock.now())
    await add_detail(database, second["id"], "wechat", "wangqiang", clock.now())
    await enroll(database, first["id"], clock.now(), state="converted")

    async def ids(**filters: Any) -> list[int]:
        page = (await client.get("/api/contact-records", params=filters)).json()
        assert page["total"] == len(page["results"])
        return [record["id"] for record in page["results"]]

    assert await ids(contact_id=first["id"]) == [phone, wechat]
    assert await ids(contact_id=first["id"], kind="wechat") == [wechat]
    assert len(await ids(kind="wechat")) == 2
    assert (await client.get("/api/contact-records?kind=fax")).json()["detail"][0]["loc"] == ["query", "kind"]
    record = (await client.get("/api/contact-records", params={"kind": "phone"})).json()["results"][0]
    assert record == {
        "id": phone,
        "contact_id": first["id"],
        "kind": "phone",
        "value": "13800138000",
        "rule": "wechat_cue",
        "confidence": 0.98,
        "note": None,
        "message_id": None,
        "created_at": "2026-03-05T10:30:00Z",
    }
    assert (await client.delete(f"/api/contact-records/{wechat}")).status_code == 204
    assert (await client.delete(f"/api/contact-records/{wechat}")).status_code == 404
    assert await ids(contact_id=first["id"]) == [phone]
    trail = await rows(database, "SELECT action, contact_id, detail FROM audit_entry")
    assert [(row["action"], row["contact_id"]) for row in trail] == [("detail_undone", first["id"])]
    assert "linxiao" not in str(trail)
    assert (await client.get(f"/api/contacts/{first['id']}")).json()["state"] == "converted"
