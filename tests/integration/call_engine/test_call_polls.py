"""Asking the provider how calls go, and the watchdog for those that it forgot."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from app.domain.calls import Action, Speaker
from app.gateways.dialer import DialerError, Placed, TalkLine, ThrottledError
from app.repositories.database import Database
from tests.calls import (
    NO_ANSWER,
    REACHED,
    ScriptedDialer,
    call,
)
from tests.cases import make_case, party
from tests.integration.call_engine.helpers import (
    E164,
    Engine,
    one_party,
)
from tests.people import rows, value


async def test_progress_is_written_down(engine: Engine, dialer: ScriptedDialer, database: Database) -> None:
    (item,) = await engine.call(await one_party(engine.client))
    await engine.pass_time(3, step=3)
    row = await engine.the_call()
    assert (row["status"], row["answered_at"], row["polled_at"]) == ("Executing", None, None)
    poll = (await rows(database, "SELECT * FROM call_poll"))[0]
    assert (poll["polled_at"], poll["polls"]) == (engine.clock.now(), 1)
    assert timedelta(seconds=1.8) <= poll["next_poll_at"] - engine.clock.now() <= timedelta(seconds=2.2)
    dialer.talking.add(E164)
    picked_up = engine.clock.advance(timedelta(seconds=3))
    await engine.caller.drain()
    assert (await engine.the_call())["answered_at"] == picked_up
    poll = (await rows(database, "SELECT * FROM call_poll"))[0]
    assert timedelta(seconds=4.5) <= poll["next_poll_at"] - engine.clock.now() <= timedelta(seconds=5.5)
    dialer.fates[E164] = REACHED
    over = engine.clock.advance(timedelta(seconds=6))
    await engine.caller.drain()
    row = await engine.the_call()
    assert (row["status"], row["ended_at"], row["polled_at"], row["answered_at"]) == (
        "Succeeded",
        over,
        over,
        picked_up,
    )
    assert row["conversations"][1] == {"timestamp": 2, "speaker": "Contact", "script": "是的", "action": "Dialogue"}
    assert (row["recording_state"], row["recording_due_at"]) == ("pending", over)
    assert await value(database, "SELECT count(*) FROM call_poll") == 0
    events = await rows(database, "SELECT status FROM call_event ORDER BY id")
    assert [event["status"] for event in events] == ["Scheduling", "Executing", "Succeeded"]
    assert dialer.transcripts == {item["jobId"]: 1}


async def many(client: httpx2.AsyncClient, number: int, instances: int = 1) -> list[dict[str, Any]]:
    """Call many people; those of one instance make one question."""
    scripts = [{"personType": n, "instanceId": f"i-{n}", "scriptId": "s"} for n in range(instances)]
    assert (await client.put("/api/v1/outbound-bot/nodes/5", json={"scripts": scripts})).status_code == 200
    assert (await client.put("/api/v1/outbound-bot/lines/default", json={"callLine": 1000})).status_code == 200
    parties = [party(f"p-{n}", phone=f"139{n:08}", personType=n % instances) for n in range(number)]
    items = await call(client, await make_case(client, parties=parties))
    assert {item["errorCode"] for item in items} == {0}
    return items


async def test_a_throttled_provider_slows_the_poller_down_and_nothing_is_lost(
    engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    await many(engine.client, 30, instances=3)
    dialer.report_errors.extend([ThrottledError("too many", 20)] * 3)
    await engine.pass_time(3, step=3)
    assert len(dialer.questions) == 3
    await engine.pass_time(18, step=3)
    assert len(dialer.questions) == 3, "not before the pause is over"
    await engine.pass_time(15, step=3)
    assert sum(dialer.asked.values()) >= 30
    await engine.pass_time(120, step=1)
    for row in await rows(database, "SELECT phone FROM outbound_call"):
        dialer.fates[row["phone"]] = NO_ANSWER
    await engine.pass_time(30, step=3)
    assert await value(database, "SELECT count(*) FROM outbound_call WHERE result = '无应答'") == 30


async def test_answers_that_cannot_be_used_are_asked_for_again(engine: Engine, dialer: ScriptedDialer) -> None:
    await engine.call(await one_party(engine.client))
    dialer.report_errors.extend([DialerError("rubbish")] * 4)
    dialer.fates[E164] = REACHED
    await engine.pass_time(60, step=1)
    assert (await engine.the_call())["is_reached"] is True
    assert 4 < len(dialer.questions) < 12


@pytest.mark.parametrize(("poison", "kept"), [("是\x00的", "是的"), ("是\ud800的", "是?的")])
async def test_a_talk_with_what_no_table_takes_is_kept_without_it(
    poison: str, kept: str, engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    await many(engine.client, 3)
    for number in range(3):
        dialer.fates[f"+86139{number:08}"] = REACHED
    dialer.fates["+8613900000001"] = replace(REACHED, lines=[TalkLine(2, Speaker.CONTACT, poison, Action.DIALOGUE)])
    await engine.pass_time(30)
    told = await rows(database, "SELECT phone, is_reached, conversations FROM outbound_call ORDER BY id")
    assert [(row["phone"][-1], row["is_reached"]) for row in told] == [("0", True), ("1", True), ("2", True)]
    assert [line["script"] for line in told[1]["conversations"] if line["action"] == "Dialogue"] == [kept]


async def test_a_call_that_the_provider_forgot_is_ended_by_the_watchdog(engine: Engine, dialer: ScriptedDialer) -> None:
    await engine.call(await one_party(engine.client))
    dialer.known.clear()
    await engine.pass_time(1790, step=10)
    assert (await engine.the_call())["ended_at"] is None
    await engine.pass_time(30, step=10)
    row = await engine.the_call()
    assert (row["status"], row["result"], row["is_counted"], row["conversations"]) == ("Failed", "结果未知", True, [])
    assert "没有给出结果" in row["remark"]
    await engine.pass_time(7200, step=60)
    assert len(dialer.dials) == 1, "the person may have answered"


async def test_a_call_that_is_known_to_go_on_is_not_given_up_before_four_times_the_time(
    engine: Engine, dialer: ScriptedDialer
) -> None:
    await engine.call(await one_party(engine.client))
    dialer.talking.add(E164)
    await engine.pass_time(4 * 1800 - 60, step=60)
    assert (await engine.the_call())["ended_at"] is None
    await engine.pass_time(180, step=60)
    row = await engine.the_call()
    assert (row["status"], row["result"], row["is_counted"]) == ("Failed", "结果未知", True)


async def test_a_long_talk_that_the_provider_forgets_is_given_up_after_the_time(
    engine: Engine, dialer: ScriptedDialer
) -> None:
    await engine.call(await one_party(engine.client))
    await engine.pass_time(2400, step=60)
    assert (await engine.the_call())["ended_at"] is None
    dialer.known.clear()
    await engine.pass_time(1860, step=60)
    assert (await engine.the_call())["status"] == "Failed"


async def test_calls_of_another_provider_are_not_asked_about(engine: Engine, dialer: ScriptedDialer) -> None:
    await engine.call(await one_party(engine.client))
    dialer.name = "aliyun"
    dialer.fates[E164] = REACHED
    await engine.pass_time(1000, step=10)
    assert dialer.questions == []
    await engine.pass_time(900, step=10)
    assert (await engine.the_call())["status"] == "Failed"
    assert dialer.cancelled == []


async def test_a_slow_question_holds_up_no_other(engine: Engine, dialer: ScriptedDialer, database: Database) -> None:
    await many(engine.client, 2, instances=2)
    answers = asyncio.Event()
    slow = asyncio.Event()
    reports = dialer.reports

    async def one_is_slow(calls: Any) -> Any:
        if calls[0].instance_id == "i-0":
            slow.set()
            await answers.wait()
        return await reports(calls)

    dialer.reports = one_is_slow  # type: ignore[method-assign]
    for number in range(2):
        dialer.fates[f"+86139{number:08}"] = REACHED
    engine.clock.advance(timedelta(seconds=3))
    await engine.caller.polls()
    async with asyncio.timeout(60):
        await slow.wait()
        while await value(database, "SELECT count(*) FROM outbound_call WHERE ended_at IS NULL") != 1:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    answers.set()
    await engine.caller.idle()
    assert await value(database, "SELECT count(*) FROM outbound_call WHERE ended_at IS NULL") == 0


async def test_what_an_erased_person_said_is_not_written_down(
    engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    await engine.call(await one_party(engine.client))
    contact = await value(database, "SELECT contact_id FROM mediation_party")
    assert (await engine.client.delete(f"/api/contacts/{contact}")).status_code == 204
    dialer.fates[(await engine.the_call())["phone"]] = REACHED
    await engine.pass_time(30)
    row = await engine.the_call()
    assert (row["conversations"], row["recording_state"]) == (None, "none")
    assert row["ended_at"] is not None


async def test_rubbish_of_one_call_does_not_harm_the_others(
    engine: Engine, dialer: ScriptedDialer, database: Database
) -> None:
    """NUL, half a character, an id of a thousand letters; and a round whose node cannot be read at all."""
    await many(engine.client, 4)
    phones = [f"+86139{n:08}" for n in range(4)]
    bad_line = TalkLine(3, Speaker.CONTACT, "好\x00的\ud800", Action.DIALOGUE)
    dialer.fates = dict.fromkeys(phones, NO_ANSWER) | {
        phones[0]: replace(REACHED, lines=[*REACHED.lines, bad_line], provider_task_id="x" * 1000, failure="\x00")
    }
    await engine.pass_time(10)
    assert await value(database, "SELECT count(*) FROM outbound_call WHERE ended_at IS NULL") == 0
    row = (await rows(database, "SELECT * FROM outbound_call WHERE is_reached"))[0]
    assert (row["conversations"][-1]["script"], row["provider_task_id"], row["remark"]) == ("好的?", None, "")
    async with database.transaction() as connection:
        await connection.execute(
            "UPDATE mediation_node SET scripts = '[7]' WHERE id = 4;"
            " INSERT INTO mediation_case VALUES ('bad', 'bad');"
            " INSERT INTO mediation (case_id, node_id) VALUES ('bad', 4);"
            " INSERT INTO mediation_party (mediation_id, contact_id, person_id, person_type, name, phone, position)"
            " SELECT max(m.id), (SELECT min(id) FROM contact), 'bad', 0, '', '+8613912349999', 0 FROM mediation m;"
            " INSERT INTO mediation_record (mediation_id, node_id, party_id, round, is_series, due_at)"
            " SELECT mediation_id, 4, id, 1, true, '2026-01-01' FROM mediation_party WHERE person_id = 'bad'"
        )
    engine.clock.advance(timedelta(minutes=30))
    await engine.caller.drain()
    assert len(dialer.dials) == 4 + 3, "the second round of those who did not answer"


async def test_an_id_that_cannot_be_kept_is_looked_up(engine: Engine, dialer: ScriptedDialer) -> None:
    dialer.placements.append(Placed("x" * 1000, "group"))
    await engine.call(await one_party(engine.client))
    assert (await engine.the_call())["placement"] == "unknown"
    await engine.pass_time(10)
    assert (await engine.the_call())["placement"] == "placed"
    assert len(dialer.dials) == 1
