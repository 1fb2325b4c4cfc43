"""Who refuses further calls is not called again: by no task, and not before somebody looked what they said."""

from dataclasses import replace

import pytest

from app.domain.calls import Action, JobStatus, Speaker, TaskStatus
from app.gateways.dialer import TalkLine, Transcript
from app.repositories.database import Database
from app.services.calls.ending import Over, end_calls
from tests.calls import REACHED, ScriptedDialer, ended
from tests.cases import make_case, party
from tests.integration.call_engine.helpers import CUT_SHORT, Engine
from tests.people import rows, value
from tests.tasks import add_numbers, add_task, add_world, numbers, phones

PHONE = phones(1)[0]


def saying(text: str, fate: Transcript = REACHED) -> Transcript:
    """Return how a call ended in which somebody said this."""
    return replace(fate, lines=[TalkLine(1, Speaker.CONTACT, text, Action.DIALOGUE)])


@pytest.mark.parametrize(("text", "is_refusal"), [("别再打了", True), ("在忙", False)])
async def test_nobody_calls_while_a_talk_is_unread(
    text: str, is_refusal: bool, engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    """The line is free at once, and another task or a mediation may have the number due; the reading takes a moment."""
    world = await add_world(engine.client)
    first, second = await add_task(database, world), await add_task(database, world)
    dialer.fates[PHONE] = saying(text)
    for task in (first, second):
        await add_numbers(database, task, [PHONE])
    await engine.start(first)
    await engine.pass_time(10)
    assert [row["state"] for row in await numbers(database, first)] == ["done"]
    await engine.start(second)
    case = await make_case(engine.client, parties=[party("p-1", phone=PHONE)])
    (item,) = await engine.call(case, auto=1, person="p-1")
    assert (item["errorCode"], len(dialer.dials)) == (1001, 1), "a mediation waits too"
    await engine.pass_time(300)
    (number,) = await numbers(database, second)
    assert (number["state"], number["reason"], len(dialer.dials)) == ("waiting", "talk_unread", 1)
    await engine.app.state.reader.read_new()
    await engine.pass_time(120)
    (number,) = await numbers(database, second)
    expected = ("refused", "do_not_contact") if is_refusal else ("done", None)
    assert (number["state"], number["reason"]) == expected
    assert len(dialer.dials) == (1 if is_refusal else 2)


@pytest.mark.parametrize(("status", "job"), CUT_SHORT)
@pytest.mark.parametrize("is_cancelled", [True, False])
async def test_a_refusal_holds_however_the_call_ended(
    status: TaskStatus | None, job: JobStatus, is_cancelled: bool, engine: Engine, database: Database
) -> None:
    world = await add_world(engine.client)
    await engine.start_task(world, [PHONE], call_notify_url="https://example.com/hook")
    await engine.caller.drain()
    async with database.connection() as connection:
        if is_cancelled:
            await connection.execute("UPDATE outbound_call SET cancel_requested_at = created_at")
    told = saying("别再给我打电话了", ended(status, status=job))
    await end_calls(engine.app.state.desk, [Over(await value(database, "SELECT id FROM outbound_call"), told)])
    await engine.app.state.reader.read_new()
    assert await rows(database, "SELECT kind, value FROM do_not_contact") == [{"kind": "phone", "value": PHONE}]
    is_record = await value(database, "SELECT number_status <> 0 OR is_counted FROM outbound_call")
    assert await value(database, "SELECT count(*) FROM call_notice") == int(is_record)
