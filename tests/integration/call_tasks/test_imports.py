"""Files of numbers: what is read, what a broken line costs, how far an import is, what breaks it off."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from app.clock import ManualClock
from app.errors import InvalidInputError
from app.repositories.database import Database
from app.services import transactions
from app.services.agent import imports as service
from app.services.agent.owners import Owner
from tests.agent import AGENT, add_numbers
from tests.people import rows, value

TASK = f"{AGENT}/u-1/task"
FILE = (
    "姓名,手机号,otherName,备注\r\n"
    '林小满,139 0000 9001,王师傅,"第一行\r\n第二行"\r\n'
    ',"=""13900009002""",,\r\n'
    "周子昂,'+86-139-0000-9011,,x\r\n"
)


async def load(client: httpx2.AsyncClient, task: int, text: str | bytes) -> dict[str, Any]:
    content = text.encode() if isinstance(text, str) else text
    answer = await client.post(f"{TASK}/{task}/number/import", content=content, headers={"Content-Type": "text/csv"})
    assert answer.status_code == 201, answer.text
    data: dict[str, Any] = answer.json()["data"]
    assert (data["lines"], data["state"]) == (data["imported"] + data["duplicates"] + data["rejected"], "done")
    return data


def counts(report: dict[str, Any]) -> tuple[int, ...]:
    return report["imported"], report["duplicates"], report["rejected"]


def many(number: int, first: int = 0) -> str:
    return "".join(f"1390{each:07d}\n" for each in range(first, first + number))


async def stored(database: Database) -> list[dict[str, Any]]:
    return await rows(database, "SELECT phone, name, words FROM task_number ORDER BY id")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
async def test_files_as_spreadsheets_save_them(
    client: httpx2.AsyncClient, database: Database, task: int, encoding: str
) -> None:
    report = await load(client, task, FILE.encode(encoding))
    assert report == {
        "id": report["id"],
        "state": "done",
        "lines": 3,
        "imported": 3,
        "duplicates": 0,
        "rejected": 0,
        "errors": [],
        "problem": None,
        "created_at": "2026-03-05 18:30:00",
        "updated_at": "2026-03-05 18:30:00",
    }
    assert await stored(database) == [
        {"phone": "+8613900009001", "name": "林小满", "words": {"otherName": "王师傅", "备注": "第一行\n第二行"}},
        {"phone": "+8613900009002", "name": None, "words": {}},
        {"phone": "+8613900009011", "name": "周子昂", "words": {"备注": "x"}},
    ]
    assert counts(await load(client, task, FILE.encode(encoding))) == (0, 3, 0), "the same file once more"
    assert len(await stored(database)) == 3


@pytest.mark.parametrize(
    "file", ["13900009001\n13900009002", "phone\n13900009001\n13900009002\n", "\n\n13900009001\n\n+8613900009002"]
)
async def test_a_file_of_phones_alone(client: httpx2.AsyncClient, database: Database, task: int, file: str) -> None:
    assert counts(await load(client, task, file)) == (2, 0, 0)
    assert [row["phone"] for row in await stored(database)] == ["+8613900009001", "+8613900009002"]


async def test_other_separators(client: httpx2.AsyncClient, database: Database, task: int) -> None:
    await load(client, task, "电话;name\n13900009001;甲\n")
    await load(client, task, "k\tphone\nv\t13900009002\n")
    assert [(row["name"], row["words"]) for row in await stored(database)] == [("甲", {}), (None, {"k": "v"})]


async def test_every_broken_line_is_reported_and_the_rest_imported(
    client: httpx2.AsyncClient, database: Database, task: int
) -> None:
    file = (
        b"phone,name,k\n"
        b"13900009001,ok,\n"
        b"12,bad,\n"
        b"110,emergency,\n"
        b",none,\n"
        b"13900009002,\xff\xfe,\n"
        b'13900009003,"open,\n'
        b"13900009004,ok,v,more\n"
        b"13900009005," + b"x" * 129 + b",\n"
        b"13900009006,ok," + b"y" * 1001 + b"\n"
        b"13900009007,a\x00b,\n"
        b"\n"
        b"13900009001,again,\n"
        b"13900009008,ok,v\n"
    )
    report = await load(client, task, file)
    assert [problem["line"] for problem in report["errors"]] == [3, 4, 5, 6, 7, 8, 9, 10, 11]
    assert all(problem["message"] for problem in report["errors"])
    assert counts(report) == (2, 1, 9)
    assert [row["phone"][-4:] for row in await stored(database)] == ["9001", "9008"]


