"""Mediation cases: parties become contacts, moving and closing give up what was planned."""

import asyncio
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from app.clock import ManualClock
from app.repositories.database import Database
from tests.cases import CASES, add_round, make_case, party
from tests.people import new_contact, rows, value

PHONE = "13900001111"


async def test_a_case_is_created_and_read(client: httpx2.AsyncClient) -> None:
    agreement = {"agreeId": "A-1", "agreeContent": "一次性支付。"}
    body = {
        "caseId": "202603050001",
        "title": "工资支付纠纷",
        "nodeId": 5,
        "mediationType": 2,
        "agreement": agreement,
        "parties": [
            party("p-1", "林小满", "139 0000 1111", honorific="女士"),
            party("p-2", "周大川", "+86 139-0000-2222", personType=7),
        ],
    }
    answer = await client.post(CASES, json=body)
    assert answer.status_code == 201, answer.text
    assert (answer.json()["code"], answer.json()["message"]) == (201, "案件已创建")
    told = answer.json()["data"]
    first = {
        "personId": "p-1",
        "name": "林小满",
        "phoneNumber": "13900001111",
        "personType": 0,
        "honorific": "女士",
        "contactId": told["parties"][0]["contactId"],
        "doNotContact": False,
        "notice": None,
    }
    assert told == {
        "caseId": "202603050001",
        "mediationId": told["mediationId"],
        "title": "工资支付纠纷",
        "nodeId": 5,
        "taskName": "履约回访",
        "mediationType": 2,
        "agreement": agreement,
        "parties": [
            first,
            first
            | {
                "personId": "p-2",
                "name": "周大川",
                "phoneNumber": "13900002222",
                "personType": 7,
                "honorific": None,
                "contactId": told["parties"][1]["contactId"],
            },
        ],
        "plannedRounds": 0,
        "createTime": "2026-03-05 18:30:00",
        "modifyTime": "2026-03-05 18:30:00",
        "closedTime": None,
    }
    read = await client.get(f"{CASES}/202603050001")
    assert read.json() == {"code": 200, "message": "查询成功", "data": told}
    contact = (await client.get(f"/api/contacts/{first['contactId']}")).json()
    assert (contact["user_id"], contact["name"], contact["phone"]) == ("p-1", "林小满", "+8613900001111")


async def test_type_and_agreement_may_be_missing(client: httpx2.AsyncClient) -> None:
    made = await make_case(client)
    assert (made["mediationType"], made["agreement"]) == (1, None)


async def test_a_case_is_there_once_also_when_posted_at_once(client: httpx2.AsyncClient, database: Database) -> None:
    body = {"caseId": "K", "title": "一案", "nodeId": 1, "parties": [party("a"), party("b")]}
    turned = body | {"parties": [party("b"), party("a")]}
    answers = await asyncio.gather(*(client.post(CASES, json=each) for each in (body, turned) * 5))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 9
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert refused.json()["code"] == 409
    assert "K" in refused.json()["message"]
    assert await value(database, "SELECT count(*) FROM mediation_party") == 2
    assert await value(database, "SELECT count(*) FROM contact") == 2


async def test_cases_with_the_same_people_made_at_once(client: httpx2.AsyncClient, database: Database) -> None:
    people = [party(f"p{number}") for number in range(8)]
    bodies = [
        {"caseId": f"K{number}", "title": "一案", "nodeId": 1, "parties": people[:: (-1) ** number]}
        for number in range(8)
    ]
    answers = await asyncio.gather(*(client.post(CASES, json=body) for body in bodies))
    assert {answer.status_code for answer in answers} == {201}
    assert await value(database, "SELECT count(*) FROM contact") == 8
    assert await value(database, "SELECT count(*) FROM mediation_party") == 64


