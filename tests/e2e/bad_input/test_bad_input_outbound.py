"""Every endpoint of the outbound family with every kind of bad input: 400 that names the field, nothing changed."""

import json
from typing import Any

import httpx2
import pytest

from app.repositories.database import Database
from tests.cases import CASES, OUTBOUND, add_call, make_case, party
from tests.conftest import START
from tests.e2e.bad_input.tables import BLANK, HOLE, JSON, NOT_FLAGS, NOT_INTEGERS, NOT_TEXT, UNSTORABLE, text
from tests.people import everything

INT4 = [each for each in NOT_INTEGERS if each != "-1"] + [str(2**31), str(-(2**31) - 1)]
NODE = [*NOT_INTEGERS, str(2**31), "null"]
NAMED = text(64) + BLANK
PLACE = {"caseId": "K-1", "mediationId": "1", "callAuto": 0, "callPersonId": ""}
CASE = {"caseId": "K-9", "title": "一案", "nodeId": 5, "parties": [party("p")]}
PARTY = {
    "personId": NAMED,
    "name": text(128) + BLANK,
    "phoneNumber": [*NOT_TEXT, *UNSTORABLE, json.dumps("1" * 65)],
    "personType": [*INT4, "null"],
    "honorific": text(32, nullable=True),
}
AGREEMENT = {"agreeId": [*text(64), '""'], "agreeContent": text(20_000)}
WINDOW = [
    "[]", "{}", "1", '"9:00-18:00"', "[1]", "[null]", "[{}]", '[{"week": 7, "times": []}]',
    '[{"week": -1, "times": []}]',
    '[{"week": "1", "times": []}]', '[{"week": 1}]', '[{"week": 1, "times": {}}]', '[{"week": 1, "times": [{}]}]',
    '[{"week": 1, "times": [{"begin_time": "9:00", "end_time": "9:00"}]}]',
    '[{"week": 1, "times": [{"begin_time": "18:00", "end_time": "9:00"}]}]',
    '[{"week": 1, "times": [{"begin_time": "24:00", "end_time": "24:00"}]}]',
    '[{"week": 1, "times": [{"begin_time": "9:60", "end_time": "10:00"}]}]',
    '[{"week": 1, "times": [{"begin_time": "9:00\\u0000", "end_time": "10:00"}]}]',
    '[{"week": 1, "times": [], "day": 1}]', '[{"week": 1, "times": []}, {"week": 1, "times": []}]',
]  # fmt: skip
SCRIPTS = [
    "{}", "1", '"x"', "[1]", "[null]", "[{}]", '[{"instanceId": "i"}]', '[{"scriptId": "s"}]', "null",
    '[{"instanceId": "", "scriptId": "s"}]', '[{"instanceId": 1, "scriptId": "s"}]',
    '[{"instanceId": "i", "scriptId": "\\u0000"}]', '[{"instanceId": "i", "scriptId": "s", "personType": "0"}]',
    '[{"instanceId": "i", "scriptId": "s", "personType": 2147483648}]',
    '[{"instanceId": "i", "scriptId": "s", "x": 1}]',
    json.dumps([{"instanceId": "i", "scriptId": "s"}] * 51),
]  # fmt: skip
ENDPOINTS: dict[str, tuple[dict[str, Any], dict[str, list[str]]]] = {
    f"POST {OUTBOUND}/call-v2": (
        PLACE,
        {
            "caseId": text(64),
            "mediationId": [
                '"abc"', '""', '"1.5"', '"-1"', '"1e3"', '" 1"', '"１"', '"1\\u0000"', json.dumps("9" * 400), "null",
                "true", "[]", "{}", "1.5", "-1", "9" * 400, "1e400", "NaN", "Infinity",
            ],
            "callAuto": ["2", "-1", '"0"', '"1"', "true", "false", "null", "[]", "0.5", "1e400", "9" * 400, "NaN"],
            "callPersonId": text(64),
        },
    ),
    f"POST {CASES}": (
        CASE,
        {
            "caseId": NAMED,
            "title": text(256) + BLANK,
            "nodeId": NODE,
            "mediationType": [*INT4, "null"],
            "agreement": ["1", '"x"', "[]", "{}", "true", '{"agreeId": "a"}',
                          '{"agreeId": "a", "agreeContent": "b", "c": 1}'],
            "parties": ["null", "{}", "[]", "1", '"p"', "[1]", "[null]", "[{}]", json.dumps([party("p")] * 101),
                        json.dumps([party("p"), party("p")])],
        },
    ),
    f"PATCH {CASES}/K-1": (
        {"title": "新名称"},
        {
            "title": text(256) + BLANK,
            "nodeId": NODE,
            "closed": [*NOT_FLAGS, "null"],
            "agreement": ["1", '"x"', "[]", "{}", "true", '{"agreeId": "a"}'],
        },
    ),
    f"PUT {OUTBOUND}/nodes/5": (
        {"taskName": "回访"},
        {
            "taskName": text(64) + BLANK,
            "callType": text(32) + BLANK,
            "maxRounds": [*NOT_INTEGERS, "0", "51", "null"],
            "callInterval": [*NOT_INTEGERS, "0", "525601", "null"],
            "scripts": SCRIPTS,
            "dialWindow": WINDOW,
            "skipHoliday": NOT_FLAGS,
        },
    ),
    f"PUT {OUTBOUND}/lines/default": (
        {"name": "线路"},
        {
            "name": text(128) + BLANK,
            "callLine": [*NOT_INTEGERS, "100001", "null"],
            "callNumber": [*text(32, nullable=True), '""', '"abc"', '"12"', '"1 2 3 4"'],
        },
    ),
}  # fmt: skip
REQUIRED = {
    f"POST {OUTBOUND}/call-v2": ["caseId", "mediationId", "callAuto", "callPersonId"],
    f"POST {CASES}": ["caseId", "title", "nodeId", "parties"],
}