async def test_errors_are_listed_up_to_a_bound_and_all_counted(client: httpx2.AsyncClient, task: int) -> None:
    report = await load(client, task, "phone\n13900009001\n" + "nonsense\n" * 2500 + "13900009002\n")
    assert counts(report) == (2, 0, 2500)
    assert [problem["line"] for problem in report["errors"]] == list(range(3, 1003))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"\n \n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        ("姓名,岗位\n林晓,前端\n".encode(), "phone"),
        (b"13900009001,lin\n", "phone"),
        (b"phone,mobile\n1,2\n", "phone"),
        (b"phone,k,k\n1,2,3\n", "twice"),
        (b"phone," + b",".join(b"v%d" % number for number in range(51)) + b"\n1", "50"),
        (b"phone," + b"k" * 65 + b"\n", "64"),
        (b"phone,a\x00\n", "NUL"),
        (b"\xff\xfep\x00", "UTF-8"),
        (b"phone,\xff\xff\xff\n", "GB18030"),
    ],
)
async def test_unusable_files_are_refused_with_a_reason(
    client: httpx2.AsyncClient, database: Database, task: int, content: bytes, says: str
) -> None:
    answer = await client.post(f"{TASK}/{task}/number/import", content=content)
    assert (answer.status_code, answer.json()["code"]) == (422, 422), answer.text
    assert says in answer.json()["message"]
    assert await value(database, "SELECT count(*) FROM task_import") == 0


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data; boundary=x"])
async def test_what_is_no_file_is_refused(client: httpx2.AsyncClient, task: int, content_type: str) -> None:
    headers = {"Content-Type": content_type}
    answer = await client.post(f"{TASK}/{task}/number/import", content=b"13900009001", headers=headers)
    assert answer.status_code == 422
    assert answer.json()["message"].startswith("content-type: ")


async def test_the_order_of_the_file_is_kept(client: httpx2.AsyncClient, database: Database, task: int) -> None:
    lines = [f"1390{(number * 7919) % 10_000_000:07d}" for number in range(2500)]
    assert counts(await load(client, task, "\n".join(lines))) == (2500, 0, 0)
    assert [row["phone"] for row in await stored(database)] == [f"+86{phone}" for phone in lines]


async def test_two_imports_of_the_same_file_at_once(client: httpx2.AsyncClient, database: Database, task: int) -> None:
    lines = many(3000).splitlines()
    backwards = "\n".join(reversed(lines))
    reports = await asyncio.gather(
        load(client, task, many(3000)), load(client, task, many(3000)), load(client, task, backwards)
    )
    assert sum(report["imported"] for report in reports) == 3000
    assert sum(report["duplicates"] for report in reports) == 6000
    assert await value(database, "SELECT count(*) FROM task_number") == 3000


