"""Erasing somebody who was called: no name, number, word or sound of them is left, and the counts are."""

import asyncio
from typing import Any

import httpx2

from app.clock import ManualClock
from app.repositories.database import Database
from tests.cases import CASES, OUTBOUND, add_call, add_round, make_case, party, talk
from tests.people import everything, new_contact, rows, value

PHONE = "13900001111"
TRACES = ("林小满", PHONE, "mediation-person-7", "女士称谓", "我的门牌号", "备注里的话", "139****1111")


async def fill(client: httpx2.AsyncClient, database: Database, clock: ManualClock) -> dict[str, Any]:
    """A case of two, in which everybody speaks of the first."""
    now = clock.now()
    agreement = {"agreeId": "A-1", "agreeContent": f"周大川付给林小满3742元,林小满电话{PHONE}。"}
    made = await make_case(
        client,
        title="林小满与周大川纠纷",
        agreement=agreement,
        parties=[
            party("mediation-person-7", "林小满", PHONE, honorific="女士称谓"),
            party("p-2", "周大川", "13900002222", honorific="先生"),
        ],
    )
    first, second = await rows(database, "SELECT id, contact_id, person_id FROM mediation_party ORDER BY position")
    about = {"case_id": "K-1", "mediation_id": made["mediationId"], "node_id": 5}
    done = await add_round(database, made, now, state="done", result="已接通", remark="备注里的话")
    await add_round(database, made, now, round=2, due_at=now, is_series=True)
    mine = {"party_id": first["id"], "contact_id": first["contact_id"], "person_id": first["person_id"]}
    said = talk(now, ("Robot", "林小满女士您好", "Broadcast"), ("Contact", "我的门牌号是七", "Dialogue"))
    await add_call(
        database, now, **about, **mine, record_id=done, conversations=said, remark="备注里的话",
        phone=f"+86{PHONE}", recording_state="stored", is_reached=True,
    )  # fmt: skip
    await add_call(database, now, **about, **mine, phone=f"+86{PHONE}", ended_at=None, status="Executing")
    await add_call(database, now, phone=f"+86{PHONE}", conversations=said, recording_state="pending")
    other = {"party_id": second["id"], "contact_id": second["contact_id"], "person_id": second["person_id"]}
    heard = talk(
        now, ("Robot", "周大川先生,关于您与林小满女士之间的协议", "Broadcast"), ("Contact", None, "EndDialogue")
    )
    await add_call(database, now, **about, **other, phone="+8613900002222", conversations=heard)
    await client.get(f"{OUTBOUND}/status", params={"phoneNumber": PHONE})
    return made


async def test_no_trace_is_left_but_counts(client: httpx2.AsyncClient, database: Database, clock: ManualClock) -> None:
    made = await fill(client, database, clock)
    first, second = made["parties"]
    before = await everything(database)
    assert all(trace in before for trace in TRACES[:-1])
    assert (await client.delete(f"/api/contacts/{first['contactId']}")).status_code == 204
    after = await everything(database)
    assert [trace for trace in TRACES if trace in after] == []
    calls = await rows(database, "SELECT * FROM outbound_call ORDER BY id")
    assert [(call["status"], call["is_reached"]) for call in calls] == [
        ("Succeeded", True), ("Executing", False), ("Succeeded", False), ("Succeeded", False),
    ]  # fmt: skip
    assert [call["phone"] for call in calls] == [f"erased-{call['id']}" for call in calls[:3]] + ["+8613900002222"]
    assert [call["recording_state"] for call in calls] == ["removed", "none", "removed", "none"]
    assert [call["cancel_requested_at"] is not None for call in calls] == [False, True, False, False]
    assert [call["conversations"] for call in calls[:3]] == [None] * 3
    assert calls[3]["conversations"][0]["script"] == "周大川先生,关于您与***女士之间的协议"
    assert calls[3]["conversations"][1]["script"] is None
    told = (await client.get(f"{CASES}/K-1")).json()["data"]
    assert told["title"] == "***与周大川纠纷"
    assert told["agreement"]["agreeContent"] == "周大川付给***3742元,***电话***。"
    gone, stays = told["parties"]
    assert (gone["name"], gone["phoneNumber"], gone["honorific"], gone["contactId"]) == ("", "", None, None)
    assert stays == second
    rounds = await rows(database, "SELECT state, result, remark, due_at, is_series FROM mediation_record ORDER BY id")
    assert rounds == [
        {"state": "done", "result": "已接通", "remark": None, "due_at": None, "is_series": False},
        {"state": "cancelled", "result": None, "remark": None, "due_at": None, "is_series": False},
    ]
    entry = (await rows(database, "SELECT detail FROM audit_entry WHERE action = 'erase'"))[0]
    assert entry["detail"] == {"records_kept": 0, "calls_kept": 3}


