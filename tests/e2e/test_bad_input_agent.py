"""Every endpoint of the agent family with every kind of bad input: 422 that names the field, nothing changed."""

import json
from typing import Any

import httpx2
import pytest

from app.repositories.database import Database
from tests.agent import AGENT, WORKDAY, add_account, add_group, add_line, add_seat, post

JSON = {"Content-Type": "application/json"}
HOLE = "a-hole-for-raw-json"
NOT_TEXT = ["1", "1.5", "true", "[]", "{}", '["x"]']
UNSTORABLE = [r'"\u0000"', r'"您\u0000"', r'"\ud800"']
BLANK = ['""', '" "', r'"\n"']
NOT_INTEGERS = [
    "1.5", "1.0", "1e2", "true", '"1"', '""', "[]", "{}", "[1]", "-1", "1e400", "NaN", "Infinity",
    str(2**63), str(-(2**63) - 1), str(2**64), "9" * 400,
]  # fmt: skip
FLAG = ['"true"', "1", "0", '"x"', '""', "1.5", "[]", "{}"]
NOT_LISTS = ["1", '"x"', "true", "{}"]


def text(most: int, *, blank: bool = False) -> list[str]:
    return [*NOT_TEXT, *UNSTORABLE, json.dumps("好" * (most + 1)), *([] if blank else BLANK)]


def integer(least: int, most: int) -> list[str]:
    return [*NOT_INTEGERS, str(most + 1), str(least - 1)]


def hours(raw: str) -> str:
    return f'[{{"week": 1, "times": [{raw}]}}]'


def details(raw: str) -> str:
    return f"[{raw}]"


NAME = text(128)
OUTER_ID = integer(1, 2**53 - 1)
MOMENT = [
    *NOT_TEXT, '""', '"2026-03-05"', '"2026-03-05T10:30:00"', '"2026-02-30 00:00:00"', '"1999-01-01 00:00:00"',
    '"2026-3-5 10:30:00"', '"2026-03-05 24:00:00"', '"２０２６-03-05 10:30:00"', '"2026-03-05 10:30:00Z"',
]  # fmt: skip
CONTENT = [
    *NOT_LISTS, "[]", "[1]", "[{}]", json.dumps(WORKDAY * 8),
    *(f'[{{"week": {raw}, "times": []}}]' for raw in (*NOT_INTEGERS, "7")),
    *(f'[{{"week": 1, "times": {raw}}}]' for raw in (*NOT_LISTS, "null", json.dumps([{}] * 25))),
    hours("{}"), hours('{"begin_time": "9:00"}'), hours('{"begin_time": "9:00", "end_time": "8:00"}'),
    hours('{"begin_time": "9:00", "end_time": "10:00", "x": 1}'),
    *(
        hours(f'{{"begin_time": {raw}, "end_time": "24:00"}}')
        for raw in (*NOT_TEXT, '""', '"9"', '"9:0"', '"24:00"', '"9:60"', '"009:00"', '"９:00"', r'"9:00\n"', '" 9:00"')
    ),
]  # fmt: skip
DETAILS = [
    *NOT_LISTS, "[1]", "[{}]", json.dumps([{"number_status": 4, "time": 0}] * 13),
    *(details(f'{{"number_status": {raw}, "time": 1}}') for raw in (*NOT_INTEGERS, "0", "13", "null")),
    *(details(f'{{"number_status": 4, "time": {raw}}}') for raw in (*NOT_INTEGERS, "51", "null")),
]  # fmt: skip
CONFIGS = [
    *NOT_LISTS, "[]", "[{}]", '[{"week": 7, "times": ["9:00"]}]', '[{"week": 1, "times": ["24:00"]}]',
    '[{"week": 1, "times": [9]}]', '[{"week": 1, "times": "9:00"}]', '[{"week": 1}]',
]  # fmt: skip
LINES = [*NOT_LISTS, "[1]", '["nobody"]', '["a", "a"]', '[""]', r'["\u0000"]', json.dumps([str(i) for i in range(201)])]
SEATS = [
    *NOT_LISTS,
    '["1"]',
    "[0]",
    "[true]",
    "[1.5]",
    "[999]",
    "[1, 1]",
    f"[{2**63}]",
    json.dumps(list(range(1, 203))),
]
REFERENCE = [*integer(1, 2**53 - 1), "999"]
URL = [*text(2048), '"x"', '"ftp://a"', '"http://"', '"https://u:p@a"', '"https://a b"', '"//a"', r'"https://a\u0000"']
DAYS = [
    *NOT_LISTS, "null", "[1]", '[""]', '["2026-02-30"]', '["2026-3-5"]', '["1999-01-01"]',
    '["2026-03-05", "2026-03-05"]', '["２０２６-03-05"]', r'["2026-03-05\n"]',
    json.dumps([f"20{number:02}-01-01" for number in range(100)] * 5),
]  # fmt: skip
REDIALS = [
    *NOT_LISTS, "null", "[0]", "[1]", "[11]", "[12]", "[13]", "[-1]", "[4, 4]", '["4"]', "[true]", "[4.0]", "[[4]]",
    f"[{2**64}]", json.dumps([4] * 10),
]  # fmt: skip
EXTRAS = [
    *NOT_LISTS[:3], "[]", '{"x": 1}',
    *(
        f'{{"{name}": {raw}}}'
        for name, values in {
            "start_time": MOMENT,
            "stop_time": MOMENT,
            "line": [*LINES, "null"],
            "holiday": DAYS,
            "pop_mode": [*integer(0, 2), "null"],
            "redial_interval": [*integer(1, 10_080), "null"],
            "redial_max_times": [*integer(0, 50), "null"],
            "redial_conditions": ["null", "1", "[]", '{"x": 1}', *(f'{{"number_status": {raw}}}' for raw in REDIALS)],
        }.items()
        for raw in values
    ),
]  # fmt: skip
SCRIPTS = [
    *NOT_LISTS, "[1]", "[{}]", '[{"id": 1}, {"id": 1}]', '[{"id": 1, "x": 1}]', json.dumps([{"id": 1}] * 21),
    *(f'[{{"id": {raw}}}]' for raw in (*REFERENCE, "null")),
    *(f'[{{"id": 1, "weight": {raw}}}]' for raw in (*integer(1, 1000), "null")),
]  # fmt: skip
PHRASES = [
    "1", "true", '"x"', "[]", '["1A"]', '{"1F": []}', '{"5C": []}', '{"6A": []}', '{"": []}', r'{"1A\n": []}',
    *(f'{{"1A": {raw}}}' for raw in (*NOT_LISTS, "null", "[1]", "[null]", "[[]]", json.dumps(["好"] * 501))),
    *(f'{{"1A": [{raw}]}}' for raw in (*UNSTORABLE, *BLANK, '"="', '" = "', json.dumps("好" * 51))),
]  # fmt: skip
NUMBER = [*NOT_TEXT, '""', '"abc"', '"1"', '"+"', '"１２３"', json.dumps("1" * 33)]

