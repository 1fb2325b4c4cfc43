"""Every endpoint with every kind of bad body: a 4xx that names the field, nothing changed."""

import json
from typing import Any

import httpx2
import pytest

from app.repositories.database import Database
from tests.e2e.bad_input.checks import assert_refused, everything
from tests.e2e.bad_input.tables import (
    BLANK,
    ENDPOINTS,
    HOLE,
    JSON,
    UNSTORABLE,
    Endpoint,
    text,
)


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


async def test_a_field_whose_name_is_no_text_is_told_all_the_same(client: httpx2.AsyncClient) -> None:
    for name, shown in ((r"\ud800", "?"), (r"\u0000", "\x00"), ("x" * 70_000, "x" * 256)):
        answer = await client.post(
            "/api/messages/inbound", content=f'{{"messages": [{{"{name}": 1}}]}}'.encode(), headers=JSON
        )
        assert answer.status_code == 200, answer.text
        assert answer.json()["refused"][0]["detail"][0]["loc"] == ["body", "messages", 0, shown]


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
