"""Every endpoint of the follow-up family with every kind of bad input: a 4xx that names the field, nothing changed."""

import json
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest

from app.repositories.database import Database
from tests.helpers import add_contact, add_script, make_config

JSON = {"Content-Type": "application/json"}
HOLE = "a-hole-for-raw-json"
NOT_TEXT = ["1", "1.5", "true", "[]", "{}", '["您好"]']
UNSTORABLE = [r'"\u0000"', r'"您好\u0000"', r'"\ud800"', r'"您\udfff好"']
NOT_INTEGERS = [
    "1.5", "1.0", "1e2", "true", "false", '"1"', '""', '"一"', "[]", "{}", "[1]",
    "-1", "1e400", "-1e400", "NaN", "Infinity", "-Infinity", str(2**63), str(-(2**63) - 1), str(2**64), "9" * 400,
]  # fmt: skip
NOT_FLAGS = ['"true"', '"false"', "1", "0", '"x"', '""', "1.5", "[]", "{}"]


def text(most: int, *, nullable: bool = False) -> list[str]:
    """Return raw JSON that a text field of so many characters must refuse."""
    return [*NOT_TEXT, *UNSTORABLE, json.dumps("好" * (most + 1)), *([] if nullable else ["null"])]


def integer(most: int, *, nullable: bool = False) -> list[str]:
    return [*NOT_INTEGERS, str(most + 1), *([] if nullable else ["null"])]


BLANK = ['""', '" "', r'"\n\t"', '"\u3000"']
ID = [*integer(2**53 - 1), "0"]
FLAG = [*NOT_FLAGS, "null"]
URL = [*text(2048, nullable=True), '"ftp://example.com"', '"javascript:alert(1)"', '"example.com"', '"http://"']
CONFIG = {
    "name": text(128) + BLANK,
    "position": text(64, nullable=True),
    "is_active": FLAG,
    "opening_message": [*text(5000, nullable=True), '"{{salary}}"', '"{{name"'],
}
SCRIPT = {
    "config_id": ID,
    "day_number": integer(100_000),
    "content": [*text(5000), *BLANK, '"{{salary}}"'],
    "interval_hours": integer(8760),
    "order": integer(2**31 - 1),
    "is_active": FLAG,
}
CARD = {
    "user_id": text(256) + BLANK,
    "name": text(128, nullable=True),
    "position": text(64, nullable=True),
    "phone": [*text(40, nullable=True), '"not a phone"', '"1"'],
    "note": text(5000, nullable=True),
}


@dataclass(frozen=True)
class Endpoint:
    """A call with a body: what it takes, and what each field must refuse."""

    call: str
    good: dict[str, Any]
    bad: dict[str, list[str]]
    required: tuple[str, ...] = field(default=())