async def test_a_known_contact_is_used_and_only_completed(client: httpx2.AsyncClient) -> None:
    bare = await new_contact(client, user_id="bare")
    whole = await new_contact(client, user_id="whole", name="旧名", phone="13900009999")
    made = await make_case(client, parties=[party("bare", "新名", PHONE), party("whole", "新名", PHONE)])
    assert [each["contactId"] for each in made["parties"]] == [bare["id"], whole["id"]]
    assert [each["phoneNumber"] for each in made["parties"]] == [PHONE, PHONE]
    cards = [(await client.get(f"/api/contacts/{each['id']}")).json() for each in (bare, whole)]
    assert [(card["name"], card["phone"]) for card in cards] == [
        ("新名", "+8613900001111"),
        ("旧名", "+8613900009999"),
    ]


@pytest.mark.parametrize(
    ("given", "shown", "says"),
    [
        (None, "", "没有电话号码"),
        ("", "", "没有电话号码"),
        ("   ", "", "没有电话号码"),
        ("暂无", "", "没有电话号码"),
        ("110", "110", "不是有效的电话号码"),
        ("12345678", "12345678", "不是有效的电话号码"),
        ("1" * 18, "1" * 18, "不是有效的电话号码"),
        ("1" * 40, "", "没有电话号码"),
        ("021-62345678", "02162345678", None),
        ("+1 650 253 0000", "+16502530000", None),
        ("\uff11\uff13\uff19 0000 1111", PHONE, None),
    ],
)
async def test_a_phone_that_cannot_be_dialled_is_taken_and_said(
    client: httpx2.AsyncClient, given: str | None, shown: str, says: str | None
) -> None:
    made = (await make_case(client, parties=[party("p", phone=given)]))["parties"][0]
    assert made["phoneNumber"] == shown
    assert (says in made["notice"]) if says else made["notice"] is None


async def test_a_party_may_come_without_the_field_of_the_phone(client: httpx2.AsyncClient) -> None:
    made = await make_case(client, parties=[{"personId": "p", "name": "林小满", "personType": 1}])
    assert made["parties"][0]["phoneNumber"] == ""


async def test_who_is_on_the_list_is_protected_from_the_start(client: httpx2.AsyncClient, database: Database) -> None:
    listed = {"identifiers": [{"kind": "phone", "value": PHONE}]}
    assert (await client.post("/api/do-not-contact", json=listed)).json()["added"] == 1
    alone = await make_case(client, "K-0", parties=[party("alone", phone=PHONE), party("other", phone="13900003333")])
    assert [each["doNotContact"] for each in alone["parties"]] == [True, False]
    known = await new_contact(client, user_id="known", phone="13900009999")
    made = await make_case(client, parties=[party("new", phone=PHONE), party("known", phone=PHONE), party("free")])
    assert [each["doNotContact"] for each in made["parties"]] == [True, True, False]
    assert "勿扰" in made["parties"][0]["notice"]
    # The phone stands in the case only: it protects the contact all the same, and what else they are known under.
    assert (await client.get(f"/api/contacts/{known['id']}")).json()["do_not_contact"] is True
    assert await value(database, "SELECT count(*) FROM do_not_contact WHERE value = '+8613900009999'") == 1


async def test_a_phone_that_only_a_case_knows_is_an_identifier_like_others(
    client: httpx2.AsyncClient, database: Database
) -> None:
    contact = await new_contact(client, user_id="p", phone="13900009999")
    await make_case(client, parties=[party("p", phone=PHONE)])
    listed = await client.post("/api/do-not-contact", json={"identifiers": [{"kind": "phone", "value": PHONE}]})
    assert listed.json()["results"][0]["contact_ids"] == [contact["id"]]
    assert (await client.get(f"/api/contacts/{contact['id']}")).json()["do_not_contact"] is True
    other = await new_contact(client, user_id="q")
    await make_case(client, "K-2", parties=[party("q", phone="13900003333")])
    await client.post(f"/api/contacts/{other['id']}/do-not-contact")
    assert await value(database, "SELECT count(*) FROM do_not_contact WHERE value = '+8613900003333'") == 1


