"""Numbers of a task: added one by one, found, reset, taken away."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from app.clock import ManualClock
from app.repositories.database import Database
from app.services.agent import numbers as service
from tests.agent import AGENT, add_numbers, add_task
from tests.cases import add_call
from tests.locks import until_it_waits
from tests.people import rows, value

TASK = f"{AGENT}/u-1/task"
ONE, TWO, THREE = "13900009001", "13900009002", "13900009011"


async def listed(client: httpx2.AsyncClient, task: int, **query: Any) -> list[dict[str, Any]]:
    answer = await client.get(f"{TASK}/{task}/number", params=query)
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["data"]["results"]
    return results


async def counted(client: httpx2.AsyncClient, task: int) -> dict[str, Any]:
    numbers: dict[str, Any] = (await client.get(f"{TASK}/{task}")).json()["data"]["numbers"]
    return numbers


async def reset(client: httpx2.AsyncClient, task: int, *statuses: int) -> int:
    answer = await client.put(f"{TASK}/{task}/number/reset", json={"number_status": list(statuses)})
    assert (answer.status_code, answer.json()["message"]) == (200, "重置成功"), answer.text
    return int(answer.json()["data"]["reset"])


async def is_over(database: Database, phone: str, status: int, state: str = "done") -> None:
    """Write a number as the dialer leaves it when it is over."""
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE task_number SET state = $3, due_at = NULL, number_status = $2, calls = 2, faults = 1, failures = 1,"
            " redials = '{\"4\": 1}', reason = 'line_fault', reason_until = now() WHERE phone LIKE '%' || $1",
            phone,
            status,
            state,
        )


async def test_a_number_is_shown_as_it_was_given(client: httpx2.AsyncClient, task: int) -> None:
    given = {"phone": "139 0000-9001", "name": "林小满", "variables": {"otherName": "王师傅", "金额": "1500元"}}
    made = await add_numbers(client, task, given)
    result = {"phone": f"+86{ONE}", "result": "created", "is_repeat": False, "message": None, "warning": None}
    number_id = made["results"][0]["id"]
    assert made == {"created": 1, "duplicates": 0, "malformed": 0, "results": [result | {"id": number_id}]}
    shown = {
        "id": number_id,
        "phone": f"+86{ONE}",
        "is_repeat": False,
        "name": "林小满",
        "variables": given["variables"],
        "state": "waiting",
        "number_status": 0,
        "number_status_str": "等待呼叫",
        "reason": None,
        "reason_str": None,
        "next_call_at": None,
        "calls": 0,
        "redials": 0,
        "intention": None,
        "group_id": None,
        "last_call_at": None,
        "created_at": "2026-03-05 18:30:00",
        "updated_at": "2026-03-05 18:30:00",
    }
    assert await listed(client, task) == [shown]


async def test_each_number_is_answered_in_its_place(client: httpx2.AsyncClient, task: int) -> None:
    await add_numbers(client, task, ONE)
    given = [TWO, "110", {"phone": f"0086 {ONE}"}, "不是号码", f"+86{TWO}", "4008001234", "16012345", "+14155552671"]
    made = await add_numbers(client, task, *given)
    results = made["results"]
    kinds = ["created", "malformed", "duplicate", "malformed", "duplicate", "malformed", "malformed", "created"]
    assert [each["result"] for each in results] == kinds
    assert (made["created"], made["duplicates"], made["malformed"]) == (2, 2, 4)
    assert results[1]["phone"] == "110", "as it was given"
    assert [bool(each["message"]) for each in results] == [kind != "created" for kind in kinds]
    assert [bool(each["id"]) for each in results] == [kind != "malformed" for kind in kinds]
    assert results[4]["id"] == results[0]["id"], "the one that is there"
    assert [each["phone"] for each in await listed(client, task)] == [f"+86{ONE}", f"+86{TWO}", "+14155552671"]


async def test_repeats_are_kept_where_they_are_wanted(client: httpx2.AsyncClient, task: int) -> None:
    await add_numbers(client, task, ONE)
    made = await add_numbers(client, task, TWO, ONE, {"phone": TWO, "name": "乙"}, "12", allow_duplicates=True)
    results = made["results"]
    assert [each["result"] for each in results] == ["created", "created", "created", "malformed"]
    assert [each["is_repeat"] for each in results] == [False, True, True, False]
    told = {each["id"]: each for each in await listed(client, task)}
    assert [told[each["id"]]["phone"] for each in results[:3]] == [f"+86{TWO}", f"+86{ONE}", f"+86{TWO}"]
    assert told[results[2]["id"]]["name"] == "乙"
    assert (await add_numbers(client, task, ONE))["duplicates"] == 1
    assert (await counted(client, task))["total"] == 4


async def test_who_must_not_be_contacted_is_added_with_a_warning(client: httpx2.AsyncClient, task: int) -> None:
    listing = {"identifiers": [{"kind": "phone", "value": ONE}]}
    assert (await client.post("/api/do-not-contact", json=listing)).status_code == 201
    made = await add_numbers(client, task, ONE, TWO)
    assert [each["result"] for each in made["results"]] == ["created", "created"]
    assert [bool(each["warning"]) for each in made["results"]] == [True, False]
    assert "do-not-contact" in made["results"][0]["warning"]


async def test_numbers_stand_in_the_order_in_which_they_were_given(client: httpx2.AsyncClient, task: int) -> None:
    given = [f"139000{number:05d}" for number in (77, 3, 91, 12, 55)]
    await add_numbers(client, task, *given[:3])
    await add_numbers(client, task, *given[3:])
    assert [each["phone"] for each in await listed(client, task)] == [f"+86{phone}" for phone in given]


async def test_a_list_counts_exactly_and_filters(client: httpx2.AsyncClient, database: Database, task: int) -> None:
    await add_numbers(client, task, *(f"139000{number:05d}" for number in range(25)))
    await is_over(database, "00003", 4)
    await is_over(database, "00007", 4, "refused")

    async def page(**query: Any) -> tuple[int, list[str]]:
        data = (await client.get(f"{TASK}/{task}/number", params=query)).json()["data"]
        return data["total"], [each["phone"][-5:] for each in data["results"]]

    assert await page() == (25, [f"{number:05d}" for number in range(20)])
    assert await page(page=3, limit=10) == (25, [f"{number:05d}" for number in range(20, 25)])
    assert await page(status=4) == (2, ["00003", "00007"])
    assert (await page(status=0))[0] == 23
    assert await page(status=12) == (0, [])
    for query in ("status=13", "status=-1", "limit=101", "page=0"):
        assert (await client.get(f"{TASK}/{task}/number?{query}")).status_code == 422, query
    by_status = [
        {"number_status": 0, "number_status_str": "等待呼叫", "count": 23},
        {"number_status": 4, "number_status_str": "无应答", "count": 2},
    ]
    expected = {"total": 25, "waiting": 23, "calling": 0, "done": 1, "refused": 1, "by_status": by_status}
    assert await counted(client, task) == expected


async def test_a_number_is_found_however_it_is_written(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock, task: int
) -> None:
    made = await add_numbers(client, task, ONE, ONE, allow_duplicates=True)
    first, second = (each["id"] for each in made["results"])
    calls = [
        await add_call(
            database,
            clock.now() + timedelta(hours=hour),
            task_id=task,
            number_id=first,
            number_status=status,
            phone=f"+86{ONE}",
        )
        for hour, status in ((0, 4), (1, 1))
    ]
    for written in (ONE, f"+86{ONE}", "%2B86 139-0000-9001", "139 0000 9001"):
        answer = await client.get(f"{TASK}/{task}/number/{written}")
        assert answer.status_code == 200, answer.text
        found = answer.json()["data"]
        assert [each["id"] for each in found] == [first, second]
        assert [attempt["id"] for attempt in found[0]["attempts"]] == [calls[1]["id"], calls[0]["id"]]
        assert found[1]["attempts"] == []
    assert found[0]["attempts"][1] == {
        "id": calls[0]["id"],
        "status": "Succeeded",
        "number_status": 4,
        "number_status_str": "无应答",
        "intention": None,
        "line_id": None,
        "created_at": "2026-03-05 18:30:00",
        "answered_at": None,
        "ended_at": "2026-03-05 18:31:00",
    }
    for written, status in ((TWO, 404), ("nobody", 422), ("%00", 422), ("1" * 65, 422)):
        assert (await client.get(f"{TASK}/{task}/number/{written}")).status_code == status, written


async def test_why_a_number_waits(client: httpx2.AsyncClient, database: Database, task: int) -> None:
    await add_numbers(client, task, ONE)
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE task_number SET reason = 'daily_cap', due_at = '2026-03-06 01:00:00Z', number_status = 8"
        )
    (told,) = await listed(client, task)
    assert (told["reason"], told["reason_str"]) == ("daily_cap", "该号码24小时内的呼叫次数已达上限")
    assert told["next_call_at"] == "2026-03-06 09:00:00"


async def test_resetting(
    client: httpx2.AsyncClient, app: FastAPI, database: Database, clock: ManualClock, task: int
) -> None:
    await add_numbers(client, task, ONE, TWO, THREE, "13900009012", "13900009013")
    await is_over(database, ONE, 4)
    await is_over(database, TWO, 4, "refused")
    await is_over(database, THREE, 1)
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE task_number SET state = 'calling', due_at = NULL, number_status = 4 WHERE phone LIKE '%9012'"
        )
    app.state.context.wake_calls.clear()
    clock.advance(timedelta(hours=1))
    assert await reset(client, task, 4, 8) == 2
    assert not app.state.context.wake_calls.is_set(), "the task is not started"
    after = {each["phone"][-4:]: each for each in await listed(client, task)}
    assert {phone: (each["state"], each["number_status"]) for phone, each in after.items()} == {
        "9001": ("waiting", 0),
        "9002": ("waiting", 0),
        "9011": ("done", 1),
        "9012": ("calling", 4),
        "9013": ("waiting", 0),
    }
    told = after["9001"]
    assert (told["calls"], told["redials"], told["reason"], told["updated_at"]) == (2, 0, None, "2026-03-05 19:30:00")
    stored = await rows(database, "SELECT due_at, faults, failures, reason_until FROM task_number ORDER BY id LIMIT 1")
    assert stored == [{"due_at": clock.now(), "faults": 0, "failures": 0, "reason_until": None}]
    assert await reset(client, task, 4) == 0, "what waits or is called stays as it is"
    assert await reset(client, task, *range(2, 11)) == 0
    assert await reset(client, task, 1) == 1, "only where it is named"
    noted = await rows(database, "SELECT actor, action, detail FROM audit_entry ORDER BY id")
    details = [
        {"task_id": task, "number_status": [4, 8], "numbers": 2},
        {"task_id": task, "number_status": [1], "numbers": 1},
    ]
    assert noted == [{"actor": "api", "action": "numbers_reset", "detail": detail} for detail in details]


async def test_erased_numbers_are_not_reset(client: httpx2.AsyncClient, database: Database, task: int) -> None:
    await add_numbers(client, task, ONE)
    await is_over(database, ONE, 4)
    async with database.connection() as connection:
        await connection.execute("UPDATE task_number SET phone = 'erased-' || id")
    assert await reset(client, task, 4) == 0


async def test_numbers_of_uncertain_calls_are_not_reset(
    client: httpx2.AsyncClient, database: Database, task: int
) -> None:
    """Their status is that of the call before: nobody who resets all that did not answer means them."""
    await add_numbers(client, task, ONE, TWO)
    await is_over(database, ONE, 4)
    await is_over(database, TWO, 0)
    async with database.connection() as connection:
        await connection.execute("UPDATE task_number SET reason = 'call_unknown'")
    assert await reset(client, task, 0, 4) == 0


async def test_a_reset_goes_through_all_batches(
    client: httpx2.AsyncClient, database: Database, task: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "RESET_BATCH", 3)
    for number in (9, 6):
        await add_numbers(client, task, *(f"139000{each:05d}" for each in range(number)))
        await is_over(database, "", 4)
        assert await reset(client, task, 4) == 9


@pytest.mark.parametrize("what", ["add", "repeat", "reset", "import"])
@pytest.mark.parametrize("status", [1, 2, 3])
async def test_new_work_wakes_what_had_ended(
    client: httpx2.AsyncClient,
    app: FastAPI,
    database: Database,
    clock: ManualClock,
    task: int,
    what: str,
    status: int,
) -> None:
    await add_numbers(client, task, ONE)
    await is_over(database, ONE, 4)
    due = clock.now() + timedelta(hours=1)
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE call_task SET status = $1::int, due_at = CASE WHEN $1 > 1 THEN $2::timestamptz END, ended_at = $2",
            status,
            due,
        )
    wake = app.state.context.wake_calls
    wake.clear()
    if what == "reset":
        assert await reset(client, task, 4) == 1
    elif what == "import":
        assert (await client.post(f"{TASK}/{task}/number/import", content=TWO.encode())).status_code == 201
    else:
        await add_numbers(client, task, ONE if what == "repeat" else TWO, allow_duplicates=what == "repeat")
    assert wake.is_set() == (status > 1)
    (row,) = await rows(database, "SELECT status, ended_at, due_at FROM call_task")
    expected_due = {1: None, 2: clock.now(), 3: due}[status]
    assert row == {"status": status, "ended_at": None, "due_at": expected_due}


async def test_taking_a_number_away(client: httpx2.AsyncClient, database: Database, task: int) -> None:
    other = int((await add_task(client))["id"])
    made = await add_numbers(client, task, ONE, TWO, THREE)
    ids = [each["id"] for each in made["results"]]
    await is_over(database, TWO, 4)
    async with database.connection() as connection:
        await connection.execute("UPDATE task_number SET state = 'calling', due_at = NULL WHERE id = $1", ids[2])
    for number_id, status in ((ids[0], 200), (ids[0], 404), (ids[1], 409), (ids[2], 409), (2**53 - 1, 404)):
        answer = await client.delete(f"{TASK}/{task}/number/{number_id}")
        assert (answer.status_code, answer.json()["code"]) == (status, status), number_id
    assert (await client.delete(f"{TASK}/{other}/number/{ids[1]}")).status_code == 404
    assert [each["id"] for each in await listed(client, task)] == ids[1:]
    assert (await add_numbers(client, task, ONE))["created"] == 1


async def test_many_who_add_the_same_at_once(client: httpx2.AsyncClient, database: Database, task: int) -> None:
    phones = [f"139000{number:05d}" for number in range(60)]
    made = await asyncio.gather(
        *(add_numbers(client, task, *(phones if turn % 2 else phones[::-1])) for turn in range(6)),
        *(add_numbers(client, task, *phones[20:40], allow_duplicates=True) for _ in range(2)),
    )
    assert await value(database, "SELECT count(*) FROM task_number WHERE NOT is_repeat") == 60
    assert (
        sum(each["created"] for each in made[:6])
        + sum(not result["is_repeat"] for each in made[6:] for result in each["results"])
        == 60
    )
    assert await value(database, "SELECT count(DISTINCT phone) FROM task_number") == 60


async def test_numbers_of_a_task_that_goes_meanwhile(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock, task: int
) -> None:
    async with database.transaction() as connection:
        await connection.execute("UPDATE call_task SET deleted_at = $1", clock.now())
        adding = asyncio.create_task(client.post(f"{TASK}/{task}/number", json={"numbers": [ONE]}))
        await until_it_waits(adding, connection)
    assert (await adding).status_code == 404
    assert await value(database, "SELECT count(*) FROM task_number") == 0


async def test_a_start_waits_for_numbers_that_are_added(
    client: httpx2.AsyncClient, app: FastAPI, database: Database, task: int
) -> None:
    """Whoever ends or starts a task sees the numbers of all who were there before."""
    async with database.transaction() as connection:
        await connection.fetchrow("SELECT FROM call_task WHERE id = $1 FOR SHARE", task)
        starting = asyncio.create_task(client.post(f"{TASK}/{task}/start"))
        adding = await add_numbers(client, task, ONE)
        assert adding["created"] == 1, "many may add at once"
        assert not starting.done()
    assert (await starting).status_code == 200
    assert app.state.context.wake_calls.is_set()
