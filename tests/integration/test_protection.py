"""Do-not-contact: all identifiers, at once, and never back by itself."""

import asyncio
from typing import Any

import httpx2
import pytest

from app.clock import ManualClock
from app.domain.identifiers import Identifier, IdentifierKind
from app.repositories import protection as repository
from app.repositories.database import Database
from app.services import protection
from tests.people import add_detail, enroll, new_contact, rows, value

PHONE, OTHER_PHONE = "+8613800138000", "+8613900139000"


async def is_protected(client: httpx2.AsyncClient, contact_id: int) -> bool:
    protected: bool = (await client.get(f"/api/contacts/{contact_id}")).json()["do_not_contact"]
    return protected


async def the_list(client: httpx2.AsyncClient, **filters: Any) -> set[tuple[str, str]]:
    response = await client.get("/api/do-not-contact", params={"page_size": 500, **filters})
    return {(entry["kind"], entry["value"]) for entry in response.json()["results"]}


async def put_on_list(client: httpx2.AsyncClient, *identifiers: tuple[str, str]) -> list[dict[str, Any]]:
    body = {"identifiers": [{"kind": kind, "value": text} for kind, text in identifiers]}
    response = await client.post("/api/do-not-contact", json=body)
    assert response.status_code == 201, response.text
    results: list[dict[str, Any]] = response.json()["results"]
    return results


async def test_protecting_a_contact_lists_every_identifier_and_ends_the_sequence(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock
) -> None:
    contact = await new_contact(client, user_id="u1", phone=PHONE)
    await add_detail(database, contact["id"], "wechat", "LinXiao_0607", clock.now())
    await add_detail(database, contact["id"], "phone", "13900139000", clock.now())
    enrollment = await enroll(database, contact["id"], clock.now(), due_at=clock.now())
    answer = await client.post(f"/api/contacts/{contact['id']}/do-not-contact", json={"reason": "来电要求"})
    assert (answer.status_code, answer.json()["do_not_contact"], answer.json()["state"]) == (201, True, "stopped")
    assert await the_list(client) == {
        ("phone", PHONE),
        ("user", "1:u1"),
        ("wechat", "linxiao_0607"),
        ("phone", OTHER_PHONE),
    }
    place = (await rows(database, "SELECT * FROM follow_up_enrollment"))[0]
    assert (place["state"], place["reason"], place["due_at"]) == ("stopped", "do_not_contact", None)
    assert (place["claim_token"], place["ended_at"]) == (None, clock.now())
    trail = await rows(database, "SELECT action, actor, reason, enrollment_id, detail FROM audit_entry")
    assert trail == [
        {"action": "do_not_contact", "actor": "api", "reason": "operator", "enrollment_id": enrollment, "detail": {}}
    ]
    assert (await client.get("/api/do-not-contact", params={"q": "来电"})).json()["total"] == 4


async def test_protecting_twice_changes_nothing(client: httpx2.AsyncClient, database: Database) -> None:
    contact = await new_contact(client, phone=PHONE)
    for _ in range(2):
        assert (await client.post(f"/api/contacts/{contact['id']}/do-not-contact")).status_code == 201
    assert await value(database, "SELECT count(*) FROM audit_entry") == 1
    assert await value(database, "SELECT count(*) FROM do_not_contact") == 2


async def test_whoever_shares_an_identifier_is_protected_too_one_step_far(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock
) -> None:
    first = await new_contact(client, user_id="first", phone=PHONE)
    same_phone = await new_contact(client, user_id="same-phone", phone=PHONE)
    in_chat = await new_contact(client, user_id="in-chat", phone=OTHER_PHONE)
    two_steps = await new_contact(client, user_id="two-steps", phone=OTHER_PHONE)
    await add_detail(database, in_chat["id"], "phone", "13800138000", clock.now())
    await enroll(database, same_phone["id"], clock.now(), due_at=clock.now())
    await client.post(f"/api/contacts/{first['id']}/do-not-contact")
    flags = {contact["user_id"]: await is_protected(client, contact["id"]) for contact in (first, same_phone, in_chat)}
    assert flags == {"first": True, "same-phone": True, "in-chat": True}
    assert not await is_protected(client, two_steps["id"])
    assert await value(database, "SELECT state FROM follow_up_enrollment") == "stopped"
    assert await the_list(client) == {("phone", PHONE), ("user", "1:first")}