async def test_what_is_left_can_be_read(client: httpx2.AsyncClient, database: Database, clock: ManualClock) -> None:
    made = await fill(client, database, clock)
    await client.delete(f"/api/contacts/{made['parties'][0]['contactId']}")
    ids = [row["job_id"] for row in await rows(database, "SELECT job_id FROM outbound_call ORDER BY id")]
    log = (await client.get(f"{OUTBOUND}/conversation-log", params={"caseId": "K-1"})).json()["data"]
    assert [(entry["jobId"], entry["recordUrl"]) for entry in log] == [(ids[3], ""), (ids[0], "")]
    assert log[1]["conversations"] == "[]"
    status = (await client.get(f"{OUTBOUND}/status", params={"jobId": ids[0]})).json()["data"]
    assert (status["phoneNumber"], status["callStatus"]) == ("", "Succeeded")
    whole = (await client.get(f"{OUTBOUND}/calls/{ids[0]}")).json()["data"]
    assert (whole["phoneNumber"], whole["conversations"], whole["recordingState"]) == ("", [], "removed")
    assert (await client.get(f"{OUTBOUND}/status", params={"phoneNumber": PHONE})).status_code == 404
    assert (await client.get(f"{OUTBOUND}/records", params={"personId": "mediation-person-7"})).json()["data"][
        "total"
    ] == 0


async def test_nobody_calls_an_erased_person_again(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock
) -> None:
    made = await fill(client, database, clock)
    await client.delete(f"/api/contacts/{made['parties'][0]['contactId']}")
    again = await make_case(client, "K-2", parties=[party("mediation-person-7"), party("p-9", phone=PHONE)])
    assert [each["doNotContact"] for each in again["parties"]] == [True, True]
    assert (await new_contact(client, user_id="elsewhere", phone=PHONE))["do_not_contact"] is True


async def test_a_number_that_only_a_case_knew_is_kept_as_a_hash(client: httpx2.AsyncClient, database: Database) -> None:
    known = await new_contact(client, user_id="p", phone="13900009999")
    await make_case(client, parties=[party("p", phone=PHONE)])
    await client.delete(f"/api/contacts/{known['id']}")
    assert PHONE not in await everything(database)
    assert (await new_contact(client, phone=PHONE))["do_not_contact"] is True


async def test_garbage_that_many_share_is_no_identifier(client: httpx2.AsyncClient, database: Database) -> None:
    made = await make_case(client, parties=[party("a", phone="000000"), party("b", phone="000000")])
    first, second = [each["contactId"] for each in made["parties"]]
    await client.post(f"/api/contacts/{first}/do-not-contact")
    assert (await client.get(f"/api/contacts/{second}")).json()["do_not_contact"] is False
    assert await value(database, "SELECT count(*) FROM do_not_contact WHERE value = '000000'") == 0
    await client.delete(f"/api/contacts/{first}")
    assert (await client.get(f"/api/contacts/{second}")).json()["do_not_contact"] is False


async def test_words_of_the_wire_are_not_names(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock
) -> None:
    made = await make_case(client, parties=[party("p", "Contact", PHONE)])
    lines = talk(clock.now(), ("Contact", "Contact 在吗", "Dialogue"))
    call = await add_call(database, clock.now(), case_id="K-1", phone="+8613900002222", conversations=lines)
    await client.delete(f"/api/contacts/{made['parties'][0]['contactId']}")
    told = (await client.get(f"{OUTBOUND}/calls/{call['job_id']}")).json()["data"]["conversations"]
    assert told == [lines[0] | {"script": "*** 在吗"}]


async def test_erasures_at_once(client: httpx2.AsyncClient, database: Database, clock: ManualClock) -> None:
    made = await fill(client, database, clock)
    answers = await asyncio.gather(
        *(client.delete(f"/api/contacts/{each['contactId']}") for each in made["parties"] for _ in range(2))
    )
    assert sorted(answer.status_code for answer in answers) == [204, 204, 404, 404]
    assert "周大川" not in await everything(database)
