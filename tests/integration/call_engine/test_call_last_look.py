"""What is true at the moment in which a call leaves: hours that were changed, a process that stood still."""

from datetime import timedelta
from typing import Any

import pytest

from app.repositories import calls as store
from tests.calls import ScriptedDialer
from tests.integration.call_engine.helpers import LEASE, Engine, one_party


async def test_hours_that_are_changed_after_the_reservation_count(engine: Engine, dialer: ScriptedDialer) -> None:
    async with engine.waiting_for_its_turn(await one_party(engine.client)) as task:
        engine.clock.advance(timedelta(seconds=1))
        await engine.set_hours("9:00", "12:00")
    (item,) = await task
    assert (item["errorCode"], item["message"]) == (1001, "情况有变,外呼未发出,须等待")
    await engine.pass_time(60)
    assert dialer.dials == []
    record = await engine.the_round()
    assert (record["state"], record["reason"]) == ("planned", "outside_window")


async def test_a_process_that_stood_still_right_before_a_call_left_does_not_place_it(
    engine: Engine, dialer: ScriptedDialer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its row was marked as leaving; the request was not made, and so much is certain."""
    leave = store.leave

    async def leave_and_stand_still(*arguments: Any, **fields: Any) -> dict[int, str | None]:
        marked = await leave(*arguments, **fields)
        monkeypatch.undo()
        engine.clock.advance(LEASE / 2)
        return marked

    monkeypatch.setattr(store, "leave", leave_and_stand_still)
    (item,) = await engine.call(await one_party(engine.client))
    assert (item["errorCode"], dialer.dials) == (1001, [])
    assert (await engine.the_call())["placement"] == "not_placed"
    await engine.pass_time(60)
    assert len(dialer.dials) == 1
