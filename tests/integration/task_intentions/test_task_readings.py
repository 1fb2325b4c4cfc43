"""Talks of tasks are read by rules: for refusals always, for a level where somebody asked for one."""

import asyncio
from datetime import timedelta

import httpx2
import pytest
from fastapi import FastAPI

from app.clock import ManualClock
from app.domain.calls import NumberStatus
from app.repositories.database import Database
from app.services.agent import intentions
from app.services.agent.intentions import TalkReader
from tests.agent import AGENT
from tests.cases import add_call
from tests.helpers import add_contact
from tests.integration.task_intentions.helpers import URL, intention_of, read, talks
from tests.people import rows, value
from tests.task_records import add_config, add_number, add_record, add_task, end, said


async def test_rules_write_the_level_everywhere(database: Database, clock: ManualClock, reader: TalkReader) -> None:
    call, other = await talks(database, clock, ("您好,课程报名吗", "我要报名"), ("您好", "不需要"))
    assert (await intention_of(database, call))["state"] == "pending"
    await read(reader)
    found = await intention_of(database, call)
    assert (found["state"], found["level"], found["of_call"], found["of_number"]) == ("done", 1, 1, 1)
    assert (found["tags"], found["evidence"], found["model"]) == (["1B"], ["我要报名"], "rules")
    assert (found["problem"], found["analysed_at"]) == (None, clock.now())
    assert (await intention_of(database, other))["of_number"] == 4
    assert await value(database, "SELECT count(*) FROM do_not_contact") == 0


async def test_an_empty_number_is_f_at_once(database: Database, clock: ManualClock) -> None:
    task = await add_task(database, call_notify_url=URL)
    call = await add_record(database, task, clock.now(), NumberStatus.EMPTY_NUMBER)
    await end(database, clock.now(), call)
    assert await value(database, "SELECT intention FROM outbound_call") == 6
    assert await value(database, "SELECT intention FROM task_number") == 6
    assert await value(database, "SELECT count(*) FROM call_intention") == 0
    assert await value(database, "SELECT count(*) FROM call_notice") == 1


async def test_what_was_not_called_leaves_nothing(database: Database, clock: ManualClock) -> None:
    task = await add_task(database, call_notify_url=URL)
    call = await add_record(database, task, clock.now(), NumberStatus.WAITING, is_counted=False)
    await end(database, clock.now(), call, is_attempt=False)
    assert await value(database, "SELECT count(*) FROM call_notice") == 0


async def test_the_notice_waits_for_the_reading(database: Database, clock: ManualClock, reader: TalkReader) -> None:
    (call,) = await talks(database, clock, ("您好", "多少钱"), call_notify_url=URL)
    await end(database, clock.now(), call)
    assert await value(database, "SELECT count(*) FROM call_notice") == 0
    await read(reader)
    assert await value(database, "SELECT count(*) FROM call_notice") == 1
    await read(reader)
    await end(database, clock.now(), call)
    assert await value(database, "SELECT count(*) FROM call_notice") == 1


async def test_a_talk_without_a_config_is_read_for_refusals_only(
    database: Database, clock: ManualClock, reader: TalkReader
) -> None:
    calm, angry = await talks(database, clock, ("您好", "我要报名"), ("您好", "别再打了"), llm_type=None)
    await read(reader)
    found = await intention_of(database, calm)
    assert (found["state"], found["level"], found["tags"], found["of_number"]) == ("done", None, [], None)
    found = await intention_of(database, angry)
    assert (found["level"], found["tags"], found["evidence"]) == (None, ["4E"], ["别再打了"])
    assert await value(database, "SELECT value FROM do_not_contact") == angry["phone"]


@pytest.mark.parametrize("llm_type", [1, 2, None])
async def test_a_refusal_protects_everybody_with_that_number(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock, reader: TalkReader, llm_type: int | None
) -> None:
    calls = await talks(database, clock, ("您好", "你们再打我投诉了"), ("您好", "现在别打,晚点"), llm_type=llm_type)
    known = await add_contact(client, phone=calls[0]["phone"], user_id="known")
    stranger = await add_contact(client, phone=calls[1]["phone"], user_id="stranger")
    await reader.read_new()
    listed = await rows(database, "SELECT kind, value, contact_id, reason FROM do_not_contact WHERE contact_id IS NULL")
    assert listed == [{"kind": "phone", "value": calls[0]["phone"], "contact_id": None, "reason": "opt_out"}]
    flags = await rows(database, "SELECT id, do_not_contact FROM contact ORDER BY id")
    assert {row["id"]: row["do_not_contact"] for row in flags} == {known: True, stranger: False}
    audit = await rows(database, "SELECT actor, action, contact_id, reason, detail FROM audit_entry ORDER BY id")
    assert audit == [
        {"actor": "call", "action": "do_not_contact", "contact_id": known, "reason": "opt_out", "detail": {}},
        {
            "actor": "call",
            "action": "list_identifiers",
            "contact_id": None,
            "reason": "opt_out",
            "detail": {"call_id": calls[0]["id"]},
        },
    ]


