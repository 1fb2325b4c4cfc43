"""Giving calls up: before they leave, while they ring, too late, asked twice, with the provider away."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx2
import pytest
from fastapi import FastAPI

from app.clock import ManualClock
from app.config import Settings
from app.gateways.dialer import CallRef, DialerError, PlacementUnknown
from app.main import create_app
from app.repositories.database import Database
from app.services.calls import cancelling
from app.services.calls.caller import Caller
from tests.calls import REACHED, ScriptedDialer, call, pass_time
from tests.cases import OUTBOUND, add_call, make_case, party
from tests.people import rows, value
from tests.running import client_of

PHONE = "13912349001"
RINGS_OUT = "13912349011"


class Deaf(ScriptedDialer):
    """Answers requests to give a call up as it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.answer: bool | Exception = True
        self.asked_to_cancel: list[str] = []

    async def cancel(self, call: CallRef) -> bool:
        self.asked_to_cancel.append(call.job_id)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def dialer() -> Deaf:
    return Deaf()


@pytest.fixture
async def service(settings: Settings, clock: ManualClock, dialer: Deaf) -> AsyncIterator[FastAPI]:
    made = create_app(settings, clock=clock, dialer=dialer)
    async with made.router.lifespan_context(made):
        yield made


@pytest.fixture
async def scripted(service: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(service) as opened:
        yield opened


async def cancel(client: httpx2.AsyncClient, job_id: str) -> httpx2.Response:
    return await client.post(f"{OUTBOUND}/calls/{job_id}/cancel")


async def placed(client: httpx2.AsyncClient, phone: str = PHONE) -> str:
    """Call somebody and return the job id."""
    case = await make_case(client, parties=[party("p", "王小明", phone)])
    job_id: str = (await call(client, case))[0]["jobId"]
    return job_id


async def test_a_ringing_call_is_given_up_and_not_placed_again(
    app: FastAPI, client: httpx2.AsyncClient, database: Database, clock: ManualClock
) -> None:
    job_id = await placed(client, RINGS_OUT)
    caller = Caller(app.state.desk)
    await pass_time(caller, clock, 6, 2)
    answer = await cancel(client, job_id)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["code"], told["message"], told["data"]["jobId"]) == (200, "已请求取消", job_id)
    assert told["data"]["cancelTime"] == "2026-03-05 18:30:06"
    assert told["data"]["endTime"] is None
    assert (await cancel(client, job_id)).json() == told, "asked again nothing more happens"
    await pass_time(caller, clock, 60)
    whole = (await client.get(f"{OUTBOUND}/calls/{job_id}")).json()["data"]
    assert (whole["callStatus"], whole["isReached"], whole["conversations"]) == ("Cancelled", False, [])
    again = await cancel(client, job_id)
    assert (again.status_code, again.json()["data"]["callStatus"]) == (200, "Cancelled")
    await pass_time(caller, clock, 7200, 600)
    assert await value(database, "SELECT count(*) FROM outbound_call") == 1
    trail = await rows(database, "SELECT reason FROM audit_entry WHERE action = 'call_cancel'")
    assert trail == [{"reason": "cancelled"}]


async def test_a_talk_is_not_cut(app: FastAPI, client: httpx2.AsyncClient, clock: ManualClock) -> None:
    job_id = await placed(client)
    caller = Caller(app.state.desk)
    while (await client.get(f"{OUTBOUND}/calls/{job_id}")).json()["data"]["answeredTime"] is None:
        await pass_time(caller, clock, 1, 1)
    answer = await cancel(client, job_id)
    assert (answer.status_code, answer.json()["code"], answer.json()["data"]) == (409, 409, None)
    await pass_time(caller, clock, 600)
    whole = (await client.get(f"{OUTBOUND}/calls/{job_id}")).json()["data"]
    assert (whole["callStatus"], whole["cancelTime"]) == ("Succeeded", None)
    assert (await cancel(client, job_id)).status_code == 409, "it is over"


async def test_too_late_leaves_the_call_as_it_was(
    scripted: httpx2.AsyncClient, dialer: Deaf, database: Database
) -> None:
    job_id = await placed(scripted)
    dialer.answer = False
    before = await rows(database, "SELECT * FROM outbound_call")
    rounds = await rows(database, "SELECT * FROM mediation_record")
    assert (await cancel(scripted, job_id)).status_code == 409
    assert await rows(database, "SELECT * FROM outbound_call") == before
    assert await rows(database, "SELECT * FROM mediation_record") == rounds
    assert dialer.asked_to_cancel == [job_id]


async def test_with_the_provider_away_it_can_be_asked_again(
    scripted: httpx2.AsyncClient, dialer: Deaf, database: Database
) -> None:
    job_id = await placed(scripted)
    dialer.answer = DialerError("away")
    answer = await cancel(scripted, job_id)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert await value(database, "SELECT cancel_requested_at FROM outbound_call") is None
    dialer.answer = True
    assert (await cancel(scripted, job_id)).status_code == 200
    assert dialer.asked_to_cancel == [job_id] * 2


