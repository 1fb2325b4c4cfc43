"""Numbers of a task with every kind of bad input: 422 that names the field, or told in place; nothing changed."""

import json

import httpx2
import pytest

from app.repositories.database import Database
from tests.agent import AGENT, add_account, add_numbers, add_task
from tests.e2e.test_bad_input_agent import FLAG, JSON, NOT_INTEGERS, NOT_LISTS, UNSTORABLE, assert_refused, everything

TASK = f"{AGENT}/u-1/task"
GOOD = "13900009001"
NUMBERS = [
    *NOT_LISTS, "null", "[]", json.dumps([GOOD] * 101), "[null]", "[13900009001]", "[[]]", "[{}]", "[true]", '[""]',
    '[{"phone": "13900009001", "x": 1}]', json.dumps(["1" * 65]), *(f"[{raw}]" for raw in UNSTORABLE),
    *(f'[{{"phone": {raw}}}]' for raw in ("1", "null", '""', "[]", "{}", *UNSTORABLE, json.dumps("1" * 65))),
    *(f'[{{"phone": "{GOOD}", "name": {raw}}}]' for raw in ("1", "[]", "{}", *UNSTORABLE, json.dumps("好" * 129))),
    *(
        f'[{{"phone": "{GOOD}", "variables": {raw}}}]'
        for raw in (
            "null", "1", '"x"', "[]", '{"k": 1}', '{"k": null}', '{"k": {}}', '{"": "v"}', '{" ": "v"}',
            r'{"k": "\u0000"}', r'{"\u0000": "v"}', r'{"k": "\ud800"}', r'{"\ud800": "v"}', json.dumps({"k" * 65: "v"}),
            json.dumps({"k": "好" * 1001}), json.dumps({str(number): "v" for number in range(51)}),
        )
    ),
]  # fmt: skip
STATUSES = [
    *NOT_LISTS, "null", "[]", "[-1]", "[13]", "[4, 4]", "[null]", '["4"]', "[[4]]", json.dumps([*range(13), 0]),
    *(f"[{raw}]" for raw in NOT_INTEGERS),
]  # fmt: skip
NOT_BODIES = ("{", "[]", "null", '"x"', "1", "", "\x00", "[" * 10_000)


@pytest.fixture
async def task(client: httpx2.AsyncClient) -> str:
    await add_account(client)
    made = await add_task(client)
    await add_numbers(client, made["id"], GOOD)
    return f"{TASK}/{made['id']}"


async def test_every_bad_value_is_refused(client: httpx2.AsyncClient, database: Database, task: str) -> None:
    before = await everything(database)
    for method, path, name, good, values in (
        ("POST", "/number", "numbers", {}, NUMBERS),
        ("POST", "/number", "allow_duplicates", {"numbers": [GOOD]}, [*FLAG, "null"]),
        ("PUT", "/number/reset", "number_status", {}, STATUSES),
    ):
        for raw in values:
            head = json.dumps(good)[:-1] + (", " if good else "")
            answer = await client.request(
                method, task + path, content=f'{head}"{name}": {raw}}}'.encode(), headers=JSON
            )
            assert_refused(answer, f"{path} {name}={raw}", name)
        for raw in (*NOT_BODIES, json.dumps({"numbers": [GOOD], "number_status": [4], "no_such_field": 1})):
            answer = await client.request(method, task + path, content=raw.encode(), headers=JSON)
            assert_refused(answer, f"{path} {raw}")
    assert await everything(database) == before


async def test_every_bad_place_is_refused(client: httpx2.AsyncClient, database: Database, task: str) -> None:
    before = await everything(database)
    for value in ("0", "-1", "abc", "1.5", "%20", "１", str(2**63), "9" * 400):
        for method, path, name in (
            ("GET", f"{TASK}/{value}/number", "item_id"),
            ("GET", f"{TASK}/{value}/number/import", "item_id"),
            ("POST", f"{TASK}/{value}/start", "item_id"),
            ("POST", f"{TASK}/{value}/stop", "item_id"),
            ("POST", f"{TASK}/{value}/copy", "item_id"),
            ("DELETE", f"{task}/number/{value}", "number"),
            ("GET", f"{task}/number/import/{value}", "import_id"),
            ("GET", f"{task}/number?page={value}", "page"),
            ("GET", f"{task}/number?limit={value}", "limit"),
        ):
            assert_refused(await client.request(method, path), f"{method} {path}", name)
    for value in ("abc", "%20", "+", "1" * 65, "1234"):
        assert_refused(await client.get(f"{task}/number/{value}"), value, "number")
    for value in ("%00", "%ed%a0%80"):
        assert_refused(await client.get(f"{task}/number/{value}"), value, "UTF-8")
    for flag in ("x", "2", ""):
        assert_refused(await client.post(f"{task}/copy?with_numbers={flag}"), flag, "with_numbers")
    assert await everything(database) == before


@pytest.mark.parametrize(
    "phone",
    ["110", "119", "120", "12110", "95588", "4008001234", "16012345", "123", "abc", "１３９", "+", "+1", "00", "++8613",
     "139000090011", "13900009001 ext 5", "13900009001;12", "+999123456789", "ⅩⅢ", "12345678901234567890"],
)  # fmt: skip
async def test_what_nobody_can_dial_is_told_in_its_place(
    client: httpx2.AsyncClient, database: Database, task: str, phone: str
) -> None:
    before = await everything(database)
    answer = await client.post(f"{task}/number", json={"numbers": [phone]})
    assert answer.status_code == 201, answer.text
    (result,) = answer.json()["data"]["results"]
    assert (result["phone"], result["result"], result["id"]) == (phone, "malformed", None)
    assert result["message"]
    assert await everything(database) == before


async def test_the_strangest_legal_values_are_kept(client: httpx2.AsyncClient, task: str) -> None:
    variables = {"好" * 64: "好" * 1000, "😀": "'; DROP TABLE task_number; --", "空": ""}
    number = {"phone": "（139）0000—9002", "name": "好" * 128, "variables": variables}
    answer = await client.post(f"{task}/number", json={"numbers": [number, "１３９００００９０１１"]})
    assert answer.json()["data"]["created"] == 2, answer.text
    (told,) = (await client.get(f"{task}/number/13900009002")).json()["data"]
    assert (told["name"], told["variables"]) == (number["name"], variables)
