"""What an enrollment's plan says will leave, when, and what stands in its way."""

from datetime import timedelta
from typing import Any

from app.clock import ManualClock
from app.repositories.database import Database
from app.services.context import Context
from app.services.dispatch.dispatcher import Dispatcher
from app.services.rearm import rearm
from tests.helpers import add_contact, add_script, make_config
from tests.integration.enrollments.helpers import (
    HOUR,
    MOMENT,
    Client,
    enroll,
    enroll_one,
    plan_of,
    say,
    seed_config,
    sent,
    state_of,
)


async def test_a_plan_names_what_comes_and_when(client: Client, dispatcher: Dispatcher, clock: ManualClock) -> None:
    await seed_config(client)
    enrollment = await enroll_one(client, await add_contact(client))
    plan = await plan_of(client, enrollment)
    assert plan["next"] == {"kind": "opening", "day_number": None, "script_id": None, "text": "开场白"}
    assert (plan["blockers"], plan["ends_with"]) == ([], None)
    assert [(planned["at"], planned["day_number"], planned["text"]) for planned in plan["upcoming"]][:5] == [
        ("2026-03-05T10:30:00Z", None, "开场白"),
        ("2026-03-05T10:30:30Z", 1, "第一天"),
        ("2026-03-06T10:30:30Z", 2, "第二天"),
        ("2026-03-09T10:30:30Z", 3, "往后一直"),
        ("2026-03-12T10:30:30Z", 4, "往后一直"),
    ]
    assert len(plan["upcoming"]) == 10
    assert plan["earliest"] == "2026-03-05T10:30:00Z"
    await dispatcher.drain()
    clock.advance(timedelta(seconds=10))
    plan = await plan_of(client, enrollment)
    assert plan["blockers"] == [{"reason": "waiting_reply", "until": "2026-03-05T10:30:30Z"}]
    assert plan["next"]["text"] == "第一天"


def reasons(plan: dict[str, Any]) -> list[str]:
    return [blocker["reason"] for blocker in plan["blockers"]]


async def test_a_plan_names_every_blocker_in_order(client: Client, dispatcher: Dispatcher, clock: ManualClock) -> None:
    config = await make_config(client, opening_message="开场白")
    await add_script(client, config, day=2, content="{{name}}您好", hours=1)
    contact = (await client.post("/api/contacts", json={"position": "A"})).json()["id"]
    enrollment = await enroll_one(client, contact)
    await dispatcher.drain()
    assert reasons(await plan_of(client, enrollment)) == ["interval", "missing_variable"]
    for number in range(4):
        body = {"contact_id": contact, "content": f"手动{number}"}
        assert (await client.post("/api/followup-records/send", json=body)).status_code == 201
    await say(client, contact, "微信号", "x")
    hand = {"message_id": "y", "contact_id": contact, "fromId": 5, "content": "我是同事"}
    await client.post("/api/messages/inbound", json={"messages": [hand]})
    await client.post(f"/api/contacts/{contact}/mute")
    await client.put(f"/api/followup-configs/{config}", json={"is_active": False})
    plan = await plan_of(client, enrollment)
    assert plan["blockers"] == [
        {"reason": "config_inactive", "until": None},
        {"reason": "muted", "until": None},
        {"reason": "needs_review", "until": "2026-03-06T10:30:00Z"},
        {"reason": "human_takeover", "until": "2026-03-06T10:30:00Z"},
        {"reason": "interval", "until": "2026-03-05T11:30:00Z"},
        {"reason": "daily_cap", "until": "2026-03-06T10:30:00Z"},
        {"reason": "missing_variable", "until": None},
    ]
    assert (plan["upcoming"], plan["earliest"], plan["ends_with"]) == ([], None, "config_inactive")
    assert plan["next"]["text"] is None
    clock.advance(30 * HOUR)
    assert reasons(await plan_of(client, enrollment)) == ["config_inactive", "muted", "missing_variable"]