# name: (path below the account, good body, required, what each field must refuse)
ENDPOINTS: dict[str, tuple[str, dict[str, Any], tuple[str, ...], dict[str, list[str]]]] = {
    "sub-user": (
        "/sub-user",
        {"name": "子"},
        ("name",),
        {"name": [*NAME, "null"], "user_id": [*text(64), "null", '"a b"', '"a/b"', '".."', '"-a"', '"好"', '"a\\n"']},
    ),
    "dial-time-group": (
        "/dial-time-group",
        {"content": WORKDAY},
        ("content",),
        {"name": NAME, "content": [*CONTENT, "null"], "skip_holiday": [*FLAG, "null"], "is_default": [*FLAG, "null"]},
    ),
    "caller-line": (
        "/caller-line",
        {"name": "线", "call_line": 1},
        ("name", "call_line"),
        {
            "name": [*NAME, "null"],
            "call_line": [*integer(0, 100_000), "null"],
            "call_number": NUMBER,
            "description": text(1000, blank=True),
            "begin_at": [*MOMENT, "null"],
            "deadline_at": MOMENT,
        },
    ),
    "outbound-group": (
        "/outbound-group",
        {"name": "组", "instance_id": "i", "script_id": "s"},
        ("name", "instance_id", "script_id"),
        {
            "name": [*NAME, "null"],
            "instance_id": [*NAME, "null"],
            "script_id": [*NAME, "null"],
            "debug": [*FLAG, "null"],
            "default": [*FLAG, "null"],
            "link_word_group_id": OUTER_ID,
            "tag_scene_id": OUTER_ID,
            "caller_lines": [*LINES, "null"],
        },
    ),
    "bridge-group": (
        "/bridge-group",
        {"name": "转"},
        ("name",),
        {"name": [*NAME, "null"], "strategy": [*integer(1, 3), "null"], "customer_service": [*SEATS, "null"]},
    ),
    "customer-service": (
        "/customer-service",
        {"name": "客"},
        ("name",),
        {"name": [*NAME, "null"], "extension": NUMBER},
    ),
    "auto-recycle-rule": (
        "/auto-recycle-rule",
        {"name": "规"},
        ("name",),
        {
            "name": [*NAME, "null"],
            "remark": text(1000, blank=True),
            "status": [*FLAG, "null"],
            "is_default": FLAG,
            "type": [*integer(1, 2), "null"],
            "configs": CONFIGS,
            "details": [*DETAILS, "null"],
        },
    ),
    "llm-intention-config": (
        "/llm-intention-config",
        {"name": "意"},
        ("name",),
        {
            "name": [*NAME, "null"],
            "llm_type": [*integer(1, 2), "null"],
            "is_default": ["2", "true", "false", '"0"', "null", "-1", "0.0"],
            "phrases": PHRASES,
        },
    ),
    "task": (
        "/task",
        {"name": "任", "destination_extension": 1},  # the group that was made before
        ("name", "destination_extension"),
        {
            "name": [*NAME, "null"],
            "destination_extension": [*REFERENCE, "null"],
            "dial_time_id": REFERENCE,
            "maximumcall": [*integer(1, 100_000), "null"],
            "bridge_group_id": REFERENCE,
            "auto_recycle_rule_id": REFERENCE,
            "end_action": [*integer(0, 2), "null"],
            "llm_intention_id": REFERENCE,
            "call_notify_url": URL,
            "task_extras": [*EXTRAS, "null"],
            "script_groups": [*SCRIPTS, "null"],
        },
    ),
}