@pytest.fixture
async def known(client: httpx2.AsyncClient, database: Database) -> str:
    """A case and a call; returns the call's job id."""
    await make_case(client)
    job_id: str = (await add_call(database, START, case_id="K-1"))["job_id"]
    return job_id


def assert_refused(answer: httpx2.Response, what: str, field: str | None = None) -> None:
    """Check for a 4xx in the family's dialect whose message names the field."""
    assert 400 <= answer.status_code < 500, f"{what} -> {answer.status_code} {answer.text[:200]}"
    told = answer.json()
    assert list(told) == ["code", "message", "data"], what
    assert (told["code"], told["data"]) == (answer.status_code, None), what
    assert answer.status_code != 422, what
    if field is not None:
        assert field in told["message"], f"{what} -> {told['message'][:200]}"


async def refuse(client: httpx2.AsyncClient, call: str, body: bytes, field: str | None = None) -> None:
    method, _, path = call.partition(" ")
    answer = await client.request(method, path, content=body, headers=JSON)
    assert_refused(answer, f"{call} {body[:300]!r}", field)


@pytest.mark.parametrize("call", ENDPOINTS)
async def test_every_bad_value_of_every_field_is_refused(
    client: httpx2.AsyncClient, database: Database, known: str, call: str
) -> None:
    good, bad = ENDPOINTS[call]
    before = await everything(database)
    for name, values in bad.items():
        for raw in values:
            body = json.dumps(good | {name: HOLE}).replace(json.dumps(HOLE), raw)
            await refuse(client, call, body.encode(), name)
    for name in REQUIRED.get(call, ()):
        await refuse(client, call, json.dumps({key: good[key] for key in good if key != name}).encode(), name)
    assert await everything(database) == before
    assert known


@pytest.mark.parametrize("inside", ["parties", "agreement"])
async def test_every_bad_value_inside_a_case_is_refused(
    client: httpx2.AsyncClient, database: Database, inside: str
) -> None:
    before = await everything(database)
    good, bad = (party("p"), PARTY) if inside == "parties" else ({"agreeId": "a", "agreeContent": "b"}, AGREEMENT)
    bodies = [
        (name, json.dumps(good | {name: HOLE}).replace(json.dumps(HOLE), raw))
        for name, values in bad.items()
        for raw in values
    ]
    bodies += [("no_such_field", json.dumps(good | {"no_such_field": 1}))]
    bodies += [
        (name, json.dumps({key: good[key] for key in good if key != name}))
        for name in good
        if name not in {"phoneNumber", "honorific"}
    ]
    for name, raw in bodies:
        whole = f"[{raw}]" if inside == "parties" else raw
        body = json.dumps(CASE | {inside: HOLE}).replace(json.dumps(HOLE), whole)
        await refuse(client, f"POST {CASES}", body.encode(), name)
    assert await everything(database) == before