async def test_a_new_contact_on_the_list_is_created_protected_and_says_so(client: httpx2.AsyncClient) -> None:
    await put_on_list(client, ("phone", "13800138000"), ("user", "1:u2"))
    by_phone = await new_contact(client, user_id="u1", phone="138 0013 8000")
    by_user = await new_contact(client, user_id="u2")
    other = await new_contact(client, user_id="u3", phone=OTHER_PHONE)
    assert [contact["do_not_contact"] for contact in (by_phone, by_user, other)] == [True, True, False]
    assert [bool(contact["notice"]) for contact in (by_phone, by_user, other)] == [True, True, False]
    assert ("user", "1:u1") in await the_list(client)


async def test_a_changed_phone_is_held_against_the_list_or_added_to_it(client: httpx2.AsyncClient) -> None:
    await put_on_list(client, ("phone", PHONE))
    free, protected = await new_contact(client, user_id="free"), await new_contact(client, user_id="protected")
    await client.post(f"/api/contacts/{protected['id']}/do-not-contact")
    assert (await client.put(f"/api/contacts/{free['id']}", json={"phone": PHONE})).json()["do_not_contact"] is True
    await client.put(f"/api/contacts/{protected['id']}", json={"phone": OTHER_PHONE, "user_id": "renamed"})
    assert await the_list(client) >= {("phone", OTHER_PHONE), ("user", "1:renamed"), ("user", "1:protected")}


async def test_listing_identifiers_answers_each_and_protects_who_is_known_under_them(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock
) -> None:
    by_phone = await new_contact(client, user_id="u1", phone=PHONE)
    by_user = await new_contact(client, user_id="u2")
    by_wechat = await new_contact(client, user_id="u3")
    await add_detail(database, by_wechat["id"], "wechat", "LinXiao", clock.now())
    for contact in (by_phone, by_user, by_wechat):
        await enroll(database, contact["id"], clock.now(), due_at=clock.now())
    body = {
        "identifiers": [
            {"kind": "phone", "value": "13800138000", "reason": "投诉"},
            {"kind": "phone", "value": "+86 138 0013 8000"},
            {"kind": "user", "value": "1:u2"},
            {"kind": "wechat", "value": "linXIAO"},
            {"kind": "phone", "value": "not a phone"},
            {"kind": "qq", "value": "10001"},
        ]
    }
    answer = (await client.post("/api/do-not-contact", json=body)).json()
    assert [item["status"] for item in answer["results"]] == [
        "added",
        "already_listed",
        "added",
        "added",
        "refused",
        "added",
    ]
    assert [item["contact_ids"] for item in answer["results"]] == [
        [by_phone["id"]],
        [by_phone["id"]],
        [by_user["id"]],
        [by_wechat["id"]],
        [],
        [],
    ]
    assert "not a phone number" in answer["results"][4]["error"]
    assert (answer["added"], answer["already_listed"], answer["refused"]) == (4, 1, 1)
    states = await rows(database, "SELECT DISTINCT state, due_at FROM follow_up_enrollment")
    assert states == [{"state": "stopped", "due_at": None}]
    again = (await client.post("/api/do-not-contact", json=body)).json()
    assert (again["added"], again["already_listed"]) == (0, 5)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body.identifiers"),
        ({"identifiers": []}, "body.identifiers"),
        ({"identifiers": [{"kind": "hash", "value": "x"}]}, "body.identifiers.0.kind"),
        ({"identifiers": [{"kind": "phone"}]}, "body.identifiers.0.value"),
        ({"identifiers": [{"kind": "phone", "value": ""}]}, "body.identifiers.0.value"),
        ({"identifiers": [{"kind": "phone", "value": "x" * 321}]}, "body.identifiers.0.value"),
        ({"identifiers": [{"kind": "wechat", "value": "a\x00"}]}, "body.identifiers.0.value"),
        ({"identifiers": [{"kind": "qq", "value": "10001", "x": 1}]}, "body.identifiers.0.x"),
        ({"identifiers": [{"kind": "qq", "value": "10001", "reason": "x" * 501}]}, "body.identifiers.0.reason"),
        ({"identifiers": [{"kind": "qq", "value": "10001"}] * 10_001}, "body.identifiers"),
    ],
)
async def test_bad_lists_are_refused_by_name(client: httpx2.AsyncClient, body: dict[str, Any], field: str) -> None:
    answer = await client.post("/api/do-not-contact", json=body)
    assert answer.status_code == 422
    assert [".".join(map(str, problem["loc"])) for problem in answer.json()["detail"]] == [field]


