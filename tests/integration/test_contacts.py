"""Contacts: cards, lists, what a change sets in motion."""

import asyncio
import json
import random
import re
from typing import Any

import httpx2
import pytest
from sqlalchemy import event

from app.clock import ManualClock
from app.repositories.database import Database
from tests.people import enroll, new_contact, rows, value

SHOWN = {
    "id",
    "bot_id",
    "user_id",
    "name",
    "position",
    "phone",
    "note",
    "do_not_contact",
    "muted",
    "state",
    "enrollment_id",
    "last_sent_at",
    "last_message_at",
    "chat_url",
    "created_at",
    "updated_at",
}


def fields_at_fault(response: httpx2.Response) -> list[str]:
    assert response.status_code == 422, response.text
    found = [".".join(str(part) for part in problem["loc"]) for problem in response.json()["detail"]]
    assert found, response.text
    return found


async def test_a_new_contact_is_shown_as_it_was_written(client: httpx2.AsyncClient) -> None:
    created = await new_contact(
        client, user_id="zp-1", name=" 林晓 ", position="Python开发", phone="138 0013 8000", note="晚上方便"
    )
    assert created.keys() >= SHOWN
    assert created["phone"] == "+8613800138000"
    assert (created["name"], created["state"], created["enrollment_id"]) == ("林晓", "none", None)
    assert (created["bot_id"], created["do_not_contact"], created["notice"]) == (1, False, None)
    assert created["chat_url"].startswith("/chat/")
    assert len(created["chat_url"]) > 30
    assert created["created_at"] == "2026-03-05T10:30:00Z"
    read = (await client.get(f"/api/contacts/{created['id']}")).json()
    assert read == {name: item for name, item in created.items() if name != "notice"}


async def test_a_contact_needs_nothing_and_gets_a_user_id_that_nobody_can_guess(client: httpx2.AsyncClient) -> None:
    first, second = await new_contact(client), await new_contact(client, name="", phone=None)
    assert first["user_id"].startswith("c-")
    assert len(first["user_id"]) > 25
    assert first["user_id"] != second["user_id"]
    assert second["name"] is None


@pytest.mark.parametrize("bot", [1, "default", "1"])
async def test_a_bot_is_named_by_id_or_client_id(client: httpx2.AsyncClient, bot: Any) -> None:
    assert (await new_contact(client, bot=bot))["bot_id"] == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"bot": 999}, "body.bot"),
        ({"bot": "nowhere"}, "body.bot"),
        ({"bot": False}, "body.bot"),
        ({"user_id": ""}, "body.user_id"),
        ({"user_id": "  "}, "body.user_id"),
        ({"user_id": "x" * 257}, "body.user_id"),
        ({"user_id": 7}, "body.user_id"),
        ({"user_id": "a\x00b"}, "body.user_id"),
        ({"name": "x" * 129}, "body.name"),
        ({"name": ["林晓"]}, "body.name"),
        ({"position": "x" * 65}, "body.position"),
        ({"position": "\ufdfa" * 10}, "body.position"),
        ({"phone": "nonsense"}, "body.phone"),
        ({"phone": "138****8000"}, "body.phone"),
        ({"phone": 13800138000}, "body.phone"),
        ({"note": "x" * 5001}, "body.note"),
        ({"nmae": "林晓"}, "body.nmae"),
    ],
)
async def test_bad_input_is_refused_by_name(client: httpx2.AsyncClient, body: dict[str, Any], field: str) -> None:
    assert all(name.startswith(field) for name in fields_at_fault(await client.post("/api/contacts", json=body)))
    if "bot" not in body:
        contact = await new_contact(client)
        changed = await client.put(f"/api/contacts/{contact['id']}", json=body)
        assert all(name.startswith(field) for name in fields_at_fault(changed))


async def test_half_characters_are_refused_by_name(client: httpx2.AsyncClient) -> None:
    for field in ("user_id", "name", "position", "phone", "note"):
        body: str = json.dumps({field: "\ud800"})
        answer = await client.post("/api/contacts", content=body, headers={"Content-Type": "application/json"})
        assert fields_at_fault(answer) == [f"body.{field}"]