ENDPOINTS = [
    Endpoint("POST /api/followup-configs", {"name": "配置"}, CONFIG, ("name",)),
    Endpoint("PUT /api/followup-configs/{config}", {"name": "配置"}, CONFIG),
    Endpoint(
        "POST /api/followup-scripts",
        {"config_id": "{config}", "day_number": 1, "content": "您好"},
        SCRIPT,
        ("config_id", "day_number", "content"),
    ),
    Endpoint("PUT /api/followup-scripts/{script}", {"content": "您好"}, SCRIPT),
    Endpoint(
        "POST /api/followup-records/send",
        {"contact_id": "{contact}", "content": "您好"},
        {"contact_id": ID, "content": text(5000) + BLANK},
        ("contact_id", "content"),
    ),
    Endpoint(
        "POST /api/followup-configs/{config}/test-send",
        {"contact_id": "{contact}"},
        {"contact_id": ID},
        ("contact_id",),
    ),
    Endpoint(
        "POST /api/followup-records/{record}/resolve",
        {"outcome": "sent"},
        {"outcome": [*text(8), '"SENT"', '"unknown"']},
        ("outcome",),
    ),
    Endpoint(
        "POST /api/followup-enrollments",
        {"contact_ids": ["{contact}"]},
        {
            "contact_ids": [
                "[]",
                "{}",
                "1",
                '"1"',
                *(f"[{each}]" for each in ID),
                json.dumps([1] * 10_001),
                "null",
                "[1, null]",
            ],
            "opening": FLAG,
            "restart": FLAG,
            "config_id": integer(2**53 - 1, nullable=True),
        },
    ),
    Endpoint(
        "POST /api/messages/inbound",
        {"messages": [{"message_id": "m1", "contact_id": "{contact}", "fromId": 0, "content": "在的"}]},
        {"messages": ["[]", "{}", "1", '"x"', "null", "true", json.dumps([{}] * 501)]},
        ("messages",),
    ),
    Endpoint(
        "POST /api/webchat/{token}/messages",
        {"content": "在的"},
        {
            "content": text(5000) + BLANK,
            "client_id": [*text(64, nullable=True), *BLANK, '"a b"', '"a/b"', '"好"'],
        },
        ("content",),
    ),
    Endpoint(
        "POST /api/contacts",
        {"name": "周念安"},
        {name: [raw for raw in values if raw != "null"] for name, values in CARD.items()}
        | {"bot": ["0", "-1", "1.5", "true", "[]", "{}", '""', *UNSTORABLE, '"no-such-bot"', "424242"]},
    ),
    Endpoint("PUT /api/contacts/{contact}", {"name": "周念安"}, CARD),
    Endpoint("POST /api/contacts/{contact}/do-not-contact", {"reason": "来电"}, {"reason": text(500, nullable=True)}),
    Endpoint(
        "POST /api/do-not-contact",
        {"identifiers": [{"kind": "phone", "value": "13900001234"}]},
        {"identifiers": ["[]", "{}", "null", "1", '"x"', '[{"kind": "fax", "value": "1"}]', '[{"kind": "phone"}]']},
        ("identifiers",),
    ),
    Endpoint("POST /api/bots", {"name": "渠道"}, {"name": text(128) + BLANK}, ("name",)),
    Endpoint(
        "PUT /api/bots/1/delivery",
        {"idempotent": False},
        {
            "kind": [*NOT_TEXT, "null", '"pigeon"'],
            "url": URL,
            "inbox_url": URL,
            "event_url": URL,
            "secret": [*NOT_TEXT, *UNSTORABLE, "null", '"short"', '"whsec_!!"'],
            "idempotent": FLAG,
            "rate_per_second": ["0", "-1", "1e400", "NaN", "Infinity", "true", '"1"', "10001", "[]", "{}"],
        },
    ),
]
LISTS: dict[str, dict[str, str]] = {
    "/api/followup-configs": {"position": "text", "is_active": "flag"},
    "/api/followup-scripts": {"config_id": "id", "day_number": "integer"},
    "/api/followup-records": {
        "contact_id": "id", "config_id": "id", "got_reply": "flag", "page": "page", "page_size": "size",
        "sent_from": "moment", "sent_to": "moment", "status": "word",
    },
    "/api/followup-records/export": {"contact_id": "id", "got_reply": "flag", "sent_from": "moment"},
    "/api/followup-enrollments": {
        "config_id": "id", "contact_id": "id", "state": "word", "reason": "text", "page": "page", "page_size": "size",
    },
    "/api/messages": {"contact_id": "id", "filtered": "flag", "page": "page", "page_size": "size"},
    "/api/contacts": {"state": "word", "page": "page", "page_size": "size"},
    "/api/contact-records": {"contact_id": "id", "page": "page", "page_size": "size"},
    "/api/bots": {"page": "page", "page_size": "size"},
    "/api/do-not-contact": {"page": "page", "page_size": "size"},
    "/api/contacts/{contact}/timeline": {"cursor": "word"},
    "/api/webchat/{token}/messages": {"after": "integer"},
}  # fmt: skip
_BAD_INTEGER = ["-1", "1.5", "1e3", "abc", "0x1", str(2**63), str(2**64), "9" * 400, "NaN", "true", "１", "1,2"]
BAD_QUERY = {
    "integer": _BAD_INTEGER,
    "id": ["0", *_BAD_INTEGER],
    "page": ["0", *_BAD_INTEGER, "100000001"],
    "size": ["0", *_BAD_INTEGER, "501"],
    "flag": ["maybe", "2", "-1", "null", "TRUE1"],
    "moment": [
        "yesterday",
        "2026-02-30T00:00:00Z",
        "0000-00-00",
        "99999-01-01T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "1e400",
        "0.5",
        "-1",
        "1767225600",
        "20260305",
        "2026-03-05_10:30",
    ],
    "word": ["no such thing", "😀", "a" * 5000],
    "text": ["好" * 65, "A" * 5000],
}
PATHS = [
    "GET /api/followup-configs/{}",
    "PUT /api/followup-configs/{}",
    "DELETE /api/followup-configs/{}",
    "POST /api/followup-configs/{}/copy",
    "GET /api/followup-configs/{}/preview",
    "GET /api/followup-configs/{}/lint",
    "GET /api/followup-configs/{}/stats",
    "POST /api/followup-configs/{}/test-send",
    "GET /api/followup-scripts/{}",
    "PUT /api/followup-scripts/{}",
    "DELETE /api/followup-scripts/{}",
    "POST /api/followup-records/{}/resolve",
    "GET /api/followup-enrollments/{}",
    "GET /api/followup-enrollments/{}/plan",
    "POST /api/followup-enrollments/{}/pause",
    "POST /api/followup-enrollments/{}/resume",
    "POST /api/followup-enrollments/{}/stop",
    "POST /api/messages/{}/accept",
    "GET /api/contacts/{}",
    "PUT /api/contacts/{}",
    "DELETE /api/contacts/{}",
    "GET /api/contacts/{}/timeline",
    "POST /api/contacts/{}/mute",
    "POST /api/contacts/{}/unmute",
    "DELETE /api/contacts/{}/do-not-contact",
    "DELETE /api/do-not-contact/{}",
    "DELETE /api/contact-records/{}",
    "GET /api/bots/{}/delivery",
]
BODIES = {"test-send": {"contact_id": 1}, "resolve": {"outcome": "sent"}}