@pytest.fixture
async def known(client: httpx2.AsyncClient) -> dict[str, str]:
    """One of everything, by the end of its path."""
    await add_account(client)
    found = {}
    for kind, (path, good, _, _) in ENDPOINTS.items():
        made = await post(client, f"/u-1{path}", **good)
        found[kind] = "" if kind == "sub-user" else f"/{made['id']}"
    return found


async def everything(database: Database) -> dict[str, str]:
    """Return a fingerprint of every table."""
    async with database.connection() as connection:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        return {
            row["tablename"]: await connection.fetchval(
                f"SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {row['tablename']} AS t"
            )
            for row in tables
        }


def assert_refused(answer: httpx2.Response, place: str, name: str | None = None, status: int = 422) -> None:
    shown = f"{place[:300]} -> {answer.status_code} {answer.text[:300]}"
    body = answer.json()
    assert (answer.status_code, body["code"]) == (status, status), shown
    assert list(body) == ["code", "status", "message", "data"], shown
    assert (body["status"], body["data"]) == ("error", None), shown
    assert body["message"], shown
    assert name is None or name in body["message"], f"{name} is not named: {shown}"


@pytest.mark.parametrize("kind", ENDPOINTS)
async def test_every_bad_value_of_every_field_is_refused(
    client: httpx2.AsyncClient, database: Database, known: dict[str, str], kind: str
) -> None:
    path, good, required, bad = ENDPOINTS[kind]
    before = await everything(database)
    calls = [("POST", path)] if kind == "sub-user" else [("POST", path), ("PUT", f"{path}{known[kind]}")]
    for method, place in calls:
        for name, values in bad.items():
            for raw in values:
                body = json.dumps(good | {name: HOLE}).replace(json.dumps(HOLE), raw)
                answer = await client.request(method, f"{AGENT}/u-1{place}", content=body.encode(), headers=JSON)
                assert_refused(answer, f"{method} {kind} {name}={raw}", name)
        for raw in ("{", "[]", "null", '"x"', "1", "", "\x00", "[" * 10_000, json.dumps(good | {"no_such_field": 1})):
            answer = await client.request(method, f"{AGENT}/u-1{place}", content=raw.encode(), headers=JSON)
            assert_refused(answer, f"{method} {kind} {raw}")
    for name in required:
        body = json.dumps({key: value for key, value in good.items() if key != name})
        assert_refused(await client.post(f"{AGENT}/u-1{path}", content=body, headers=JSON), f"{kind} - {name}", name)
    assert await everything(database) == before


async def test_every_bad_place_is_refused(
    client: httpx2.AsyncClient, database: Database, known: dict[str, str]
) -> None:
    before = await everything(database)
    for kind in known:
        calls = [("GET", "/task/create")] if kind == "sub-user" else [("GET", f"/{kind}"), ("DELETE", f"/{kind}/1")]
        for method, path in calls:
            for user_id in ("%00", "%ed%a0%80", "x" * 65):
                answer = await client.request(method, f"{AGENT}/{user_id}{path}")
                assert answer.status_code in {404, 422}, (method, path, user_id)
                assert answer.json()["status"] == "error"
            for value, named in (("%00", "NUL"), ("x" * 65, "sub_user_id")):
                answer = await client.request(method, f"{AGENT}/u-1{path}?sub_user_id={value}")
                assert_refused(answer, path, named)
        if kind in {"sub-user", "caller-line"}:
            continue
        for value in ("0", "-1", "abc", "1.5", "1e3", "%20", "１", str(2**63), "9" * 400):
            for method, _ in calls:
                answer = await client.request(method, f"{AGENT}/u-1/{kind}/{value}")
                assert_refused(answer, f"{method} {kind}/{value}", "item_id")
        answer = await client.get(f"{AGENT}/u-1/{kind}/{2**53 - 1}")
        assert_refused(answer, kind, str(2**53 - 1), 404)
    assert await everything(database) == before


async def test_the_strangest_legal_values_are_kept(client: httpx2.AsyncClient) -> None:
    await add_account(client, "A" * 64)
    for name in ("好" * 128, "😀", "'; DROP TABLE account; --", "<script>", "a\r\nb"):
        line = await add_line(client, "A" * 64, name=name, call_line=100_000)
        group = await add_group(client, "A" * 64, name=name, caller_lines=[line], tag_scene_id=2**53 - 1)
        assert (group["name"], group["caller_lines"][0]["name"]) == (name, name)
    assert await add_seat(client, "A" * 64, extension="+86-571-0000") > 0