@pytest.mark.parametrize("call", ENDPOINTS)
async def test_every_body_that_is_no_object_of_known_fields_is_refused(
    client: httpx2.AsyncClient, database: Database, known: str, call: str
) -> None:
    good, _ = ENDPOINTS[call]
    before = await everything(database)
    whole, first = json.dumps(good), next(iter(good))
    bodies = [
        b"", b"null", b"{", b"}", b"nonsense", b"\xff\xfe{}", whole[:-1].encode(), whole.encode() + b"x", b"[]", b"1",
        b'"x"', b"true", b"[" + whole.encode() + b"]", b"[" * 100_000, b'{"a":' * 100_000, b"\x00", b"{,}", b"NaN",
        b'{"%s": "\xff"}' % first.encode(), whole.replace('"', "'").encode(),
        f'{whole[:-1]}, "{first}": {{"a": 1}}}}'.encode(),
    ]  # fmt: skip
    for body in bodies:
        await refuse(client, call, body)
    for name in ("no_such_field", "id", "__proto__", "名称", "", f"{first} "):
        if "call-v2" not in call:
            await refuse(client, call, json.dumps(good | {name: 1}).encode(), name)
    method, _, path = call.partition(" ")
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answer = await client.request(method, path, content=whole.encode(), headers={"Content-Type": content_type})
        assert_refused(answer, f"{call} as {content_type}")
    assert await everything(database) == before
    assert known


@pytest.mark.parametrize(
    ("call", "values"),
    [
        ("GET /nodes/{}", ["-1", "abc", "1.5", "１", "9" * 400, str(2**31), "%20", "1%00"]),
        ("PUT /nodes/{}", ["-1", "abc", "1.5", "１", "9" * 400, str(2**31), "%20", "1%00"]),
        ("GET /lines/{}", ["x" * 65, "a%00"]),
        ("PUT /lines/{}", ["x" * 65, "a%00"]),
        ("GET /calls/{}", ["x" * 65, "a%00", "%ff"]),
        ("POST /calls/{}/cancel", ["x" * 65, "a%00", "%ff"]),
        ("GET /recordings/{}", ["x" * 65, "a%00", "%ff"]),
    ],
)
async def test_every_bad_id_in_a_path_is_refused(
    client: httpx2.AsyncClient, database: Database, known: str, call: str, values: list[str]
) -> None:
    before = await everything(database)
    method, _, path = call.partition(" ")
    for value in values:
        answer = await client.request(method, OUTBOUND + path.format(value), json={} if method == "PUT" else None)
        assert_refused(answer, f"{call} {value}")
        assert answer.status_code == 400, f"{call} {value} -> {answer.text}"
    assert await everything(database) == before
    assert known


@pytest.mark.parametrize("case_id", ["x" * 65, "a%00b", "%ff", "%20", "%E3%80%80"])
async def test_bad_ids_of_cases_are_refused(client: httpx2.AsyncClient, known: str, case_id: str) -> None:
    for answer in (await client.get(f"{CASES}/{case_id}"), await client.patch(f"{CASES}/{case_id}", json={})):
        assert_refused(answer, case_id)
        assert answer.status_code == 400, answer.text
    assert known


@pytest.mark.parametrize(
    ("url", "bad"),
    [
        (CASES, {"page": ["0", "-1", "x", "1.5", "9" * 30], "pageSize": ["0", "501", "x"],
                 "nodeId": ["x", "-1", "9" * 30], "closed": ["x", "2"], "personId": ["x" * 65], "q": ["x" * 129]}),
        (f"{OUTBOUND}/records", {"page": ["0", "x"], "pageSize": ["0", "501"], "mediationId": ["0", "x", "9" * 30],
                                 "state": ["x"], "placement": ["x"], "caseId": ["x" * 65], "personId": ["x" * 65]}),
        (f"{OUTBOUND}/conversation-log", {"caseId": ["x" * 65], "personId": ["x" * 65], "jobId": ["x" * 65]}),
        (f"{OUTBOUND}/status", {"caseRef": ["x" * 65], "phoneNumber": ["x", "12", "1" * 40, "1" * 65],
                                "jobId": ["x" * 65]}),
    ],
)  # fmt: skip
async def test_every_bad_query_is_refused(
    client: httpx2.AsyncClient, known: str, url: str, bad: dict[str, list[str]]
) -> None:
    for name, values in bad.items():
        for value in values:
            answer = await client.get(url, params={name: value})
            assert_refused(answer, f"{url}?{name}={value}", name)
            assert answer.status_code == 400
        for raw in ("%00", "%ff", "%ed%a0%80"):
            assert_refused(await client.get(f"{url}?{name}={raw}"), f"{url}?{name}={raw}")
    needs = {"conversation-log": f"jobId={known}&", "status": f"jobId={known}&"}.get(url.rpartition("/")[2], "")
    for harmless in ("page=", "no_such_parameter=1", "&&", "=1", "caseId=&personId="):
        answer = await client.get(f"{url}?{needs}{harmless}")
        assert answer.status_code == 200, f"{url}?{harmless} -> {answer.text}"
