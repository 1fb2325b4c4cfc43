"""A replica that stands still (SIGSTOP, a paused machine) until others took its work over, and then wakes up."""

from tests.faults import calls
from tests.faults.service import connected, eventually, running_service
from tests.outboundbot import OutboundBot


async def test_what_it_had_reserved_is_not_dialled_when_it_wakes_up(database_url: str) -> None:
    number = 100
    settings = calls.variables
    async with OutboundBot(latency=0.1) as bot, connected(database_url) as connection, calls.nobody_answers(bot):
        await calls.plan(database_url, connection, number)
        await calls.make_due(connection)
        async with running_service(database_url, **settings(bot, CALL_CONCURRENCY="1")) as frozen:
            await eventually(lambda: bot.at_once > 0 and len(bot.assigned) >= 10)
            frozen.freeze()
            found = await calls.placements(connection)
            assert found["reserved"] > 0, "nothing was waiting"
            async with running_service(database_url, **settings(bot)):
                # The end of its lease, which is ten seconds, comes now.
                await connection.execute(
                    "UPDATE call_poll SET next_poll_at = now() WHERE call_id IN"
                    " (SELECT id FROM outbound_call WHERE placement = 'reserved')"
                )
                await calls.assert_nothing_is_left(connection, number)
                frozen.thaw()
                await frozen.several_looks("rounds")
        assert set(bot.rung.values()) == {1}, "a phone rang twice"
        assert len(bot.rung) == number
        assert set(bot.assigned.values()) == {1}
