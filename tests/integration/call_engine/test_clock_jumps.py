"""The clock jumps, back and far ahead: nobody is called again, and nobody outside the hours."""

from datetime import timedelta

from app.repositories.database import Database
from tests.calls import ScriptedDialer
from tests.integration.call_engine.helpers import Engine
from tests.tasks import add_hours, add_numbers, add_task, add_world, phones

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


async def test_a_clock_that_jumps_back_and_ahead(engine: Engine, dialer: ScriptedDialer, database: Database) -> None:
    world = await add_world(engine.client)
    hours = await add_hours(engine.client, world, ("9:00", "21:00"))
    task = await add_task(database, world, dial_time_id=hours, end_action=0)
    await add_numbers(database, task, phones(6)[:3])
    await engine.start(task)  # at 18:30
    await engine.caller.drain()
    assert [dial.phone for dial in dialer.dials] == phones(3)
    for back in (timedelta(minutes=1), HOUR, DAY):
        now = engine.clock.now()
        engine.clock.advance(-back)
        await engine.pass_time(600, step=60)
        engine.clock.set(now)
    await engine.pass_time(600, step=60)
    assert [dial.phone for dial in dialer.dials] == phones(3), "called again"
    await add_numbers(database, task, phones(6)[3:])
    engine.clock.advance(30 * DAY + 8 * HOUR)  # three in the night
    await engine.pass_time(3600, step=60)
    assert [dial.phone for dial in dialer.dials] == phones(3), "called in the night"
    engine.clock.advance(6 * HOUR)
    await engine.pass_time(600, step=10)
    assert [dial.phone for dial in dialer.dials] == phones(6)