async def test_the_floor_between_automatic_messages_does_not_count_what_was_written_by_hand(
    client: Client, dispatcher: Dispatcher, clock: ManualClock
) -> None:
    config = await make_config(client, opening_message="开场白")
    await add_script(client, config, day=1, content="第一天", hours=0)
    await add_script(client, config, day=2, content="第二天", hours=0)
    contact = await add_contact(client)
    by_hand = {"contact_id": contact, "content": "手动"}
    assert (await client.post("/api/followup-records/send", json=by_hand)).status_code == 201
    enrollment = await enroll_one(client, contact)
    plan = await plan_of(client, enrollment)
    assert (plan["blockers"], plan["earliest"]) == ([], "2026-03-05T10:30:00Z"), "a message by hand delays no opening"
    await dispatcher.drain()
    clock.advance(timedelta(seconds=30))
    await dispatcher.drain()
    assert await sent(client, contact) == [("manual", "手动"), ("opening", "开场白"), ("script", "第一天")]
    clock.advance(timedelta(seconds=40))
    assert (await client.post("/api/followup-records/send", json=by_hand)).status_code == 201
    plan = await plan_of(client, enrollment)
    assert plan["blockers"] == [{"reason": "min_gap", "until": "2026-03-05T10:31:30Z"}]
    assert plan["earliest"] == "2026-03-05T10:31:30Z", "a minute after the first script, not after the one by hand"
    clock.advance(timedelta(seconds=20) - MOMENT)
    await dispatcher.drain()
    assert len(await sent(client, contact)) == 4
    clock.advance(MOMENT)
    await dispatcher.drain()
    assert (await sent(client, contact))[-1] == ("script", "第二天")


async def test_a_plan_while_a_send_is_uncertain_goes_on_behind_it(
    client: Client, dispatcher: Dispatcher, database: Database, clock: ManualClock
) -> None:
    await seed_config(client)
    enrollment = await enroll_one(client, await add_contact(client))
    await dispatcher.drain()
    clock.advance(timedelta(seconds=30))
    async with database.transaction() as connection:
        record = await connection.fetchval(
            "INSERT INTO follow_up_record (bot_id, contact_id, enrollment_id, sequence, config_id, script_id,"
            " day_number, kind, status, key, content, reserved_at, sent_at)"
            " SELECT e.bot_id, e.contact_id, e.id, 2, e.config_id, s.id, 1, 'script', 'unknown', gen_random_uuid(),"
            " s.content, $2, $2 FROM follow_up_enrollment e, follow_up_script s WHERE e.id = $1 AND s.day_number = 1"
            " RETURNING id",
            enrollment,
            clock.now(),
        )
        await connection.execute(
            "UPDATE follow_up_enrollment SET open_record_id = $2, sequence = 2 WHERE id = $1", enrollment, record
        )
        await connection.execute("UPDATE contact SET last_sent_at = $1", clock.now())
    plan = await plan_of(client, enrollment)
    assert plan["blockers"][0] == {"reason": "send_unknown", "until": "2026-03-06T10:30:30Z"}
    assert plan["next"]["text"] == "第二天", "what may have arrived is not planned again"
    assert [planned["text"] for planned in plan["upcoming"]][:2] == ["第二天", "往后一直"]


async def test_a_plan_names_what_will_end_the_sequence_at_the_next_look(
    client: Client, dispatcher: Dispatcher, context: Context, clock: ManualClock
) -> None:
    """Between a deletion and the round that stops its people, and where no text is left."""
    config = await seed_config(client)
    contact = await add_contact(client)
    enrollment = await enroll_one(client, contact)
    await dispatcher.drain()
    await client.delete(f"/api/followup-configs/{config}")
    plan = await plan_of(client, enrollment)
    assert plan["state"] == "active"
    assert plan["blockers"] == [
        {"reason": "config_inactive", "until": None},
        {"reason": "waiting_reply", "until": "2026-03-05T10:30:30Z"},
    ]
    assert (plan["earliest"], plan["upcoming"], plan["ends_with"]) == (None, [], "config_inactive")
    await rearm(context)
    assert await state_of(client, enrollment) == ("stopped", "config_inactive")

    short = await make_config(client, opening_message="只有开场白")
    other = await add_contact(client)
    ending = await enroll_one(client, other, config_id=short)
    await dispatcher.drain()
    plan = await plan_of(client, ending)
    assert (plan["state"], plan["next"], plan["blockers"]) == ("active", None, [{"reason": "no_script", "until": None}])
    assert plan["ends_with"] == "no_script"
    clock.advance(timedelta(seconds=60))
    await dispatcher.drain()
    assert await state_of(client, ending) == ("finished", "no_script")


async def test_plans_of_sequences_that_stand_or_ended(client: Client, context: Context) -> None:
    contact = await add_contact(client)
    waiting = (await enroll(client, contact))[0]["enrollment_id"]
    assert reasons(await plan_of(client, waiting)) == ["no_matching_config"]
    await seed_config(client)
    await rearm(context)
    await client.post(f"/api/followup-enrollments/{waiting}/pause")
    assert reasons(await plan_of(client, waiting)) == ["paused"]
    await client.post(f"/api/contacts/{contact}/do-not-contact")
    plan = await plan_of(client, waiting)
    assert (plan["state"], plan["blockers"], plan["upcoming"]) == ("stopped", [], [])
    assert plan["ends_with"] == "do_not_contact"
