"""The clock jumps, back and far ahead: nobody is called again, and nobody outside the hours."""

from datetime import timedelta

import httpx2

from app.clock import ManualClock
from app.repositories.database import Database
from app.services.calls.caller import Caller
from tests.calls import ScriptedDialer, pass_time
from tests.tasks import add_hours, add_numbers, add_task, add_world, phones, start

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


async def test_a_clock_that_jumps_back_and_ahead(
    client: httpx2.AsyncClient, dialer: ScriptedDialer, caller: Caller, clock: ManualClock, database: Database
) -> None:
    world = await add_world(client)
    hours = await add_hours(client, world, ("9:00", "21:00"))
    task = await add_task(database, world, dial_time_id=hours, end_action=0)
    await add_numbers(database, task, phones(6)[:3])
    await start(database, task, clock.now())  # at 18:30
    await caller.drain()
    assert [dial.phone for dial in dialer.dials] == phones(3)
    for back in (timedelta(minutes=1), HOUR, DAY):
        now = clock.now()
        clock.advance(-back)
        await pass_time(caller, clock, 600, step=60)
        clock.set(now)
    await pass_time(caller, clock, 600, step=60)
    assert [dial.phone for dial in dialer.dials] == phones(3), "called again"
    await add_numbers(database, task, phones(6)[3:])
    clock.advance(30 * DAY + 8 * HOUR)  # three in the night
    await pass_time(caller, clock, 3600, step=60)
    assert [dial.phone for dial in dialer.dials] == phones(3), "called in the night"
    clock.advance(6 * HOUR)
    await pass_time(caller, clock, 600, step=10)
    assert [dial.phone for dial in dialer.dials] == phones(6)