@pytest.fixture
async def known(client: httpx2.AsyncClient) -> dict[str, str]:
    """One of everything, by the names used in the tables."""
    contact = await add_contact(client, position="测试")
    config = await make_config(client, position="测试")
    script = await add_script(client, config, day=1, content="您好")
    sent = await client.post("/api/followup-records/send", json={"contact_id": contact, "content": "您好"})
    token = (await client.get(f"/api/contacts/{contact}")).json()["chat_url"].rpartition("/")[2]
    return {
        "contact": str(contact),
        "config": str(config),
        "script": str(script),
        "record": str(sent.json()["id"]),
        "token": token,
    }


async def everything(database: Database) -> dict[str, str]:
    """Return a fingerprint of every table."""
    async with database.connection() as connection:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        assert len(tables) > 8
        return {
            row["tablename"]: await connection.fetchval(
                f"SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {row['tablename']} AS t"
            )
            for row in tables
        }


def assert_refused(answer: httpx2.Response, place: str, name: str | None = None) -> None:
    """Check for a 4xx in FastAPI's shape that names the field."""
    shown = f"{place[:300]} -> {answer.status_code} {answer.text[:300]}"
    assert 400 <= answer.status_code < 500, shown
    body = answer.json()
    assert set(body) == {"detail"}, shown
    if isinstance(body["detail"], str):
        assert body["detail"], shown
        assert name is None or answer.status_code in {404, 409}, f"{name} is not named: {shown}"
        return
    assert body["detail"], shown
    for problem in body["detail"]:
        assert set(problem) == {"type", "loc", "msg"}, shown
        assert problem["msg"], shown
    if name is not None:
        assert any(name in problem["loc"] for problem in body["detail"]), f"{name} is not named: {shown}"


def filled(value: Any, known: dict[str, str]) -> Any:
    """Put the ids that exist into a body of the table."""
    if isinstance(value, str) and value.startswith("{") and value[1:-1] in known:
        return int(known[value[1:-1]])
    if isinstance(value, dict):
        return {name: filled(each, known) for name, each in value.items()}
    return [filled(each, known) for each in value] if isinstance(value, list) else value


def prepared(endpoint: Endpoint, known: dict[str, str]) -> tuple[str, str, dict[str, Any]]:
    method, _, path = endpoint.call.partition(" ")
    return method, path.format(**known), filled(endpoint.good, known)


@pytest.fixture(params=ENDPOINTS, ids=lambda endpoint: endpoint.call)
def endpoint(request: pytest.FixtureRequest) -> Endpoint:
    found: Endpoint = request.param
    return found


async def test_every_bad_value_of_every_field_is_refused(
    client: httpx2.AsyncClient, database: Database, known: dict[str, str], endpoint: Endpoint
) -> None:
    method, path, good = prepared(endpoint, known)
    before = await everything(database)
    for name, values in endpoint.bad.items():
        for raw in values:
            body = json.dumps(good | {name: HOLE}).replace(json.dumps(HOLE), raw)
            answer = await client.request(method, path, content=body.encode(), headers=JSON)
            assert_refused(answer, f"{endpoint.call} {name}={raw}", name if raw != "null" else None)
    for name in endpoint.required:
        answer = await client.request(
            method, path, json={other: value for other, value in good.items() if other != name}
        )
        assert_refused(answer, f"{endpoint.call} without {name}", name)
    assert await everything(database) == before


