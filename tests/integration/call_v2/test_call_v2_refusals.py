"""Who is not called by ``call-v2``, or not yet, and what the answer says about it."""

from datetime import UTC, datetime, timedelta

import httpx2

from app.clock import ManualClock
from app.config import Settings
from app.main import create_app
from app.repositories.database import Database
from app.services.calls.caller import Caller
from tests.calls import call, pass_time
from tests.cases import OUTBOUND, make_case, party
from tests.integration.call_v2.helpers import (
    JOB_FIELDS,
    JOB_ID,
    LOSES,
    REFUSES,
    RINGS_OUT,
    TALKS,
    THROTTLES,
    two_parties,
)
from tests.people import rows, value
from tests.running import running


async def test_one_bad_party_holds_up_no_other(client: httpx2.AsyncClient, database: Database) -> None:
    case = await make_case(
        client,
        parties=[
            party("none", phone=None),
            party("short", phone="10086"),
            party("police", phone="110"),
            party("fine", phone=TALKS),
            party("same", phone=TALKS),
            party("refused", phone=REFUSES),
            party("throttled", phone=THROTTLES),
        ],
    )
    items = {item["personId"]: item for item in await call(client, case)}
    assert {person: (item["errorCode"], item["message"]) for person, item in items.items()} == {
        "none": (1002, "该当事人没有电话号码,不能呼叫"),
        "short": (1002, "电话号码无效或不可外呼,不能呼叫"),
        "police": (1002, "电话号码无效或不可外呼,不能呼叫"),
        "fine": (0, "外呼发起成功"),
        "same": (1001, "该号码正在呼叫中,须等待"),
        "refused": (1002, "外呼服务商拒绝了此呼叫"),
        "throttled": (1001, "外呼服务商暂时不可用,须等待"),
    }
    for person in ("none", "short", "police", "same", "refused", "throttled"):
        assert [items[person][key] for key in JOB_FIELDS] == [""] * 5
    assert (items["same"]["startTime"], items["same"]["callInterval"]) == ("2026-03-05 19:00:00", 30)
    assert (items["throttled"]["startTime"], items["throttled"]["callInterval"]) == ("2026-03-05 18:30:10", 30)
    assert items["refused"]["startTime"] is None
    placed = await rows(database, "SELECT phone FROM outbound_call WHERE placement = 'placed'")
    assert placed == [{"phone": "+8613912349001"}]
    states = await rows(
        database,
        "SELECT p.person_id, r.state, r.reason, r.due_at IS NOT NULL AS is_due FROM mediation_record r"
        " JOIN mediation_party p ON p.id = r.party_id ORDER BY r.id",
    )
    assert [tuple(row.values()) for row in states] == [
        ("none", "refused", "no_phone", False),
        ("short", "refused", "undialable_number", False),
        ("police", "refused", "undialable_number", False),
        ("fine", "calling", None, False),
        ("same", "planned", "active_number", True),
        ("refused", "refused", "provider_refused", False),
        ("throttled", "planned", "provider_away", True),
    ]


async def test_an_answer_that_never_came_is_not_dialled_again(
    client: httpx2.AsyncClient, caller: Caller, clock: ManualClock, database: Database
) -> None:
    case = await make_case(client, parties=[party("K-1-l", phone=LOSES)])
    (item,) = await call(client, case)
    assert item["errorCode"] == 1001
    assert "不会自动重拨" in item["message"]
    assert JOB_ID.fullmatch(item["jobId"])
    assert (item["startTime"], item["callInterval"]) == ("2026-03-05 19:00:00", 30)
    (again,) = await call(client, case)
    assert (again["errorCode"], again["message"]) == (1001, "上一次呼叫的结果尚未确认,不会自动重拨,须等待")
    assert again["jobId"] == item["jobId"]
    audits = await rows(database, "SELECT action, reason FROM audit_entry WHERE action LIKE 'call%' ORDER BY id")
    assert {"action": "call_unknown", "reason": "call_unknown"} in audits
    await pass_time(caller, clock, 10)
    (row,) = await rows(database, "SELECT placement, job_group_id FROM outbound_call")
    assert row["placement"] == "placed", "the look-up by our reference found it"
    await pass_time(caller, clock, 300)
    assert await value(database, "SELECT count(*) FROM outbound_call WHERE ended_at IS NULL") == 0


