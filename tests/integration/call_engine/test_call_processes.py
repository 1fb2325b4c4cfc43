"""Requests, rounds and polls on several processes: each call is placed once."""

import asyncio
from datetime import timedelta

from app.clock import ManualClock
from app.repositories.database import Database
from tests.calls import (
    CALL,
    REACHED,
    ScriptedDialer,
    body,
    call,
    headers,
)
from tests.cases import make_case, party
from tests.integration.call_engine.helpers import (
    E164,
    OTHER,
    OTHER_E164,
    PHONE,
    Engine,
    one_party,
)
from tests.people import value


async def test_twenty_requests_at_once_on_two_processes(
    processes: list[Engine], dialer: ScriptedDialer, database: Database
) -> None:
    """One active call for each party, whatever is posted; every other answer says wait."""
    case = await make_case(processes[0].client, parties=[party("a", phone=PHONE), party("b", phone=OTHER)])
    answers = await asyncio.gather(*(processes[number % 2].call(case) for number in range(20)))
    for place in range(2):
        codes = sorted(items[place]["errorCode"] for items in answers)
        assert codes == [0, *[1001] * 19]
        assert len({items[place]["id"] for items in answers}) == 1
    assert sorted(dial.phone for dial in dialer.dials) == [E164, OTHER_E164]
    assert await value(database, "SELECT count(*) FROM outbound_call") == 2


async def test_the_same_key_at_once_on_two_processes(processes: list[Engine], dialer: ScriptedDialer) -> None:
    clients = [process.client for process in processes]
    case = await one_party(clients[0])
    answers = await asyncio.gather(
        *(clients[number % 2].post(CALL, json=body(case), headers=headers("k")) for number in range(10))
    )
    assert {answer.status_code for answer in answers} <= {201, 409}
    good = [answer.json()["data"] for answer in answers if answer.status_code == 201]
    assert good
    assert all(items == good[0] for items in good)
    assert all(answer.headers["Retry-After"] == "1" for answer in answers if answer.status_code == 409)
    assert await call(clients[1], case, key="k") == good[0]
    assert len(dialer.dials) == 1


async def test_two_processes_share_rounds_and_polls(
    processes: list[Engine], dialer: ScriptedDialer, clock: ManualClock, database: Database
) -> None:
    """Every party once, every transcript once, and never more calls than the line has room for."""
    client = processes[0].client
    assert (await client.put("/api/v1/outbound-bot/lines/default", json={"callLine": 7})).status_code == 200
    parties = [party(f"p-{n}", phone=f"139{n:08}") for n in range(60)]
    items = await call(client, await make_case(client, parties=parties))
    assert sorted({item["errorCode"] for item in items}) == [0, 1001]
    for number in range(60):
        dialer.fates[f"+86139{number:08}"] = REACHED
    for _ in range(40):
        clock.advance(timedelta(seconds=30))
        await asyncio.gather(*(process.caller.drain() for process in processes))
        active = await value(database, "SELECT count(*) FROM outbound_call WHERE ended_at IS NULL")
        assert active <= 7
    assert sorted(dial.phone for dial in dialer.dials) == [f"+86139{n:08}" for n in range(60)]
    assert set(dialer.transcripts.values()) == {1}
    assert await value(database, "SELECT count(*) FROM outbound_call WHERE is_reached") == 60


async def test_a_line_is_never_overbooked(processes: list[Engine], database: Database) -> None:
    """Twenty cases at once on two processes, and room for three calls."""
    client = processes[0].client
    assert (await client.put("/api/v1/outbound-bot/lines/default", json={"callLine": 3})).status_code == 200
    cases = [await one_party(client, f"K-{number}", f"139{number:08}") for number in range(20)]
    answers = await asyncio.gather(*(processes[place % 2].call(case) for place, case in enumerate(cases)))
    codes = sorted(items[0]["errorCode"] for items in answers)
    assert codes == [0] * 3 + [1001] * 17
    assert {items[0]["message"] for items in answers} == {"外呼发起成功", "没有空闲线路,须等待"}
    assert await value(database, "SELECT count(*) FROM outbound_call WHERE ended_at IS NULL") == 3