async def test_a_taken_user_id_is_a_conflict_that_names_the_contact(client: httpx2.AsyncClient) -> None:
    first, second = await new_contact(client, user_id="zp-1"), await new_contact(client, user_id="zp-2")
    again = await client.post("/api/contacts", json={"user_id": "zp-1"})
    assert again.status_code == 409
    assert str(first["id"]) in again.json()["detail"]
    changed = await client.put(f"/api/contacts/{second['id']}", json={"user_id": "zp-1", "name": "林晓"})
    assert changed.status_code == 409
    assert (await client.get(f"/api/contacts/{second['id']}")).json()["name"] is None


async def test_many_who_create_the_same_user_get_one_contact_and_conflicts(client: httpx2.AsyncClient) -> None:
    answers = await asyncio.gather(*(client.post("/api/contacts", json={"user_id": "same"}) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7


async def test_a_change_leaves_what_is_missing_and_empties_what_is_null(
    client: httpx2.AsyncClient, clock: ManualClock
) -> None:
    contact = await new_contact(client, name="林晓", position="前端", phone="95588", note="备注")
    path = f"/api/contacts/{contact['id']}"
    clock.set(clock.now().replace(hour=12))
    changed = (await client.put(path, json={"note": None, "position": "后端"})).json()
    assert (changed["name"], changed["position"], changed["phone"], changed["note"]) == ("林晓", "后端", "95588", None)
    assert changed["updated_at"] == "2026-03-05T12:30:00Z"
    clock.set(clock.now().replace(hour=13))
    assert (await client.put(path, json={})).json() == changed
    assert (await client.put(path, json={"position": "后端"})).json() == changed


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize(
    ("contact_id", "status"), [("424242", 404), ("0", 422), ("9223372036854775808", 422), ("x", 422)]
)
async def test_unknown_and_impossible_ids(
    client: httpx2.AsyncClient, method: str, contact_id: str, status: int
) -> None:
    body: dict[str, Any] | None = {} if method == "PUT" else None
    assert (await client.request(method, f"/api/contacts/{contact_id}", json=body)).status_code == status


async def test_a_filled_in_name_wakes_what_stood_still_for_want_of_it(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock
) -> None:
    missing, other, ended = [await new_contact(client) for _ in range(3)]
    waiting = await enroll(database, missing["id"], clock.now(), reason="missing_variable")
    resting = await enroll(database, other["id"], clock.now(), reason="muted")
    over = await enroll(database, ended["id"], clock.now(), state="stopped", reason="missing_variable")
    for contact in (missing, other, ended):
        await client.put(f"/api/contacts/{contact['id']}", json={"note": "nothing to send with"})
    assert await rows(database, "SELECT id FROM follow_up_enrollment WHERE due_at IS NOT NULL") == []
    for contact in (missing, other, ended):
        await client.put(f"/api/contacts/{contact['id']}", json={"name": "林晓"})
    due = {row["id"]: row["due_at"] for row in await rows(database, "SELECT id, due_at FROM follow_up_enrollment")}
    assert due == {waiting: clock.now(), resting: None, over: None}


async def test_muting_and_unmuting(client: httpx2.AsyncClient, database: Database, clock: ManualClock) -> None:
    contact = await new_contact(client)
    path = f"/api/contacts/{contact['id']}"
    for _ in range(2):
        muted = await client.post(f"{path}/mute")
        assert (muted.status_code, muted.json()["muted"]) == (201, True)
    await enroll(database, contact["id"], clock.now(), reason="muted")
    for _ in range(2):
        assert (await client.post(f"{path}/unmute")).json()["muted"] is False
    assert await value(database, "SELECT due_at FROM follow_up_enrollment") == clock.now()
    trail = await rows(database, "SELECT action FROM audit_entry WHERE contact_id = $1 ORDER BY id", contact["id"])
    assert [row["action"] for row in trail] == ["mute", "unmute"]
    assert (await client.post("/api/contacts/424242/mute")).status_code == 404


async def test_unmuting_leaves_a_lease_alone(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock
) -> None:
    contact = await new_contact(client)
    await client.post(f"/api/contacts/{contact['id']}/mute")
    lease = clock.now().replace(minute=59)
    await enroll(database, contact["id"], clock.now(), reason="muted", due_at=lease)
    await client.post(f"/api/contacts/{contact['id']}/unmute")
    assert await value(database, "SELECT due_at FROM follow_up_enrollment") == lease


async def listed(client: httpx2.AsyncClient, **filters: Any) -> list[str]:
    response = await client.get("/api/contacts", params=filters)
    assert response.status_code == 200, response.text
    return [contact["user_id"] for contact in response.json()["results"]]


async def test_search_finds_plain_text_in_four_fields(client: httpx2.AsyncClient) -> None:
    await new_contact(client, user_id="plain", name="林晓")
    await new_contact(client, user_id="percent", name="100% sure_", note="a\\b")
    await new_contact(client, user_id="phone", phone="13800138000")
    await new_contact(client, user_id="note", note="Follow UP on Friday")
    for q, found in {
        "林": ["plain"],
        "%": ["percent"],
        "_": ["percent"],
        "e_": ["percent"],
        "\\": ["percent"],
        "138-0013 8000": ["phone"],
        "0013": ["phone"],
        "follow up": ["note"],
        "PLAIN": ["plain"],
        "nobody": [],
        "": ["note", "phone", "percent", "plain"],
    }.items():
        assert await listed(client, q=q) == found, q


async def test_search_finds_what_is_written_now_whatever_its_length(
    client: httpx2.AsyncClient, database: Database
) -> None:
    """Held against a plain look at every person, while people are written, imported, changed and erased."""
    chance = random.Random(5)  # noqa: S311 - the same people on every run
    texts = [
        "林晓",
        "林小满",
        "晓林",
        "欧阳晓",
        "Lin Xiao",
        "ABC",
        "é林",
        "😀满",
        "满 晓",
        "13800138000",
        "a-b_c%d\\",
        "ＡＢ",
    ]
    queries = {text[i : i + size] for text in texts for i in range(len(text)) for size in (1, 2, 3, 4)}
    queries |= {
        "新名",
        "换了",
        "了说",
        "1111",
        "没有",
        "zzz",
        "x晓",
        "138-0013 8000",
        "(138) 0013",
        "+86138",
        "LIN x",
        "É林",
    }
    for number in range(30):
        name, note, user = chance.choice(texts), chance.choice([None, *texts]), chance.choice(texts)
        person = {"name": name, "note": note, "user_id": f"{number}-{user}"}
        if number % 3 == 0:
            person["phone"] = f"1380013{number:04}"
        await new_contact(client, **person)
    lines = "".join(f"csv-{number},{name}\n" for number, name in enumerate(texts[:5]))
    await client.post("/api/contacts/import", content=f"user_id,name\n{lines}csv-5,\n")
    newest = (await client.get("/api/contacts", params={"page_size": 4})).json()["results"]
    changes = ({"name": "新名"}, {"note": "换了说明"}, {"phone": "13911112222"}, {"user_id": "换了"})
    for person, change in zip(newest, changes, strict=True):
        assert (await client.put(f"/api/contacts/{person['id']}", json=change)).status_code == 200
    for person in newest[:3]:
        assert (await client.delete(f"/api/contacts/{person['id'] - 10}")).status_code == 204
    people = await rows(database, "SELECT user_id, name, phone, note FROM contact ORDER BY id DESC")
    assert await value(database, "SELECT count(*) FROM contact_search") == len(people) == 33
    for q in sorted(queries):
        digits = re.sub(r"[ .()-]", "", q)
        wanted = {q.lower(), digits if re.fullmatch(r"\+?\d{3,}", digits) else q.lower()}
        expected = [
            person["user_id"]
            for person in people
            if any(text in (field or "").lower() for field in person.values() for text in wanted)
        ]
        assert await listed(client, q=q, page_size=500) == expected, q


async def test_search_counts_and_pages(client: httpx2.AsyncClient) -> None:
    for number in range(7):
        await new_contact(client, user_id=f"u{number}", name="林晓", position="前端" if number % 2 else None)
    wanted: list[tuple[dict[str, Any], int, list[str]]] = [
        ({"q": "晓", "page_size": 3}, 7, ["u6", "u5", "u4"]),
        ({"q": "晓", "page_size": 3, "page": 3}, 7, ["u0"]),
        ({"q": "晓", "page_size": 3, "page": 4}, 7, []),
        ({"q": "林晓", "position": "前端", "page_size": 2, "page": 2}, 3, ["u1"]),
        ({"q": "林晓", "state": "active"}, 0, []),
        ({"q": "王"}, 0, []),
    ]
    for params, total, users in wanted:
        found = (await client.get("/api/contacts", params=params)).json()
        assert (found["total"], [person["user_id"] for person in found["results"]]) == (total, users), params


async def test_search_uses_its_index(client: httpx2.AsyncClient, database: Database) -> None:
    await new_contact(client, name="林晓")
    async with database.transaction() as connection:
        await connection.execute("SET LOCAL enable_seqscan = off")
        for q in ("林", "林晓", "lin", "13800138000"):
            plan = await connection.fetch(
                "EXPLAIN SELECT contact_id FROM contact_search WHERE contact_grams(words) @> contact_grams($1)", q
            )
            assert "ix_contact_search_grams" in str(plan)
            assert await connection.fetchval("SELECT cardinality(contact_grams($1)) > 0", q)


async def test_the_engines_updates_do_not_write_the_search(client: httpx2.AsyncClient, database: Database) -> None:
    person = await new_contact(client, name="林晓")
    before = await value(database, "SELECT xmin::text FROM contact_search")
    async with database.transaction() as connection:
        await connection.execute(
            "UPDATE contact SET message_count = 5, last_sent_at = now() WHERE id = $1", person["id"]
        )
    await client.post(f"/api/contacts/{person['id']}/mute")
    await client.put(f"/api/contacts/{person['id']}", json={"position": "前端"})
    assert await value(database, "SELECT xmin::text FROM contact_search") == before


async def test_filters_by_position_and_by_the_state_of_the_newest_enrollment(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock
) -> None:
    ids = {name: (await new_contact(client, user_id=name, position="Python 开发"))["id"] for name in "abc"}
    await new_contact(client, user_id="d", position="前端")
    await enroll(database, ids["a"], clock.now(), state="stopped")
    newest = await enroll(database, ids["a"], clock.now(), state="active")
    await enroll(database, ids["b"], clock.now(), state="stopped")
    assert await listed(client, position=" python 开发 ") == ["c", "b", "a"]
    assert await listed(client, state="active") == ["a"]
    assert await listed(client, state="stopped") == ["b"]
    assert await listed(client, state="none") == ["d", "c"]
    assert await listed(client, state="none", position="前端") == ["d"]
    shown = (await client.get(f"/api/contacts/{ids['a']}")).json()
    assert (shown["state"], shown["enrollment_id"]) == ("active", newest)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("state=asleep", "query.state"),
        ("page=0", "query.page"),
        ("page=1.5", "query.page"),
        ("page_size=501", "query.page_size"),
        (f"q={'x' * 129}", "query.q"),
        (f"position={'x' * 65}", "query.position"),
    ],
)
async def test_bad_filters_are_refused_by_name(client: httpx2.AsyncClient, query: str, field: str) -> None:
    assert fields_at_fault(await client.get(f"/api/contacts?{query}")) == [field]


async def test_pages_have_totals_and_cost_the_same_queries_whatever_their_size(
    client: httpx2.AsyncClient, app: Any, database: Database, clock: ManualClock
) -> None:
    for number in range(12):
        contact = await new_contact(client, user_id=f"u{number}")
        await enroll(database, contact["id"], clock.now())
    statements: list[str] = []
    engine = app.state.context.database.engine.sync_engine

    def note(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    counts = set()
    for size in (1, 5, 12):
        statements.clear()
        page = (await client.get("/api/contacts", params={"page_size": size, "page": 1})).json()
        assert (page["total"], page["page"], page["page_size"], len(page["results"])) == (12, 1, size, size)
        counts.add(len(statements))
    assert counts == {2}
    last = (await client.get("/api/contacts", params={"page_size": 5, "page": 3})).json()
    assert [contact["user_id"] for contact in last["results"]] == ["u1", "u0"]
    assert (await client.get("/api/contacts", params={"page": 99})).json()["results"] == []
