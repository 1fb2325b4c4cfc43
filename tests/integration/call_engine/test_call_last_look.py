"""What is true at the moment in which a call leaves: hours that were changed, a process that stood still."""

from datetime import timedelta
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from app.clock import ManualClock
from app.repositories import calls as store
from app.repositories.database import Database
from app.services.calls.caller import Caller
from tests.calls import ScriptedDialer, call, pass_time
from tests.integration.call_engine.helpers import LEASE, one_party, the_call, the_round
from tests.integration.call_engine.test_call_placing import waiting_for_its_turn


async def test_hours_that_are_changed_after_the_reservation_count(
    app: FastAPI,
    client: httpx2.AsyncClient,
    dialer: ScriptedDialer,
    caller: Caller,
    clock: ManualClock,
    database: Database,
) -> None:
    task, held = await waiting_for_its_turn(app, client, await one_party(client))
    clock.advance(timedelta(seconds=1))
    hours = [{"week": day, "times": [{"begin_time": "9:00", "end_time": "12:00"}]} for day in range(7)]
    answer = await client.put("/api/v1/outbound-bot/nodes/5", json={"dialWindow": hours})
    assert answer.status_code == 200, answer.text
    for one in held:
        await one.__aexit__(None, None, None)
    (item,) = await task
    assert (item["errorCode"], item["message"]) == (1001, "情况有变,外呼未发出,须等待")
    await pass_time(caller, clock, 60)
    assert dialer.dials == []
    record = await the_round(database)
    assert (record["state"], record["reason"]) == ("planned", "outside_window")


async def test_a_process_that_stood_still_right_before_a_call_left_does_not_place_it(
    client: httpx2.AsyncClient,
    dialer: ScriptedDialer,
    caller: Caller,
    clock: ManualClock,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its row was marked as leaving; the request was not made, and so much is certain."""
    leave = store.leave

    async def leave_and_stand_still(*arguments: Any, **fields: Any) -> dict[int, str | None]:
        marked = await leave(*arguments, **fields)
        monkeypatch.undo()
        clock.advance(LEASE / 2)
        return marked

    monkeypatch.setattr(store, "leave", leave_and_stand_still)
    (item,) = await call(client, await one_party(client))
    assert (item["errorCode"], dialer.dials) == (1001, [])
    assert (await the_call(database))["placement"] == "not_placed"
    await pass_time(caller, clock, 60)
    assert len(dialer.dials) == 1