async def test_lifting_takes_off_what_came_through_the_contact_and_starts_nothing(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock
) -> None:
    contact = await new_contact(client, phone=PHONE)
    await enroll(database, contact["id"], clock.now(), due_at=clock.now())
    path = f"/api/contacts/{contact['id']}/do-not-contact"
    await client.post(path)
    for _ in range(2):
        assert (await client.delete(path)).status_code == 204
    assert await the_list(client) == set()
    assert not await is_protected(client, contact["id"])
    assert await value(database, "SELECT state FROM follow_up_enrollment") == "stopped"
    trail = await rows(database, "SELECT action FROM audit_entry ORDER BY id")
    assert [row["action"] for row in trail] == ["do_not_contact", "do_not_contact_lifted"]


async def test_what_was_listed_by_itself_keeps_protecting(client: httpx2.AsyncClient) -> None:
    contact = await new_contact(client, phone=PHONE)
    path = f"/api/contacts/{contact['id']}/do-not-contact"
    await client.post(path)
    assert (await put_on_list(client, ("phone", PHONE)))[0]["status"] == "already_listed"
    refused = await client.delete(path)
    entry = (await client.get("/api/do-not-contact", params={"kind": "phone"})).json()["results"][0]
    assert refused.status_code == 409
    assert str(entry["id"]) in refused.json()["detail"]
    assert entry["contact_id"] is None
    assert await is_protected(client, contact["id"])
    assert (await client.delete(f"/api/do-not-contact/{entry['id']}")).status_code == 204
    assert (await client.delete(path)).status_code == 204
    assert not await is_protected(client, contact["id"])


async def test_what_came_through_somebody_else_keeps_protecting(client: httpx2.AsyncClient) -> None:
    first, second = [await new_contact(client, phone=PHONE) for _ in range(2)]
    await client.post(f"/api/contacts/{first['id']}/do-not-contact")
    refused = await client.delete(f"/api/contacts/{second['id']}/do-not-contact")
    assert refused.status_code == 409
    assert str(first["id"]) in refused.json()["detail"]
    await client.delete(f"/api/contacts/{first['id']}/do-not-contact")
    assert await is_protected(client, second["id"])
    assert (await client.delete(f"/api/contacts/{second['id']}/do-not-contact")).status_code == 204