async def test_moving_cancels_what_was_planned_for_the_old_node(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock
) -> None:
    made = await make_case(client, parties=[party("a"), party("b"), party("c")])
    parties = await rows(database, "SELECT id, contact_id FROM mediation_party ORDER BY position")
    now = clock.now()
    planned = await add_round(database, made, now, due_at=now)
    asked = await add_round(database, made, now, party_id=parties[1]["id"])
    calling = await add_round(database, made, now, party_id=parties[2]["id"], state="calling")
    other = await make_case(client, "K-2")
    foreign = await add_round(database, other, now, due_at=now)
    assert (await client.get(f"{CASES}/K-1")).json()["data"]["plannedRounds"] == 2
    clock.advance(timedelta(minutes=1))
    answer = await client.patch(f"{CASES}/K-1", json={"nodeId": 4})
    assert answer.status_code == 200, answer.text
    told = answer.json()["data"]
    assert (told["nodeId"], told["taskName"], told["plannedRounds"]) == (4, "协议确认", 0)
    assert told["modifyTime"] == "2026-03-05 18:31:00"
    states = {row["id"]: row for row in await rows(database, "SELECT * FROM mediation_record")}
    assert {number: row["state"] for number, row in states.items()} == {
        planned: "cancelled",
        asked: "cancelled",
        calling: "calling",
        foreign: "planned",
    }
    assert states[planned]["due_at"] is None
    assert (states[planned]["modifier"], states[planned]["modified_at"]) == ("api", clock.now())
    trail = await rows(
        database, "SELECT contact_id, reason FROM audit_entry WHERE action = 'round_cancelled' ORDER BY contact_id"
    )
    assert trail == [{"contact_id": each["contact_id"], "reason": "case_moved"} for each in parties[:2]]


async def test_staying_cancels_nothing_and_closing_everything(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock
) -> None:
    made = await make_case(client)
    record = await add_round(database, made, clock.now(), due_at=clock.now())
    agreement = {"agreeId": "A-2", "agreeContent": "分期支付。"}
    told = (await client.patch(f"{CASES}/K-1", json={"nodeId": 5, "agreement": agreement, "title": "新名称"})).json()
    assert (told["data"]["agreement"], told["data"]["title"], told["data"]["plannedRounds"]) == (agreement, "新名称", 1)
    told = (await client.patch(f"{CASES}/K-1", json={"closed": True})).json()["data"]
    assert (told["closedTime"], told["plannedRounds"], told["agreement"]) == ("2026-03-05 18:30:00", 0, agreement)
    assert await value(database, "SELECT state FROM mediation_record WHERE id = $1", record) == "cancelled"
    clock.advance(timedelta(hours=1))
    assert (await client.patch(f"{CASES}/K-1", json={"closed": True})).json()["data"]["closedTime"] == told[
        "closedTime"
    ]
    told = (await client.patch(f"{CASES}/K-1", json={"closed": False, "agreement": None})).json()["data"]
    assert (told["closedTime"], told["plannedRounds"], told["agreement"]) == (None, 0, None)


async def test_an_empty_change_changes_nothing(client: httpx2.AsyncClient) -> None:
    made = await make_case(client)
    assert (await client.patch(f"{CASES}/K-1", json={})).json()["data"] == made


async def test_cases_are_listed_in_pages_with_hidden_phones(client: httpx2.AsyncClient) -> None:
    for number in range(5):
        await make_case(client, f"K-{number}", nodeId=number % 2 + 1, parties=[party(f"p{number % 3}", phone=PHONE)])
    await client.patch(f"{CASES}/K-0", json={"closed": True})

    async def ids(**query: Any) -> tuple[int, list[str]]:
        answer = await client.get(CASES, params=query)
        assert answer.status_code == 200, answer.text
        data = answer.json()["data"]
        return data["total"], [each["caseId"] for each in data["results"]]

    assert await ids() == (5, ["K-4", "K-3", "K-2", "K-1", "K-0"])
    assert await ids(page=2, pageSize=2) == (5, ["K-2", "K-1"])
    assert await ids(page=9, pageSize=2) == (5, [])
    assert await ids(nodeId=2) == (2, ["K-3", "K-1"])
    assert await ids(personId="p0") == (2, ["K-3", "K-0"])
    assert await ids(personId="p0", closed="true") == (1, ["K-0"])
    assert await ids(closed="false", personId="") == (4, ["K-4", "K-3", "K-2", "K-1"])
    assert await ids(q="k-3") == (1, ["K-3"])
    assert await ids(q="100%") == (0, [])
    text = (await client.get(CASES)).text
    assert "139****1111" in text
    assert PHONE not in text


