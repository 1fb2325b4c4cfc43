"""The outbound contract to the letter, over real HTTP: every printed answer, field by field, from real calls.

The samples are those of the contract with other people in them.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from tests.cases import CASES, OUTBOUND, party
from tests.e2e.service import PATIENCE, Service, migrated_database, running

PLACE = """
{
"caseId": "string",
"mediationId": "string",
"callAuto": 0,
"callPersonId": "string"
}
"""
PLACED = """
{
"code": 201,
"message": "外呼请求处理完成",
"data": [
{
"errorCode": 0,
"message": "外呼发起成功",
"id": 26,
"mediationId": 20,
"nodeId": 5,
"taskName": "履约回访",
"result": null,
"personType": 0,
"mediationType": 1,
"personId": "2303191513080002",
"jobId": "1770463000471-447e-96ea-97523c610001",
"instanceId": "4087bb39-7688-4c5b-a4c5-01f7bb980001",
"jobGroupId": "dfd0c60b-6434-4482-afc7-ac5f83f90001",
"scriptId": "3c0aabe5-eb82-4f25-a8c2-8a66ddd50001",
"callStatus": "Scheduling",
"remark": null,
"deleteStatus": 1,
"creator": "system",
"createTime": "2026-02-07",
"modifier": null,
"modifyTime": null,
"startTime": null,
"callInterval": null
},
{
"errorCode": 0,
"message": "外呼发起成功",
"id": 27,
"mediationId": 20,
"nodeId": 5,
"taskName": "履约回访",
"result": null,
"personType": 0,
"mediationType": 1,
"personId": "2303191513080001",
"jobId": "1770463016662-4d90-ab26-a10656d70002",
"instanceId": "4d5f2f2b-c7c2-4c41-b19c-02a723410002",
"jobGroupId": "280e5420-e0e2-43a9-be51-c54270f60002",
"scriptId": "fc73783d-1ea6-4282-a116-7b2ab6180002",
"callStatus": "Scheduling",
"remark": null,
"deleteStatus": 1,
"creator": "system",
"createTime": "2026-02-07",
"modifier": null,
"modifyTime": null,
"startTime": null,
"callInterval": null
}
]
}
"""
LOG = r"""
{
"code": 200,
"message": "查询成功",
"data": [
{
"callType": "follow_up",
"jobId": "1770604607798-4f25-a8be-32a23b340003",
"conversations": "[{\"timestamp\": 1770604618000, \"speaker\": \"Contact\", \"script\": \"\", \"action\": \"BeginDialogue\"}, {\"timestamp\": 1770604619000, \"speaker\": \"Robot\", \"script\": \"您好,陈知秋女士,请问您有关于调解协议执行情况的问题吗?\\n\\n1. **分期支付**\", \"action\": \"Broadcast\"}, {\"timestamp\": 1770604629000, \"speaker\": \"Contact\", \"script\": null, \"action\": \"EndDialogue\"}]",
"callStatus": "Succeeded",
"recordUrl": "http://voicenavigator.example/exported_files/e938a687.wav?Expires=1770691031&Signature=REDACTED"
}
]
}
"""  # noqa: E501 - as printed
STATUS = """
{
"code": 200,
"message": "查询成功",
"data": {
"caseRef": "202601281644030001",
"phoneNumber": "13912349001",
"jobId": "1770616775983-4d49-942b-14fb19460004",
"callStatus": "Succeeded",
"fetchTime": "2026-02-09 14:10:11",
"jobGroupId": "0a541bee-0d6d-461f-ac84-4de2cd760004",
"instanceId": "4087bb39-7688-4c5b-a4c5-01f7bb980004"
}
}
"""
JOB_ID = re.compile(r"\d{13}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
FORMATS = {
    "jobId": JOB_ID,
    "createTime": re.compile(r"\d{4}-\d{2}-\d{2}"),
    "fetchTime": re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}"),
    "startTime": re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}"),
    "phoneNumber": re.compile(r"1[3-9]\d{9}"),
    "recordUrl": re.compile(r"https?://\S+"),
    "callStatus": re.compile("Scheduling|Executing|Succeeded|Paused|Failed|Cancelled|Drafted"),
}
OWN = {
    "id", "mediationId", "personId", "jobId", "instanceId", "jobGroupId", "scriptId", "createTime", "conversations",
    "recordUrl", "caseRef", "phoneNumber", "fetchTime", "callStatus",
}  # fmt: skip
"""Fields whose values are each service's own; all others must be as printed."""