async def test_every_body_that_is_no_object_of_known_fields_is_refused(
    client: httpx2.AsyncClient, database: Database, known: dict[str, str], endpoint: Endpoint
) -> None:
    method, path, good = prepared(endpoint, known)
    before = await everything(database)
    whole = json.dumps(good)
    first = next(iter(good))
    optional = endpoint.call.endswith("/do-not-contact") and "{contact}" in endpoint.call
    bodies = [
        b"{", b"}", b"nonsense", b"\xff\xfe{}", whole[:-1].encode(), whole.encode() + b"x",
        b"[]", b"1", b'"x"', b"true", b"[" + whole.encode() + b"]", b"[" * 100_000, b'{"a":' * 100_000,
        b'{"%s": "\xff"}' % first.encode(), b"\x00", whole.replace('"', "'").encode(), b"{,}", b"NaN",
        *([] if optional else [b"", b"null"]),
    ]  # fmt: skip
    for body in bodies:
        answer = await client.request(method, path, content=body, headers=JSON)
        assert_refused(answer, f"{endpoint.call} {body[:40]!r}")
    for content_type in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "image/png",
    ):
        answer = await client.request(method, path, content=whole.encode(), headers={"Content-Type": content_type})
        assert_refused(answer, f"{endpoint.call} as {content_type}")
    for name in ("no_such_field", "id", "__proto__", "名称", "", f"{first} "):
        answer = await client.request(method, path, json=good | {name: 1})
        assert_refused(answer, f"{endpoint.call} with {name!r}", name)
    # The last of two values counts, as in every JSON reader of Python and JavaScript.
    doubled = f'{whole[:-1]}, "{first}": {{"a": 1}}}}'
    answer = await client.request(method, path, content=doubled.encode(), headers=JSON)
    assert_refused(answer, f"{endpoint.call} {doubled}", first)
    assert await everything(database) == before


@pytest.mark.parametrize("path", LISTS)
async def test_every_bad_query_is_refused(client: httpx2.AsyncClient, known: dict[str, str], path: str) -> None:
    place = path.format(**known)
    for name, kind in LISTS[path].items():
        for value in BAD_QUERY[kind]:
            assert_refused(await client.get(place, params={name: value}), f"{path}?{name}={value}", name)
        for raw in ("%00", "%ff", "%ed%a0%80"):
            assert_refused(await client.get(f"{place}?{name}={raw}"), f"{path}?{name}={raw}")
        for harmless in (f"{name}=", name, f"{name}=&{name}=", "no_such_parameter=1", "&&", "=1"):
            answer = await client.get(f"{place}?{harmless}")
            assert answer.status_code == 200, f"{path}?{harmless} -> {answer.text}"
    if "page" in LISTS[path]:
        for page in (2, 1_000_000, 100_000_000):
            answer = await client.get(place, params={"page": page, "page_size": 500})
            assert (answer.status_code, answer.json()["results"]) == (200, []), path
            assert answer.json()["page"] == page


@pytest.mark.parametrize("call", PATHS)
async def test_every_bad_id_in_a_path_is_refused(
    client: httpx2.AsyncClient, database: Database, known: dict[str, str], call: str
) -> None:
    assert known
    before = await everything(database)
    method, _, path = call.partition(" ")
    body = BODIES.get(path.rpartition("/")[2], {} if method == "PUT" else None)
    for value in (
        "0",
        "-1",
        "abc",
        "1.5",
        "1e3",
        "null",
        "%20",
        "１",
        str(2**63),
        "9" * 400,
        "1%00",
        "%ff",
        "%F0%9F%98%80",
    ):
        answer = await client.request(method, path.format(value), json=body)
        assert_refused(answer, f"{call} {value}")
        assert answer.status_code == 422, f"{call} {value}"
    for value in ("999999", str(2**53 - 1)):
        answer = await client.request(method, path.format(value), json=body)
        assert_refused(answer, f"{call} {value}")
        assert answer.status_code == 404, f"{call} {value} -> {answer.text}"
    assert await everything(database) == before


