"""A provider that is away or wants a pause: nothing counts as a call, and one call tries whether it is there again."""

from datetime import timedelta

from app.gateways.dialer import NotPlaced
from app.repositories.database import Database
from tests.calls import ScriptedDialer
from tests.cases import make_case, party
from tests.integration.call_engine.helpers import Engine, one_party
from tests.people import rows, value


async def test_a_provider_that_is_down_is_left_alone_and_tried_again(
    engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    dialer.placements.extend([NotPlaced("connection refused")] * 8)
    for number in range(5):
        case = await one_party(engine.client, f"K-{number}", f"1391234{number:04}")
        (item,) = await engine.call(case)
        assert (item["errorCode"], item["message"]) == (1001, "外呼服务商暂时不可用,须等待")
        assert item["jobId"] == ""
    (again,) = await engine.call(case)
    assert len(dialer.dials) == 5, "five failures opened the circuit: nothing is even tried"
    assert again["startTime"] == "2026-03-05 18:30:05"
    assert (again["errorCode"], again["callInterval"]) == (1001, 30)
    await engine.pass_time(600, step=5)
    assert len(dialer.dials) == 8 + 5
    placed = await rows(database, "SELECT phone FROM outbound_call WHERE placement = 'placed'")
    assert len(placed) == len({row["phone"] for row in placed}) == 5, "all of them once it was back"
    reasons = await rows(database, "SELECT reason FROM audit_entry WHERE action = 'no_call'")
    assert {row["reason"] for row in reasons} == {"provider_away"}
    assert len(reasons) == 8, "one for each try, none for the looks while the circuit was open"


async def test_a_request_tries_a_provider_that_was_away_with_one_call(engine: Engine, dialer: ScriptedDialer) -> None:
    dialer.placements.extend([NotPlaced("connection refused")] * 5)
    await engine.call(
        await make_case(engine.client, "K-1", parties=[party(f"K-1-{n}", phone=f"1391234000{n}") for n in range(5)])
    )
    assert len(dialer.dials) == 5
    engine.clock.advance(timedelta(seconds=5))
    case = await make_case(engine.client, "K-2", parties=[party(f"K-2-{n}", phone=f"1391234100{n}") for n in range(3)])
    first, *others = await engine.call(case)
    assert len(dialer.dials) == 6
    assert first["errorCode"] == 0
    told = [(item["errorCode"], item["message"], item["startTime"]) for item in others]
    assert told == [(1001, "外呼服务商暂时不可用,须等待", "2026-03-05 18:30:10")] * 2
    await engine.pass_time(5)
    assert len(dialer.dials) > 7, "it is there again"


async def test_tries_that_were_not_taken_are_no_calls(
    engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    dialer.placements.extend([NotPlaced("busy", retry_after=20)] * 6)
    case = await one_party(engine.client)
    (item,) = await engine.call(case)
    assert item["startTime"] == "2026-03-05 18:30:20"
    await engine.pass_time(300, step=10)
    assert [row["placement"] for row in await rows(database, "SELECT placement FROM outbound_call ORDER BY id")] == [
        *["not_placed"] * 6,
        "placed",
    ]
    assert await value(database, "SELECT count(*) FROM outbound_call WHERE is_counted") == 1
    assert await value(database, "SELECT count(*) FROM call_poll") == 1
    assert (await engine.the_round())["failures"] == 0