async def test_imports_do_not_block_each_other(
    client: httpx2.AsyncClient, task: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the order of their lines: a transaction that met another one would be repeated, here it fails."""
    monkeypatch.setattr(transactions, "ATTEMPTS", 1)
    lines = many(1000).splitlines()
    files = ["\n".join(lines), "\n".join(reversed(lines))] * 2
    reports = await asyncio.gather(*(load(client, task, file) for file in files))
    assert sum(report["imported"] for report in reports) == 1000


class Upload:
    """A file that arrives as far as a test lets it."""

    def __init__(self) -> None:
        self.parts: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()

    async def arrive(self) -> AsyncIterator[bytes]:
        while (part := await self.parts.get()) is not None:
            if isinstance(part, Exception):
                raise part
            yield part


async def until_imported(client: httpx2.AsyncClient, task: int, number: int) -> dict[str, Any]:
    while True:
        data = (await client.get(f"{TASK}/{task}/number/import")).json()["data"]
        if data["total"] and data["results"][0]["imported"] >= number:
            told: dict[str, Any] = data["results"][0]
            return told
        await asyncio.sleep(0.01)


async def test_progress_is_readable_meanwhile(client: httpx2.AsyncClient, app: FastAPI, task: int) -> None:
    upload = Upload()
    importing = asyncio.create_task(service.run(app.state.context, Owner("u-1"), task, upload.arrive()))
    upload.parts.put_nowait(many(7000).encode())
    told = await until_imported(client, task, 1000)
    assert (told["state"], told["problem"]) == ("running", None)
    assert told["imported"] == told["lines"] < 7000
    one = (await client.get(f"{TASK}/{task}/number/import/{told['id']}")).json()["data"]
    assert one["state"] == "running"
    upload.parts.put_nowait(None)
    row = await importing
    assert (row.id, row.state, row.imported) == (told["id"], "done", 7000)
    for import_id in (row.id + 1, 2**53 - 1):
        assert (await client.get(f"{TASK}/{task}/number/import/{import_id}")).status_code == 404


async def test_who_hangs_up_leaves_what_was_imported(client: httpx2.AsyncClient, app: FastAPI, task: int) -> None:
    upload = Upload()
    importing = asyncio.create_task(service.run(app.state.context, Owner("u-1"), task, upload.arrive()))
    upload.parts.put_nowait(many(7000).encode())
    before = await until_imported(client, task, 1000)
    upload.parts.put_nowait(InvalidInputError("上传中断 (the upload was cut off)"))
    with pytest.raises(InvalidInputError):
        await importing
    told = (await client.get(f"{TASK}/{task}/number/import/{before['id']}")).json()["data"]
    assert (told["state"], told["problem"]) == ("failed", "上传中断 (the upload was cut off)")
    total = (await client.get(f"{TASK}/{task}")).json()["data"]["numbers"]["total"]
    assert 7000 > total == told["imported"] >= 1000


async def test_an_import_that_is_cancelled_says_so(client: httpx2.AsyncClient, app: FastAPI, task: int) -> None:
    upload = Upload()
    importing = asyncio.create_task(service.run(app.state.context, Owner("u-1"), task, upload.arrive()))
    upload.parts.put_nowait(many(7000).encode())
    told = await until_imported(client, task, 5000)
    importing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await importing
    told = (await client.get(f"{TASK}/{task}/number/import/{told['id']}")).json()["data"]
    assert told["state"] == "failed"
    assert "broke off" in told["problem"]


async def test_an_import_into_a_task_that_goes_meanwhile(
    client: httpx2.AsyncClient, app: FastAPI, database: Database, task: int
) -> None:
    upload = Upload()
    importing = asyncio.create_task(service.run(app.state.context, Owner("u-1"), task, upload.arrive()))
    upload.parts.put_nowait(many(7000).encode())
    await until_imported(client, task, 1000)
    assert (await client.delete(f"{TASK}/{task}")).status_code == 200
    upload.parts.put_nowait(many(7000, 7000).encode())
    upload.parts.put_nowait(None)
    with pytest.raises(Exception, match="任务"):
        await importing
    (row,) = await rows(database, "SELECT state, problem, imported FROM task_import")
    assert row["state"] == "failed"
    assert "deleted" in row["problem"]
    assert await value(database, "SELECT count(*) FROM task_number") == row["imported"]


async def test_a_silent_import_lost_its_process(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock, task: int
) -> None:
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO task_import (task_id, lines, imported, created_at, updated_at) VALUES ($1, 9, 9, $2, $2)",
            task,
            clock.now(),
        )
    clock.advance(service.SILENCE)
    (told,) = (await client.get(f"{TASK}/{task}/number/import")).json()["data"]["results"]
    assert told["state"] == "running"
    clock.advance(timedelta(seconds=1))
    (told,) = (await client.get(f"{TASK}/{task}/number/import")).json()["data"]["results"]
    assert (told["state"], told["imported"]) == ("failed", 9)
    assert "interrupted" in told["problem"]


async def test_what_was_added_by_hand_counts_as_there(client: httpx2.AsyncClient, task: int) -> None:
    await add_numbers(client, task, "13900009001")
    assert counts(await load(client, task, "13900009001\n13900009002\n13900009002\n")) == (1, 2, 0)
