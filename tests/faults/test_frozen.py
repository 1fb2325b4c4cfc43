"""A replica that stands still (SIGSTOP, a paused machine) until others took its work over, and then wakes up."""

import asyncpg
import httpx2

from tests.faults import test_calls as calls
from tests.faults.gateway import SECRET, Gateway, running_gateway
from tests.faults.service import (
    PATIENCE,
    Service,
    connected,
    enroll_people,
    eventually,
    eventually_equal,
    make_due,
    running_service,
    unknown_people,
    use_gateway,
)
from tests.faults.test_restore import several_looks
from tests.outboundbot import OutboundBot

PEOPLE = 60
RATE = 20
SETTLED = "SELECT count(*) FROM follow_up_record WHERE status IN ('sent', 'unknown')"
RESERVED = "SELECT contact_id FROM follow_up_record WHERE status = 'reserved'"
QUICKLY = {"TICK_SECONDS": "0.2"}


async def answer_for(service: Service, people: list[int]) -> None:
    messages = [
        {"message_id": f"m-{person}", "contact_id": person, "fromId": 0, "content": "不用了"} for person in people
    ]
    async with httpx2.AsyncClient(base_url=service.url, timeout=PATIENCE) as client:
        answer = await client.post("/api/messages/inbound", json={"messages": messages})
        assert answer.json()["accepted"] == len(people), answer.text


async def freeze_in_between(service: Service, gateway: Gateway, connection: asyncpg.Connection) -> set[int]:
    """Freeze a service while messages wait for their turn; returns to whom."""
    for most in range(5, PEOPLE, 7):
        await eventually(lambda most=most: len(gateway.per_contact) >= most)  # type: ignore[misc]
        service.freeze()
        reserved = {row["contact_id"] for row in await connection.fetch(RESERVED)}
        if len(waiting := reserved - set(gateway.per_contact)) > 1:
            return waiting
        service.thaw()
    raise AssertionError("it always stood still between two batches")


async def test_what_it_had_reserved_is_not_sent_when_it_wakes_up(database_url: str) -> None:
    """Its messages waited for their turn; meanwhile they are listed as unknown, and some of the people answer."""
    await enroll_people(database_url, PEOPLE)
    async with running_gateway() as gateway, connected(database_url) as connection:
        await use_gateway(database_url, gateway.url, SECRET)
        await connection.execute("UPDATE bot SET rate_per_second = $1", RATE)
        await make_due(connection)
        async with running_service(database_url, **QUICKLY) as frozen:
            waiting = await freeze_in_between(frozen, gateway, connection)
            async with running_service(database_url, **QUICKLY) as other:
                # The end of its lease, which is ten seconds, comes now.
                await connection.execute("UPDATE follow_up_enrollment SET due_at = now() WHERE claim_token IS NOT NULL")
                await eventually_equal(connection, SETTLED, PEOPLE)
                assert waiting <= set(await unknown_people(other))
                await answer_for(other, sorted(waiting)[::2])
                frozen.thaw()
                await several_looks(frozen)
        everybody = {row["id"] for row in await connection.fetch("SELECT id FROM contact")}
        assert set(gateway.per_contact.values()) == {1}, "somebody was written to twice"
        assert set(gateway.per_contact) == everybody - waiting, "written to after an answer, or after `unknown`"


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
                await several_looks(frozen, "rounds")
        assert set(bot.rung.values()) == {1}, "a phone rang twice"
        assert len(bot.rung) == number
        assert set(bot.assigned.values()) == {1}
