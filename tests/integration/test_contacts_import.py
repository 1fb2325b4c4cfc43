"""CSV import through the API: what is read, what is matched, what a broken line costs."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from app.clock import ManualClock
from app.repositories.database import Database
from tests.people import enroll, new_contact, rows, value


async def load(client: httpx2.AsyncClient, text: str | bytes, **params: Any) -> dict[str, Any]:
    content = text.encode() if isinstance(text, str) else text
    answer = await client.post(
        "/api/contacts/import", content=content, params=params, headers={"Content-Type": "text/csv"}
    )
    assert answer.status_code == 201, answer.text
    report: dict[str, Any] = answer.json()
    return report


def counts(report: dict[str, Any]) -> tuple[int, ...]:
    return report["created"], report["updated"], report["unchanged"], report["error_count"]


FILE = (
    "渠道,用户id,姓名,岗位,手机号,备注,来源\r\n"
    ',zp-1,林晓,Python 开发,138 0013 8000,"工作日晚上\r\n方便,请先发消息",智联\r\n'
    "default,zp-2,王强,前端,,,\r\n"
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
async def test_files_as_spreadsheets_save_them(client: httpx2.AsyncClient, database: Database, encoding: str) -> None:
    report = await load(client, FILE.encode(encoding))
    assert counts(report) == (2, 0, 0, 0)
    assert (report["ignored_columns"], report["encoding"]) == (["来源"], encoding.removesuffix("-sig"))
    first = (await rows(database, "SELECT * FROM contact ORDER BY id LIMIT 1"))[0]
    assert (first["user_id"], first["name"], first["phone"]) == ("zp-1", "林晓", "+8613800138000")
    assert (first["position"], first["position_key"]) == ("Python 开发", "python 开发")
    assert first["note"] == "工作日晚上\n方便,请先发消息"
    assert first["chat_token"]


async def test_importing_again_changes_nothing(client: httpx2.AsyncClient, database: Database) -> None:
    await load(client, FILE)
    before = await rows(database, "SELECT * FROM contact ORDER BY id")
    assert counts(await load(client, FILE)) == (0, 0, 2, 0)
    assert await rows(database, "SELECT * FROM contact ORDER BY id") == before


async def test_people_without_user_id_are_found_again_by_phone(client: httpx2.AsyncClient, database: Database) -> None:
    file = "手机号;姓名\n13800138000;林晓\n"
    assert counts(await load(client, file)) == (1, 0, 0, 0)
    assert counts(await load(client, file)) == (0, 0, 1, 0)
    assert counts(await load(client, file.replace("林晓", "林小晓"))) == (0, 1, 0, 0)
    assert counts(await load(client, "phone\tuser_id\n13800138000\tzp-1\n")) == (0, 1, 0, 0)
    people = await rows(database, "SELECT user_id, name FROM contact")
    assert people == [{"user_id": "zp-1", "name": "林小晓"}]


async def test_a_phone_of_several_people_is_an_error_line(client: httpx2.AsyncClient) -> None:
    twins = [await new_contact(client, user_id=name, phone="13800138000") for name in ("a", "b")]
    report = await load(client, "user_id,phone,name\n,13800138000,林晓\nb,13800138000,王强\n")
    assert counts(report) == (0, 1, 0, 1)
    assert report["errors"][0]["line"] == 2
    assert all(str(twin["id"]) in report["errors"][0]["error"] for twin in twins)


async def test_every_broken_line_is_reported_and_the_rest_imported(client: httpx2.AsyncClient) -> None:
    file = (
        b"user_id,name,phone\n"
        b"u2,ok,\n"
        b"u3,bad phone,12\n"
        b"u4,\xff\xfe,\n"
        b'u5,"open quote,\n'
        b"u6,ok,\n"
        b",nobody,\n"
        b"u8,too,wide,line\n"
        b"\n"
        b"u10,ok,13800138000\n"
        b"u11,shares a phone,13800138000\n"
        b"u2,again,\n" + "u13,王强,\n".encode()
    )
    report = await load(client, file)
    assert [problem["line"] for problem in report["errors"]] == [3, 4, 5, 7, 8, 11]
    assert counts(report) == (4, 1, 0, 6)
    names = {contact["user_id"] for contact in (await client.get("/api/contacts")).json()["results"]}
    assert names == {"u2", "u6", "u10", "u13"}


async def test_errors_are_listed_up_to_a_bound_and_all_counted(client: httpx2.AsyncClient) -> None:
    report = await load(client, "phone\n" + "nonsense\n" * 2500 + "13800138000\n")
    assert (report["created"], report["error_count"], len(report["errors"])) == (1, 2500, 1000)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"\n \n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        ("姓名,岗位\n林晓,前端\n".encode(), "user_id"),
        (b"13800138000,lin\n", "phone"),
        (b"phone,mobile\n1,2\n", "phone"),
        (b"\xff\xfep\x00", "UTF-8"),
        (b"phone,\xff\xff\xff\n", "GB18030"),
    ],
)
async def test_unusable_files_are_refused_with_a_reason(client: httpx2.AsyncClient, content: bytes, says: str) -> None:
    answer = await client.post("/api/contacts/import", content=content, headers={"Content-Type": "text/csv"})
    assert answer.status_code == 422, answer.text
    assert answer.json()["detail"][0]["loc"][0] == "body"
    assert says in answer.json()["detail"][0]["msg"]


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data; boundary=x"])
async def test_other_kinds_of_bodies_are_refused_by_name(client: httpx2.AsyncClient, content_type: str) -> None:
    answer = await client.post("/api/contacts/import", content=b"phone\n", headers={"Content-Type": content_type})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["header", "content-type"]


async def test_a_dry_run_counts_and_writes_nothing(client: httpx2.AsyncClient, database: Database) -> None:
    report = await load(client, FILE, dry_run=True)
    assert (counts(report), report["dry_run"]) == ((2, 0, 0, 0), True)
    assert await value(database, "SELECT count(*) FROM contact") == 0


async def test_an_import_wakes_and_protects_like_a_change_by_hand(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock
) -> None:
    nameless, listed = await new_contact(client, user_id="u1"), await new_contact(client, user_id="u2")
    await enroll(database, nameless["id"], clock.now(), reason="missing_variable")
    await enroll(database, listed["id"], clock.now(), due_at=clock.now())
    entry = {"kind": "phone", "value": "13800138000"}
    await client.post("/api/do-not-contact", json={"identifiers": [entry]})
    report = await load(client, "user_id,name,phone\nu1,林晓,\nu2,,13800138000\nu3,,13700137000\n")
    assert (counts(report), report["do_not_contact"]) == ((1, 2, 0, 0), 1)
    assert await value(database, "SELECT due_at FROM follow_up_enrollment WHERE contact_id = $1", nameless["id"]) == (
        clock.now()
    )
    shown = (await client.get(f"/api/contacts/{listed['id']}")).json()
    assert (shown["do_not_contact"], shown["state"]) == (True, "stopped")


async def test_two_imports_of_the_same_people_at_once(client: httpx2.AsyncClient, database: Database) -> None:
    lines = [f"u{number},n{number}" for number in range(2500)]
    forth, back = ("\n".join(["user_id,name", *part]) for part in (lines, reversed(lines)))
    reports = await asyncio.gather(load(client, forth), load(client, back), load(client, forth))
    assert sum(report["created"] for report in reports) == 2500
    assert sum(report["unchanged"] for report in reports) == 5000
    assert await value(database, "SELECT count(*) FROM contact") == 2500


async def test_a_large_file_is_written_while_it_still_arrives(client: httpx2.AsyncClient, database: Database) -> None:
    total, written = 30_000, []

    async def stream() -> AsyncIterator[bytes]:
        yield "用户id,姓名,岗位,手机号\n".encode()
        for begin in range(0, total, 5000):
            numbers = range(begin, begin + 5000)
            yield "".join(f"u{n},林晓{n},Python开发,1{3800000000 + n}\n" for n in numbers).encode()
            written.append(await value(database, "SELECT count(*) FROM contact"))

    answer = await client.post("/api/contacts/import", content=stream(), headers={"Content-Type": "text/csv"})
    assert answer.json()["created"] == total, answer.text[:500]
    assert written == sorted(written)
    assert written[-1] > total // 2  # nothing waits for the end of the file
    assert await value(database, "SELECT count(*) FROM contact WHERE phone LIKE '+861%'") == total
