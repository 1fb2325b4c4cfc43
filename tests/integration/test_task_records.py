"""Records of tasks: which they are, in pages, whole and as a table; and a summary that agrees with them exactly."""

import csv
import io
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from app.clock import ManualClock
from app.domain.calls import NumberStatus
from app.repositories import task_records, task_summary
from app.repositories.database import Database
from tests.agent import AGENT, add_account, add_group, add_line, add_seat
from tests.helpers import add_contact
from tests.people import value
from tests.task_records import add_config, add_number, add_record, add_task, end, said

MINE = f"{AGENT}/u-1"
AT = datetime(2026, 3, 5, 1, 30, tzinfo=UTC)
"""9:30 in Shanghai."""


@pytest.fixture(autouse=True)
async def account(client: httpx2.AsyncClient) -> str:
    return await add_account(client)


async def listed(client: httpx2.AsyncClient, task: int, query: str = "") -> dict[str, Any]:
    answer = await client.get(f"{MINE}/task/{task}/record{query}")
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


async def test_a_record_and_its_talk(
    client: httpx2.AsyncClient, app: FastAPI, database: Database, clock: ManualClock
) -> None:
    line, seat, group = await add_line(client), await add_seat(client), await add_group(client)
    task = await add_task(database, llm_intention_id=await add_config(database))
    number = await add_number(database, task, name="林小满")
    await add_record(database, task, AT - timedelta(hours=2), NumberStatus.NO_ANSWER, number_id=number)
    talk = said(AT, "您好,课程报名吗", "多少钱", "九百", "行,给我报一个")
    call = await add_record(
        database, task, AT, number_id=number, group_id=group["id"], seat_id=seat, line_id=line, conversations=talk,
        recording_state="stored", result="已接通",
    )  # fmt: skip
    await end(database, clock.now(), call)
    await app.state.reader.read_new()
    page = await listed(client, task)
    assert (page["total"], page["page"], page["limit"]) == (2, 1, 20)
    assert page["results"][0] == {
        "id": call["id"], "task_id": task, "number_id": number, "phone": call["phone"], "name": "林小满",
        "number_status": 1, "number_status_str": "呼叫成功", "intention": 1, "intention_str": "A",
        "tags": ["1A", "1B", "2B"], "begin_time": "2026-03-05 09:30:00", "answer_time": "2026-03-05 09:30:12",
        "end_time": "2026-03-05 09:31:00", "duration": 48, "attempt": 2, "line": {"id": line, "name": "一号线"},
        "group": {"id": group["id"], "name": "回访"}, "customer_service": {"id": seat, "name": "客服一号"},
    }  # fmt: skip
    first = page["results"][1]
    assert (first["attempt"], first["number_status_str"], first["answer_time"], first["duration"]) == (
        1, "无应答", None, 0,
    )  # fmt: skip
    assert (first["intention"], first["tags"], first["line"]) == (None, [], None)
    whole = (await client.get(f"{MINE}/task/{task}/record/{call['id']}")).json()["data"]
    assert whole | page["results"][0] == whole
    assert (whole["conversations"], whole["result"]) == (talk, "已接通")
    assert whole["analysis"] == {
        "state": "done", "level": "明确意向", "tags": ["1A 同意", "1B 要求办理或约定时间", "2B 问价格或待遇"],
        "evidence": ["行,给我报一个"], "model": "rules", "problem": None, "analysed_at": "2026-03-05 18:30:00",
    }  # fmt: skip
    assert whole["recording"].startswith("http://localhost/api/v1/outbound-bot/recordings/")
    unanswered = (await client.get(f"{MINE}/task/{task}/record/{first['id']}")).json()["data"]
    assert (unanswered["conversations"], unanswered["recording"], unanswered["analysis"]) == ([], "", None)


async def test_only_finished_attempts_are_records(client: httpx2.AsyncClient, database: Database) -> None:
    task = await add_task(database)
    kept = [
        await add_record(database, task, AT, NumberStatus.WAITING),  # nobody knows what became of it
        await add_record(database, task, AT, NumberStatus.INTERCEPTED, is_counted=False),  # the line's fault
    ]
    for fields in (
        {"is_counted": False},  # certainly not called
        {"is_counted": False, "number_status": None, "placement": "not_placed"},
        {"number_status": None, "ended_at": None},
    ):
        await add_record(database, task, AT, NumberStatus.WAITING, **fields)
    await add_record(database, await add_task(database), AT)
    page = await listed(client, task)
    assert [row["id"] for row in page["results"]] == [kept[1]["id"], kept[0]["id"]]
    assert page["total"] == 2
    summary = (await client.get(f"{MINE}/task/{task}/summary")).json()["data"]
    assert summary["total"] == 2