CASE = "202601281644030001"
FIRST, SECOND, NOBODY = ("2303191513080002", "13912349001"), ("2303191513080001", "13912349005"), ("p-3", "13912349011")
SCRIPTS = [
    {"personType": 0, "instanceId": "4087bb39-7688-4c5b-a4c5-01f7bb980001", "scriptId": "3c0aabe5-follow-up"},
    {"personType": 0, "instanceId": "4d5f2f2b-c7c2-4c41-b19c-02a723410002", "scriptId": "fc73783d-follow-up"},
]


def assert_printed(answered: Any, printed: Any, place: str = "answer") -> None:
    """Check the names in their order, none more and none less, types, formats, and the values that are fixed."""
    assert type(answered) is type(printed), f"{place} is {answered!r}, printed is {printed!r}"
    if isinstance(printed, dict):
        assert list(answered) == list(printed), place
        for name, shown in printed.items():
            inside = f"{place}.{name}"
            assert_printed(answered[name], shown, inside)
            if name in FORMATS and shown is not None:
                assert FORMATS[name].fullmatch(shown), f"{inside}: the format is not the printed one"
                assert FORMATS[name].fullmatch(answered[name]), f"{inside} is {answered[name]!r}"
            elif not isinstance(shown, (dict, list)) and name not in OWN:
                assert answered[name] == shown, inside
    elif isinstance(printed, list):
        for index, entry in enumerate(answered):
            assert_printed(entry, printed[min(index, len(printed) - 1)], f"{place}[{index}]")