@pytest.mark.parametrize(
    "token",
    ["x" * 32, "short", "x" * 65, "..%2F..%2Fetc%2Fpasswd%2Fxxxx", "%00" * 16, "好" * 16, "'%20OR%201=1--xxxxxxx"],
)
async def test_a_bad_chat_token_is_refused(client: httpx2.AsyncClient, token: str) -> None:
    for method, path in (("GET", "messages"), ("POST", "messages"), ("GET", "stream")):
        body = {"content": "在的"} if method == "POST" else None
        answer = await client.request(method, f"/api/webchat/{token}/{path}", json=body)
        assert_refused(answer, f"{method} {token}/{path}")
        assert answer.status_code in {404, 422}


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "键"])
async def test_a_bad_idempotency_key_sends_nothing(
    client: httpx2.AsyncClient, database: Database, known: dict[str, str], key: str
) -> None:
    before = await everything(database)
    answer = await client.post(
        "/api/followup-records/send",
        json={"contact_id": int(known["contact"]), "content": "您好"},
        headers={b"Idempotency-Key": key.encode()},
    )
    assert_refused(answer, f"Idempotency-Key: {key}", "Idempotency-Key")
    assert await everything(database) == before


ITEM_FIELDS: dict[str, list[str]] = {
    "message_id": ["null", "1.5", "true", "[]", "{}", *BLANK, *UNSTORABLE, json.dumps("x" * 257)],
    "contact_id": ["0", "-1", "1.5", "true", '"1"', "[]", "{}", str(2**63), str(2**64), "9" * 400, "1e400", "NaN"],
    "user_id": ["1.5", "true", "[]", "{}", *BLANK, *UNSTORABLE, json.dumps("x" * 257)],
    "bot": ["0", "-1", "1.5", "true", "[]", "{}", '""', *UNSTORABLE, '"no-such-bot"', "424242", str(2**64)],
    "fromId": ["null", "true", "1.5", "[]", "{}", '""', "1e400"],
    "content": [*text(5000), *BLANK],
    "sent_at": [
        '"yesterday"', '"2026-03-05T10:30:00"', '"2026-02-30T00:00:00Z"', "true", "[]", "{}", "1e400", "NaN",
        '"99999-01-01T00:00:00Z"', '"0001-01-01T00:00:00+14:00"', str(2**64), "9" * 400, UNSTORABLE[0],
    ],
    "no_such_field": ["1"],
}  # fmt: skip


@pytest.mark.parametrize("name", ITEM_FIELDS)
async def test_a_bad_message_is_refused_by_index_and_holds_up_no_other(
    client: httpx2.AsyncClient, database: Database, known: dict[str, str], name: str
) -> None:
    contact = int(known["contact"])
    for number, raw in enumerate(ITEM_FIELDS[name]):
        before = await everything(database)
        bad = {"message_id": f"bad-{number}", "contact_id": contact, "fromId": 0, "content": "在的", name: HOLE}
        if name == "user_id":
            del bad["contact_id"]
        body = json.dumps({"messages": [bad]}).replace(json.dumps(HOLE), raw)
        answer = await client.post("/api/messages/inbound", content=body.encode(), headers=JSON)
        assert answer.status_code == 200, f"{name}={raw[:100]} -> {answer.text}"
        (refused,) = answer.json()["refused"]
        assert (refused["index"], refused["status"]) == (0, 422)
        assert refused["detail"][0]["loc"] == ["body", "messages", 0, name], f"{name}={raw[:100]}"
        assert answer.json()["accepted"] == 0
        assert await everything(database) == before, f"{name}={raw[:100]}"
    good = {"message_id": "good", "contact_id": contact, "fromId": 0, "content": "在的"}
    body = json.dumps({"messages": [bad, good]}).replace(json.dumps(HOLE), ITEM_FIELDS[name][0])
    answer = await client.post("/api/messages/inbound", content=body.encode(), headers=JSON)
    assert (answer.json()["accepted"], len(answer.json()["refused"])) == (1, 1)


async def test_the_longest_and_strangest_legal_texts_are_kept_as_they_are(
    client: httpx2.AsyncClient, known: dict[str, str]
) -> None:
    contact = int(known["contact"])
    for content in (
        "好" * 5000,
        "😀" * 5000,
        "a\r\nb\t",
        "'; DROP TABLE contact; --",
        "<script>",
        "\u202e\u200b",
        "{{name}}",
    ):
        answer = await client.post("/api/followup-records/send", json={"contact_id": contact, "content": content})
        assert answer.status_code == 201, answer.text
        assert answer.json()["content"] == content
    listed = (await client.get(f"/api/followup-records?contact_id={contact}&page_size=1")).json()
    assert listed["results"][0]["content"] == "{{name}}", "what a person writes is no template"