async def test_looks_at_the_numbers_of_a_case_stand_in_the_trail(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock
) -> None:
    made = await make_case(client, parties=[party("a", phone=PHONE), party("b"), party("c", phone="13900002222")])
    for _ in range(3):
        await client.get(f"{CASES}/K-1")
    await client.get(CASES)
    trail = "SELECT contact_id, reason, detail FROM audit_entry WHERE action = 'phone_read' ORDER BY contact_id"
    detail = {"mediation_id": made["mediationId"]}
    assert await rows(database, trail) == [
        {"contact_id": made["parties"][number]["contactId"], "reason": "case", "detail": detail} for number in (0, 2)
    ]
    clock.advance(timedelta(minutes=1))
    await client.get(f"{CASES}/K-1")
    assert len(await rows(database, trail)) == 4


async def test_a_change_answers_whole_numbers_and_is_a_look_at_them(
    client: httpx2.AsyncClient, database: Database
) -> None:
    made = await make_case(client, parties=[party("a", phone=PHONE)])
    answer = await client.patch(f"{CASES}/K-1", json={"title": "二案"})
    assert answer.json()["data"]["parties"][0]["phoneNumber"] == PHONE
    trail = "SELECT contact_id, reason FROM audit_entry WHERE action = 'phone_read'"
    assert await rows(database, trail) == [{"contact_id": made["parties"][0]["contactId"], "reason": "case"}]


async def test_a_new_case_tells_no_number_that_was_not_given_with_it(
    client: httpx2.AsyncClient, database: Database
) -> None:
    """So its answer is no look at numbers; who wrote whom into which case stands in the trail."""
    known = await new_contact(client, user_id="a", phone=PHONE)
    made = await make_case(client, parties=[party("a"), party("b", phone="13900002222")])
    assert [each["phoneNumber"] for each in made["parties"]] == ["", "13900002222"]
    assert made["parties"][0]["contactId"] == known["id"]
    entries = await rows(database, "SELECT action, contact_id, detail FROM audit_entry ORDER BY contact_id")
    assert [row["action"] for row in entries].count("case_party") == len(entries) == 2
    assert {row["contact_id"] for row in entries} == {each["contactId"] for each in made["parties"]}


async def test_any_id_can_be_read(client: httpx2.AsyncClient) -> None:
    for case_id in ("(2026)沪0115民初12号", "a/b", "%2e", "x y", "cases"):
        await make_case(client, case_id)
        answer = await client.get(f"{CASES}/{quote(case_id, safe='')}")
        assert (answer.status_code, answer.json()["data"]["caseId"]) == (200, case_id)


async def test_what_is_not_there(client: httpx2.AsyncClient) -> None:
    for answer in (await client.get(f"{CASES}/nope"), await client.patch(f"{CASES}/nope", json={"closed": True})):
        assert answer.status_code == 404
        assert answer.json() == {"code": 404, "message": "没有案件 nope (no such case)", "data": None}
    await make_case(client)
    for answer in (
        await client.patch(f"{CASES}/K-1", json={"nodeId": 99}),
        await client.post(CASES, json={"caseId": "K-9", "title": "一案", "nodeId": 99, "parties": [party("p")]}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (400, 400)
        assert answer.json()["message"].startswith("nodeId: ")
    assert (await client.get(f"{CASES}/K-9")).status_code == 404