async def test_an_entry_of_a_protected_contact_is_lifted_there(client: httpx2.AsyncClient) -> None:
    contact = await new_contact(client, phone=PHONE)
    await client.post(f"/api/contacts/{contact['id']}/do-not-contact")
    entry = (await client.get("/api/do-not-contact")).json()["results"][0]
    refused = await client.delete(f"/api/do-not-contact/{entry['id']}")
    assert refused.status_code == 409
    assert f"/api/contacts/{contact['id']}/do-not-contact" in refused.json()["detail"]
    assert (await client.delete("/api/do-not-contact/424242")).status_code == 404


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_unknown_contacts_are_404(client: httpx2.AsyncClient, method: str) -> None:
    assert (await client.request(method, "/api/contacts/424242/do-not-contact")).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"), [({"reason": "x" * 501}, "body.reason"), ({"reason": 1}, "body.reason"), ({"x": 1}, "body.x")]
)
async def test_bad_reasons_are_refused_by_name(client: httpx2.AsyncClient, body: dict[str, Any], field: str) -> None:
    contact = await new_contact(client)
    answer = await client.post(f"/api/contacts/{contact['id']}/do-not-contact", json=body)
    assert answer.status_code == 422
    assert [".".join(map(str, problem["loc"])) for problem in answer.json()["detail"]] == [field]


async def test_protecting_many_in_the_callers_transaction(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock
) -> None:
    people = [await new_contact(client, phone=f"1380013{number:04}") for number in range(5)]
    for person in people:
        await enroll(database, person["id"], clock.now(), due_at=clock.now())
    async with database.transaction() as connection:
        ids = [person["id"] for person in people[:4]]
        await protection.protect(
            connection, contact_ids=[*ids, 424242], reason="opt_out", actor="inbound", now=clock.now()
        )
        await protection.protect(connection, contact_ids=[], reason="opt_out", actor="inbound", now=clock.now())
    states = await rows(database, "SELECT state, count(*) FROM follow_up_enrollment GROUP BY 1 ORDER BY 1")
    assert states == [{"state": "active", "count": 1}, {"state": "stopped", "count": 4}]
    assert await value(database, "SELECT count(*) FROM audit_entry WHERE reason = 'opt_out'") == 4


async def test_stopping_for_another_reason(client: httpx2.AsyncClient, database: Database, clock: ManualClock) -> None:
    contact = await new_contact(client)
    enrollment = await enroll(database, contact["id"], clock.now(), state="paused")
    async with database.transaction() as connection:
        stopped = await protection.stop_enrollments(
            connection, contact_ids=[contact["id"]], reason="person_unreachable", actor="scheduler", now=clock.now()
        )
    assert stopped == {contact["id"]: enrollment}
    assert await value(database, "SELECT reason FROM audit_entry") == "person_unreachable"


async def test_the_gate_asks_by_identifier(client: httpx2.AsyncClient, database: Database) -> None:
    contact = await new_contact(client, phone=OTHER_PHONE)
    await put_on_list(client, ("phone", PHONE), ("wechat", "LinXiao"))
    async with database.transaction() as connection:
        await repository.flag(connection, [contact["id"]], contact_now := await connection.fetchval("SELECT now()"))
    asked = [
        Identifier(IdentifierKind.PHONE, PHONE),
        Identifier(IdentifierKind.PHONE, OTHER_PHONE),
        Identifier(IdentifierKind.PHONE, "+8613700137000"),
        Identifier(IdentifierKind.WECHAT, "linxiao"),
    ]
    async with database.connection() as connection:
        assert await repository.covered(connection, asked) == {asked[0], asked[1], asked[3]}
        assert await repository.covered(connection, []) == set()
    assert contact_now is not None


async def test_people_who_share_identifiers_can_all_opt_out_at_once(
    client: httpx2.AsyncClient, database: Database
) -> None:
    people = [await new_contact(client, phone=PHONE) for _ in range(6)]
    answers = await asyncio.gather(
        *(client.post(f"/api/contacts/{person['id']}/do-not-contact") for person in people),
        *(client.put(f"/api/contacts/{person['id']}", json={"name": "林晓"}) for person in people),
    )
    assert {answer.status_code for answer in answers} == {201, 200}
    assert await value(database, "SELECT bool_and(do_not_contact) FROM contact")