async def test_a_call_of_which_nobody_knows(
    service: FastAPI, scripted: httpx2.AsyncClient, dialer: Deaf, database: Database, clock: ManualClock
) -> None:
    case = await make_case(scripted, parties=[party("p", "王小明", PHONE)])
    dialer.placements.append(PlacementUnknown("no answer"))
    await call(scripted, case)
    job_id = await value(database, "SELECT job_id FROM outbound_call WHERE placement = 'unknown'")
    dialer.answer = False
    answer = await cancel(scripted, job_id)
    assert (answer.status_code, answer.json()["code"]) == (409, 409)
    assert "无法确认" in answer.json()["message"]
    caller = Caller(service.state.desk)
    await pass_time(caller, clock, 7200, 60)
    (record,) = await rows(database, "SELECT state, reason, due_at FROM mediation_record")
    assert record == {"state": "done", "reason": "cancelled", "due_at": None}
    assert len(dialer.dials) == 1, "never again by itself"


async def test_a_call_that_is_about_to_leave_does_not(
    scripted: httpx2.AsyncClient, dialer: Deaf, database: Database, clock: ManualClock
) -> None:
    """A reservation of a process that died: with the wish written down it is never placed."""
    made = await make_case(scripted, parties=[party("p", "王小明", PHONE)])
    row = await add_call(
        database,
        clock.now(),
        placement="reserved",
        status="Scheduling",
        ended_at=None,
        mediation_id=made["mediationId"],
    )

    async def withdraw() -> None:
        while await value(database, "SELECT cancel_requested_at FROM outbound_call") is None:  # noqa: ASYNC110 - a row
            await asyncio.sleep(0.02)
        async with database.transaction() as connection:
            await connection.execute(
                "UPDATE outbound_call SET placement = 'not_placed', status = 'Failed', ended_at = created_at"
            )

    answer, _ = await asyncio.gather(cancel(scripted, row["job_id"]), withdraw())
    assert answer.status_code == 200, answer.text
    assert dialer.asked_to_cancel == []
    assert (await cancel(scripted, row["job_id"])).status_code == 200


@pytest.fixture
def on_its_way(dialer: Deaf) -> tuple[asyncio.Event, asyncio.Event]:
    """Hold the next request to the provider: (it has left, it may arrive)."""
    left, arrives = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        left.set()
        await arrives.wait()

    dialer.before_place = hold
    return left, arrives