async def filled(client: httpx2.AsyncClient, database: Database) -> tuple[int, list[dict[str, Any]]]:
    """Write a task with many records of every kind; returns it and them, newest first."""
    chance = random.Random(20260305)  # noqa: S311 - no secret
    lines = [await add_line(client, name=name) for name in ("一号线", "二号线")]
    groups = [(await add_group(client, name=name))["id"] for name in ("甲", "乙")]
    task = await add_task(database)
    async with database.transaction() as connection:
        for place, group in enumerate(groups):
            await connection.execute("INSERT INTO call_task_script VALUES ($1, $2, 1, $3)", task, group, place)
    numbers = [await add_number(database, task, place, group_id=groups[place % 2]) for place in range(60)]
    made = []
    for place in range(150):
        status = chance.choice(list(NumberStatus))
        made.append(
            await add_record(
                database, task, AT + timedelta(minutes=7 * (place // 3)), status, number_id=numbers[place % 60],
                group_id=groups[place % 2], line_id=chance.choice([*lines, "gone", None]),
                intention=chance.choice([None, 1, 2, 3, 4, 5, 6]) if status == 1 else None,
                is_reached=status == 1 and chance.random() < 0.8,
            )
        )  # fmt: skip
    return task, sorted(made, key=lambda call: (call["created_at"], call["id"]), reverse=True)


async def test_filters_and_pages(client: httpx2.AsyncClient, database: Database) -> None:
    task, made = await filled(client, database)
    found: list[int] = []
    for number in range(1, 6):
        page = await listed(client, task, f"?page={number}&limit=40")
        assert page["total"] == 150
        found += [row["id"] for row in page["results"]]
    assert found == [call["id"] for call in made]
    phone = made[0]["phone"]
    middle = AT + timedelta(minutes=100)
    local = "2026-03-05 11:10:00"
    for query, is_meant in (
        ("number_status=1", lambda call: call["number_status"] == 1),
        ("number_status=0", lambda call: call["number_status"] == 0),
        ("intention=2", lambda call: call["intention"] == 2),
        ("number_status=4&intention=2", lambda _call: False),
        (f"phone={phone.replace('+', '%2B')}", lambda call: call["phone"] == phone),
        (f"phone={phone.removeprefix('+86')}", lambda call: call["phone"] == phone),
        (f"begin_time={local}", lambda call: call["created_at"] >= middle),
        (f"end_time={local}", lambda call: call["created_at"] < middle),
        (
            f"begin_time=2026-03-05 09:30:00&end_time={local}&number_status=1&phone={phone.removeprefix('+')}",
            lambda call: call["created_at"] < middle and call["number_status"] == 1 and call["phone"] == phone,
        ),
    ):
        page = await listed(client, task, f"?limit=100&{query}")
        expected = [call["id"] for call in made if is_meant(call)]
        assert page["total"] == len(expected), query
        assert [row["id"] for row in page["results"]] == expected[:100], query


async def test_the_summary_agrees_with_the_records(client: httpx2.AsyncClient, database: Database) -> None:
    task, made = await filled(client, database)
    data = (await client.get(f"{MINE}/task/{task}/summary")).json()["data"]
    answered = [call for call in made if call["number_status"] == 1]
    assert data["total"] == len(made)
    statuses = Counter(call["number_status"] for call in made)
    assert {row["number_status"]: row["calls"] for row in data["number_status"]} == {
        status: statuses[status] for status in range(13)
    }
    levels = Counter(call["intention"] for call in made)
    assert {row["intention"]: row["calls"] for row in data["intention"]} == {
        level: levels[level] for level in (1, 2, 3, 4, 5, 6, None)
    }
    assert [row["intention_str"] for row in data["intention"]] == [*"ABCDEF", None]
    hours = Counter((call["created_at"].hour + 8) % 24 for call in made)
    assert {row["hour"]: row["calls"] for row in data["hours"]} == hours
    assert [row["hour"] for row in data["hours"]] == sorted(hours)
    by_hour = Counter((call["created_at"].hour + 8) % 24 for call in answered)
    for row in data["hours"]:
        assert row["answered"] == by_hour[row["hour"]]
        assert row["answer_rate"] == round(row["answered"] / row["calls"], 4)
    lines = Counter(call["line_id"] for call in made)
    assert {row["line_id"]: row["calls"] for row in data["lines"]} == lines
    assert {row["name"] for row in data["lines"]} == {"一号线", "二号线", None}
    assert sum(row["answered"] for row in data["lines"]) == len(answered)
    assert data["answer_rate"]["value"] == round(len(answered) / len(made), 4)
    for place, script in enumerate(data["scripts"]):
        mine = [call for call in made if call["group_id"] == script["group_id"]]
        assert (script["name"], script["numbers"], script["calls"]) == ("甲乙"[place], 30, len(mine))
        assert script["answered"] == sum(call["number_status"] == 1 for call in mine)
        assert script["reached"] == sum(call["is_reached"] for call in mine)
        assert script["interested"] == sum(call["intention"] in {1, 2} for call in mine)
        rate = script["interest_rate"]
        assert rate["low"] <= rate["value"] <= rate["high"]
    assert data["verdict"] == {"outcome": "too_few", "text": "样本不足,每组至少需要 100 次呼叫", "winner": None}
    for status in (1, 4):
        assert (await listed(client, task, f"?number_status={status}"))["total"] == statuses[status]


async def test_a_clear_winner_is_named(client: httpx2.AsyncClient, database: Database) -> None:
    groups = [(await add_group(client, name=name))["id"] for name in ("甲", "乙")]
    task = await add_task(database)
    async with database.transaction() as connection:
        for place, group in enumerate(groups):
            await connection.execute("INSERT INTO call_task_script VALUES ($1, $2, 1, $3)", task, group, place)
        await connection.execute(
            "INSERT INTO outbound_call (job_id, provider, instance_id, script_id, call_type, task_id, number_id,"
            " group_id, phone, is_automatic, number_status, intention, created_at, gives_up_at, ended_at)"
            " SELECT 'j' || i, 'simulator', 'i', 's', 'task', $1, i, ($2::bigint[])[1 + i % 2], 'p' || i, true, 1,"
            " CASE WHEN i % 2 = 0 AND i % 4 = 0 THEN 1 ELSE 4 END, $3, $3, $3 FROM generate_series(1, 400) i",
            task,
            groups,
            AT,
        )
    data = (await client.get(f"{MINE}/task/{task}/summary")).json()["data"]
    assert data["verdict"] == {"outcome": "clear", "text": "差异明显", "winner": groups[0]}


async def test_a_task_with_one_group_of_scripts_has_nothing_to_compare(
    client: httpx2.AsyncClient, database: Database
) -> None:
    group = (await add_group(client))["id"]
    task = await add_task(database, destination_extension=group)
    empty = (await client.get(f"{MINE}/task/{task}/summary")).json()["data"]
    assert (empty["total"], empty["hours"], empty["lines"], empty["scripts"]) == (0, [], [], [])
    assert empty["answer_rate"] == {"value": None, "low": None, "high": None}
    await add_record(database, task, AT, group_id=group)
    data = (await client.get(f"{MINE}/task/{task}/summary")).json()["data"]
    assert (data["verdict"]["outcome"], data["scripts"][0]["numbers"]) == ("nothing_to_compare", None)


async def test_the_export_is_the_list(
    client: httpx2.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_records, "EXPORT_BATCH", 7)
    task_records._batch_statements.cache_clear()
    task, made = await filled(client, database)
    async with database.transaction() as connection:
        await connection.execute("UPDATE task_number SET name = '=1+1' WHERE id = $1", made[0]["number_id"])
    answer = await client.get(f"{MINE}/task/{task}/record/export")
    task_records._batch_statements.cache_clear()
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert f'filename="task-{task}-records.csv"' in answer.headers["content-disposition"]
    assert answer.content.startswith(b"\xef\xbb\xbf")
    lines = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [int(line["id"]) for line in lines] == [call["id"] for call in made]
    assert lines[0]["name"] == "'=1+1"
    assert lines[0]["phone"] == f"'{made[0]['phone']}"
    assert lines[0]["begin_time"] == (await listed(client, task))["results"][0]["begin_time"]
    assert {line["line"] for line in lines} == {"一号线", "二号线", ""}
    answered = await client.get(f"{MINE}/task/{task}/record/export?number_status=1")
    count = sum(call["number_status"] == 1 for call in made)
    assert answered.content.count(b"\r\n") == count + 1
    nothing = await client.get(f"{MINE}/task/{task}/record/export?phone=13900009999")
    assert nothing.content.count(b"\r\n") == 1


async def test_of_an_erased_person_nothing_is_told(client: httpx2.AsyncClient, database: Database) -> None:
    task = await add_task(database)
    call = await add_record(database, task, AT, conversations=said(AT, "您好", "多少钱"), recording_state="stored")
    contact = await add_contact(client, phone=call["phone"])
    assert (await client.delete(f"/api/contacts/{contact}")).status_code == 204
    whole = (await client.get(f"{MINE}/task/{task}/record/{call['id']}")).json()["data"]
    assert (whole["phone"], whole["name"], whole["conversations"], whole["recording"]) == ("", None, [], "")
    assert (await listed(client, task))["total"] == 1, "what counts it stays"


async def test_records_of_others_are_not_there(client: httpx2.AsyncClient, database: Database) -> None:
    task = await add_task(database)
    call = await add_record(database, task, AT)
    await add_account(client, "u-2")
    other = await add_task(database)
    async with database.transaction() as connection:
        await connection.execute("UPDATE call_task SET deleted_at = now() WHERE id = $1", other)
    for path in ("record", "record/export", "summary", f"record/{call['id']}", "notice"):
        for place in (
            f"{AGENT}/u-2/task/{task}",
            f"{AGENT}/nobody/task/{task}",
            f"{MINE}/task/999",
            f"{MINE}/task/{other}",
        ):
            answer = await client.get(f"{place}/{path}")
            assert (answer.status_code, answer.json()["status"]) == (404, "error"), (place, path)
    assert (await client.get(f"{MINE}/task/{task}/record/999")).status_code == 404


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("number_status=13", "number_status"), ("number_status=-1", "number_status"),
        ("number_status=x", "number_status"),
        ("intention=0", "intention"), ("intention=7", "intention"), ("intention=A", "intention"),
        ("begin_time=2026-03-05", "begin_time"), ("begin_time=2026-02-30 00:00:00", "begin_time"),
        ("end_time=tomorrow", "end_time"), ("end_time=2026-03-05T10:00:00", "end_time"),
        ("phone=abc", "phone"), ("phone=", "phone"), (f"phone={'1' * 65}", "phone"),
        ("page=0", "page"), ("page=x", "page"), ("limit=0", "limit"), ("limit=101", "limit"),
    ],
)  # fmt: skip
async def test_bad_filters_are_refused(client: httpx2.AsyncClient, database: Database, query: str, field: str) -> None:
    task = await add_task(database)
    paths = ["record", *(() if field in {"page", "limit"} else ("record/export",))]
    for path in paths:
        answer = await client.get(f"{MINE}/task/{task}/{path}?{query}")
        assert (answer.status_code, answer.json()["code"]) == (422, 422), answer.text
        assert field in answer.json()["message"]