async def test_do_not_contact_is_asked_at_the_last_moment(
    client: httpx2.AsyncClient, caller: Caller, clock: ManualClock, database: Database
) -> None:
    """After the first round the person refuses; the second one, due by itself, is not placed."""
    case = await make_case(client, parties=[party("K-1-b", phone=RINGS_OUT)])
    await call(client, case)
    await pass_time(caller, clock, 120)
    assert await value(database, "SELECT count(*) FROM mediation_record WHERE due_at IS NOT NULL") == 1
    contact = await value(database, "SELECT contact_id FROM mediation_party")
    assert (await client.post(f"/api/contacts/{contact}/do-not-contact")).status_code == 201
    await pass_time(caller, clock, 7200, step=60)
    assert await value(database, "SELECT count(*) FROM outbound_call") == 1
    (row,) = await rows(database, "SELECT state, reason, due_at FROM mediation_record WHERE round = 2")
    assert row == {"state": "refused", "reason": "do_not_contact", "due_at": None}
    audits = await rows(database, "SELECT actor, reason FROM audit_entry WHERE action = 'no_call'")
    assert audits == [{"actor": "scheduler", "reason": "do_not_contact"}]
    (item,) = await call(client, case, auto=1, person="K-1-b")
    assert (item["errorCode"], item["message"]) == (1002, "该当事人已设为免打扰,不能呼叫")


async def test_the_list_counts_for_the_number_too(client: httpx2.AsyncClient) -> None:
    case = await two_parties(client)
    listed = {"identifiers": [{"kind": "phone", "value": TALKS}]}
    answer = await client.post("/api/do-not-contact", json=listed)
    assert answer.status_code in {200, 201}, answer.text
    items = await call(client, case)
    assert [item["errorCode"] for item in items] == [1002, 0]


async def test_five_calls_a_day_to_one_number_over_all_cases(
    client: httpx2.AsyncClient, clock: ManualClock, caller: Caller, database: Database
) -> None:
    nodes = await client.get(f"{OUTBOUND}/nodes/5")
    assert nodes.status_code == 200
    for number in range(6):
        case = await make_case(client, f"K-{number}", parties=[party(f"p-{number}", phone=RINGS_OUT)])
        (item,) = await call(client, case, auto=1, person=f"p-{number}")
        expected = 0 if number < 5 else 1002
        assert item["errorCode"] == expected, (number, item)
        await pass_time(caller, clock, 120)
    assert item["message"] == "该号码24小时内的呼叫次数已达上限"
    assert (item["startTime"], item["callInterval"]) == (None, None)
    first = await value(database, "SELECT min(created_at) FROM outbound_call")
    clock.set(first + timedelta(hours=24) - timedelta(seconds=1))
    assert (await call(client, case, auto=1, person="p-5"))[0]["errorCode"] == 1002
    clock.set(first + timedelta(hours=24))
    assert (await call(client, case, auto=1, person="p-5"))[0]["errorCode"] == 0


async def test_a_full_line(client: httpx2.AsyncClient, caller: Caller, clock: ManualClock, database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute("UPDATE caller_line SET call_line = 1")
    case = await two_parties(client)
    items = await call(client, case)
    assert [item["errorCode"] for item in items] == [0, 1001]
    assert (items[1]["message"], items[1]["startTime"]) == ("没有空闲线路,须等待", "2026-03-05 18:31:00")
    await pass_time(caller, clock, 240)
    phones = [row["phone"] for row in await rows(database, "SELECT phone FROM outbound_call ORDER BY id")]
    assert phones == ["+8613912349001", "+8613912349011"], "the second one once the line is free"


async def test_hours_and_holidays(settings: Settings, clock: ManualClock) -> None:
    """18:30 in Shanghai on a Thursday; calls may be placed from nine to six on Fridays, and Friday is a holiday."""
    windows = [{"week": 5, "times": [{"begin_time": "9:00", "end_time": "18:00"}]}]
    strict = Settings.model_validate(
        settings.model_dump() | {"database_url": settings.database_url, "dial_window": windows}
    )
    app = create_app(strict, clock=clock)
    async with running(app) as client:
        case = await two_parties(client)
        items = await call(client, case)
        assert {(item["errorCode"], item["message"]) for item in items} == {(1001, "不在可拨打时段内,须等待")}
        assert {item["startTime"] for item in items} == {"2026-03-06 09:00:00"}
        assert (await client.put(f"{OUTBOUND}/nodes/5", json={"skipHoliday": True})).status_code == 200
        assert (
            await client.put("/api/calendar/2026", json={"holidays": ["2026-03-06"], "workdays": []})
        ).status_code == 200
        items = await call(client, case)
        assert {item["startTime"] for item in items} == {"2026-03-13 09:00:00"}
        caller = Caller(app.state.desk)
        clock.set(datetime(2026, 3, 6, 1, 0, tzinfo=UTC))
        await caller.drain()
        database = app.state.context.database
        assert await value(database, "SELECT count(*) FROM outbound_call") == 0
        clock.set(datetime(2026, 3, 13, 1, 0, tzinfo=UTC))
        await caller.drain()
        assert await value(database, "SELECT count(*) FROM outbound_call") == 2
