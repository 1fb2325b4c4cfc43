"""Transcripts and statuses of calls, the calls themselves, the rounds behind them."""

import json
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from app.clock import ManualClock
from app.repositories.database import Database
from tests.cases import OUTBOUND, add_call, add_round, make_case, party, talk
from tests.people import new_contact, rows, value

LOG, STATUS, RECORDS = f"{OUTBOUND}/conversation-log", f"{OUTBOUND}/status", f"{OUTBOUND}/records"
MINUTE = timedelta(minutes=1)
TEXTS = [
    "您好,请问是林小满女士吗?",
    '引号 " 与反斜杠 \\ 与斜杠 /',
    "换行\n制表\t回车\r退格\b换页\f",
    "控制\u0001\u001f\u007f与\u2028与\u0085",
    "表情😀与生僻字𠮷",
    "",
    "null",
    " 1. **分期支付**:6月26日前支付1500元 ",
]


async def get(client: httpx2.AsyncClient, url: str, **query: Any) -> Any:
    answer = await client.get(url, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def test_a_talk_is_told_as_python_would_write_it(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock
) -> None:
    lines = talk(clock.now(), *(("Robot", text, "Broadcast") for text in TEXTS), ("Contact", None, "EndDialogue"))
    call = await add_call(database, clock.now(), case_id="K-1", conversations=lines)
    answer = await client.get(LOG, params={"caseId": "K-1"})
    assert answer.headers["content-type"] == "application/json"
    (entry,) = answer.json()["data"]
    assert entry["conversations"] == json.dumps(lines, ensure_ascii=False)
    assert list(entry) == ["callType", "jobId", "conversations", "callStatus", "recordUrl"]
    assert (entry["jobId"], entry["callType"], entry["callStatus"]) == (call["job_id"], "follow_up", "Succeeded")
    assert "您好" in answer.text, "Chinese is answered as text, not as escapes"


async def test_only_finished_calls_newest_first(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock
) -> None:
    now = clock.now()
    made = [
        await add_call(database, now + MINUTE * number, case_id="K-1", person_id=f"p{number % 2}")
        for number in range(4)
    ]
    await add_call(database, now, case_id="K-1", ended_at=None, status="Executing")
    await add_call(database, now, case_id="K-1", placement="not_placed", status="Failed")
    await add_call(database, now, case_id="K-2", person_id="p0")
    ids = [call["job_id"] for call in reversed(made)]

    async def told(**query: Any) -> list[str]:
        return [entry["jobId"] for entry in await get(client, LOG, **query)]

    assert await told(caseId="K-1") == ids
    assert await told(caseId="K-1", personId="p0") == [ids[1], ids[3]]
    assert await told(jobId=ids[2]) == [ids[2]]
    assert await told(jobId=ids[2], caseId="K-1", personId="p1") == [ids[2]]
    assert await told(jobId=ids[2], caseId="K-2") == []
    assert await told(caseId="nope") == []
    assert len(await told(personId="p0")) == 3


async def test_a_call_that_was_never_answered(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock
) -> None:
    nothing: tuple[list[Any] | None, ...] = (None, [])
    for conversations in nothing:
        await add_call(database, clock.now(), case_id="K", status="Failed", call_type='"', conversations=conversations)
    entries = await get(client, LOG, caseId="K")
    assert len(entries) == 2
    for entry in entries:
        assert (entry["conversations"], entry["recordUrl"], entry["callStatus"]) == ("[]", "", "Failed")
        assert entry["callType"] == '"'


@pytest.mark.parametrize(
    ("url", "query"),
    [
        (LOG, ""),
        (LOG, "?caseId="),
        (LOG, "?caseId=&personId=&jobId="),
        (LOG, "?phoneNumber=13800138000"),
        (STATUS, ""),
        (STATUS, "?caseRef=&phoneNumber="),
        (STATUS, "?caseId=K-1&personId=p"),
    ],
)
async def test_without_a_filter_nothing_is_handed_out(client: httpx2.AsyncClient, url: str, query: str) -> None:
    answer = await client.get(url + query)
    assert answer.status_code == 400
    assert {key: answer.json()[key] for key in ("code", "data")} == {"code": 400, "data": None}
    assert ("caseId" if url == LOG else "caseRef") in answer.json()["message"]


@pytest.mark.parametrize(
    ("url", "query", "field"),
    [
        (LOG, "caseId=" + "x" * 65, "caseId"),
        (STATUS, "phoneNumber=abc", "phoneNumber"),
        (STATUS, "phoneNumber=" + "1" * 65, "phoneNumber"),
        (STATUS, "caseRef=" + "x" * 65, "caseRef"),
        (RECORDS, "mediationId=abc", "mediationId"),
        (RECORDS, "mediationId=0", "mediationId"),
        (RECORDS, "mediationId=" + "9" * 30, "mediationId"),
        (RECORDS, "state=over", "state"),
        (RECORDS, "placement=lost", "placement"),
        (RECORDS, "page=0", "page"),
        (RECORDS, "pageSize=501", "pageSize"),
    ],
)
async def test_bad_filters_are_refused_by_name(client: httpx2.AsyncClient, url: str, query: str, field: str) -> None:
    answer = await client.get(f"{url}?{query}")
    assert (answer.status_code, answer.json()["code"], answer.json()["data"]) == (400, 400, None)
    assert answer.json()["message"].startswith(f"{field}: ")


async def test_the_newest_call_that_fits(client: httpx2.AsyncClient, database: Database, clock: ManualClock) -> None:
    now = clock.now()
    first = await add_call(database, now, case_id="K-1", phone="+8613900001111")
    second = await add_call(
        database,
        now + MINUTE,
        case_id="K-1",
        phone="+8613900002222",
        ended_at=None,
        status="Scheduling",
        instance_id="4087bb39",
    )
    await add_call(database, now + MINUTE * 2, case_id="K-1", phone="+8613900001111", placement="not_placed")
    third = await add_call(database, now + MINUTE * 3, phone="+16502530000", job_group_id="g-1", polled_at=now)
    told = await get(client, STATUS, caseRef="K-1")
    assert told == {
        "caseRef": "K-1",
        "phoneNumber": "13900002222",
        "jobId": second["job_id"],
        "callStatus": "Scheduling",
        "fetchTime": "2026-03-05 18:31:00",
        "jobGroupId": "",
        "instanceId": "4087bb39",
    }
    assert list(told) == ["caseRef", "phoneNumber", "jobId", "callStatus", "fetchTime", "jobGroupId", "instanceId"]
    assert (await get(client, STATUS, phoneNumber="13900001111"))["jobId"] == first["job_id"]
    assert (await get(client, STATUS, phoneNumber="13900001111", caseRef="K-1"))["jobId"] == first["job_id"]
    assert (await get(client, STATUS, jobId=first["job_id"]))["jobId"] == first["job_id"]
    abroad = await get(client, STATUS, phoneNumber="+1 650-253-0000")
    assert (abroad["jobId"], abroad["phoneNumber"], abroad["caseRef"]) == (third["job_id"], "+16502530000", "")
    assert (abroad["fetchTime"], abroad["jobGroupId"]) == ("2026-03-05 18:30:00", "g-1")


async def test_the_time_of_the_last_poll(client: httpx2.AsyncClient, database: Database, clock: ManualClock) -> None:
    call = await add_call(database, clock.now(), ended_at=None)
    async with database.transaction() as connection:
        await connection.execute("INSERT INTO call_poll VALUES ($1, $2)", call["id"], clock.now())
    assert (await get(client, STATUS, jobId=call["job_id"]))["fetchTime"] == "2026-03-05 18:30:00"
    async with database.transaction() as connection:
        await connection.execute("UPDATE call_poll SET polled_at = $1", clock.now() + MINUTE)
    assert (await get(client, STATUS, jobId=call["job_id"]))["fetchTime"] == "2026-03-05 18:31:00"


@pytest.mark.parametrize(
    "written",
    [
        "13900001111",
        "139%200000%201111",
        "%2B8613900001111",
        "+8613900001111",
        "%2B86%20139-0000-1111",
        "8613900001111",
    ],
)
async def test_a_number_is_found_however_it_is_written(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock, written: str
) -> None:
    await add_call(database, clock.now(), phone="+8613900001111")
    answer = await client.get(f"{STATUS}?phoneNumber={written}")
    assert answer.status_code == 200, answer.text
    assert answer.json()["data"]["phoneNumber"] == "13900001111"


async def test_no_call_fits(client: httpx2.AsyncClient, database: Database, clock: ManualClock) -> None:
    await add_call(database, clock.now(), case_id="K-1")
    for query in ({"caseRef": "K-2"}, {"phoneNumber": "13900009999"}, {"caseRef": "K-1", "jobId": "x"}):
        answer = await client.get(STATUS, params=query)
        assert (answer.status_code, answer.json()["code"], answer.json()["data"]) == (404, 404, None)
    assert await value(database, "SELECT count(*) FROM audit_entry") == 0


async def test_looks_at_numbers_stand_in_the_trail_without_the_number(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock
) -> None:
    contact, other = await new_contact(client), await new_contact(client)
    call = await add_call(database, clock.now(), contact_id=contact["id"], case_id="K-1")
    await add_call(database, clock.now(), contact_id=other["id"], case_id="K-2")

    async def trail() -> list[dict[str, Any]]:
        return await rows(database, "SELECT actor, action, contact_id, reason, detail FROM audit_entry ORDER BY id")

    for _ in range(5):
        await get(client, STATUS, jobId=call["job_id"])
    entry = {
        "actor": "api",
        "action": "phone_read",
        "contact_id": contact["id"],
        "reason": "status",
        "detail": {"call_id": call["id"]},
    }
    assert await trail() == [entry], "polling a moment later is the same look"
    clock.advance(MINUTE)
    await get(client, f"{OUTBOUND}/calls/{call['job_id']}")
    await get(client, STATUS, caseRef="K-2")
    assert [(row["contact_id"], row["reason"]) for row in await trail()] == [
        (contact["id"], "status"),
        (contact["id"], "call"),
        (other["id"], "status"),
    ]
    assert "1390000" not in str(await trail())
    history = (await client.get(f"/api/contacts/{contact['id']}/timeline")).json()["results"]
    assert [row["type"] for row in history] == ["call"], "looks are no part of a person's history"
    await client.get(LOG, params={"caseId": "K-1"})
    assert len(await trail()) == 3, "transcripts carry no number"


async def test_everything_about_a_call(client: httpx2.AsyncClient, database: Database, clock: ManualClock) -> None:
    made = await make_case(client, parties=[party("p-1", phone="13900001111")])
    record = await add_round(database, made, clock.now(), state="calling")
    lines = talk(clock.now(), ("Contact", "", "BeginDialogue"), ("Contact", "在的", "Dialogue"))
    call = await add_call(
        database,
        clock.now(),
        case_id="K-1",
        mediation_id=made["mediationId"],
        node_id=5,
        record_id=record,
        person_id="p-1",
        contact_id=made["parties"][0]["contactId"],
        conversations=lines,
        task_status=20,
        is_reached=True,
        result="已接通",
        status="Scheduling",
        ended_at=None,
    )
    async with database.transaction() as connection:
        await connection.execute("UPDATE outbound_call SET status = 'Executing'")
    told = await get(client, f"{OUTBOUND}/calls/{call['job_id']}")
    assert told["conversations"] == lines
    assert [change["callStatus"] for change in told["history"]] == ["Scheduling", "Executing"]
    assert {key: told[key] for key in ("jobId", "caseId", "mediationId", "nodeId", "taskName", "recordId")} == {
        "jobId": call["job_id"],
        "caseId": "K-1",
        "mediationId": made["mediationId"],
        "nodeId": 5,
        "taskName": "履约回访",
        "recordId": record,
    }
    assert (told["phoneNumber"], told["result"], told["taskStatus"], told["isReached"]) == (
        "13900001111",
        "已接通",
        20,
        True,
    )
    assert (told["createTime"], told["endTime"], told["recordUrl"]) == ("2026-03-05 18:30:00", None, "")
    for path in ("nope", "x" * 64, "%00", "x" * 65):
        answer = await client.get(f"{OUTBOUND}/calls/{path}")
        assert answer.status_code == (404 if path.strip("x") in {"nope", ""} and len(path) < 65 else 400), path


async def test_rounds_are_listed_with_their_calls(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock
) -> None:
    now = clock.now()
    made = await make_case(client, parties=[party("a"), party("b")])
    other = await make_case(client, "K-2", nodeId=4, parties=[party("a")])
    parties = [row["id"] for row in await rows(database, "SELECT id FROM mediation_party ORDER BY id")]
    done = await add_round(database, made, now, state="done", result="已接通", is_series=True)
    planned = await add_round(
        database, made, now, round=2, due_at=now + MINUTE, reason="interval", reason_until=now + MINUTE
    )
    second = await add_round(database, made, now, party_id=parties[1], state="calling")
    foreign = await add_round(database, other, now)
    await add_round(database, other, now, party_id=parties[1], deleted_at=now, state="cancelled")
    reached = await add_call(database, now, record_id=done, result="已接通")
    unknown = await add_call(
        database, now, record_id=second, placement="unknown", status="Scheduling", ended_at=None, phone="+8613900002222"
    )

    async def ids(**query: Any) -> list[int]:
        data = await get(client, RECORDS, **query)
        assert data["total"] == len(data["results"])
        return [row["id"] for row in data["results"]]

    assert await ids() == [foreign, second, planned, done]
    assert await ids(caseId="K-1") == [second, planned, done]
    assert await ids(mediationId=other["mediationId"]) == [foreign]
    assert await ids(personId="a", state="planned") == [foreign, planned]
    assert await ids(placement="unknown") == [second]
    assert await ids(placement="unknown", personId="a") == []
    page = await get(client, RECORDS, page=2, pageSize=3)
    assert (page["total"], page["page"], page["pageSize"]) == (4, 2, 3)
    assert page["results"][0] == {
        "id": done,
        "caseId": "K-1",
        "mediationId": made["mediationId"],
        "mediationType": 1,
        "nodeId": 5,
        "taskName": "履约回访",
        "personId": "a",
        "personType": 0,
        "contactId": made["parties"][0]["contactId"],
        "round": 1,
        "state": "done",
        "isAutomatic": True,
        "dueTime": None,
        "reason": None,
        "reasonUntil": None,
        "result": "已接通",
        "remark": None,
        "creator": "system",
        "createTime": "2026-03-05 18:30:00",
        "modifier": None,
        "modifyTime": None,
        "calls": [
            {
                "jobId": reached["job_id"],
                "callStatus": "Succeeded",
                "placement": "placed",
                "result": "已接通",
                "remark": None,
                "isAutomatic": True,
            }
        ],
    }
    waiting = (await get(client, RECORDS, state="planned", caseId="K-1"))["results"][0]
    assert (waiting["dueTime"], waiting["reason"], waiting["reasonUntil"]) == (
        "2026-03-05 18:31:00",
        "interval",
        "2026-03-05 18:31:00",
    )
    assert (await get(client, RECORDS, placement="unknown"))["results"][0]["calls"][0]["jobId"] == unknown["job_id"]
