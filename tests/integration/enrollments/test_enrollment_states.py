"""Pausing, resuming and stopping, and the list of enrollments."""

import pytest

from app.clock import ManualClock
from app.services.dispatch.dispatcher import Dispatcher
from tests.helpers import add_contact
from tests.integration.enrollments.helpers import HOUR, Client, enroll, enroll_one, seed_config, sent


async def test_pausing_resuming_and_stopping(client: Client, dispatcher: Dispatcher, clock: ManualClock) -> None:
    await seed_config(client)
    contact = await add_contact(client)
    enrollment = await enroll_one(client, contact)
    base = f"/api/followup-enrollments/{enrollment}"
    await dispatcher.drain()
    paused = (await client.post(f"{base}/pause")).json()
    assert (paused["state"], paused["reason"], paused["due_at"]) == ("paused", "paused", None)
    clock.advance(100 * HOUR)
    await dispatcher.drain()
    assert len(await sent(client, contact)) == 1
    resumed = (await client.post(f"{base}/resume")).json()
    assert (resumed["state"], resumed["reason"]) == ("active", None)
    await dispatcher.drain()
    assert len(await sent(client, contact)) == 2, "what became due meanwhile is one message"
    stopped = (await client.post(f"{base}/stop")).json()
    assert (stopped["state"], stopped["reason"], stopped["due_at"]) == ("stopped", "operator", None)
    assert stopped["ended_at"] == clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    clock.advance(100 * HOUR)
    await dispatcher.drain()
    assert len(await sent(client, contact)) == 2


@pytest.mark.parametrize(
    ("before", "action"),
    [
        ([], "resume"),
        (["pause"], "pause"),
        (["stop"], "pause"),
        (["stop"], "resume"),
        (["stop"], "stop"),
        (["pause", "stop"], "resume"),
    ],
)
async def test_what_a_state_does_not_allow(client: Client, before: list[str], action: str) -> None:
    await seed_config(client)
    enrollment = await enroll_one(client, await add_contact(client))
    for step in before:
        assert (await client.post(f"/api/followup-enrollments/{enrollment}/{step}")).status_code == 200
    seen = (await client.get(f"/api/followup-enrollments/{enrollment}")).json()
    answer = await client.post(f"/api/followup-enrollments/{enrollment}/{action}")
    assert answer.status_code == 409
    assert action in answer.json()["detail"]
    assert (await client.get(f"/api/followup-enrollments/{enrollment}")).json() == seen


@pytest.mark.parametrize("path", ["", "/plan", "/pause", "/resume", "/stop"])
async def test_an_enrollment_that_does_not_exist(client: Client, path: str) -> None:
    method = "GET" if path in {"", "/plan"} else "POST"
    answer = await client.request(method, f"/api/followup-enrollments/987654{path}")
    assert answer.status_code == 404


async def test_the_list_and_its_filters(client: Client, dispatcher: Dispatcher) -> None:
    config = await seed_config(client, position="A")
    active, waiting, muted = [await add_contact(client, position=position) for position in ("A", "B", "A")]
    await client.post(f"/api/contacts/{muted}/mute")
    ids = [result["enrollment_id"] for result in await enroll(client, active, waiting, muted)]
    await dispatcher.drain()

    async def listed(query: str) -> list[int]:
        page = (await client.get(f"/api/followup-enrollments?{query}")).json()
        assert page["total"] == len(page["results"])
        return [row["id"] for row in page["results"]]

    assert await listed("") == sorted(ids, reverse=True)
    assert await listed("state=waiting") == [ids[1]]
    assert await listed("reason=muted") == [ids[2]]
    assert await listed(f"config_id={config}&state=active") == sorted([ids[0], ids[2]], reverse=True)
    assert await listed(f"contact_id={active}") == [ids[0]]
    assert await listed("reason=send_unknown") == []
    page = (await client.get("/api/followup-enrollments?page=2&page_size=2")).json()
    assert (page["total"], page["page"], page["page_size"]) == (3, 2, 2)
    assert [row["id"] for row in page["results"]] == [min(ids)]
    row = (await client.get(f"/api/followup-enrollments?contact_id={active}")).json()["results"][0]
    assert {key: row[key] for key in ("state", "reason", "day", "sent", "due_at", "name", "position")} == {
        "state": "active",
        "reason": "waiting_reply",
        "day": 1,
        "sent": 1,
        "due_at": "2026-03-05T10:30:30Z",
        "name": "林小满",
        "position": "A",
    }


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("state=gone", "state"),
        ("reason=Muted", "reason"),
        ("config_id=0", "config_id"),
        ("contact_id=9223372036854775808", "contact_id"),
        ("contact_id=x", "contact_id"),
        ("page=0", "page"),
        ("page_size=501", "page_size"),
    ],
)
async def test_bad_filters_name_themselves(client: Client, query: str, field: str) -> None:
    answer = await client.get(f"/api/followup-enrollments?{query}")
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["query", field]