async def test_many_processes_read_each_talk_once(
    database: Database, clock: ManualClock, app: FastAPI, reader: TalkReader
) -> None:
    calls = await talks(
        database, clock, *[("您好", "别再打了") if place % 7 == 0 else ("您好", "多少钱") for place in range(60)],
        call_notify_url=URL,
    )  # fmt: skip
    readers = [reader, *(TalkReader(app.state.context, None) for _ in range(4))]
    await asyncio.gather(*(each.read_new() for each in readers))
    states = await rows(database, "SELECT state, level, count(*) AS n FROM call_intention GROUP BY 1, 2 ORDER BY 2")
    assert [(row["state"], row["level"], row["n"]) for row in states] == [("done", 2, 51), ("done", 4, 9)]
    assert await value(database, "SELECT count(*) FROM call_notice") == len(calls)
    assert await value(database, "SELECT count(*) FROM audit_entry WHERE action = 'list_identifiers'") == 9


async def test_a_reader_that_dies_leaves_its_talks_to_others(
    database: Database, clock: ManualClock, reader: TalkReader
) -> None:
    (call,) = await talks(database, clock, ("您好", "我要报名"))
    async with database.transaction() as connection:
        await connection.execute("UPDATE call_intention SET due_at = $1", clock.now() + timedelta(seconds=60))
    await read(reader)
    assert (await intention_of(database, call))["state"] == "pending"
    clock.advance(timedelta(seconds=60))
    await read(reader)
    assert (await intention_of(database, call))["level"] == 1


async def test_a_number_shows_the_level_of_its_last_talk_whichever_is_read_last(
    database: Database, clock: ManualClock, reader: TalkReader
) -> None:
    config = await add_config(database)
    task = await add_task(database, llm_intention_id=config)
    number = await add_number(database, task)
    first, second = [
        await add_record(database, task, clock.now(), number_id=number, conversations=said(clock.now(), "您好", text))
        for text in ("我要报名", "不需要")
    ]
    await end(database, clock.now(), second)
    await read(reader)
    await end(database, clock.now(), first)
    await read(reader)
    found = await intention_of(database, first)
    assert (found["of_call"], found["of_number"]) == (1, 4)


async def test_a_table_of_ones_own(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock, reader: TalkReader
) -> None:
    configs = f"{AGENT}/u-1/llm-intention-config"
    made = (await client.post(configs, json={"name": "词", "phrases": {"1B": ["来一套"]}})).json()["data"]
    assert made["phrases"] == {"1B": ["来一套"]}
    task = await add_task(database, llm_intention_id=made["id"])
    call = await add_record(database, task, clock.now(), conversations=said(clock.now(), "您好", "那就来一套"))
    await end(database, clock.now(), call)
    await read(reader)
    assert (await intention_of(database, call))["level"] == 1
    changed = await client.put(f"{configs}/{made['id']}", json={"phrases": None})
    assert changed.json()["data"]["phrases"] is None
    assert (await client.get(f"{configs}/{made['id']}")).json()["data"] == changed.json()["data"]
    shown = (await client.get(f"{configs}/phrases")).json()["data"]
    assert [level["letter"] for level in shown["levels"]] == list("ABCDEF")
    assert len(shown["tags"]) == 25
    form = (await client.get(f"{AGENT}/u-1/task/create")).json()["data"]["llm_intention_configs"]
    assert "phrases" not in form[0], "the form of a new task is as the seed has it"


async def test_a_call_of_no_task_has_no_part_in_this(
    database: Database, clock: ManualClock, reader: TalkReader
) -> None:
    await add_call(database, clock.now(), conversations=said(clock.now(), "您好", "别再打了"))
    await read(reader)
    assert await value(database, "SELECT count(*) FROM call_intention") == 0


async def test_refusals_and_everybody_who_writes_about_people_do_not_block_each_other(
    client: httpx2.AsyncClient,
    app: FastAPI,
    database: Database,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Many readers, the same people in other hands, erasures: whoever refused is protected, nobody gets an error."""
    calls = await talks(database, clock, *[("您好", "别再打了")] * 24)
    people = [await add_contact(client, phone=call["phone"], user_id=f"p-{call['id']}") for call in calls]
    # In small pieces, so that several transactions protect at a time.
    monkeypatch.setattr(intentions, "BATCH", 3)
    readers = [TalkReader(app.state.context, None) for _ in range(4)]
    listed = [{"kind": "phone", "value": call["phone"]} for call in reversed(calls)]
    answers = await asyncio.gather(
        *(reader.read_new() for reader in readers),
        *(
            client.post("/api/do-not-contact", json={"identifiers": listed[place : place + 6]})
            for place in range(0, 24, 6)
        ),
        *(client.put(f"/api/contacts/{person}", json={"note": "忙"}) for person in people[:8]),
        *(client.delete(f"/api/contacts/{person}") for person in people[20:]),
    )
    statuses = {answer.status_code for answer in answers if answer is not None}
    assert statuses <= {200, 201, 204}, statuses
    assert await value(database, "SELECT count(*) FROM call_intention WHERE state = 'pending'") == 0
    assert await value(database, "SELECT count(*) FROM contact WHERE NOT do_not_contact") == 0
    for call in calls:
        answer = await client.post("/api/contacts", json={"phone": call["phone"], "user_id": f"new-{call['id']}"})
        assert answer.json()["do_not_contact"] is True, "whoever comes back under the number is protected too"