@pytest.mark.parametrize("bad", ["0", "-1", "x", "1.5", str(2**63), "%00"])
async def test_bad_ids_are_refused(client: httpx2.AsyncClient, database: Database, bad: str) -> None:
    task = await add_task(database)
    for path in (
        f"task/{bad}/record", f"task/{bad}/record/export", f"task/{bad}/summary", f"task/{bad}/notice",
        f"task/{task}/record/{bad}",
    ):  # fmt: skip
        assert (await client.get(f"{MINE}/{path}")).status_code == 422, path
    assert (await client.post(f"{MINE}/task/{task}/notice/{bad}/resend")).status_code == 422
    assert (await client.get(f"{MINE}/task/{task}/notice?status=lost")).status_code == 422


async def test_the_summary_reads_the_index_alone(database: Database) -> None:
    task = await add_task(database)
    for place in range(30):
        await add_record(database, task, AT + timedelta(minutes=place), NumberStatus.BUSY)
    async with database.connection() as connection:
        await connection.execute("VACUUM ANALYZE outbound_call")
        await connection.execute("SET enable_seqscan = off")
        plan = await connection.fetch(f"EXPLAIN {task_summary._COUNTS.replace('$1', str(task))}")
        await connection.execute("RESET enable_seqscan")
    text = "\n".join(row[0] for row in plan)
    assert "Index Only Scan using ix_outbound_call_task_id_created_at" in text, text
    assert await value(database, "SELECT count(*) FROM outbound_call") == 30