@pytest.fixture(scope="module")
async def service(server_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """A service in whose simulated world a minute takes a second, with the scheduler at work."""
    folder = tmp_path_factory.mktemp("outbound")
    async with (
        migrated_database(server_url, folder) as url,
        running(folder, DATABASE_URL=url, HUIYIN_SIMULATOR_TIME_SCALE="0.02", HUIYIN_TICK_SECONDS="0.1") as started,
    ):
        yield started


@pytest.fixture(scope="module")
async def placed(service: Service) -> dict[str, Any]:
    """The answer to the printed request about a case with three parties."""
    async with service.client() as http:
        node = await http.put(f"{OUTBOUND}/nodes/5", json={"scripts": SCRIPTS})
        assert node.status_code == 200, node.text
        body = {
            "caseId": CASE,
            "title": "工资支付纠纷",
            "nodeId": 5,
            "agreement": {"agreeId": "A-1", "agreeContent": '6月26日前支付1500元。\n8月26日前支付"742"元。'},
            "parties": [
                party(FIRST[0], "陈知秋", FIRST[1], honorific="女士"),
                party(SECOND[0], "周大川", SECOND[1], honorific="先生"),
                party(NOBODY[0], "吴名", NOBODY[1]),
            ],
        }
        made = await http.post(CASES, json=body)
        assert made.status_code == 201, made.text
        asked = json.loads(PLACE) | {"caseId": CASE, "mediationId": str(made.json()["data"]["mediationId"])}
        answer = await http.post(f"{OUTBOUND}/call-v2", content=json.dumps(asked).encode(), headers=JSON)
        assert answer.status_code == 201, answer.text
        told: dict[str, Any] = answer.json()
        return told


JSON = {"Content-Type": "application/json"}


async def ended(http: httpx2.AsyncClient, job_id: str) -> dict[str, Any]:
    """Ask for a call's status until it is over."""
    async with asyncio.timeout(PATIENCE):
        while True:
            answer = await http.get(f"{OUTBOUND}/status", params={"jobId": job_id})
            assert answer.status_code == 200, answer.text
            told: dict[str, Any] = answer.json()
            assert_printed(told, json.loads(STATUS))
            if told["data"]["callStatus"] in {"Succeeded", "Failed"}:
                return told
            await asyncio.sleep(0.05)


async def log(http: httpx2.AsyncClient, **query: str) -> dict[str, Any]:
    answer = await http.get(f"{OUTBOUND}/conversation-log", params=query)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def recorded(http: httpx2.AsyncClient, job_id: str) -> dict[str, Any]:
    """Ask for a call's transcript until its recording is copied."""
    async with asyncio.timeout(PATIENCE):
        while True:
            told = await log(http, jobId=job_id)
            if told["data"] and told["data"][0]["recordUrl"]:
                return told
            await asyncio.sleep(0.05)


def test_placed_calls_are_answered_as_printed(placed: dict[str, Any]) -> None:
    first_two = placed | {"data": placed["data"][:2]}
    assert_printed(first_two, json.loads(PLACED))
    assert [item["personId"] for item in placed["data"]] == [FIRST[0], SECOND[0], NOBODY[0]]
    assert len({item["jobId"] for item in placed["data"]}) == 3
    assert [item["instanceId"] for item in placed["data"][:2]] == [script["instanceId"] for script in SCRIPTS]
    assert [item["scriptId"] for item in placed["data"][:2]] == [script["scriptId"] for script in SCRIPTS]


async def test_the_status_is_answered_as_printed(http: httpx2.AsyncClient, placed: dict[str, Any]) -> None:
    job_id = placed["data"][0]["jobId"]
    told = await ended(http, job_id)
    data = told["data"]
    assert (data["caseRef"], data["phoneNumber"], data["jobId"]) == (CASE, FIRST[1], job_id)
    assert (data["instanceId"], data["callStatus"]) == (SCRIPTS[0]["instanceId"], "Succeeded")
    assert data["jobGroupId"] == placed["data"][0]["jobGroupId"]
    for query in ({"phoneNumber": FIRST[1]}, {"phoneNumber": f"+86 {FIRST[1]}", "caseRef": CASE}):
        assert (await http.get(f"{OUTBOUND}/status", params=query)).json() == told


async def test_the_log_is_answered_as_printed(http: httpx2.AsyncClient, placed: dict[str, Any]) -> None:
    job_id = placed["data"][0]["jobId"]
    await ended(http, job_id)
    told = await recorded(http, job_id)
    printed = json.loads(LOG)
    assert_printed(told, printed)
    text = told["data"][0]["conversations"]
    lines, sample = json.loads(text), json.loads(printed["data"][0]["conversations"])
    assert json.dumps(sample, ensure_ascii=False) == printed["data"][0]["conversations"], "how the sample is written"
    assert json.dumps(lines, ensure_ascii=False) == text, "written in the same way, to the byte"
    for line in lines:
        assert list(line) == list(sample[0])
        assert [type(line[name]) for name in ("timestamp", "speaker", "action")] == [int, str, str]
        assert line["timestamp"] > 1_600_000_000_000
    assert {name: lines[0][name] for name in ("speaker", "script", "action")} == {
        name: sample[0][name] for name in ("speaker", "script", "action")
    }
    assert {name: lines[-1][name] for name in ("speaker", "script", "action")} == {
        name: sample[-1][name] for name in ("speaker", "script", "action")
    }
    assert [line["timestamp"] for line in lines] == sorted(line["timestamp"] for line in lines)
    assert {line["speaker"] for line in lines} == {"Robot", "Contact"}


async def test_the_link_leads_to_the_sound_without_a_key(
    http: httpx2.AsyncClient, service: Service, placed: dict[str, Any]
) -> None:
    job_id = placed["data"][0]["jobId"]
    url = (await recorded(http, job_id))["data"][0]["recordUrl"]
    assert url.startswith(f"{service.url}/")
    async with httpx2.AsyncClient() as stranger:
        sound = await stranger.get(url)
    assert (sound.status_code, sound.headers["content-type"]) == (200, "audio/wav")
    assert sound.content[:4] == b"RIFF"


async def test_a_person_whom_nobody_reaches(http: httpx2.AsyncClient, placed: dict[str, Any]) -> None:
    job_id = placed["data"][2]["jobId"]
    assert (await ended(http, job_id))["data"]["callStatus"] == "Failed"
    (entry,) = (await log(http, jobId=job_id))["data"]
    assert list(entry) == list(json.loads(LOG)["data"][0])
    assert (entry["conversations"], entry["recordUrl"], entry["callStatus"]) == ("[]", "", "Failed")


async def test_the_whole_case_newest_first(http: httpx2.AsyncClient, placed: dict[str, Any]) -> None:
    for item in placed["data"]:
        await ended(http, item["jobId"])
    ids = [entry["jobId"] for entry in (await log(http, caseId=CASE))["data"]]
    firsts = [item["jobId"] for item in placed["data"]]
    assert ids[-3:] == firsts[::-1], "later rounds of whom nobody reached may stand before them"
    assert [entry["jobId"] for entry in (await log(http, caseId=CASE, personId=SECOND[0]))["data"]] == [firsts[1]]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("conversation-log", 400),
        ("status", 400),
        ("status?jobId=nope", 404),
        ("status?caseRef=nope", 404),
        ("conversation-log?caseId=nope", 200),
    ],
)
async def test_the_code_is_the_status(http: httpx2.AsyncClient, placed: dict[str, Any], path: str, status: int) -> None:
    answer = await http.get(f"{OUTBOUND}/{path}")
    assert (answer.status_code, answer.json()["code"]) == (status, status)
    assert list(answer.json()) == list(placed)
    assert answer.json()["data"] == ([] if status == 200 else None)