@pytest.mark.parametrize("way", ["cancelled", "erased"])
async def test_a_call_on_its_way_is_given_up_as_soon_as_it_is_placed(
    way: str,
    scripted: httpx2.AsyncClient,
    dialer: Deaf,
    database: Database,
    on_its_way: tuple[asyncio.Event, asyncio.Event],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The provider had the request already when the wish came, and answers only long after that was answered."""
    monkeypatch.setattr(cancelling, "_LOOKS", 1)
    made = await make_case(scripted, parties=[party("p", "王小明", PHONE)])
    left, arrives = on_its_way
    task = asyncio.create_task(call(scripted, made))
    async with asyncio.timeout(60):
        await left.wait()
    (row,) = await rows(database, "SELECT job_id, contact_id FROM outbound_call")
    if way == "cancelled":
        answer = await cancel(scripted, row["job_id"])
    else:
        answer = await scripted.delete(f"/api/contacts/{row['contact_id']}")
    assert answer.status_code in {200, 204}, answer.text
    assert dialer.asked_to_cancel == []
    arrives.set()
    await task
    assert dialer.asked_to_cancel == [row["job_id"]]


@pytest.mark.parametrize("way", ["cancelled", "erased"])
async def test_a_call_whose_answer_was_lost_is_given_up_when_it_is_found(
    way: str, service: FastAPI, scripted: httpx2.AsyncClient, dialer: Deaf, database: Database, clock: ManualClock
) -> None:
    dialer.placements.append(PlacementUnknown("cut"))
    dialer.on_place = lambda dial: dialer.known.__setitem__(dial.job_id, dial)
    await call(scripted, await make_case(scripted, parties=[party("p", "王小明", PHONE)]))
    (row,) = await rows(database, "SELECT job_id, contact_id FROM outbound_call")
    dialer.answer = False if way == "cancelled" else DialerError("away")
    if way == "cancelled":
        assert (await cancel(scripted, row["job_id"])).status_code == 409
    else:
        assert (await scripted.delete(f"/api/contacts/{row['contact_id']}")).status_code == 204
    dialer.answer = True
    clock.advance(timedelta(seconds=6))
    await Caller(service.state.desk).drain()
    assert await value(database, "SELECT placement FROM outbound_call") == "placed"
    assert dialer.asked_to_cancel == [row["job_id"]] * 2


async def test_a_repeated_wish_is_told_again_and_stays(
    scripted: httpx2.AsyncClient, dialer: Deaf, database: Database
) -> None:
    job_id = await placed(scripted)
    assert (await cancel(scripted, job_id)).status_code == 200
    dialer.answer = DialerError("away")
    assert (await cancel(scripted, job_id)).status_code == 503
    dialer.answer = False
    assert (await cancel(scripted, job_id)).status_code == 200
    assert await value(database, "SELECT cancel_requested_at FROM outbound_call") is not None
    assert dialer.asked_to_cancel == [job_id] * 3


async def test_with_the_provider_away_an_uncertain_call_keeps_its_series(
    scripted: httpx2.AsyncClient, dialer: Deaf, database: Database
) -> None:
    dialer.placements.append(PlacementUnknown("cut"))
    await call(scripted, await make_case(scripted, parties=[party("p", "王小明", PHONE)]))
    before = await rows(database, "SELECT * FROM mediation_record")
    dialer.answer = DialerError("away")
    job_id = await value(database, "SELECT job_id FROM outbound_call")
    assert (await cancel(scripted, job_id)).status_code == 503
    assert await rows(database, "SELECT * FROM mediation_record") == before
    assert await value(database, "SELECT cancel_requested_at FROM outbound_call") is None


async def test_a_call_given_up_before_it_left_is_cancelled(
    service: FastAPI, scripted: httpx2.AsyncClient, dialer: Deaf, database: Database
) -> None:
    """It waits behind other requests to the provider when the wish comes."""
    made = await make_case(scripted, parties=[party("p", "王小明", PHONE)])
    async with contextlib.AsyncExitStack() as held:
        for _ in range(service.state.context.settings.call_concurrency):
            await held.enter_async_context(service.state.desk.request())
        task = asyncio.create_task(call(scripted, made))
        async with asyncio.timeout(60):
            while (job_id := await value(database, "SELECT max(job_id) FROM outbound_call")) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            asked = asyncio.create_task(cancel(scripted, job_id))
            while await value(database, "SELECT max(cancel_requested_at) FROM outbound_call") is None:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    (item,) = await task
    assert (await asked).status_code == 200
    assert (item["errorCode"], item["message"], item["startTime"]) == (1002, "呼叫已取消", None)
    assert (dialer.dials, dialer.asked_to_cancel) == ([], [])
    assert await rows(database, "SELECT status, placement FROM outbound_call") == [
        {"status": "Cancelled", "placement": "not_placed"}
    ]
    (record,) = await rows(database, "SELECT state, reason, due_at FROM mediation_record")
    assert record == {"state": "cancelled", "reason": "cancelled", "due_at": None}


async def test_requests_at_once_are_one_wish(scripted: httpx2.AsyncClient, dialer: Deaf, database: Database) -> None:
    job_id = await placed(scripted)
    answers = await asyncio.gather(*(cancel(scripted, job_id) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {200}
    assert set(dialer.asked_to_cancel) == {job_id}, "told again is better than not told"
    assert await value(database, "SELECT count(*) FROM audit_entry WHERE action = 'call_cancel'") == 1


async def test_another_providers_calls_and_unknown_ones(
    client: httpx2.AsyncClient, database: Database, clock: ManualClock
) -> None:
    row = await add_call(database, clock.now(), provider="aliyun", ended_at=None, status="Executing")
    assert (await cancel(client, row["job_id"])).status_code == 409
    assert await value(database, "SELECT cancel_requested_at FROM outbound_call") is None
    assert (await cancel(client, "nope")).json() == {
        "code": 404,
        "message": "没有通话 nope (no such call)",
        "data": None,
    }


async def test_erasing_somebody_gives_up_their_call(
    service: FastAPI, scripted: httpx2.AsyncClient, dialer: Deaf, database: Database, clock: ManualClock
) -> None:
    job_id = await placed(scripted)
    contact_id = await value(database, "SELECT contact_id FROM outbound_call")
    assert (await scripted.delete(f"/api/contacts/{contact_id}")).status_code == 204
    assert dialer.asked_to_cancel == [job_id]
    # Too late as far as the provider goes: what was said is not written down all the same.
    erased = await value(database, "SELECT phone FROM outbound_call")
    dialer.fates[erased] = dialer.fates[f"+86{PHONE}"] = REACHED
    clock.advance(timedelta(minutes=1))
    await Caller(service.state.desk).drain()
    row = (await rows(database, "SELECT * FROM outbound_call"))[0]
    assert row["ended_at"] is not None
    assert (row["conversations"], row["recording_state"], row["phone"]) == (None, "none", f"erased-{row['id']}")
